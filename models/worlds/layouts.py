"""Rooms seen from the front whose parts cannot be told by their texture: what decides lies far away in the picture.

Eight classes in ambiguous pairs. Floor and wall have one texture and colours from one source; the skirting line between
them tells. A wooden board is a table when posts go down from its ends and a shelf when they go up. A panel is a door
when it reaches the floor and a window when it ends above in a sill. A chequered block is a bed in a room with a lamp
and a crate in a room without.

    >>> image, labels = sample(np.random.default_rng(0))
    >>> image.shape, labels.shape
    ((96, 96, 3), (96, 96))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.parts.problems import BadInput

CLASSES = ("floor", "wall", "table", "shelf", "door", "window", "bed", "crate")
FLOOR, WALL, TABLE, SHELF, DOOR, WINDOW, BED, CRATE = range(len(CLASSES))
COLOURS = (
    (124, 104, 84),
    (216, 208, 190),
    (186, 120, 60),
    (232, 176, 88),
    (70, 104, 150),
    (140, 190, 224),
    (170, 84, 110),
    (96, 140, 84),
)
"""For showing label maps, sRGB, one per class."""
SMALLEST = 48

Image = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class _Paper:
    """A room in the making. skirt: first row of the floor."""

    image: Image
    labels: Labels
    skirt: int
    rng: np.random.Generator

    def between(self, low: float, high: float) -> int:
        """A whole number of pixels between two shares of the side."""
        side = len(self.labels)
        return int(self.rng.integers(round(low * side), max(round(high * side), round(low * side) + 1)))


def sample(rng: np.random.Generator, side: int = 96) -> tuple[Image, Labels]:
    """One room: float32 (side, side, 3) in 0..1 and int64 (side, side). Raises BadInput below SMALLEST pixels."""
    if side < SMALLEST:
        raise BadInput("The side of the room", f"is {side} pixels", f"Give at least {SMALLEST}")
    skirt = int(side * rng.uniform(0.5, 0.72))
    shades = rng.uniform(0.35, 0.85, (2, 1, 1, 3)).astype(np.float32)
    image = np.empty((side, side, 3), np.float32)
    image[:skirt], image[skirt:] = shades
    labels = np.full((side, side), FLOOR, np.int64)
    labels[:skirt] = WALL
    paper = _Paper(image, labels, skirt, rng)
    image[skirt - 1 : skirt + 1] = 0.12
    for _ in range(int(rng.integers(1, 4))):
        _panel(paper)
    for _ in range(int(rng.integers(1, 4))):
        _board(paper)
    lamp = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 3))):
        _block(paper, BED if lamp else CRATE)
    if lamp:
        _lamp(paper)
    image += rng.normal(0, 0.04, image.shape).astype(np.float32)
    return np.clip(image, 0, 1, out=image), labels


def batch(rng: np.random.Generator, count: int, side: int = 96) -> tuple[Image, Labels]:
    """`count` rooms: (count, side, side, 3) and (count, side, side); equal seeds, equal rooms."""
    rooms = [sample(rng, side) for _ in range(count)]
    return np.stack([image for image, _ in rooms]), np.stack([labels for _, labels in rooms])


def _free(paper: _Paper, top: int, bottom: int, left: int, right: int, label: int | None) -> bool:
    """Whether the box lies inside and holds one class, or, with None, nothing but floor and wall."""
    side = len(paper.labels)
    if top < 2 or left < 2 or bottom > side - 2 or right > side - 2 or bottom <= top or right <= left:
        return False
    below = paper.labels[top:bottom, left:right]
    return bool((below <= WALL).all() if label is None else (below == label).all())


_TRIES = 12


def _panel(paper: _Paper) -> None:
    """A door, which stands on the floor, or a window, which ends in a sill above it."""
    side, rng = len(paper.labels), paper.rng
    for _ in range(_TRIES):
        wide, door = paper.between(0.14, 0.22), rng.random() < 0.5
        left, top = paper.between(0.03, 0.8), paper.between(0.05, 0.15)
        bottom = paper.skirt - 1 if door else paper.skirt - paper.between(0.06, 0.14)
        if bottom - top < 0.25 * side or not _free(
            paper, top, bottom + 2 * (not door), left - 2, left + wide + 2, WALL
        ):
            continue
        stripes = 0.06 * np.sin(np.arange(bottom - top) * 0.9 + rng.uniform(0, 6)).astype(np.float32)
        paper.image[top:bottom, left : left + wide] = np.array([0.35, 0.5, 0.65], np.float32) + stripes[:, None, None]
        paper.image[top:bottom, [left, left + wide - 1]] = 0.9
        paper.image[top, left : left + wide] = 0.9
        if not door:
            paper.image[bottom - 1 : bottom + 1, left - 2 : left + wide + 2] = 0.9
        paper.labels[top:bottom, left : left + wide] = DOOR if door else WINDOW
        return


def _board(paper: _Paper) -> None:
    """A long wooden board; posts at its ends go down (table) or up (shelf)."""
    rng = paper.rng
    for _ in range(_TRIES):
        wide, high, post = paper.between(0.35, 0.68), paper.between(0.06, 0.1), paper.between(0.05, 0.09)
        left, top = paper.between(0.03, 0.6), paper.between(0.15, 0.9)
        if not _free(paper, top - post - 1, top + high + post + 1, left - 2, left + wide + 2, None):
            continue
        grain = 0.07 * np.sin(np.arange(wide) * 0.7 + rng.uniform(0, 6)).astype(np.float32)
        paper.image[top : top + high, left : left + wide] = np.array([0.62, 0.42, 0.22], np.float32) + grain[:, None]
        paper.labels[top : top + high, left : left + wide] = kind = TABLE if rng.random() < 0.5 else SHELF
        start = top + high if kind == TABLE else top - post
        for column in (left, left + wide - 2):
            paper.image[start : start + post, column : column + 2] = (0.3, 0.2, 0.1)
            paper.labels[start : start + post, column : column + 2] = kind
        return


def _block(paper: _Paper, label: int) -> None:
    """A chequered block anywhere in the lower two thirds."""
    rng = paper.rng
    for _ in range(_TRIES):
        wide, high = paper.between(0.2, 0.36), paper.between(0.12, 0.2)
        left, top = paper.between(0.03, 0.8), paper.between(0.35, 0.85)
        if not _free(paper, top - 1, top + high + 1, left - 1, left + wide + 1, None):
            continue
        squares = (np.add.outer(np.arange(high) // 3, np.arange(wide) // 3) + rng.integers(2)) % 2
        shade = np.array([[0.3, 0.6, 0.35], [0.7, 0.3, 0.4]], np.float32)[squares]
        paper.image[top : top + high, left : left + wide] = shade
        paper.labels[top : top + high, left : left + wide] = label
        return


def _lamp(paper: _Paper) -> None:
    """A small bright disc near the ceiling, over whatever hangs there; it keeps the class of what is behind it."""
    side, rng = len(paper.labels), paper.rng
    row, column, radius = rng.uniform(4, 0.12 * side), rng.uniform(5, side - 5), max(2.5, 0.03 * side)
    rows, columns = np.ogrid[:side, :side]
    paper.image[(rows + 0.5 - row) ** 2 + (columns + 0.5 - column) ** 2 < radius**2] = (1.0, 0.95, 0.45)
