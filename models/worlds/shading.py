"""How lit surfaces look: shading points, shadow and occlusion rays, Lambert and Blinn-Phong terms, reflections,
glass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.lights import Lamp, Surroundings, tangents
from models.worlds.raycast import Camera, Hits, Scene
from models.worlds.textures import F32, to_linear


@dataclass(frozen=True)
class Lighting:
    """All light of a scene. `backdrop` (H,W,3) linear is what pixels that hit nothing show; the surroundings when
    None."""

    surroundings: Surroundings
    lamps: tuple[Lamp, ...] = ()
    backdrop: F32 | None = None
    occlusion_reach: float = 0.4


@dataclass
class Points:
    """Shading points, one row each."""

    hits: Hits
    position: F32
    normal: F32
    view: F32
    uv: F32
    lod: F32


def rows_of(hits: Hits, where: NDArray[np.int64]) -> Hits:
    return Hits(hits.t[where], hits.face[where], hits.u[where], hits.v[where])


def points_at(scene: Scene, camera: Camera, origins: F32, directions: F32, hits: Hits) -> Points:
    position = origins + directions * hits.t[:, None]
    normal = scene.interpolate(scene.normals, hits)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-8)
    corners = scene.triangles[hits.face]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
    flat = np.where(np.einsum("nk,nk->n", flat, directions)[:, None] > 0, -flat, flat)  # surfaces have two sides
    normal = np.where(np.einsum("nk,nk->n", flat, normal)[:, None] < 0, -normal, normal)
    facing = np.maximum(-np.einsum("nk,nk->n", normal, directions), 0.05)
    density = scene.texel_density[hits.face]
    texture = scene.texture[scene.surface[hits.face]]
    side = scene.pool.side[np.maximum(texture, 0)] if len(scene.pool.side) else np.ones(len(texture), np.float32)
    texels = density * side * (hits.t / np.float32(camera.focal)) / np.sqrt(facing)
    lod = np.log2(np.maximum(texels, 1e-6))
    eps = np.float32(1e-4) + hits.t * np.float32(2e-4)
    lifted = position + flat.astype(np.float32) * eps[:, None]
    uv = scene.interpolate(scene.uv, hits)
    return Points(hits, lifted.astype(np.float32), normal.astype(np.float32), -directions, uv, lod.astype(np.float32))


def pattern_of(pixels: NDArray[np.int64], width: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A number 0..15 per pixel: its place in a shuffled 4 x 4 tile."""
    order = rng.permutation(16)
    return order[(pixels // width % 4) * 4 + pixels % width % 4]


def _disc(pattern: NDArray[np.int64], turn: float) -> F32:
    """Points in the unit disc (N,2): a 16-point sunflower spiral."""
    radius = np.sqrt((pattern + 0.5) / 16)
    angle = pattern * 2.399963 + turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def visibility(scene: Scene, points: Points, lighting: Lighting, pattern: NDArray[np.int64]) -> F32:
    """(N, 1 + lamps): openness to the surroundings, then how much of each lamp is seen."""
    out = np.ones((len(points.position), 1 + len(lighting.lamps)), np.float32)
    side, above = tangents(points.normal)
    disc = _disc(pattern, 0.7)
    rise = np.sqrt(np.maximum(1 - (disc**2).sum(axis=1), 0))
    around = side * disc[:, :1] + above * disc[:, 1:] + points.normal * rise[:, None]
    reach = np.full(len(points.position), lighting.occlusion_reach, np.float32)
    out[:, 0] = ~scene.blocked(points.position, around.astype(np.float32), reach)
    for i, lamp in enumerate(lighting.lamps):
        if not lamp.shadows:
            continue
        to, far, _ = lamp.directions(points.position, _disc(pattern, 1.9 * i))
        facing = np.einsum("nk,nk->n", to, points.normal) > 0
        where = np.flatnonzero(facing)
        out[where, 1 + i] = ~scene.blocked(points.position[where], to[where], far[where])
    return out


def average(lit: F32, where: NDArray[np.int64], points: Points, hits: Hits, height: int, width: int) -> F32:
    """Mean over a 4 x 4 neighbourhood of the same surface (close along the normal, similar normal)."""
    channels = lit.shape[1]
    values, normal, place = (np.zeros((height, width, n), np.float32) for n in (channels, 3, 3))
    values.reshape(-1, channels)[where] = lit
    normal.reshape(-1, 3)[where] = points.normal  # stays zero where nothing is, which is like no surface
    place.reshape(-1, 3)[where] = points.position
    distance = np.where(hits.face >= 0, hits.t, 0).astype(np.float32)
    tolerance = (distance * np.float32(0.01) + np.float32(0.002)).reshape(height, width)
    # shifts 0 or 1, then 0 or -2, along each axis: together each of the 16 places of the pattern once
    for axis, shift in ((0, 1), (1, 1), (0, -2), (1, -2)):
        other, far, turned = np.roll(values, shift, axis), np.roll(place, shift, axis), np.roll(normal, shift, axis)
        near = np.abs(np.einsum("hwk,hwk->hw", far - place, normal)) < tolerance
        alike = near & (np.einsum("hwk,hwk->hw", turned, normal) > 0.9)
        values = np.where(alike[..., None], 0.5 * (values + other), values)
    return values.reshape(-1, channels)[where]


def _albedo(scene: Scene, points: Points) -> tuple[F32, F32]:
    """Linear colour (N,3) and opacity (N,)."""
    surface = scene.surface[points.hits.face]
    colour = scene.diffuse[surface].copy()
    texture = scene.texture[surface]
    where = np.flatnonzero(texture >= 0)
    if len(where):
        rgba = scene.pool.sample(texture[where], points.uv[where], points.lod[where])
        colour[where] *= to_linear(rgba[:, :3])
    return np.minimum(colour, np.float32(0.95)), scene.opacity[surface]


def shade(
    scene: Scene, points: Points, lighting: Lighting, lit: F32, directions: F32, origins: F32, depth: int = 0
) -> F32:
    colour, opacity = _albedo(scene, points)
    surface = scene.surface[points.hits.face]
    shininess, strength, metal = scene.shininess[surface], scene.specular[surface], scene.metal[surface]
    open_sky = 0.25 + 0.75 * lit[:, :1]
    diffuse = lighting.surroundings.ambient(points.normal) * open_sky
    facing = np.clip(np.einsum("nk,nk->n", points.normal, points.view), 0, 1)
    fresnel = strength + (1 - strength) * (1 - facing) ** 5 * np.float32(0.6) * np.minimum(shininess / 60, 1)
    mirror = 2 * facing[:, None] * points.normal - points.view
    gloss = _reflection(lighting.surroundings, mirror.astype(np.float32), shininess) * (0.3 + 0.7 * lit[:, :1])
    highlight = np.zeros_like(colour)
    middle = np.zeros((1, 2), np.float32)
    for i, lamp in enumerate(lighting.lamps):
        to, _, fall = lamp.directions(points.position, middle)
        to = np.broadcast_to(to, points.normal.shape)
        cosine = np.maximum(np.einsum("nk,nk->n", to, points.normal), 0)
        arriving = (cosine * fall * lit[:, 1 + i])[:, None] * lamp.colour
        diffuse += arriving
        half = to + points.view
        half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
        lobe = np.maximum(np.einsum("nk,nk->n", half, points.normal), 0) ** shininess * (shininess + 8) / 25
        highlight += np.minimum(lobe, 40)[:, None] * arriving
    tint = (1 - metal)[:, None] + metal[:, None] * colour
    reflected = (gloss + highlight) * fresnel[:, None] * tint
    out = diffuse * colour * (1 - fresnel * metal)[:, None] + reflected
    clear = np.flatnonzero(opacity < 0.95)
    if len(clear) and depth < 2:
        behind = _behind(scene, points, lighting, directions[clear], clear, depth)
        share = opacity[clear, None]
        out[clear] = (diffuse * colour)[clear] * share + reflected[clear] + behind * (1 - share)
    return out.astype(np.float32)


def _reflection(surroundings: Surroundings, mirror: F32, shininess: F32) -> F32:
    level = np.clip(np.rint(5 - np.log2(np.maximum(shininess, 1)) / 1.8), 0, 4).astype(int)
    out = np.empty((len(mirror), 3), np.float32)
    for value in np.unique(level):
        where = np.flatnonzero(level == value)
        out[where] = surroundings.look(mirror[where], int(value))
    return out


def _behind(
    scene: Scene, points: Points, lighting: Lighting, directions: F32, rows: NDArray[np.int64], depth: int
) -> F32:
    """What is seen through glass: the next surface, shaded without shadows of its own, or the surroundings."""
    start = points.position[rows] + directions * np.float32(2e-3) - points.normal[rows] * np.float32(1e-3)
    hits = scene.trace(start.astype(np.float32), directions, passes=1)
    out = lighting.surroundings.look(directions, 1)
    where = np.flatnonzero(hits.face >= 0)
    if len(where):
        picked = rows_of(hits, where)
        camera = Camera(start[0], np.eye(3, dtype=np.float32), 50.0, 512, 512)
        deeper = points_at(scene, camera, start[where], directions[where], picked)
        lit = np.full((len(where), 1 + len(lighting.lamps)), 0.7, np.float32)
        out[where] = shade(scene, deeper, lighting, lit, directions[where], start[where], depth + 1)
    return out
