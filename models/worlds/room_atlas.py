"""One picture for a whole room: every instance unwrapped into a shared [0, 1]^2 without overlap, to be painted on.

    atlas = unwrap(room)                                   # xatlas; takes seconds
    uv = atlas_uv(room, atlas, camera)                     # (H, W, 2), NaN where nothing is
    shown = painted(room, atlas, picture)                  # the room wearing a picture (N, N, 3)

v points up, as everywhere here: row 0 of a picture is v = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.worlds.raycast import Camera, Scene, Surface
from models.worlds.room import RoomScene
from models.worlds.room_render import hits_of
from models.worlds.textures import F32, U8, pyramid


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """One instance as a mesh with texture coordinates: vertices (V,3) metres, faces (F,3) int32 in the order of the
    room's faces, uv (V,2) in the shared unit square; vertices are doubled along seams."""

    name: str
    vertices: F32
    faces: NDArray[np.int32]
    uv: F32


@dataclass(frozen=True, eq=False)
class RoomAtlas:
    """uv (F,3,2) float32 of every corner of the room's faces; meshes by instance number - 1; `side` the pixels that
    the packing was made for; `used` the share (0..1) of the square that charts fill."""

    uv: F32
    meshes: tuple[Unwrapped, ...]
    side: int
    used: float


def unwrap(room: RoomScene, side: int = 2048, padding: int = 2) -> RoomAtlas:
    """Unwrap all instances of a room together. `side` pixels and `padding` pixels between charts steer the packing.

    Raises ValueError for sides outside 64 to 16384. Needs the package xatlas, loaded here only.
    """
    import xatlas

    if not 64 <= side <= 16384:
        raise ValueError(f"an atlas is 64 to 16384 pixels wide, not {side}")
    maker = xatlas.Atlas()
    sources = []
    for instance in room.instances:
        corners = room.scene.triangles[instance.faces]
        vertices, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
        faces = index.reshape(-1, 3).astype(np.uint32)
        maker.add_mesh(vertices.astype(np.float32), faces)
        sources.append((instance, vertices))
    chart, pack = xatlas.ChartOptions(), xatlas.PackOptions()
    chart.max_iterations = 1
    pack.resolution, pack.padding, pack.create_image = side, padding, False
    maker.generate(chart_options=chart, pack_options=pack)
    uv = np.zeros((len(room.scene.triangles), 3, 2), np.float32)
    meshes = []
    for number, (instance, vertices) in enumerate(sources):
        mapping, faces, places = maker.get_mesh(number)
        places = np.clip(np.asarray(places, np.float32), 0, 1)
        uv[instance.faces] = places[faces]
        meshes.append(Unwrapped(instance.name, vertices[mapping].astype(np.float32), faces.astype(np.int32), places))
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    return RoomAtlas(uv, tuple(meshes), side, float(area.sum()))


def atlas_uv(room: RoomScene, atlas: RoomAtlas, camera: Camera) -> F32:
    """(H,W,2) float32: where each pixel centre lies in the atlas; NaN where no face is."""
    hits = hits_of(room, camera)
    uv = Scene.interpolate(atlas.uv, hits)
    uv[hits.face < 0] = np.nan
    return uv.reshape(camera.height, camera.width, 2)


def painted(room: RoomScene, atlas: RoomAtlas, picture: U8) -> RoomScene:
    """The same room with one picture (N,N,3|4) uint8 laid on through the atlas; materials keep nothing but matt."""
    scene = room.scene
    lasting = [Surface((1.0, 1.0, 1.0), 0.02, 10.0, 1.0, 0, 0.0, old.casts) for old in scene.surfaces]
    dressed = Scene(
        scene.triangles,
        scene.normals,
        atlas.uv,
        scene.surface,
        scene.instance,
        scene.part,
        lasting,
        [pyramid(picture)],
    )
    return replace(room, scene=dressed)
