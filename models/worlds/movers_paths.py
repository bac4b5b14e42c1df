"""Where movers are in each photo: paths that keep to free floor and cover a wanted share of every picture.

tracks = stage(room, cameras, [walking_person(rng)], rng, Staging(cover=(0.08, 0.13)))
frames = [render_room(room, camera, movers) for camera, movers in zip(cameras, tracks)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.movers import Mover, MoverKind
from models.worlds.raycast import Camera
from models.worlds.room import RoomScene
from models.worlds.room_joined import mover_scene
from models.worlds.room_render import coverage

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Staging:
    """How movers are placed. Shares are of the picture's area, distances in metres."""

    cover: tuple[float, float] = (0.08, 0.14)
    """All movers of a frame together cover about as much as is drawn from this range."""
    empty: float = 0.1
    """The share of frames without any mover."""
    step: tuple[float, float] = (0.35, 1.1)
    """How far a mover goes from one photo to the next."""
    nearest: float = 1.1
    """No mover comes closer to the camera."""
    tries: int = 14
    """Candidate places looked at per mover and frame."""


def stage(
    room: RoomScene,
    cameras: Sequence[Camera],
    kinds: Sequence[MoverKind],
    rng: np.random.Generator,
    staging: Staging | None = None,
) -> list[list[Mover]]:
    """The movers of each photo. Each one stands elsewhere in every photo, on free floor, and is in the picture unless
    no free place is; frames drawn as empty have none."""
    staging = staging or Staging()
    count = len(cameras)
    none = set(int(v) for v in rng.permutation(count)[: int(round(staging.empty * count))])
    last: dict[int, tuple[float, float]] = {}
    tracks: list[list[Mover]] = []
    for index, camera in enumerate(cameras):
        movers: list[Mover] = []
        taken: list[tuple[float, float, float]] = []
        if index not in none and kinds:
            wanted = float(rng.uniform(*staging.cover))
            # shares differ so that of two people one may be near and one far
            shares = rng.dirichlet(np.full(len(kinds), 4.0)) * wanted if len(kinds) > 1 else np.array([wanted])
            for number, kind in enumerate(kinds):
                found = _best_place(room, camera, kind, last.get(number), float(shares[number]), taken, rng, staging)
                if found is None:
                    continue
                mover, at = found
                last[number] = at
                taken.append((*at, kind.radius))
                movers.append(mover)
        tracks.append(movers)
    return tracks


def _best_place(
    room: RoomScene,
    camera: Camera,
    kind: MoverKind,
    before: tuple[float, float] | None,
    wanted: float,
    taken: Sequence[tuple[float, float, float]],
    rng: np.random.Generator,
    staging: Staging,
) -> tuple[Mover, tuple[float, float]] | None:
    boxes = room.obstacles()
    best: tuple[float, Mover, tuple[float, float]] | None = None
    for attempt in range(4 * staging.tries):
        x, z = _candidate(room, camera, before if attempt < 2 * staging.tries else None, rng, staging)
        if not _free(room, boxes, x, z, kind.radius, taken):
            continue
        if np.hypot(x - camera.position[0], z - camera.position[2]) < staging.nearest + kind.radius:
            continue
        if before is not None and np.hypot(x - before[0], z - before[1]) < staging.step[0]:
            continue
        lift = float(rng.uniform(*kind.lift))
        mover = kind.at(x, z, _heading(kind, before, (x, z), rng), float(rng.random()), lift)
        share = coverage(mover_scene([mover])[0].build(), room, camera)
        miss = abs(np.log(max(share, 0.002) / wanted))
        if best is None or miss < best[0]:
            best = (miss, mover, (x, z))
        if miss < 0.15 or attempt > staging.tries and best[0] < 0.4:
            break
    return None if best is None else (best[1], best[2])


def _candidate(
    room: RoomScene,
    camera: Camera,
    before: tuple[float, float] | None,
    rng: np.random.Generator,
    staging: Staging,
) -> tuple[float, float]:
    """One step on from the last place, or (at first, and when that fails) anywhere before the camera."""
    if before is not None:
        angle, step = rng.uniform(0, 2 * np.pi), rng.uniform(*staging.step)
        return float(before[0] + step * np.sin(angle)), float(before[1] + step * np.cos(angle))
    ahead = -camera.rotation[2].astype(np.float64)
    turn = float(np.arctan2(ahead[0], ahead[2]) + rng.uniform(-0.45, 0.45))
    far = float(rng.uniform(staging.nearest, max(room.size_m[0], room.size_m[2])))
    return float(camera.position[0] + far * np.sin(turn)), float(camera.position[2] + far * np.cos(turn))


def _free(
    room: RoomScene,
    boxes: F64,
    x: float,
    z: float,
    radius: float,
    taken: Sequence[tuple[float, float, float]],
) -> bool:
    if abs(x) + radius > room.size_m[0] / 2 or abs(z) + radius > room.size_m[2] / 2:
        return False
    dx = np.maximum(np.maximum(boxes[:, 0] - x, x - boxes[:, 2]), 0)
    dz = np.maximum(np.maximum(boxes[:, 1] - z, z - boxes[:, 3]), 0)
    if len(boxes) and float(np.hypot(dx, dz).min()) < radius * 0.75:
        return False
    return all(np.hypot(x - other[0], z - other[1]) > radius + other[2] for other in taken)


def _heading(
    kind: MoverKind, before: tuple[float, float] | None, at: tuple[float, float], rng: np.random.Generator
) -> float:
    """Walkers look where they go, other things anywhere."""
    if kind.faces_path and before is not None:
        return float(np.arctan2(at[0] - before[0], at[1] - before[1]))
    return float(rng.uniform(-np.pi, np.pi))


def shade_path(
    room: RoomScene,
    cameras: Sequence[Camera],
    kind: MoverKind,
    rng: np.random.Generator,
    empty: float = 0.1,
    lamp: int = -1,
) -> list[list[Mover]]:
    """Movers that stand outside the picture, between lamp number `lamp` and what the camera looks at, so that only
    their shadow is seen; it falls elsewhere in every photo."""
    light = room.lighting.lamps[lamp]
    none = set(int(v) for v in rng.permutation(len(cameras))[: int(round(empty * len(cameras)))])
    tracks: list[list[Mover]] = []
    before: F64 | None = None
    for index, camera in enumerate(cameras):
        if index in none:
            tracks.append([])
            continue
        for _ in range(30):
            pixel = rng.uniform(0.25, 0.75, 2) * (camera.width, camera.height)
            ray = camera.directions(np.float32([pixel[0]]), np.float32([pixel[1]]))
            hit = room.scene.intersect(camera.position[None], ray)
            spot = camera.position + ray[0] * hit.t[0]
            if before is None or np.linalg.norm(spot - before) > 0.45:
                break
        before = np.asarray(spot, np.float64)
        to = light.towards if light.distant else light.towards - spot
        to = np.asarray(to, np.float64) / np.linalg.norm(to)
        tall = float(kind.pose(0.0).size_m[1])
        middle = np.asarray(spot, np.float64) + to * float(rng.uniform(0.9, 1.6))
        mover = kind.at(
            float(middle[0]), float(middle[2]), float(rng.uniform(-np.pi, np.pi)), float(rng.random()),
            float(middle[1] - tall / 2),
        )  # fmt: skip
        tracks.append([mover])
    return tracks
