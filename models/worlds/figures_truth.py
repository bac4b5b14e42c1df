"""Labels and captions as numbers, and which captions are true of which frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.worlds.figures import COLOURS, FrameLabel
from models.worlds.figures_postures import NAMES
from models.worlds.figures_scenes import SCENES
from models.worlds.figures_things import FURNITURE, ITEMS
from models.worlds.figures_words import Caption

_MODES = ("held", "ground", "air")
_ITEMS = tuple(ITEMS)
_COLOURS = tuple(COLOURS)
_SCENES = tuple(SCENES)
COLUMNS = ("posture", "item", "furniture", "shirt", "scene", "posture 2", "shirt 2", "posture 3", "shirt 3", "step")
NONE = -2
"""Nothing of the kind is there, which no caption claims."""


def _place(value: str | None, names: Sequence[str], missing: int) -> int:
    return names.index(value) if value in names else missing


def _item_number(item: str | None, mode: str | None, missing: int) -> int:
    if item is None or mode is None:
        return missing
    return _ITEMS.index(item) * len(_MODES) + _MODES.index(mode)


def frame_row(label: FrameLabel) -> list[int]:
    """A frame's label in numbers, in the order of COLUMNS."""
    row = [
        _place(label.posture, NAMES, NONE),
        _item_number(label.item, label.mode, NONE) if not label.changing else NONE,
        _place(label.furniture, FURNITURE, NONE),
        _place(label.shirt, _COLOURS, NONE),
        _place(label.scene, _SCENES, NONE),
    ]
    for number in range(2):
        if number < len(label.others):
            posture, shirt = label.others[number]
            row += [_place(posture, NAMES, NONE), _place(shirt, _COLOURS, NONE)]
        else:
            row += [NONE, NONE]
    return [*row, label.step]


def label_of(row: Sequence[int]) -> FrameLabel:
    """The label that `frame_row` stored; the points are kept elsewhere and are empty here."""
    values = [int(v) for v in row]
    item, mode = None, None
    if values[1] >= 0:
        item, mode = _ITEMS[values[1] // len(_MODES)], _MODES[values[1] % len(_MODES)]
    names: tuple[Sequence[str], ...] = (NAMES, FURNITURE, _COLOURS, _SCENES)
    posture, furniture, shirt, scene = (
        names[i][values[place]] if values[place] >= 0 else None for i, place in enumerate((0, 2, 3, 4))
    )
    return FrameLabel(
        posture,
        item,
        mode,
        furniture,
        shirt or "",
        scene or "",
        (),
        values[9],
        posture is None,
        np.zeros((0, 2), np.float32),
    )


def claim_row(text: Caption) -> list[int]:
    """A caption's claims in numbers: the first five of COLUMNS, -1 where it claims nothing."""
    return [
        _place(text.posture, NAMES, -1),
        _item_number(text.item, text.mode, -1),
        _place(text.furniture, FURNITURE, -1),
        _place(text.shirt, _COLOURS, -1),
        _place(text.scene, _SCENES, -1),
    ]


def truths(frames: NDArray[np.integer], claims: NDArray[np.integer]) -> NDArray[np.bool_]:
    """frames: (N, 10) rows of `frame_row`; claims: (M, 5) rows of `claim_row` -> bool (N, M): the caption holds.

    Claims on posture, shirt and item must hold of one person; bystanders have no items.
    """
    f, c = np.asarray(frames)[:, None], np.asarray(claims)[None]
    free = c < 0
    around = (free[..., 2] | (c[..., 2] == f[..., 2])) & (free[..., 4] | (c[..., 4] == f[..., 4]))
    person = (free[..., 0] | (c[..., 0] == f[..., 0])) & (free[..., 3] | (c[..., 3] == f[..., 3]))
    holds = person & (free[..., 1] | (c[..., 1] == f[..., 1]))
    for place in (5, 7):
        there = f[..., place] != NONE
        other = (free[..., 0] | (c[..., 0] == f[..., place])) & (free[..., 3] | (c[..., 3] == f[..., place + 1]))
        holds = holds | (there & other & free[..., 1] & ~(free[..., 0] & free[..., 3]))
    found: NDArray[np.bool_] = holds & around
    return found
