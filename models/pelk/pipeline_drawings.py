"""What a person draws for the two tasks, checked and rendered: lines and dots, or strokes of colour on a room."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.parts.problems import BadInput
from models.worlds import layouts, pathfinder

SIDE = 96
"""Pixels of both tasks' pictures."""
MOST_STROKES, MOST_POINTS = 120, 6000
LENGTHS = pathfinder.LENGTHS
Point = tuple[float, float]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Drawing:
    """Lines, each a polyline of (x, y) pixels, and the two dots; the first pixel's centre is (0.5, 0.5)."""

    strokes: tuple[tuple[Point, ...], ...]
    dots: tuple[Point, ...]

    def image(self) -> Floats:
        """(96, 96) in 0..1: dashes along the lines, a disc at each dot. Raises BadInput."""
        return pathfinder.from_strokes(self.strokes, self.dots)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"strokes": [[list(p) for p in stroke] for stroke in self.strokes], "dots": [list(p) for p in self.dots]}


def drawing_of(strokes: object, dots: object) -> Drawing:
    """From JSON values; lines of one point are dropped. Raises BadInput for anything that is no drawing."""
    lines = tuple(line for line in _lines(strokes) if len(line) > 1)
    (marks,) = _lines([dots])
    if len(marks) != 2:
        raise BadInput("The drawing", f"has {len(marks)} dots", "Put exactly two dots")
    return Drawing(lines, marks)


def _lines(given: object) -> tuple[tuple[Point, ...], ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_STROKES:
        raise BadInput("The drawing", "has no list of lines, or too many", f"Give at most {MOST_STROKES} lines")
    lines = []
    for line in given:
        if not isinstance(line, Sequence) or isinstance(line, str) or len(line) > MOST_POINTS:
            raise BadInput("The drawing", "has a line that is no list of points", "A line is [[x, y], ...]")
        lines.append(tuple(_point(point) for point in line))
    if sum(map(len, lines)) > MOST_POINTS:
        raise BadInput("The drawing", f"has over {MOST_POINTS} points", "Draw less")
    return tuple(lines)


def _point(given: object) -> Point:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise BadInput("The drawing", f"has the point {given!r}", "A point is [x, y]")
    x, y = (_number(value) for value in given)
    if abs(x) > 10 * SIDE or abs(y) > 10 * SIDE:
        raise BadInput("The drawing", f"has the point {x:g}, {y:g}", f"Stay within the {SIDE} x {SIDE} pixels")
    return x, y


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise BadInput("The drawing", f"has {given!r} where a number belongs", "Give finite numbers")
    return float(given)


def sampled_path(seed: int, length: int) -> tuple[Floats, Drawing, bool]:
    """One picture of the pathfinder world: (image (96, 96), its lines and dots, whether one line joins the dots).

    Raises BadInput for a length that is not of LENGTHS.
    """
    if length not in LENGTHS:
        raise BadInput("The length", f"is {length}", f"Give {LENGTHS[0]} to {LENGTHS[-1]} dashes")
    image, answer, paths = pathfinder.sample(np.random.default_rng([seed, length]), length)
    strokes = tuple(tuple((float(x), float(y)) for x, y in path.points) for path in paths)
    ends = [end for path, stroke in zip(paths, strokes, strict=True) for end in _dotted(path, stroke)]
    return image, Drawing(strokes, tuple(ends)), bool(answer)


def _dotted(path: pathfinder.Path, stroke: tuple[Point, ...]) -> list[Point]:
    return [point for marked, point in zip(path.dots, (stroke[0], stroke[-1]), strict=True) if marked]


@dataclass(frozen=True)
class Paint:
    """One stroke of colour on a room: sRGB, width in pixels, polyline of (x, y)."""

    color: tuple[int, int, int]
    width: float
    path: tuple[Point, ...]


def paints_of(given: object) -> tuple[Paint, ...]:
    """From JSON: [{"color": "#rrggbb", "width": pixels, "path": [[x, y], ...]}]. Raises BadInput."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_STROKES:
        raise BadInput("The painting", "has no list of strokes, or too many", f"Give at most {MOST_STROKES}")
    return tuple(_paint(stroke) for stroke in given)


def _paint(given: object) -> Paint:
    if not isinstance(given, Mapping):
        raise BadInput("The painting", "has a stroke that is no object", "Give color, width and path")
    color, width = str(given.get("color", "")), _number(given.get("width"))
    try:
        red, green, blue = bytes.fromhex(color.removeprefix("#"))
    except ValueError as problem:
        raise BadInput("The painting", f"has the colour {color!r}", "Give #rrggbb") from problem
    if not 1 <= width <= SIDE:
        raise BadInput("The painting", f"has a stroke {width:g} wide", f"Give 1 to {SIDE} px")
    (path,) = _lines([given.get("path")])
    return Paint((red, green, blue), width, path)


def sampled_room(seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """One room: image (96, 96, 3) in 0..1 and its true classes (96, 96)."""
    return layouts.sample(np.random.default_rng([seed, SIDE]), SIDE)


def painted_room(image: Floats, paints: Sequence[Paint]) -> Floats:
    """``image`` (S, S, 3) in 0..1 with the strokes over it."""
    shown = np.array(image, np.float32)
    shift = 4
    for paint in paints:
        # Sub-pixel places, the first pixel's centre at (0.5, 0.5).
        points = np.rint((np.array(paint.path, np.float64).reshape(-1, 1, 2) - 0.5) * 2**shift).astype(np.int32)
        color = tuple(value / 255 for value in paint.color)
        if len(points):
            cv2.polylines(shown, [points], False, color, max(1, round(paint.width)), cv2.LINE_8, shift)
    return shown
