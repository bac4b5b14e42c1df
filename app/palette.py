"""Colours with a meaning. Pure data, so that state logic and tests can read it without gradio."""

from __future__ import annotations

OKABE_ITO = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "bluish green": "#009E73",
    "reddish purple": "#CC79A7",
    "sky blue": "#56B4E9",
    "vermillion": "#D55E00",
    "yellow": "#F0E442",
}
"""Okabe and Ito's colour-blind safe set without black, in the order in which new objects take them."""

OBJECT_COLORS = tuple(OKABE_ITO.values())

ONLY_FIRST = OKABE_ITO["orange"]
ONLY_SECOND = OKABE_ITO["blue"]
IN_BOTH = "#8A8F98"
"""The difference map: only the baseline, only the method, both."""


def rgb(color: str) -> tuple[int, int, int]:
    """ "#RRGGBB" as three numbers from 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
