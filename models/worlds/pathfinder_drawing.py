"""Ink on paper for the pathfinder task: anti-aliased dashes along curves and discs at the dots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.parts.problems import BadInput

Floats = NDArray[np.float32]

_WIDTH = 1.5
DOT_RADIUS = 3.0
"""Of the discs, pixels."""
_REACH = 4
"""A dash's or a disc's ink lies within this many pixels of its centre's pixel."""


def draw(points: Floats, curves: NDArray[np.signedinteger], dots: Floats, side: int, dash: float) -> Floats:
    """Pictures (B, side, side) in 0..1.

    points: (B, D, 2) centres of dashes as x, y; curves: (B, D) the dash's curve, -1 for none; dashes of a curve follow
    each other. dots: (B, 2, 2). A pixel's centre lies at half numbers.
    """
    picture, index = np.nonzero(curves >= 0)
    centres = points[picture, index]
    half = dash / 2 * _directions(points, curves)[picture, index]
    ink = np.zeros(len(points) * side * side, np.float32)
    _stamp(ink, picture, centres, half, _WIDTH / 2, side)
    spots = dots.reshape(-1, 2)
    owner = np.repeat(np.arange(len(dots)), dots.shape[1])
    _stamp(ink, owner, spots, np.zeros_like(spots), DOT_RADIUS, side)
    return np.minimum(ink, 1).reshape(len(points), side, side)


def _directions(points: Floats, curves: NDArray[np.signedinteger]) -> Floats:
    """Unit vectors along the curve at every dash: from the one before to the one behind."""
    same = np.zeros(curves.shape, bool)
    same[:, 1:] = (curves[:, 1:] == curves[:, :-1]) & (curves[:, 1:] >= 0)
    before = np.where(same[..., None], np.roll(points, 1, axis=1), points)
    follows = np.roll(same, -1, axis=1)
    follows[:, -1:] = False
    behind = np.where(follows[..., None], np.roll(points, -1, axis=1), points)
    along = behind - before
    norm = np.linalg.norm(along, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(norm > 0, along / norm, np.array([1, 0], np.float32)).astype(np.float32)


def _stamp(ink: Floats, picture: NDArray[np.int64], centres: Floats, half: Floats, radius: float, side: int) -> None:
    """Adds capsules of `radius` around the segments centre +- half to the flat pictures."""
    offsets = np.arange(-_REACH, _REACH + 1)
    corner = np.floor(centres).astype(np.int64)
    columns, rows = (corner[:, axis, None] + offsets for axis in (0, 1))
    x = (columns + np.float32(0.5) - centres[:, :1]).astype(np.float32)[:, None, :]
    y = (rows + np.float32(0.5) - centres[:, 1:]).astype(np.float32)[:, :, None]
    length = np.maximum((half * half).sum(1), np.float32(1e-12))[:, None, None]
    along = np.clip((x * half[:, :1, None] + y * half[:, 1:, None]) / length, -1, 1)
    dx, dy = x - along * half[:, :1, None], y - along * half[:, 1:, None]
    amount = np.clip(radius + np.float32(0.5) - np.sqrt(dx * dx + dy * dy), 0, 1)
    seen = ((columns >= 0) & (columns < side))[:, None, :] & ((rows >= 0) & (rows < side))[:, :, None]
    place = (picture[:, None, None] * side + rows[:, :, None]) * side + columns[:, None, :]
    seen &= amount > 0
    ink += np.bincount(place[seen], weights=amount[seen], minlength=len(ink)).astype(np.float32)


def resampled(stroke: Sequence[tuple[float, float]] | Floats, spacing: float) -> Floats:
    """Points (N, 2) every `spacing` pixels along a polyline, from its start.

    Raises BadInput when it has fewer than two points or points that are no numbers.
    """
    line = np.asarray(stroke, np.float64)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2:
        raise BadInput("The stroke", "has fewer than two points", "Draw a line, not a point")
    if not np.isfinite(line).all():
        raise BadInput("The stroke", "has points without a place", "Draw inside the picture")
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    way = np.concatenate([[0], np.cumsum(steps)])
    at = np.arange(0, way[-1] + 1e-6, spacing)
    return np.stack([np.interp(at, way, line[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
