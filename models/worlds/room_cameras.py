"""Where one photographs a room from: orbits about its middle and walks along its walls, as pinhole cameras.

cameras = orbit(room, 36, side=192, rng=rng)
matrix = pose(cameras[0])                    # (4, 4) camera to world, OpenGL axes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.worlds.raycast import Camera
from models.worlds.room import RoomScene

F64 = NDArray[np.float64]


def pose(camera: Camera) -> F64:
    """The (4,4) float64 camera-to-world matrix: columns right, up, backward, position (OpenGL axes, metres)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(camera.rotation, np.float64).T
    matrix[:3, 3] = camera.position
    return matrix


def camera_of(matrix: F64, fov: float, width: int, height: int) -> Camera:
    """The camera with a pose (4,4) (OpenGL axes) and a vertical field of view in degrees."""
    return Camera(matrix[:3, 3].astype(np.float32), matrix[:3, :3].T.astype(np.float32), fov, width, height)


def orbit(
    room: RoomScene,
    count: int,
    side: int = 192,
    rng: np.random.Generator | None = None,
    arc: float = 2.0,
    start: float | None = None,
    fov: float = 62.0,
) -> list[Camera]:
    """`count` cameras on an arc (radians; 2 pi for all round) near the walls, aimed at the room's middle.

    Pictures are side x side pixels. Heights go up and down smoothly, places and aims wobble as a hand does.
    """
    rng = rng or np.random.default_rng(0)
    half_w, half_d = room.size_m[0] / 2 - 0.35, room.size_m[2] / 2 - 0.35
    begin = float(rng.uniform(0, 2 * np.pi)) if start is None else start
    full = arc >= 2 * np.pi - 1e-6
    steps = np.arange(count) / (count if full else max(count - 1, 1))
    cameras = []
    for step in steps:
        angle = begin + arc * (float(step) - (0.0 if full else 0.5))
        reach = 0.86 * min(half_w / max(abs(np.sin(angle)), 1e-6), half_d / max(abs(np.cos(angle)), 1e-6), 2.6)
        lift = 1.45 + 0.22 * np.sin(5.1 * angle) + rng.normal(0, 0.05)
        eye = np.array([reach * np.sin(angle), lift, reach * np.cos(angle)]) + rng.normal(0, 0.05, 3)
        target = np.array([0.0, 0.85, 0.0]) + rng.normal(0, 0.12, 3)
        cameras.append(_free(room, eye, target, fov, side))
    return cameras


def walk_through(
    room: RoomScene, count: int, side: int = 192, rng: np.random.Generator | None = None, fov: float = 66.0
) -> list[Camera]:
    """`count` cameras along a closed path half way to the walls, looking across the room and a little around."""
    rng = rng or np.random.default_rng(0)
    begin, swing = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.3, 0.5))
    cameras = []
    for step in np.arange(count) / count:
        angle = begin + 2 * np.pi * float(step)
        eye = np.array(
            [0.26 * room.size_m[0] * np.sin(angle), 1.5 + rng.normal(0, 0.04), 0.26 * room.size_m[2] * np.cos(angle)]
        )
        look = angle + np.pi + swing * np.sin(3 * angle)
        target = eye + np.array([np.sin(look), -0.22 + rng.normal(0, 0.03), np.cos(look)])
        cameras.append(_free(room, eye, target, fov, side))
    return cameras


def _free(room: RoomScene, eye: F64, target: F64, fov: float, side: int) -> Camera:
    """The camera, moved on a little where it would be inside furniture or have something right before the lens."""
    boxes = [(i.low - 0.12, i.high + 0.12) for i in room.furniture]
    limit = np.array([room.size_m[0] / 2, room.size_m[1], room.size_m[2] / 2]) - 0.2
    camera = Camera.look_at(eye.astype(np.float32), target.astype(np.float32), fov, side, side)
    for attempt in range(16):
        inside = any(np.all(eye > low) and np.all(eye < high) for low, high in boxes)
        if not inside and _clear(room, camera):
            break
        away = np.array([target[0] - eye[0], 0.0, target[2] - eye[2]])
        aside = np.array([away[2], 0.0, -away[0]]) * (0.05 if attempt % 2 else -0.05) * (1 + attempt // 2)
        eye = np.clip(eye + 0.06 * away + aside + [0.0, 0.03, 0.0], [-limit[0], 0.2, -limit[2]], limit)
        camera = Camera.look_at(eye.astype(np.float32), target.astype(np.float32), fov, side, side)
    return camera


def _clear(room: RoomScene, camera: Camera) -> bool:
    """Whether next to nothing in the picture is nearer than 0.6 m."""
    rays = replace(camera, width=24, height=24).grid()
    hits = room.scene.intersect(np.broadcast_to(camera.position, rays.shape), rays)
    return bool((hits.t < 0.6).mean() < 0.02)


def sees(camera: Camera, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (N,3) lie in the picture and before the camera, whatever stands between."""
    xy, depth = camera.project(np.asarray(points, np.float32))
    inside = (xy >= 0).all(axis=1) & (xy[:, 0] < camera.width) & (xy[:, 1] < camera.height)
    found: NDArray[np.bool_] = inside & (depth > 0.05)
    return found


def baselines(cameras: Sequence[Camera]) -> F64:
    """Distances (N-1,) in metres between neighbouring cameras."""
    places = np.stack([camera.position for camera in cameras]).astype(np.float64)
    return np.asarray(np.linalg.norm(np.diff(places, axis=0), axis=1))
