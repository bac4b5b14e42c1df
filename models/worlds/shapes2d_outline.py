"""Outlines in unit coordinates and their antialiased rasterisation into a window of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

_SHIFT = 4
_FARTHEST = 30000.0


@dataclass(frozen=True)
class Line:
    """A stroke: points (N, 2), width as a share of the object's radius."""

    points: Points
    width: float
    closed: bool = False


@dataclass(frozen=True)
class Outline:
    """A flat object of radius about 1 around the origin, y down.

    fills: groups of closed contours (N, 2); a group is filled by the even-odd rule, so inner contours are holes;
    groups unite.
    lines: strokes, united with the fills. parts: groups that name sub-shapes; only what lies inside the object counts.
    """

    fills: list[list[Points]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    parts: list[list[Points]] = field(default_factory=list)

    def points(self) -> Points:
        """Every point of fills and strokes, (N, 2)."""
        return np.concatenate(
            [contour for group in self.fills for contour in group] + [line.points for line in self.lines]
        )


@dataclass(frozen=True)
class Window:
    """Pixel rectangle x0 <= x < x1, y0 <= y < y1 inside the picture."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def grown(self, margin: int, size: int) -> Window:
        return Window(
            max(0, self.x0 - margin), max(0, self.y0 - margin), min(size, self.x1 + margin), min(size, self.y1 + margin)
        )


@dataclass(frozen=True)
class Placement:
    """Where an object stands: pixel = matrix @ unit + centre; `radius` is its scale in pixels."""

    matrix: Points
    centre: Points
    radius: float

    def __call__(self, points: Points) -> Points:
        moved: Points = np.clip(points @ self.matrix.T + self.centre, -_FARTHEST, _FARTHEST)
        return moved


def placed(radius: float, centre: ArrayLike, angle: float, stretch: float = 1.0, shear: float = 0.0) -> Placement:
    """Scale, stretch along x, shear, then turn by `angle` radians, then move to `centre` (x, y)."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    form = np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    return Placement(radius * turn @ form, np.asarray(centre, dtype=np.float64), radius)


def window_of(points: Points, size: int, margin: float = 2.0) -> Window | None:
    """The part of the picture that pixel `points` (N, 2) cover, or None when they miss it."""
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin + 1)
    x0, y0 = np.clip(low, 0, size).astype(int)
    x1, y1 = np.clip(high, 0, size).astype(int)
    return Window(int(x0), int(y0), int(x1), int(y1)) if x1 > x0 and y1 > y0 else None


def _fixed(points: Points, window: Window) -> NDArray[np.int32]:
    return np.rint((points - (window.x0, window.y0)) * 2**_SHIFT).astype(np.int32)


def fill(groups: Sequence[Sequence[Points]], place: Placement, window: Window) -> U8:
    """Antialiased coverage 0..255 of the union of even-odd groups, (h, w) uint8."""
    alpha = np.zeros(window.shape, np.uint8)
    for group in groups:
        cv2.fillPoly(alpha, [_fixed(place(contour), window) for contour in group], 255, cv2.LINE_AA, _SHIFT)
    return alpha


def coverage(outline: Outline, place: Placement, window: Window) -> U8:
    """Antialiased coverage 0..255 of the whole object, (h, w) uint8."""
    alpha = fill(outline.fills, place, window)
    for line in outline.lines:
        thickness = int(np.clip(round(line.width * place.radius), 1, 255))
        cv2.polylines(alpha, [_fixed(place(line.points), window)], line.closed, 255, thickness, cv2.LINE_AA, _SHIFT)
    return alpha


def ring(count: int, radius: float | Points = 1.0, start: float = 0.0, stop: float = 2 * np.pi) -> Points:
    """`count` points on a circle (or at the given radii), counted from `start` radians, `stop` excluded: (count, 2)."""
    angle = np.linspace(start, stop, count, endpoint=False)
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, count: int = 48) -> Points:
    """Contour of an ellipse about (x, y), turned by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    contour: Points = ring(count) * (rx, ry) @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    return contour


def capsule(start: ArrayLike, end: ArrayLike, r0: float, r1: float) -> Points:
    """Contour of a limb: two round ends of radii r0 and r1 joined by straight sides."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    heading = float(np.arctan2(*(b - a)[::-1]))
    tip = ring(12, 1.0, heading - np.pi / 2, heading + np.pi / 2 + np.pi / 12) * r1 + b
    tail = ring(12, 1.0, heading + np.pi / 2, heading + 1.5 * np.pi + np.pi / 12) * r0 + a
    return np.concatenate([tip, tail])


def smoothed(points: Points, count: int = 128, width: float = 2.0) -> Points:
    """Round the corners of a closed polygon: resampled evenly, then blurred along the curve with `width` samples."""
    closed = np.concatenate([points, points[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0.0, length[-1], count, endpoint=False)
    even = np.stack([np.interp(at, length, closed[:, axis]) for axis in (0, 1)], -1)
    spectrum = np.fft.fft(even, axis=0)
    frequency = np.fft.fftfreq(count)[:, None]
    soft: Points = np.fft.ifft(spectrum * np.exp(-2.0 * (np.pi * width * frequency) ** 2), axis=0).real
    return soft
