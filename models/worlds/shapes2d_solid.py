"""Shaded solids (boxes, cylinders, balls; held out: cones, rings, domes), drawn facet by facet from behind to front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds.shapes2d_outline import F32, U8, Placement, Points, Window

_EYE = 4.0
_SHIFT = 4


@dataclass(frozen=True)
class Solid:
    """corners (V, 3) within about the unit ball, quads (F, 4) of corner numbers, part number per face (F,).

    smooth: the shading is blurred across facets, as for a round body. Part 0 is the body, which is no part of its own.
    """

    corners: Points
    quads: NDArray[np.intp]
    part: NDArray[np.intp]
    smooth: bool


@dataclass(frozen=True)
class Drawn:
    """alpha (h, w) uint8 coverage, shade (h, w) float32 brightness about 1, part (h, w) uint8 part numbers, 0 for
    the body.
    """

    alpha: U8
    shade: F32
    part: U8


def _revolved(profile: Points, around: int, part: list[int], smooth: bool = True) -> Solid:
    """Turn a profile of (radius, height) rows from the bottom to the top about the vertical axis."""
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    rows = [np.stack([r * np.cos(angle), np.full(around, h), r * np.sin(angle)], -1) for r, h in profile]
    quads, parts = [], []
    step = np.arange(around)
    following = (step + 1) % around
    for row in range(len(profile) - 1):
        low, high = row * around, (row + 1) * around
        quads.append(np.stack([low + step, high + step, high + following, low + following], -1))
        parts.append(np.full(around, part[row]))
    return Solid(np.concatenate(rows), np.concatenate(quads), np.concatenate(parts).astype(np.intp), smooth)


def box(rng: Generator) -> Solid:
    """A box or a prism; its top is a part."""
    sides = int(rng.choice([4, 4, 4, 3, 5, 6]))
    height = rng.uniform(0.25, 0.9)
    profile = np.array([[0.0, -height], [0.8, -height], [0.8, height], [0.0, height]])
    solid = _revolved(profile, sides, [0, 0, 1], smooth=False)
    return Solid(solid.corners * (rng.uniform(0.5, 1.0), 1.0, rng.uniform(0.5, 1.0)), solid.quads, solid.part, False)


def cylinder(rng: Generator) -> Solid:
    """A can or a disc; its top is a part."""
    height, radius = rng.uniform(0.1, 0.95), rng.uniform(0.3, 0.8)
    profile = np.array([[0.0, -height], [radius, -height], [radius, height], [0.0, height]])
    return _revolved(profile, 28, [0, 0, 1])


def ball(rng: Generator) -> Solid:
    """A ball or an egg; sometimes a band around it is a part."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    profile = np.stack([np.cos(angle) * 0.95, np.sin(angle) * rng.uniform(0.6, 1.0)], -1)
    band = rng.random() < 0.4
    return _revolved(profile, 28, [1 if band and 5 <= row <= 6 else 0 for row in range(12)])


def cone(rng: Generator) -> Solid:
    """A cone, a pyramid or a frustum."""
    around = int(rng.choice([3, 4, 28, 28]))
    top = rng.choice([0.0, rng.uniform(0.1, 0.5)])
    profile = np.array([[0.0, -0.8], [0.75, -0.8], [top, 0.8], [0.0, 0.8]])
    return _revolved(profile, around, [0, 0, 1], smooth=around > 4)


def torus(rng: Generator) -> Solid:
    """A ring with a round section."""
    tube = rng.uniform(0.15, 0.36)
    angle = np.linspace(0, -2 * np.pi, 13)
    profile = np.stack([0.95 - tube + tube * np.cos(angle), tube * np.sin(angle)], -1)[::-1]
    return _revolved(profile, 30, [0] * 12)


def dome(rng: Generator) -> Solid:
    """A half ball on a foot: mushrooms, lamps; the cap is a part."""
    angle = np.linspace(0, np.pi / 2, 7)
    foot = rng.uniform(0.15, 0.4)
    cap = np.stack([0.9 * np.cos(angle), 0.1 + 0.7 * np.sin(angle)], -1)
    profile = np.concatenate([[[0.0, -0.9], [foot, -0.9], [foot * 0.8, 0.1]], cap])
    return _revolved(profile, 28, [0, 0, 1] + [1] * 6)


TRAIN_SOLIDS: dict[str, Callable[[Generator], Solid]] = {"box": box, "cylinder": cylinder, "ball": ball}
HELD_OUT_SOLIDS: dict[str, Callable[[Generator], Solid]] = {"cone": cone, "torus": torus, "dome": dome}


def _rotation(rng: Generator) -> Points:
    """Seen from above by 10 to 60 degrees, turned freely about the vertical, leaning a little."""
    turn, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.17, 1.05)
    a, b = np.cos(turn), np.sin(turn)
    about_y = np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]])
    a, b = np.cos(tilt), np.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    rotation: Points = about_x @ about_y
    return rotation


def oriented(solid: Solid, rng: Generator) -> Solid:
    """The solid after a random view rotation: x right, y up, z towards the viewer."""
    return Solid(solid.corners @ _rotation(rng).T, solid.quads, solid.part, solid.smooth)


def projected(solid: Solid) -> Points:
    """Corners in the picture plane, (V, 2), y down, in mild perspective."""
    flat: Points = solid.corners[:, :2] * (_EYE / (_EYE - solid.corners[:, 2:])) * (1.0, -1.0)
    return flat


def draw(solid: Solid, place: Placement, window: Window, light: Points) -> Drawn:
    """Rasterise an oriented solid. light: unit vector (3,) towards the light, y up.

    Coverage is drawn at twice the resolution and averaged, because antialiased facets would leave seams.
    """
    flat = place(projected(solid)) - (window.x0, window.y0)
    quads = flat[solid.quads]
    a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    facing = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    ahead = solid.corners[solid.quads]
    normal = np.cross(ahead[:, 2] - ahead[:, 0], ahead[:, 3] - ahead[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    centre = ahead.mean(1)
    towards = np.array([0.0, 0.0, _EYE]) - centre
    # The winding of a profile decides the sign; the outside is where the normal points away from the axis on average.
    sign = -1.0 if np.sum(normal * (centre - solid.corners.mean(0))) < 0 else 1.0
    normal *= sign
    seen = (np.sum(normal * towards, 1) > 0) & (np.abs(facing) > 1e-6)
    order = np.flatnonzero(seen)[np.argsort(centre[seen, 2], kind="stable")]
    bright = 0.35 + 0.85 * np.clip(normal @ light, 0.0, 1.0)
    height, width = window.shape
    fine = np.zeros((2 * height, 2 * width), np.uint8)
    shade = np.full((height, width), int(90 * float(bright[order].mean())) if len(order) else 90, np.uint8)
    part = np.zeros((height, width), np.uint8)
    coarse_points = np.rint(quads * 2**_SHIFT).astype(np.int32)
    fine_points = np.rint((quads * 2 + 0.5) * 2**_SHIFT).astype(np.int32)
    for face in order:
        cv2.fillConvexPoly(fine, fine_points[face], 255, cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(shade, coarse_points[face], int(np.clip(90 * bright[face], 0, 255)), cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(part, coarse_points[face], int(solid.part[face]), cv2.LINE_8, _SHIFT)
    alpha = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    lit = shade.astype(np.float32) * np.float32(1 / 90)
    if solid.smooth:
        # Blurring only within the body and within each part keeps rims sharp.
        lit = _blurred_within(lit, part, alpha, max(1.0, place.radius * 0.09))
    return Drawn(alpha, lit, part)


def _blurred_within(shade: F32, part: U8, alpha: U8, sigma: float) -> F32:
    result = shade
    for number in (0, 1):
        inside = ((part == number) & (alpha > 0)).astype(np.float32)
        weight = cv2.GaussianBlur(inside, (0, 0), sigma)
        soft = cv2.GaussianBlur(shade * inside, (0, 0), sigma) / np.maximum(weight, 1e-3)
        result = np.where(inside > 0, soft, result)
    return result.astype(np.float32)
