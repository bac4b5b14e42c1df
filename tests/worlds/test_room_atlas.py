"""Unwrapping a room into one picture, and painting on it."""

from __future__ import annotations

import numpy as np
import pytest

from models.worlds.room import RoomConfig, build_room
from models.worlds.room_cameras import orbit
from models.worlds.room_render import hits_of, render_room

pytest.importorskip("embreex")
pytest.importorskip("xatlas")

from models.worlds.room_atlas import atlas_uv, painted, unwrap


@pytest.fixture(scope="module", name="pair")
def _pair():
    config = RoomConfig(kind="kitchen", design=0, texture_px=64, clutter=0.3)
    room = build_room(np.random.default_rng(2), config)
    return room, unwrap(room, side=1024)


def test_meshes_of_the_atlas_are_the_faces_of_the_room(pair):
    room, atlas = pair
    assert [mesh.name for mesh in atlas.meshes] == [instance.name for instance in room.instances]
    for mesh, instance in zip(atlas.meshes, room.instances, strict=True):
        assert np.array_equal(mesh.vertices[mesh.faces], room.scene.triangles[instance.faces])
        assert np.array_equal(mesh.uv[mesh.faces], atlas.uv[instance.faces])
    assert 0.4 < atlas.used <= 1
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1


def test_no_place_of_the_atlas_belongs_to_two_faces(pair):
    room, atlas = pair
    cameras = orbit(room, 3, 96, np.random.default_rng(0), arc=2 * np.pi)
    owner: dict[tuple[int, int], int] = {}
    clashes = total = 0
    for camera in cameras:
        uv = atlas_uv(room, atlas, camera).reshape(-1, 2)
        instance = room.scene.instance[np.maximum(hits_of(room, camera).face, 0)]
        for (u, v), number in zip((uv * 1024).astype(int).tolist(), instance.tolist(), strict=True):
            total += 1
            clashes += owner.setdefault((u, v), number) != number
    assert clashes <= 0.002 * total  # charts of two instances may share a border texel


def test_paint_appears_where_the_atlas_says(pair):
    room, atlas = pair
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 2] = 90
    table = room.named("table")[0]
    places = atlas.uv[table.faces].mean(axis=1)
    picture[(255 - places[:, 1] * 255).astype(int), (places[:, 0] * 255).astype(int)] = (255, 0, 0)
    camera = orbit(room, 1, 64, np.random.default_rng(1))[0]
    dressed = painted(room, atlas, picture)
    frame = render_room(dressed, camera, smooth=False)
    red = (frame.rgb[..., 0] > frame.rgb[..., 2]) & (frame.instance > 0)
    assert red.any()
    assert (frame.instance[red] == table.number).mean() > 0.9


def test_sizes_out_of_range_are_refused(pair):
    with pytest.raises(ValueError, match="64 to 16384"):
        unwrap(pair[0], side=10)
