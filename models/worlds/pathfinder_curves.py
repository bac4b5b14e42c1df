"""Where the curves of a pathfinder picture go: random walks with bounded turns that keep away from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CANDIDATES, _TRIES = 8, 24
"""Walks drawn for a first main curve or a shorter one, and for the second one, which must fit beside the first."""
_FAR = np.float32(1e6)


@dataclass(frozen=True)
class PathfinderSettings:
    """side: of the picture, pixels. spacing: from dash to dash along a curve. dash: length of a dash. turn: largest
    change of direction between dashes, radians. separation: least distance between dashes of different curves, and of
    one curve when they are more than two apart. distractors: how many shorter curves are tried. margin: free border.
    """

    side: int = 96
    spacing: float = 6.0
    dash: float = 3.5
    turn: float = 0.7
    separation: float = 8.0
    distractors: int = 6
    margin: float = 5.0

    @property
    def longest(self) -> int:
        """Most dashes of a main curve that can be placed without trouble."""
        return int(1.2 * self.side / self.spacing)


def place(
    rng: np.random.Generator, lengths: NDArray[np.int64], settings: PathfinderSettings
) -> tuple[Floats, NDArray[np.int8], Floats]:
    """Curves for every picture.

    lengths: (B,). Returns points (B, D, 2) with nan where no dash is, curve numbers (B, D) with -1 there, and the ends
    of the two main curves (B, 2, start and end, 2).
    """
    count, longest = len(lengths), int(lengths.max())
    short, steps = max(longest // 2, 2), np.maximum(lengths // 2, 2)
    main = np.zeros((count, 2, 2, 2), np.float32)
    left = np.arange(count)
    total = 2 * longest + settings.distractors * short
    points = np.full((count, total, 2), np.nan, np.float32)
    curves = np.full((count, total), -1, np.int8)
    while len(left):
        done, first, second = _pairs(rng, lengths[left], settings)
        kept = left[done]
        for number, curve in enumerate((first[done], second[done])):
            dashes = curve.shape[1]
            inside = np.arange(dashes) < lengths[kept, None]
            at = number * longest
            points[kept, at : at + dashes] = np.where(inside[..., None], curve, np.nan)
            curves[kept, at : at + dashes] = np.where(inside, number, -1)
            main[kept, number, 0] = curve[:, 0]
            main[kept, number, 1] = curve[np.arange(len(kept)), lengths[kept] - 1]
        left = left[~done]
    for number in range(settings.distractors):
        walks, valid = _walks(rng, steps, _CANDIDATES, settings)
        clear = valid & (_distances(walks, points) > settings.separation)
        best = clear.argmax(1)
        found = np.asarray(clear.any(1))
        at = 2 * longest + number * short
        inside = found[:, None] & (np.arange(short) < steps[:, None])
        chosen = walks[np.arange(count), best]
        points[:, at : at + short] = np.where(inside[..., None], chosen, np.nan)
        curves[:, at : at + short] = np.where(inside, number + 2, -1)
    return points, _numbered(curves), main


def _numbered(curves: NDArray[np.int8]) -> NDArray[np.int8]:
    """Curve numbers without gaps, picture by picture."""
    highest = int(curves.max())
    present = np.stack([(curves == number).any(1) for number in range(highest + 1)], axis=1)
    order = np.cumsum(present, axis=1) - 1
    rows = np.arange(len(curves))[:, None]
    return np.where(curves < 0, -1, order[rows, np.maximum(curves, 0)]).astype(np.int8)


def _pairs(
    rng: np.random.Generator, lengths: NDArray[np.int64], settings: PathfinderSettings
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Two main curves per picture, and for which pictures they were found.

    The second starts as far from the first's start as a third, unseen curve is long from end to end.
    """
    count, rows = len(lengths), np.arange(len(lengths))
    walks, valid = _walks(rng, lengths, 2 * _CANDIDATES, settings)
    first, unseen = walks[:, :_CANDIDATES], walks[:, _CANDIDATES:]
    valid_first, valid_unseen = valid[:, :_CANDIDATES], valid[:, _CANDIDATES:]
    one, other = first[rows, valid_first.argmax(1)], unseen[rows, valid_unseen.argmax(1)]
    apart = np.linalg.norm(other[rows, lengths - 1] - other[:, 0], axis=-1)
    angle = rng.uniform(0, 2 * np.pi, (count, _TRIES)).astype(np.float32)
    start = one[:, None, 0] + apart[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    second, valid_second = _walks(rng, lengths, _TRIES, settings, start)
    clear = valid_second & (_distances(second, one) > settings.separation)
    found = np.asarray(valid_first.any(1) & valid_unseen.any(1) & clear.any(1))
    return found, one, second[rows, clear.argmax(1)]


def _walks(
    rng: np.random.Generator,
    lengths: NDArray[np.int64],
    candidates: int,
    settings: PathfinderSettings,
    start: Floats | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """(B, N, longest, 2) random walks, nan past each length, and which lie inside and do not touch themselves.

    start: (B, N, 2); without it a walk lies anywhere where all of it is inside.
    """
    count, longest = len(lengths), int(lengths.max())
    turns = rng.uniform(-settings.turn, settings.turn, (count, candidates, longest)).astype(np.float32)
    # Turns that persist for some dashes bend curves; independent ones would only make them wobble.
    turns[..., 1:] = 0.5 * turns[..., 1:] + 0.5 * turns[..., :-1]
    heading = rng.uniform(0, 2 * np.pi, (count, candidates, 1)).astype(np.float32) + np.cumsum(turns, axis=-1)
    moves = np.float32(settings.spacing) * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    moves[:, :, 0] = 0
    exists = (np.arange(longest) < lengths[:, None])[:, None, :, None]
    walks = np.where(exists, np.cumsum(moves, axis=2), np.float32(np.nan))
    low, high = np.float32(settings.margin), np.float32(settings.side - settings.margin)
    least, most = np.nanmin(walks, axis=2), np.nanmax(walks, axis=2)
    if start is None:
        start = low - least + rng.random(least.shape, np.float32) * np.maximum(high - low - most + least, 0)
    valid: NDArray[np.bool_] = ((start + least >= low) & (start + most <= high)).all(-1)
    walks += start[:, :, None]
    for apart in range(3, longest):
        gap = walks[:, :, apart:] - walks[:, :, :-apart]
        valid &= ~((gap * gap).sum(-1) < settings.separation**2).any(-1)
    return walks, valid


def _distances(walks: Floats, placed: Floats) -> Floats:
    """Least distance of each walk (B, N, L, 2) from the placed dashes (B, D, 2), nan ones ignored: (B, N)."""
    a = np.nan_to_num(walks, nan=-float(_FAR))
    b = np.nan_to_num(placed, nan=float(_FAR))
    flat = a.reshape(len(a), -1, 2)
    squares = (flat * flat).sum(-1)[:, :, None] + (b * b).sum(-1)[:, None] - 2 * flat @ b.swapaxes(1, 2)
    nearest = squares.min(-1).reshape(a.shape[:3]).min(-1)
    return np.sqrt(np.maximum(nearest, 0)).astype(np.float32)
