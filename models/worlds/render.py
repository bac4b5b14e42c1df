"""From a scene and a camera to a picture with exact labels: `render(scene, camera, ...) -> Frame`.

Every pixel is shaded once; pixels on outlines get three more samples. Shadow and occlusion rays follow a pattern
that repeats every 4 x 4 pixels and are then averaged over 4 x 4 neighbours on the same surface, so one ray per pixel
and lamp is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.lights import Lamp, Surroundings
from models.worlds.raycast import FAR, Camera, Scene
from models.worlds.shading import Lighting, average, pattern_of, points_at, rows_of, shade, visibility
from models.worlds.textures import F32, to_display

EXTRA_SAMPLES = ((0.17, 0.30), (0.83, 0.20), (0.45, 0.85))
"""Where (x, y) in a pixel anti-aliasing looks besides its middle."""


@dataclass(frozen=True)
class Picture:
    """One picture with its labels, all (H,W,...): rgb uint8 (3); depth float32 metres along the view axis, inf where
    nothing is; normals float32 (3) unit, world axes; instance and part int32, 0 for nothing; uv float32 (2) of the
    material's texture."""

    rgb: NDArray[np.uint8]
    depth: F32
    normals: F32
    instance: NDArray[np.int32]
    part: NDArray[np.int32]
    uv: F32


@dataclass(frozen=True)
class Frame(Picture):
    """A render before its development: light (H,W,3) float32 linear before exposure; single: the light before outlines
    were smoothed, for comparing two renders pixel by pixel."""

    light: F32
    single: F32


def default_lighting(rng: np.random.Generator) -> Lighting:
    """A grey room with one soft lamp from above: good enough to look at a model."""
    grey = np.full((64, 128, 3), 0.5, np.float32) * np.linspace(1.4, 0.6, 64, dtype=np.float32)[:, None, None]
    to = np.array([rng.uniform(-0.6, 0.6), 1.0, rng.uniform(0.2, 0.8)], np.float32)
    return Lighting(Surroundings(grey), (Lamp(to / np.linalg.norm(to), np.full(3, 0.9, np.float32), 0.1),))


def render(
    scene: Scene,
    camera: Camera,
    lighting: Lighting | None = None,
    rng: np.random.Generator | None = None,
    smooth: bool = True,
    steady: bool = False,
) -> Frame:
    """Render a frame; `smooth` anti-aliases outlines. The same generator state gives the same picture. `steady`: what
    happens elsewhere in the picture changes no pixel, so that renders of two states of a scene can be compared."""
    rng = rng or np.random.default_rng(0)
    lighting = lighting or default_lighting(rng)
    height, width = camera.height, camera.width
    directions = camera.grid()
    origins = np.broadcast_to(camera.position, directions.shape)
    hits = scene.trace(origins, directions)
    hit = hits.face >= 0
    face = np.maximum(hits.face, 0)
    backdrop = _backdrop(lighting, directions, camera)
    light = backdrop.copy()
    normals = np.zeros((len(face), 3), np.float32)
    uv = np.zeros((len(face), 2), np.float32)
    where = np.flatnonzero(hit)
    if len(where):
        points = points_at(scene, camera, origins[where], directions[where], rows_of(hits, where))
        pattern = pattern_of(where, width, rng)
        lit = visibility(scene, points, lighting, pattern)
        lit = average(lit, where, points, hits, height, width)
        light[where] = shade(scene, points, lighting, lit, directions[where], origins[where])
        normals[where], uv[where] = points.normal, points.uv
    instance = (
        np.where(hit, scene.instance[face] if len(scene.instance) else 0, 0).reshape(height, width).astype(np.int32)
    )
    part = np.where(hit, scene.part[face] if len(scene.part) else 0, 0).reshape(height, width).astype(np.int32)
    axis = -(directions @ camera.rotation[2])
    depth = np.where(hit, hits.t * axis, np.inf).reshape(height, width).astype(np.float32)
    light = light.reshape(height, width, 3)
    single = light.copy() if smooth else light
    if smooth:
        _smooth_edges(scene, camera, lighting, light, part, depth, normals.reshape(height, width, 3), rng, steady)
    shown = (to_display(light) * 255 + 0.5).astype(np.uint8)
    shaped = normals.reshape(height, width, 3)
    return Frame(shown, depth, shaped, instance, part, uv.reshape(height, width, 2), light, single)


def _backdrop(lighting: Lighting, directions: F32, camera: Camera) -> F32:
    if lighting.backdrop is not None and lighting.backdrop.shape[:2] == (camera.height, camera.width):
        return lighting.backdrop.reshape(-1, 3)
    return lighting.surroundings.look(directions, 0)


def _smooth_edges(
    scene: Scene,
    camera: Camera,
    lighting: Lighting,
    light: F32,
    part: NDArray[np.int32],
    depth: F32,
    normals: F32,
    rng: np.random.Generator,
    steady: bool,
) -> None:
    """Give pixels on outlines and creases three more samples; changes `light` in place."""
    edge = np.zeros(part.shape, bool)
    shallow = np.where(np.isfinite(depth), depth, FAR)
    for axis in (0, 1):
        jump = np.diff(part, axis=axis) != 0
        near = np.minimum(
            np.take(shallow, range(1, shallow.shape[axis]), axis),
            np.take(shallow, range(shallow.shape[axis] - 1), axis),
        )
        jump |= np.abs(np.diff(shallow, axis=axis)) > 0.03 * near
        first, second = (
            np.take(normals, range(normals.shape[axis] - 1), axis),
            np.take(normals, range(1, normals.shape[axis]), axis),
        )
        jump |= np.einsum("hwk,hwk->hw", first, second) < 0.7
        both = np.zeros(part.shape, bool)
        if axis == 0:
            both[:-1] |= jump
            both[1:] |= jump
        else:
            both[:, :-1] |= jump
            both[:, 1:] |= jump
        edge |= both
    rows, columns = np.nonzero(edge)
    if not len(rows):
        return
    limit = edge.size if steady else int(0.3 * edge.size)
    if len(rows) > limit:  # foliage and the like: bound the cost, the rest keeps its single sample
        chosen = rng.permutation(len(rows))[:limit]
        rows, columns = rows[chosen], columns[chosen]
    total = light[rows, columns].copy()
    for turn, (dx, dy) in enumerate(EXTRA_SAMPLES):
        directions = camera.directions((columns + dx).astype(np.float32), (rows + dy).astype(np.float32))
        origins = np.broadcast_to(camera.position, directions.shape)
        hits = scene.trace(origins, directions)
        value = light[rows, columns].copy()
        if lighting.backdrop is not None:
            value = lighting.backdrop[rows, columns].copy()
        missed = np.flatnonzero(hits.face < 0)
        if lighting.backdrop is None and len(missed):
            value[missed] = lighting.surroundings.look(directions[missed], 0)
        where = np.flatnonzero(hits.face >= 0)
        if len(where):
            points = points_at(scene, camera, origins[where], directions[where], rows_of(hits, where))
            place = (rows * 7 + columns * 3 + 5 * turn)[where] % 16
            lit = visibility(scene, points, lighting, place if steady else rng.integers(0, 16, len(where)))
            value[where] = shade(scene, points, lighting, lit, directions[where], origins[where])
        total += value
    light[rows, columns] = total / 4
