"""Solids that furniture is put together from: boxes, cushions, turned shapes, rods and sheets, as triangles.

    part = box((1.2, 0.04, 0.8), (0, 0.74, 0)) + rod((0, 0, 0), (0, 0.74, 0), 0.03)

Axes as in objects: y up, metres. Texture coordinates are metres along the surface; whoever lays a picture on divides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """corners, normals (F,3,3) and uv (F,3,2) float64: a triangle soup in metres; uv in metres too."""

    corners: F64
    normals: F64
    uv: F64

    def __add__(self, other: Shape) -> Shape:
        return joined([self, other])

    def moved(self, by: ArrayLike) -> Shape:
        """The shape shifted by (3,) metres."""
        return Shape(self.corners + np.asarray(by, np.float64), self.normals, self.uv)

    def turned(self, turn: ArrayLike) -> Shape:
        """The shape under a rotation (3,3) about the origin."""
        matrix = np.asarray(turn, np.float64)
        return Shape(self.corners @ matrix.T, self.normals @ matrix.T, self.uv)

    def fitted(self) -> Shape:
        """uv stretched to 0..1 over the whole shape, for one picture that covers it (a painting, a rug)."""
        low, high = self.uv.reshape(-1, 2).min(axis=0), self.uv.reshape(-1, 2).max(axis=0)
        return Shape(self.corners, self.normals, (self.uv - low) / np.maximum(high - low, 1e-9))


def joined(shapes: Iterable[Shape]) -> Shape:
    """All shapes as one. Raises ValueError without a shape."""
    parts = list(shapes)
    corners, normals, uv = (np.concatenate([getattr(p, name) for p in parts]) for name in ("corners", "normals", "uv"))
    return Shape(corners, normals, uv)


_SHARP_M = 1e-5
"""Edges rounded by less are sharp: faces that thin lose their direction to rounding."""


def quad(corners: ArrayLike) -> Shape:
    """A flat rectangle (4,3), counter-clockwise seen from its front; uv starts at the first corner."""
    c = np.asarray(corners, np.float64)
    normal = np.cross(c[1] - c[0], c[3] - c[0])
    normal /= np.linalg.norm(normal)
    w, h = float(np.linalg.norm(c[1] - c[0])), float(np.linalg.norm(c[3] - c[0]))
    uv = np.array([[0, 0], [w, 0], [w, h], [0, h]])
    order = np.array([[0, 1, 2], [0, 2, 3]])
    return Shape(c[order], np.broadcast_to(normal, (2, 3, 3)).copy(), uv[order])


# For each side of a cube: its axis, sign, and the two axes of its picture, so that pictures stand upright on walls.
_SIDES = ((0, 1, 2, 1), (0, -1, 2, 1), (1, 1, 0, 2), (1, -1, 0, 2), (2, 1, 0, 1), (2, -1, 0, 1))


def box(size: ArrayLike, centre: ArrayLike = (0, 0, 0)) -> Shape:
    """A box with sharp edges; `size` (3,) full lengths."""
    return cushion(size, centre, 0.0)


def cushion(size: ArrayLike, centre: ArrayLike = (0, 0, 0), radius: float = 0.05, bulge: float = 0.0) -> Shape:
    """A box whose edges are rounded by `radius`; `bulge` metres swell the middles, as in pillows."""
    half = np.asarray(size, np.float64) / 2
    radius = float(min(radius, half.min() * 0.999))
    if radius < _SHARP_M:
        radius = 0.0
    pieces = []
    for axis, sign, across, along in _SIDES:
        u, v = _ticks(half[across], radius, bulge), _ticks(half[along], radius, bulge)
        grid = np.zeros((len(v), len(u), 3))
        grid[..., axis] = sign * half[axis]
        grid[..., across], grid[..., along] = u[None, :], v[:, None]
        inner = np.clip(grid, -half + radius, half - radius)
        away = grid - inner if radius > 0 else np.zeros_like(grid)
        if radius == 0:
            away[..., axis] = sign
        normal = away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-12)
        place = inner + radius * normal if radius > 0 else grid
        if bulge > 0:
            flat = np.prod([np.cos(place[..., k] / half[k] * np.pi / 2) for k in (across, along)], axis=0)
            place[..., axis] += sign * bulge * np.clip(flat, 0, 1)
        picture = np.stack([grid[..., across] * (sign if axis != 1 else 1), grid[..., along]], axis=-1)
        if axis == 0:
            picture[..., 0] *= -1.0
        elif axis == 1:
            picture[..., 1] *= -sign
        pieces.append(_grid_shape(place, normal, picture))
    return joined(pieces).moved(centre)


def _ticks(half: float, radius: float, bulge: float) -> F64:
    if radius <= 0:
        return np.array([-half, half])
    rim = np.array([0, 0.3, 0.62, 1.0]) * radius
    middle = np.linspace(-half + radius, half - radius, 6)[1:-1] if bulge > 0 else np.zeros(0)
    return np.unique(np.concatenate([-half + rim, middle, half - rim]).round(9))


def _grid_shape(place: F64, normal: F64, uv: F64) -> Shape:
    """Triangles of a grid (M,N,3) whose faces look the way its normals (M,N,3) do."""
    m, n = place.shape[:2]
    index = np.arange(m * n).reshape(m, n)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    corners = place.reshape(-1, 3)[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep = np.linalg.norm(area, axis=1) > 1e-12
    faces, area = faces[keep], area[keep]
    normals = normal.reshape(-1, 3)[faces]
    back = np.einsum("fk,fk->f", area, normals.mean(axis=1)) < 0
    faces[back] = faces[back][:, ::-1]
    return Shape(place.reshape(-1, 3)[faces], normal.reshape(-1, 3)[faces], uv.reshape(-1, 2)[faces])


def turned(profile: Sequence[tuple[float, float]], segments: int = 20, smooth: bool = False) -> Shape:
    """A shape turned about y: `profile` lists (radius, height) from the bottom up along the outside.

    `smooth` rounds the profile's corners in the shading; sharp ones suit legs and pots, round ones balls and vases.
    """
    line = np.asarray(profile, np.float64)
    if len(line) < 2:
        raise ValueError("a turned shape needs a profile of at least two points")
    step = np.diff(line, axis=0)
    out = np.stack([step[:, 1], -step[:, 0]], axis=1)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    ends = np.stack([out, out], axis=1)
    if smooth:
        mixed = np.concatenate([out[:1], out[:-1] + out[1:], out[-1:]])
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
        ends = np.stack([mixed[:-1], mixed[1:]], axis=1)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    ring = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(step, axis=1))])
    girth = float(np.mean(line[:, 0])) or 0.01
    bands = []
    for k in range(len(step)):
        radius, height = line[k : k + 2, 0], line[k : k + 2, 1]
        place = np.stack(
            [
                radius[:, None] * ring[:, 0],
                np.broadcast_to(height[:, None], (2, len(angle))),
                radius[:, None] * ring[:, 1],
            ],
            axis=-1,
        )
        normal = np.stack(
            [
                ends[k, :, :1] * ring[:, 0],
                np.broadcast_to(ends[k, :, 1:], (2, len(angle))),
                ends[k, :, :1] * ring[:, 1],
            ],
            axis=-1,
        )
        uv = np.stack(np.broadcast_arrays(angle[None, :] * girth, length[k : k + 2, None]), axis=-1)
        bands.append(_grid_shape(place, normal, np.array(uv, np.float64)))
    return joined(bands)


def ball(radius: float, centre: ArrayLike = (0, 0, 0), segments: int = 24) -> Shape:
    """A sphere."""
    tilt = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    profile = [(float(max(radius * np.cos(t), 0.0)), float(radius * np.sin(t))) for t in tilt]
    return turned(profile, segments, smooth=True).moved(centre)


def rod(start: ArrayLike, stop: ArrayLike, radius: float, taper: float = 1.0, segments: int = 10) -> Shape:
    """A closed round rod between two points (3,); its far end has `taper` times the radius."""
    a, b = np.asarray(start, np.float64), np.asarray(stop, np.float64)
    axis = b - a
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        raise ValueError("a rod needs two different ends")
    up = axis / length
    side = np.cross(up, [0.0, 0.0, 1.0] if abs(up[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side, up, np.cross(side, up)], axis=1)
    profile = [(0.0, 0.0), (radius, 0.0), (radius * taper, length), (0.0, length)]
    return turned(profile, segments).turned(frame).moved(a)


def sheet(points: ArrayLike, thickness: float = 0.0) -> Shape:
    """A smooth surface through a grid of points (M,N,3), both sides; with `thickness` the back is set off by that."""
    place = np.asarray(points, np.float64)
    along, across = np.gradient(place, axis=0), np.gradient(place, axis=1)
    normal = np.cross(across, along)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    right = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(place, axis=1), axis=-1).mean(axis=0))])
    up = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(place, axis=0), axis=-1).mean(axis=1))])
    uv = np.stack(np.meshgrid(right, up), axis=-1)
    front = _grid_shape(place, normal, uv)
    if thickness <= 0:
        return front
    return front + _grid_shape(place - normal * thickness, -normal, uv)
