"""What each room's documents say of a measured report: one entry a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = Mapping[str, object]


@dataclass(frozen=True)
class Card:
    """``headlines``: the figures that the README shows, by the names that `launch.py evaluate` prints, and what they
    mean. ``tables``: the measured part of the report card, from the figures and the configuration of a report.
    ``verdict``: sentences that say who won, from the figures and their intervals alone."""

    headlines: Mapping[str, str]
    tables: Callable[[Figures, Mapping[str, object]], str]
    verdict: Callable[[Figures], str]
