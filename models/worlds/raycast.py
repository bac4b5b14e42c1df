"""Triangle scenes and rays: embree does the work, a slow numpy twin checks it.

A Scene is flat arrays over all faces. Instance 0 is the surroundings (floor, walls); part numbers start at 1 and are
unique in the scene, 0 is nothing hit. Rays start outside; cut-out textures and glass let them pass on (see `trace`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.textures import Pyramid, TexturePool

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
FAR = np.float32(1e30)


@dataclass(frozen=True)
class Surface:
    """What shading needs of one material of a scene. Colours are light (linear); `texture` is a number in the pool
    or -1."""

    diffuse: tuple[float, float, float]
    specular: float = 0.04
    shininess: float = 20.0
    opacity: float = 1.0
    texture: int = -1
    metal: float = 0.0
    casts: bool = True  # False: takes shadows but throws none (walls and ceilings, so that lamps may stand behind them)


@dataclass(frozen=True)
class Camera:
    """A pinhole: `position` (3,), `rotation` (3,3) with rows right, up, backward; vertical `fov` in degrees; width,
    height."""

    position: F32
    rotation: F32
    fov: float
    width: int
    height: int

    @staticmethod
    def look_at(eye: F32, target: F32, fov: float, width: int, height: int, roll: float = 0.0) -> Camera:
        """Aim from `eye` at `target` with the world's y up; `roll` in radians. Raises ValueError when the two
        coincide."""
        back = np.asarray(eye, np.float64) - np.asarray(target, np.float64)
        length = float(np.linalg.norm(back))
        if length < 1e-9:
            raise ValueError("a camera needs a target away from its own position")
        back = back / length
        up = np.array([0.0, 1.0, 0.0]) if abs(back[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
        right = np.cross(up, back)
        right /= np.linalg.norm(right)
        above = np.cross(back, right)
        c, s = np.cos(roll), np.sin(roll)
        rows = np.stack([c * right + s * above, c * above - s * right, back])
        return Camera(np.asarray(eye, np.float32), rows.astype(np.float32), float(fov), int(width), int(height))

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.height / float(np.tan(np.radians(self.fov) / 2))

    def directions(self, x: F32, y: F32) -> F32:
        """Unit directions (N,3) through image positions in pixels (0,0 is the corner of the first pixel)."""
        local = np.stack(
            [(x - self.width / 2) / self.focal, (self.height / 2 - y) / self.focal, -np.ones_like(x)], axis=-1
        )
        local /= np.linalg.norm(local, axis=-1, keepdims=True)
        return (local.astype(np.float32) @ self.rotation).astype(np.float32)

    def grid(self) -> F32:
        """Directions (H*W,3) through the pixel centres, row after row."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32) + np.float32(0.5)
        return self.directions(x.reshape(-1), y.reshape(-1))

    def project(self, points: F32) -> tuple[F32, F32]:
        """Image positions (N,2) in pixels and the depth along the axis (N,) (negative behind the camera)."""
        local = (points - self.position) @ self.rotation.T
        depth = -local[:, 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        x = self.width / 2 + self.focal * local[:, 0] / safe
        y = self.height / 2 - self.focal * local[:, 1] / safe
        return np.stack([x, y], axis=1).astype(np.float32), depth.astype(np.float32)


@dataclass
class Hits:
    """What rays met, one row per ray: `t` distance (FAR for nothing), `face` (-1), barycentric `u`, `v` of corners 1
    and 2."""

    t: F32
    face: I32
    u: F32
    v: F32


class Scene:
    """triangles (F,3,3), corner normals (F,3,3), corner uv (F,3,2) float32; surface, instance, part (F,) int32."""

    def __init__(
        self,
        triangles: F32,
        normals: F32,
        uv: F32,
        surface: I32,
        instance: I32,
        part: I32,
        surfaces: list[Surface],
        pyramids: list[Pyramid],
    ) -> None:
        if not len(triangles) == len(normals) == len(uv) == len(surface) == len(instance) == len(part):
            raise ValueError("the per-face arrays of a scene differ in length")
        self.triangles = np.ascontiguousarray(triangles, np.float32)
        self.normals, self.uv = normals, uv
        self.surface, self.instance, self.part = surface, instance, part
        self.pool = TexturePool(pyramids)
        self.surfaces = surfaces
        self.diffuse = np.array([s.diffuse for s in surfaces], np.float32).reshape(-1, 3)
        self.specular = np.array([s.specular for s in surfaces], np.float32)
        self.shininess = np.array([s.shininess for s in surfaces], np.float32)
        self.opacity = np.array([s.opacity for s in surfaces], np.float32)
        self.metal = np.array([s.metal for s in surfaces], np.float32)
        self.texture = np.array([s.texture for s in surfaces], np.int64)
        self.texel_density = self._density()
        casts = np.array([s.casts and s.opacity > 0.95 for s in surfaces], bool)
        solid = casts[self.surface] if len(surfaces) else np.zeros(0, bool)
        self._groups = [
            (_embree(self.triangles[mask]), np.flatnonzero(mask).astype(np.int32)) for mask in (solid, ~solid)
        ]
        self._opaque = self._groups[0][0]

    def _density(self) -> F32:
        """Square root of texture area over world area of every face: uv units per metre."""
        e1, e2 = self.triangles[:, 1] - self.triangles[:, 0], self.triangles[:, 2] - self.triangles[:, 0]
        world = np.linalg.norm(np.cross(e1, e2), axis=1)
        f1, f2 = self.uv[:, 1] - self.uv[:, 0], self.uv[:, 2] - self.uv[:, 0]
        flat = np.abs(f1[:, 0] * f2[:, 1] - f1[:, 1] * f2[:, 0])
        return np.sqrt(flat / np.maximum(world, 1e-12)).astype(np.float32)

    def intersect(self, origins: F32, directions: F32) -> Hits:
        """The first face on each ray."""
        count = len(origins)
        best = Hits(
            np.full(count, FAR, np.float32),
            np.full(count, -1, np.int32),
            np.zeros(count, np.float32),
            np.zeros(count, np.float32),
        )
        origins, directions = _rays(origins), _rays(directions)
        for group, numbers in self._groups:
            if group is None:
                continue
            found = group.run(origins, directions, query="INTERSECT", output=True)
            local = np.asarray(found["primID"], np.int32)
            hit = (local >= 0) & (found["tfar"] < best.t)
            best.t[hit], best.face[hit] = found["tfar"][hit], numbers[local[hit]]
            best.u[hit], best.v[hit] = found["u"][hit], found["v"][hit]
        return best

    def blocked(self, origins: F32, directions: F32, limit: F32 | None = None) -> NDArray[np.bool_]:
        """Whether something solid lies on each ray (glass does not count), closer than `limit` (N,) where that is
        given."""
        if self._opaque is None:
            return np.zeros(len(origins), bool)
        far = np.full(len(origins), FAR, np.float32) if limit is None else _rays(limit)
        return np.asarray(self._opaque.run(_rays(origins), _rays(directions), far, query="OCCLUDED")) == 0

    def trace(self, origins: F32, directions: F32, passes: int = 4) -> Hits:
        """Like `intersect`, but rays go on through texels with alpha below one half (leaves, grilles)."""
        hits = self.intersect(origins, directions)
        cut = self._cut_out(hits)
        for _ in range(passes):
            if not cut.any():
                break
            where = np.flatnonzero(cut)
            start = (
                origins[where] + directions[where] * (hits.t[where] * np.float32(1.00001) + np.float32(1e-4))[:, None]
            )
            more = self.intersect(start.astype(np.float32), directions[where])
            step = np.linalg.norm(start - origins[where], axis=1).astype(np.float32)
            hits.t[where] = np.where(more.face >= 0, more.t + step, FAR)
            hits.face[where], hits.u[where], hits.v[where] = more.face, more.u, more.v
            cut = np.zeros_like(cut)
            cut[where] = self._cut_out(more)
        return hits

    def _cut_out(self, hits: Hits) -> NDArray[np.bool_]:
        if not self.pool.cut_out.any():
            return np.zeros(len(hits.face), bool)
        texture = self.texture[self.surface[np.maximum(hits.face, 0)]]
        textured = (hits.face >= 0) & (texture >= 0) & self.pool.cut_out[texture]
        out = np.zeros(len(hits.face), bool)
        where = np.flatnonzero(textured)
        if len(where):
            uv = self.interpolate(self.uv, Hits(hits.t[where], hits.face[where], hits.u[where], hits.v[where]))
            rgba = self.pool.sample(texture[where], uv, np.zeros(len(where), np.float32))
            out[where] = rgba[:, 3] < 0.5
        return out

    @staticmethod
    def interpolate(corner_values: F32, hits: Hits) -> F32:
        """Corner values (F,3,K) at the hits, (N,K); rows without a hit are those of face 0 and mean nothing."""
        corners = corner_values[np.maximum(hits.face, 0)]
        u, v = hits.u[:, None], hits.v[:, None]
        return (corners[:, 0] * (1 - u - v) + corners[:, 1] * u + corners[:, 2] * v).astype(np.float32)


def _rays(values: F32) -> F32:
    return np.ascontiguousarray(values, np.float32)


def _embree(triangles: F32):  # type: ignore[no-untyped-def]  # embreex ships no types
    """An embree scene of one triangle soup, or None for an empty one."""
    from embreex import rtcore_scene
    from embreex.mesh_construction import TriangleMesh

    if not len(triangles):
        return None
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(triangles, np.float32))
    return scene


def slow_intersect(triangles: F32, origins: F32, directions: F32) -> Hits:
    """The numpy twin of `Scene.intersect` (Moeller and Trumbore 1997), all rays against all faces in float64: for
    tests."""
    a = triangles[:, 0].astype(np.float64)
    e1, e2 = triangles[:, 1] - a, triangles[:, 2] - a
    t_out, face, u_out, v_out = [], [], [], []
    for origin, direction in zip(origins.astype(np.float64), directions.astype(np.float64), strict=True):
        p = np.cross(direction, e2)
        det = np.einsum("fk,fk->f", e1, p)
        with np.errstate(divide="ignore", invalid="ignore"):
            s = origin - a
            u = np.einsum("fk,fk->f", s, p) / det
            q = np.cross(s, e1)
            v = (q @ direction) / det
            t = np.einsum("fk,fk->f", e2, q) / det
        good = (np.abs(det) > 1e-14) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        best = int(np.argmin(np.where(good, t, np.inf)))
        hit = bool(good[best])
        t_out.append(t[best] if hit else FAR)
        face.append(best if hit else -1)
        u_out.append(u[best] if hit else 0.0)
        v_out.append(v[best] if hit else 0.0)
    return Hits(
        np.array(t_out, np.float32), np.array(face, np.int32), np.array(u_out, np.float32), np.array(v_out, np.float32)
    )
