"""Where movers are in each photo: paths that keep to free floor and cover a wanted share of every picture.

tracks = stage(room, cameras, [walking_person(rng)], rng, Staging(cover=(0.08, 0.13)))
frames = [render_room(room, camera, movers) for camera, movers in zip(cameras, tracks)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds.lights import Lamp
from models.worlds.movers import Mover, MoverKind
from models.worlds.raycast import Camera
from models.worlds.room import RoomScene
from models.worlds.room_render import depth_of

F64 = NDArray[np.float64]
_GRID = 48


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
    none = _empty(len(cameras), rng, staging)
    last: dict[int, tuple[float, float]] = {}
    tracks: list[list[Mover]] = []
    for index, camera in enumerate(cameras):
        movers: list[Mover] = []
        taken: list[tuple[float, float, float]] = []
        if index not in none and kinds:
            small, behind = _preview(room, camera)
            wanted = float(rng.uniform(*staging.cover))
            # shares differ so that of two people one may be near and one far
            shares = rng.dirichlet(np.full(len(kinds), 4.0)) * wanted if len(kinds) > 1 else np.array([wanted])
            for number, kind in enumerate(kinds):
                found = _best_place(
                    room, small, behind, kind, last.get(number), float(shares[number]), taken, rng, staging
                )
                if found is None:
                    continue
                mover, at = found
                last[number] = at
                taken.append((*at, kind.radius))
                movers.append(mover)
        tracks.append(movers)
    return tracks


def _empty(count: int, rng: np.random.Generator, staging: Staging) -> set[int]:
    """Which of `count` frames have no mover."""
    return set(rng.permutation(count)[: round(staging.empty * count)].tolist())


def _preview(room: RoomScene, camera: Camera) -> tuple[Camera, NDArray[np.float32]]:
    """The camera at a small size and the depth of the empty room in its picture."""
    small = replace(camera, width=_GRID, height=_GRID)
    return small, depth_of(room, small)


def _best_place(
    room: RoomScene,
    camera: Camera,
    behind: NDArray[np.float32],
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
        share = coverage(mover, camera, behind)
        miss = abs(np.log(max(share, 0.002) / wanted))
        if best is None or miss < best[0]:
            best = (miss, mover, (x, z))
        if miss < 0.15 or (attempt > staging.tries and best[0] < 0.4):
            break
    return None if best is None else (best[1], best[2])


def coverage(mover: Mover, camera: Camera, behind: NDArray[np.float32]) -> float:
    """About what share (0..1) of a small picture a mover covers, from points on its surface; `behind` (H,W) is the
    depth of the room in that picture (room_render.depth_of)."""
    return _share(mover.points(), camera, behind)


def _share(points: NDArray[np.float32], camera: Camera, behind: NDArray[np.float32]) -> float:
    xy, depth = camera.project(points)
    column, row = np.floor(xy[:, 0]).astype(int), np.floor(xy[:, 1]).astype(int)
    seen = (depth > 0.05) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    column, row, depth = column[seen], row[seen], depth[seen]
    before = depth < behind[row, column] + np.float32(0.05)
    hit = np.zeros(behind.shape, np.uint8)
    hit[row[before], column[before]] = 1
    return float(cv2.morphologyEx(hit, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).mean())


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
    kinds: Sequence[MoverKind],
    rng: np.random.Generator,
    staging: Staging | None = None,
    lamp: int = -1,
) -> list[list[Mover]]:
    """Movers whose shadows from lamp number `lamp` cover about the wanted share of each photo, standing where cameras
    do not see their bodies if they can (behind or beside the photographer, or outside the window). Give kinds that
    are `movers.bodiless`, so that no body shows where they cannot."""
    staging = staging or Staging()
    light = room.lighting.lamps[lamp]
    none = _empty(len(cameras), rng, staging)
    before: dict[int, F64] = {}
    tracks: list[list[Mover]] = []
    for index, camera in enumerate(cameras):
        movers: list[Mover] = []
        if index not in none:
            small, behind = _preview(room, camera)
            wanted = float(rng.uniform(*staging.cover)) / max(len(kinds), 1)
            for number, kind in enumerate(kinds):
                mover = _best_shadow(room, small, behind, kind, light, before.get(number), wanted, rng, staging, movers)
                before[number] = mover.place.astype(np.float64)
                movers.append(mover)
        tracks.append(movers)
    return tracks


def _best_shadow(
    room: RoomScene,
    camera: Camera,
    behind: NDArray[np.float32],
    kind: MoverKind,
    light: Lamp,
    before: F64 | None,
    wanted: float,
    rng: np.random.Generator,
    staging: Staging,
    others: Sequence[Mover],
) -> Mover:
    best: tuple[float, Mover] | None = None
    for attempt in range(4 * staging.tries):
        # aim the shadow's middle at a place in the picture and go back towards the light
        pixel = (rng.uniform(0.2, 0.8, 2) * (camera.width, camera.height)).astype(np.float32)
        ray = camera.directions(pixel[:1], pixel[1:])
        spot = camera.position + ray[0] * room.scene.intersect(camera.position[None], ray).t[0]
        to = light.towards if light.distant else light.towards - spot
        to = to / np.linalg.norm(to)
        middle = spot + to * max(0.9 - float(spot[1]), 0.25) / max(float(to[1]), 0.2)
        picky = attempt < 3 * staging.tries or best is not None
        if picky and before is not None and np.hypot(middle[0] - before[0], middle[2] - before[2]) < staging.step[0]:
            continue
        if picky and any(
            np.hypot(middle[0] - other.place[0], middle[2] - other.place[2]) < 2 * kind.radius for other in others
        ):
            continue
        mover = kind.at(float(middle[0]), float(middle[2]), float(rng.uniform(-np.pi, np.pi)), float(rng.random()))
        share = _shadow_share(room, camera, behind, mover, light)
        miss = abs(np.log(max(share, 0.002) / wanted)) + 4 * coverage(mover, camera, behind)
        if best is None or miss < best[0]:
            best = (miss, mover)
        if miss < 0.2:
            break
    assert best is not None  # the last tries take any place
    return best[1]


def _shadow_share(room: RoomScene, camera: Camera, behind: NDArray[np.float32], mover: Mover, light: Lamp) -> float:
    """About what share of a small picture the shadow of a mover covers, from where points of its skin throw it."""
    points = mover.points()
    along = -np.broadcast_to(light.towards, points.shape) if light.distant else points - light.towards
    along = (along / np.linalg.norm(along, axis=1, keepdims=True)).astype(np.float32)
    hits = room.scene.intersect(points, along)
    met = hits.face >= 0
    thrown, back = (points + along * hits.t[:, None])[met], -along[met]
    # what lies in the shade of furniture, or faces away from the lamp, does not get darker
    corners = room.scene.triangles[hits.face[met]].astype(np.float64)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    slope = np.einsum("nk,nk->n", flat, back) / np.maximum(np.linalg.norm(flat, axis=1), 1e-12)
    lit = (np.abs(slope) > 0.35) & ~room.scene.blocked(thrown + back * np.float32(0.02), back)
    return _share(thrown[lit], camera, behind)
