"""Overlapping masks to disjoint segments that cover the image (method document, 2.1).

Masks are painted by falling area, so small ones lie on top. What none covers becomes segments of its own: a pixel joins
its uncovered neighbours to the left, above and above left (never above right), which is connectivity along the rows,
the columns and the main diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.parts.problems import BadInput

Masks = npt.NDArray[np.bool_]
Segments = npt.NDArray[np.int32]

JOINED = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool)
"""Which of its eight neighbours a pixel is joined with."""


def partition(masks: Masks | Sequence[Masks], size: tuple[int, int] | None = None) -> Segments:
    """masks: (N, H, W) bool or a sequence of (H, W) bool -> (H, W) int32 segment ids 0..K-1, every id in use.

    Painted masks come first, by falling area, ties in the order given; then the uncovered parts in reading order.
    ``size``: (H, W), needed when there are no masks. Raises BadInput when the masks have other sizes.
    """
    height, width = _size(masks, size)
    labels = np.full((height, width), -1, np.int32)
    order = _by_area(masks)
    for rank, index in enumerate(order):
        rows = np.flatnonzero(masks[index].any(1))
        if len(rows):
            band = slice(rows[0], rows[-1] + 1)
            np.copyto(labels[band], np.int32(rank), where=masks[index][band])
    uncovered = labels < 0
    if uncovered.any():
        parts, _ = ndimage.label(uncovered, JOINED)
        np.copyto(labels, parts + np.int32(len(order)), where=uncovered)
    return _compact(labels, len(order))


def partition_slow(masks: Masks | Sequence[Masks], size: tuple[int, int] | None = None) -> Segments:
    """The same, pixel by pixel as the method is described: the check of ``partition``."""
    height, width = _size(masks, size)
    labels = [[-1] * width for _ in range(height)]
    order = _by_area(masks)
    for rank, index in enumerate(order):
        mask = masks[index]
        for y in range(height):
            for x in range(width):
                if mask[y, x]:
                    labels[y][x] = rank
    parent: list[int] = []

    def root(part: int) -> int:
        while parent[part] != part:
            parent[part] = parent[parent[part]]
            part = parent[part]
        return part

    parts = [[-1] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            if labels[y][x] >= 0:
                continue
            near = [(y, x - 1), (y - 1, x), (y - 1, x - 1)]
            known = {root(parts[j][i]) for j, i in near if j >= 0 and i >= 0 and parts[j][i] >= 0}
            if not known:
                parent.append(len(parent))
                parts[y][x] = len(parent) - 1
                continue
            least = min(known)
            for other in known:
                parent[other] = least
            parts[y][x] = least
    numbers: dict[int, int] = {}
    used = sorted({label for row in labels for label in row if label >= 0})
    painted = {label: number for number, label in enumerate(used)}
    out = np.empty((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            if labels[y][x] >= 0:
                out[y, x] = painted[labels[y][x]]
            else:
                part = root(parts[y][x])
                out[y, x] = len(painted) + numbers.setdefault(part, len(numbers))
    return out


def masks_of(segments: Segments) -> Masks:
    """(H, W) segment ids -> (K, H, W) bool, one mask a segment."""
    return np.asarray(segments[None] == np.arange(int(segments.max()) + 1, dtype=np.int32)[:, None, None])


def _size(masks: Masks | Sequence[Masks], size: tuple[int, int] | None) -> tuple[int, int]:
    shapes = {masks.shape[1:]} if isinstance(masks, np.ndarray) else {tuple(mask.shape) for mask in masks}
    if size is not None:
        shapes.add(tuple(size))
    if len(shapes) != 1:
        known = ", ".join(f"{shape[1]} x {shape[0]}" for shape in sorted(shapes)) or "unknown"
        raise BadInput("The set of masks", f"has the sizes {known}", "Give masks of one size, that of the photo")
    height, width = shapes.pop()
    if height < 1 or width < 1:
        raise BadInput("The set of masks", "covers no pixel", "Give masks of the photo's size")
    return height, width


def _by_area(masks: Masks | Sequence[Masks]) -> list[int]:
    areas = np.array([int(np.count_nonzero(mask)) for mask in masks], np.int64)
    return [int(index) for index in np.argsort(-areas, kind="stable")]


def _compact(labels: Segments, painted: int) -> Segments:
    """Drops ids not in use: painted ones keep their order, the others are numbered by their first pixel."""
    flat = labels.ravel()
    used = np.bincount(flat) > 0
    numbers = np.cumsum(used, dtype=np.int32) - 1
    if used[painted:].any():
        # Written backwards, so that the first pixel of a part is the one that stays.
        first = np.full(len(used), -1, np.int64)
        first[flat[::-1]] = np.arange(len(flat) - 1, -1, -1)
        parts = np.flatnonzero(used[painted:]) + painted
        ranks = np.empty(len(parts), np.int32)
        ranks[np.argsort(first[parts])] = np.arange(len(parts), dtype=np.int32)
        numbers[parts] = np.count_nonzero(used[:painted]) + ranks
    return np.asarray(numbers[labels], np.int32)
