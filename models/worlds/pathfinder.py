"""A long-range task made by rule: are two dots the ends of one dashed curve, or of two? (After Linsley et al. 2018.)

Every picture holds two main curves of the same number of dashes and some shorter ones. Both dots lie on ends of the
main curves: of one curve (answer 1) or of two (answer 0). How far apart the dots are tells nothing: the second curve
starts where the end of another curve of that length would be. All curves keep a distance from each other, so following
the dashes decides, and nothing else does.

    >>> image, answer, paths = sample(np.random.default_rng(0), 10)
    >>> image.shape, answer in (0, 1), paths[0].points.shape
    ((96, 96), True, (10, 2))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.parts.problems import BadInput
from models.worlds.pathfinder_curves import PathfinderSettings, place
from models.worlds.pathfinder_drawing import draw, resampled

__all__ = ["LENGTHS", "Batch", "Path", "PathfinderSettings", "batch", "batches", "from_strokes", "sample"]

LENGTHS = tuple(range(6, 15))
"""Dashes of the main curves."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Path:
    """One curve: its dashes' centres (N, 2) as x, y in pixels, and which of its ends carry a dot (start, end)."""

    points: Floats
    dots: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Batch:
    """Pictures of one size.

    images: float32 (B, S, S), 0 background, 1 ink. answers: int64 (B,), 1 where one curve joins the dots. lengths:
    int64 (B,) dashes of the main curves. points: float32 (B, D, 2), centres of dashes, nan where there is none.
    marks: int8 (B, D): how many dots the dash's curve carries, -1 where there is no dash. curves: int8 (B, D) number
    of the dash's curve, -1 where there is none. dots: float32 (B, 2, 2).
    """

    images: Floats
    answers: NDArray[np.int64]
    lengths: NDArray[np.int64]
    points: Floats
    marks: NDArray[np.int8]
    curves: NDArray[np.int8]
    dots: Floats

    def trace(self, stride: int) -> Floats:
        """(B, 3, S / stride, S / stride): 1 where a cell holds a dash of a curve with 0, 1, 2 dots."""
        side = self.images.shape[1] // stride
        maps = np.zeros((len(self.images), 3, side, side), np.float32)
        picture, dash = np.nonzero(self.marks >= 0)
        cell = np.clip((self.points[picture, dash] / stride).astype(int), 0, side - 1)
        maps[picture, self.marks[picture, dash], cell[:, 1], cell[:, 0]] = 1
        return maps


def batch(
    rng: np.random.Generator, count: int, lengths: Sequence[int] = LENGTHS, settings: PathfinderSettings | None = None
) -> Batch:
    """`count` pictures with main curves of one of `lengths` dashes, half of them joined; equal seeds, equal pictures.

    Raises BadInput for lengths below 2 or too long for the picture.
    """
    settings = settings or PathfinderSettings()
    longest = settings.longest
    if not lengths or min(lengths) < 2 or max(lengths) > longest:
        given = ", ".join(map(str, lengths)) or "none"
        raise BadInput("The path length", f"is {given}", f"Give 2 to {longest} dashes in {settings.side} pixels")
    drawn = np.asarray(lengths)[rng.integers(len(lengths), size=count)]
    points, curves, main = place(rng, drawn, settings)
    answers = rng.integers(2, size=count)
    starts, ends = main[:, :, 0], main[:, :, 1]
    dots = np.stack([starts[:, 0], np.where(answers[:, None] == 1, ends[:, 0], starts[:, 1])], axis=1)
    marks = np.where(curves < 0, -1, 0).astype(np.int8)
    marks[curves == 0] = 1
    joined = answers[:, None] == 1
    marks[(curves == 0) & joined] = 2
    marks[(curves == 1) & ~joined] = 1
    images = draw(points, curves, dots, settings.side, settings.dash)
    return Batch(images, answers, drawn, points, marks, curves, dots)


def batches(
    seed: int, count: int, lengths: Sequence[int] = LENGTHS, settings: PathfinderSettings | None = None
) -> Iterator[Batch]:
    """An endless stream of `batch`, the same for the same seed."""
    rng = np.random.default_rng(seed)
    while True:
        yield batch(rng, count, lengths, settings)


def sample(
    rng: np.random.Generator, length: int, settings: PathfinderSettings | None = None
) -> tuple[Floats, int, list[Path]]:
    """One picture: (image float32 (S, S) in 0..1, answer 0 or 1, its curves, the two main ones first)."""
    one = batch(rng, 1, (length,), settings)
    answer = int(one.answers[0])
    dotted = {0: (True, bool(answer)), 1: (not answer, False)}
    paths = [
        Path(one.points[0, one.curves[0] == number], dotted.get(number, (False, False)))
        for number in range(int(one.curves[0].max()) + 1)
    ]
    return one.images[0], answer, paths


def from_strokes(
    strokes: Sequence[Sequence[tuple[float, float]] | Floats],
    dots: Sequence[tuple[float, float]],
    settings: PathfinderSettings | None = None,
) -> Floats:
    """A picture (S, S) like those of `sample` from drawn lines: dashes along each stroke, a disc at each dot.

    strokes: polylines of (x, y) in pixels of the S x S picture, at least two points each; parts outside are cut off.
    dots: two of (x, y). Raises BadInput for strokes of one point, points that are no numbers, or not two dots.
    """
    settings = settings or PathfinderSettings()
    if len(dots) != 2:
        raise BadInput("The drawing", f"has {len(dots)} dots", "Put exactly two dots")
    lines = [resampled(stroke, settings.spacing) for stroke in strokes]
    numbers = np.repeat(np.arange(len(lines), dtype=np.int16), [len(line) for line in lines])
    points = np.concatenate([np.zeros((0, 2), np.float32), *lines])
    spots = np.asarray(dots, np.float32)
    if not np.isfinite(spots).all():
        raise BadInput("The drawing", "has a dot without a place", "Put the dots inside the picture")
    return draw(points[None], numbers[None], spots[None], settings.side, settings.dash)[0]
