"""The slow twin of room renders: a few pixels in plain numpy, every ray against every face. For tests and doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.movers import Mover
from models.worlds.raycast import FAR, Camera, slow_intersect
from models.worlds.room import RoomScene


@dataclass(frozen=True)
class SlowPixels:
    """For N pixels: depth (N,) metres along the view axis (inf: nothing), instance (N,) as in RoomFrame, uv (N,2) of
    the material, point (N,3) metres."""

    depth: NDArray[np.float64]
    instance: NDArray[np.int64]
    uv: NDArray[np.float64]
    point: NDArray[np.float64]

    @property
    def mover(self) -> NDArray[np.bool_]:
        """(N,): which pixels see a mover."""
        return self.instance < 0


def slow_pixels(
    room: RoomScene, camera: Camera, rows: Sequence[int], columns: Sequence[int], movers: Sequence[Mover] = ()
) -> SlowPixels:
    """What the centres of some pixels see. Cut-out textures count as solid here; unseen movers are left out."""
    shown = [(number, mover) for number, mover in enumerate(movers) if not mover.unseen]
    placed = [(mover.model.vertices @ mover.turn.T + mover.place)[mover.model.faces] for _, mover in shown]
    triangles = np.concatenate([room.scene.triangles, *placed]).astype(np.float32)
    owner = np.concatenate(
        [
            room.scene.instance.astype(np.int64),
            *(np.full(len(corners), -1 - number) for (number, _), corners in zip(shown, placed, strict=True)),
        ]
    )
    uv = np.concatenate([room.scene.uv, *(mover.model.uv for _, mover in shown)])
    # a pixel's ray, from the pinhole's definition: x right, y down in the picture, the view along -z
    focal = 0.5 * camera.height / np.tan(np.radians(camera.fov) / 2)
    x, y = np.asarray(columns, np.float64) + 0.5, np.asarray(rows, np.float64) + 0.5
    local = np.stack([(x - camera.width / 2) / focal, (camera.height / 2 - y) / focal, -np.ones_like(x)], axis=1)
    directions = local @ camera.rotation.astype(np.float64)
    origins = np.broadcast_to(camera.position, directions.shape)
    hits = slow_intersect(triangles, origins.astype(np.float32), directions.astype(np.float32))
    hit = hits.t < FAR
    depth = np.where(hit, hits.t.astype(np.float64), np.inf)  # local z is -1, so that t counts along the view axis
    number = np.where(hit, owner[np.maximum(hits.face, 0)], 0)
    corner = uv[np.maximum(hits.face, 0)].astype(np.float64)
    u, v = hits.u[:, None].astype(np.float64), hits.v[:, None].astype(np.float64)
    where = corner[:, 0] * (1 - u - v) + corner[:, 1] * u + corner[:, 2] * v
    point = origins + directions * np.where(hit, depth, 0)[:, None]
    return SlowPixels(depth, number, where, point)
