"""Random furnished rooms and terraces: things of real size that stand, hang on the wall or lie on each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.worlds.assemble import Look, SceneBuilder
from models.worlds.library import Library
from models.worlds.objects import ObjectEntry, ObjectModel
from models.worlds.raycast import Camera
from models.worlds.scene_stock import FACE_BUDGET, Aim, backdrop, lighting, looks, yaw
from models.worlds.shading import Lighting
from models.worlds.textures import F32


@dataclass
class _Placed:
    """Footprint of something standing: centre x, z, half sizes along its own axes, yaw, and what may stand on it."""

    x: float
    z: float
    half: tuple[float, float]
    angle: float
    top: float | None = None
    base: float = 0.0
    corners: F32 = field(default_factory=lambda: np.zeros((0, 3), np.float32))


def _overlaps(a: _Placed, b: _Placed) -> bool:
    """Separating axes for two turned rectangles."""
    between = np.array([b.x - a.x, b.z - a.z])
    for box in (a, b):
        for turn in (0.0, np.pi / 2):
            axis = np.array([np.cos(box.angle + turn), -np.sin(box.angle + turn)])
            if abs(between @ axis) > _reach(a, axis) + _reach(b, axis):
                return False
    return True


def _reach(box: _Placed, axis: NDArray[np.float64]) -> float:
    first = np.array([np.cos(box.angle), -np.sin(box.angle)])
    second = np.array([np.sin(box.angle), np.cos(box.angle)])
    return float(box.half[0] * abs(first @ axis) + box.half[1] * abs(second @ axis))


def _stand(builder: SceneBuilder, model: ObjectModel, looks: dict[int, Look], spot: _Placed, scale: float) -> F32:
    """Add a standing model at a spot; returns its vertices' bounding corners (8,3)."""
    turn = yaw(spot.angle)
    place = np.array([spot.x, spot.base, spot.z], np.float32)
    builder.add_model(model, turn, scale, place, looks)
    low, high = model.vertices.min(axis=0) * scale, model.vertices.max(axis=0) * scale
    choice = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)])
    return (np.where(choice, high, low) @ turn.T + place).astype(np.float32)


def room(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    builder = SceneBuilder()
    wide, deep, tall = rng.uniform(3, 7), rng.uniform(2.5, 6), rng.uniform(2.3, 3.4)
    w, d = wide / 2, deep / 2
    outdoors = rng.random() < 0.25 and bool(library.pictures)
    far = 15.0 if outdoors else 0.0
    floor = np.array(
        [[-w - far, 0, d + 8], [w + far, 0, d + 8], [w + far, 0, -d - far], [-w - far, 0, -d - far]], np.float32
    )
    builder.add_quad(floor, "floor", library.surface(rng, (0.3, 3.0)))
    if not outdoors:
        _walls(builder, rng, library, w, d, tall)
    standing: list[_Placed] = []
    stands: list[_Placed] = []
    lying: list[_Placed] = []
    for _ in range(int(rng.integers(4, 12))):
        left = FACE_BUDGET - builder.faces
        on_top = bool(stands) and rng.random() < 0.45
        found = library.pick(rng, 0.05, 0.6, left) if on_top else library.pick(rng, 0.25, 2.6, left)
        if found is None:
            continue
        entry, model = found
        spot = (
            _on_top(rng, stands, lying, model) if on_top else _on_floor(rng, standing, entry, model, (w, d), outdoors)
        )
        if spot is None:
            continue
        spot.corners = _stand(builder, model, looks(rng, library, model), spot, 1.0)
        (lying if on_top else standing).append(spot)
        if entry.top_m is not None and not on_top and entry.elevation_m == 0 and 0.2 < entry.top_m < 1.3:
            spot.top = entry.top_m
            stands.append(spot)
    light = lighting(rng, library, 2.5, backdrop(rng, library, size))
    return builder, lambda: _aim(rng, standing, size, (w, d), tall, outdoors), light


def _walls(builder: SceneBuilder, rng: np.random.Generator, library: Library, w: float, d: float, tall: float) -> None:
    """A back wall, mostly side walls and a ceiling; the front is open. Pictures and shelves come as models."""
    look = library.surface(rng, (0.3, 3.0))
    builder.add_quad(
        np.array([[-w, 0, -d], [w, 0, -d], [w, tall, -d], [-w, tall, -d]], np.float32), "back wall", look, False
    )
    front = d + 8
    for x in (-w, w):
        if rng.random() < 0.85:
            wall = np.array([[x, 0, -d], [x, 0, front], [x, tall, front], [x, tall, -d]], np.float32)
            builder.add_quad(wall, "side wall", look if rng.random() < 0.8 else library.surface(rng, (0.3, 3.0)), False)
    if rng.random() < 0.8:
        light = float(rng.uniform(0.6, 0.97))
        plane = np.array([[-w, tall, -d], [w, tall, -d], [w, tall, front], [-w, tall, front]], np.float32)
        builder.add_quad(plane, "ceiling", Look((light, light, light)), False)


def _on_floor(
    rng: np.random.Generator,
    standing: list[_Placed],
    entry: ObjectEntry,
    model: ObjectModel,
    room: tuple[float, float],
    outdoors: bool,
) -> _Placed | None:
    half = (float(model.size_m[0]) / 2 + 0.01, float(model.size_m[2]) / 2 + 0.01)
    if entry.elevation_m > 0.05:  # hangs on the back wall, front towards the room
        if outdoors:
            return None
        x = float(rng.uniform(-room[0] + half[0], room[0] - half[0])) if room[0] > half[0] else 0.0
        spot = _Placed(x, -room[1] + half[1], half, 0.0, base=entry.elevation_m)
        return None if any(_overlaps(spot, other) for other in standing) else spot
    for _ in range(20):
        angle = float(rng.uniform(0, 2 * np.pi))
        if rng.random() < 0.35 and not outdoors:  # against the back wall
            spot = _Placed(float(rng.uniform(-room[0], room[0])), -room[1] + half[1], half, 0.0)
        else:
            spot = _Placed(float(rng.normal(0, room[0] * 0.5)), float(rng.normal(0, room[1] * 0.5)), half, angle)
        inside = (
            abs(spot.x) + _reach(spot, np.array([1.0, 0.0])) < room[0]
            and spot.z - _reach(spot, np.array([0.0, 1.0])) >= -room[1] - 1e-3
        )
        if (inside or outdoors) and not any(_overlaps(spot, other) for other in standing):
            return spot
    return None


def _on_top(
    rng: np.random.Generator, stands: list[_Placed], lying: list[_Placed], model: ObjectModel
) -> _Placed | None:
    below = stands[int(rng.integers(len(stands)))]
    half = (float(model.size_m[0]) / 2, float(model.size_m[2]) / 2)
    room = (below.half[0] - half[0], below.half[1] - half[1])
    if min(room) < 0 or below.top is None:
        return None
    u, v = float(rng.uniform(-room[0], room[0])) * 0.7, float(rng.uniform(-room[1], room[1])) * 0.7
    c, s = np.cos(below.angle), np.sin(below.angle)
    turn = below.angle + float(rng.normal(0, 0.4))
    spot = _Placed(below.x + u * c + v * s, below.z - u * s + v * c, half, turn, base=below.top)
    return None if any(_overlaps(spot, other) for other in lying) else spot


def _aim(
    rng: np.random.Generator,
    standing: list[_Placed],
    size: int,
    room: tuple[float, float],
    tall: float,
    outdoors: bool,
) -> tuple[Camera, float]:
    """Look at one object or at the group, from a height and distance at which people take photos."""
    fov = float(rng.uniform(28, 68))
    near = False
    if standing:
        near = rng.random() < 0.45
        chosen = [standing[int(rng.integers(len(standing)))]] if near else standing
        corners = np.concatenate([spot.corners for spot in chosen])
    else:
        corners = np.array([[-0.5, 0, -0.5], [0.5, 1, 0.5]], np.float32)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    radius = float(np.linalg.norm(corners - middle, axis=1).max())
    fill = float(rng.uniform(0.9, 1.7) if near else rng.uniform(1.1, 2.8))
    distance = max(radius / np.tan(np.radians(fov) / 2) / fill, 0.5 * radius + 0.3)
    angle = rng.normal(0, 0.5) if not outdoors else rng.uniform(-np.pi, np.pi)
    lift = rng.uniform(0.02, 0.7)
    eye = middle + distance * np.array([np.sin(angle) * np.cos(lift), np.sin(lift), np.cos(angle) * np.cos(lift)])
    eye[1] = max(eye[1], 0.15)
    if not outdoors:
        eye[0] = np.clip(eye[0], -room[0] + 0.05, room[0] - 0.05)
        eye[1] = min(eye[1], tall - 0.1)
    target = middle + rng.normal(0, 0.12 * radius, 3)
    return Camera.look_at(eye, target, fov, size, size, float(rng.normal(0, 0.04))), float(np.linalg.norm(eye - middle))
