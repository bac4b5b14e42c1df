"""Rooms: what stands in them, that they are lit and photographed the same way each time, and the slow twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.worlds.room import KINDS, RoomConfig, RoomScene, build_room
from models.worlds.room_cameras import baselines, camera_of, orbit, pose, sees, walk_through
from models.worlds.room_pieces import DESIGNS, make_piece, piece_kinds
from models.worlds.room_reference import slow_pixels
from models.worlds.room_render import depth_of, developed, render_room
from models.worlds.room_shapes import ball, box, cushion, rod, sheet, turned

pytest.importorskip("embreex")
SMALL = RoomConfig(kind="living room", design=1, texture_px=64, clutter=0.7)


@pytest.fixture(scope="module", name="room")
def _room() -> RoomScene:
    return build_room(np.random.default_rng(4), SMALL)


def test_a_seed_gives_the_same_room_and_picture_again(room):
    again = build_room(np.random.default_rng(4), SMALL)
    assert np.array_equal(again.scene.triangles, room.scene.triangles)
    assert [i.name for i in again.instances] == [i.name for i in room.instances]
    camera = orbit(room, 1, 48, np.random.default_rng(0))[0]
    first, second = render_room(room, camera), render_room(again, camera)
    assert np.array_equal(first.rgb, second.rgb)
    assert np.array_equal(first.instance, second.instance)


def test_another_seed_gives_another_room(room):
    other = build_room(np.random.default_rng(5), SMALL)
    assert other.size_m != room.size_m


@pytest.mark.parametrize("kind", KINDS)
def test_furniture_is_inside_its_room_and_named(kind):
    room = build_room(np.random.default_rng(8), RoomConfig(kind=kind, texture_px=64))
    limit = np.array([room.size_m[0] / 2, room.size_m[1], room.size_m[2] / 2])
    assert len(room.furniture) >= 8
    assert {"floor", "ceiling", "back wall", "left wall"} <= {i.name for i in room.instances if i.shell}
    for thing in room.furniture:
        assert np.all(thing.low >= [-limit[0] - 0.01, -0.05, -limit[2] - 0.01]), thing.name
        assert np.all(thing.high <= limit + 0.01), thing.name
    numbers = np.unique(room.scene.instance)
    assert numbers.tolist() == [i.number for i in room.instances]


def test_instances_own_their_slice_of_the_faces(room):
    for thing in room.instances:
        assert np.all(room.scene.instance[thing.faces] == thing.number)
        corners = room.scene.triangles[thing.faces].reshape(-1, 3)
        assert np.allclose(corners.min(axis=0), thing.low)


def test_standing_furniture_does_not_run_into_other_furniture(room):
    standing = [p for p in room.places if p.y == 0.0 and p.half[0] > 0 and p.piece.kind not in ("chair", "door")]
    for index, place in enumerate(standing):
        assert not any(place.overlaps(other, -0.01) for other in standing[index + 1 :]), place.piece.kind


def test_rays_agree_with_the_slow_twin(room):
    camera = orbit(room, 1, 40, np.random.default_rng(1))[0]
    frame = render_room(room, camera, smooth=False)
    rng = np.random.default_rng(2)
    rows, columns = rng.integers(0, 40, 60), rng.integers(0, 40, 60)
    slow = slow_pixels(room, camera, rows.tolist(), columns.tolist())
    same = frame.instance[rows, columns] == slow.instance
    assert same.mean() > 0.95  # rays along an edge may go either way
    assert frame.depth[rows, columns][same] == pytest.approx(slow.depth[same], rel=1e-3)
    assert np.median(np.abs(frame.uv[rows, columns][same] - slow.uv[same])) < 1e-4


def test_projected_points_fall_on_the_pixels_that_see_them(room):
    camera = orbit(room, 1, 64, np.random.default_rng(3))[0]
    rows, columns = [5, 20, 33, 50, 60], [7, 33, 12, 51, 40]
    seen = slow_pixels(room, camera, rows, columns)
    matrix = pose(camera)
    local = (seen.point - matrix[:3, 3]) @ matrix[:3, :3]  # OpenGL axes: x right, y up, z backward
    x = 32 + camera.focal * local[:, 0] / -local[:, 2]
    y = 32 - camera.focal * local[:, 1] / -local[:, 2]
    assert x == pytest.approx(np.array(columns) + 0.5, abs=0.02)
    assert y == pytest.approx(np.array(rows) + 0.5, abs=0.02)


def test_pose_and_camera_are_inverse(room):
    camera = orbit(room, 3, 64, np.random.default_rng(3))[1]
    again = camera_of(pose(camera), camera.fov, 64, 64)
    assert np.allclose(again.rotation, camera.rotation)
    assert np.allclose(again.position, camera.position)


@pytest.mark.parametrize("maker", [orbit, walk_through])
def test_cameras_stay_in_the_room_see_furniture_and_move_little(room, maker):
    cameras = maker(room, 24, 48, np.random.default_rng(6))
    middles = np.stack([(i.low + i.high) / 2 for i in room.furniture])
    half = np.array(room.size_m) / 2
    for camera in cameras:
        assert abs(camera.position[0]) < half[0]
        assert abs(camera.position[2]) < half[2]
        assert 0.2 < camera.position[1] < room.size_m[1]
        assert sees(camera, middles).sum() >= 2
    assert np.median(baselines(cameras)) < 0.5


def test_pictures_have_texture_to_hold_on_to(room):
    cv2 = pytest.importorskip("cv2")
    rich = build_room(np.random.default_rng(4), replace(SMALL, texture_px=1024))
    picture = render_room(rich, orbit(rich, 1, 192, np.random.default_rng(0))[0]).rgb
    assert len(cv2.SIFT_create().detect(picture)) > 120


def test_depth_without_shading_is_that_of_the_render(room):
    camera = orbit(room, 1, 32, np.random.default_rng(1))[0]
    assert np.allclose(depth_of(room, camera), render_room(room, camera, smooth=False).depth, rtol=1e-4)


def test_exposure_never_burns_out_or_inverts():
    shown = developed(np.linspace(0, 8, 200, dtype=np.float32)[:, None].repeat(3, axis=1), 1.2)
    assert np.all(np.diff(shown[:, 0]) >= 0)
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_without_shadows_only_lamps_differ():
    lit = build_room(np.random.default_rng(4), replace(SMALL, shadows=False))
    assert not any(lamp.shadows for lamp in lit.lighting.lamps)


@pytest.mark.parametrize(
    ("change", "text"),
    [({"kind": "hangar"}, "kind"), ({"size_m": (1.0, 2.5, 4.0)}, "size_m"), ({"clutter": 3.0}, "clutter")],
)
def test_settings_out_of_range_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        build_room(np.random.default_rng(0), replace(SMALL, **change))


@pytest.mark.parametrize("kind", piece_kinds())
@pytest.mark.parametrize("design", range(DESIGNS))
def test_pieces_stand_on_the_ground_and_have_real_sizes(kind, design):
    piece = make_piece(kind, np.random.default_rng(1), design)
    model = piece.model
    assert 0.01 < model.size_m.max() < 3.2
    if not piece.hangs:
        assert model.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    if piece.top is not None:
        assert 0.1 < piece.top <= model.size_m[1] + 0.35
    length = np.linalg.norm(model.normals, axis=-1)
    assert np.all((length > 0.99) & (length < 1.01))
    assert len(model.faces) == len(model.uv) == len(model.face_material)


def test_unknown_pieces_and_designs_are_refused():
    with pytest.raises(ValueError, match="no furniture called 'throne'"):
        make_piece("throne", np.random.default_rng(0))
    with pytest.raises(ValueError, match="designs are numbered"):
        make_piece("chair", np.random.default_rng(0), 7)


@given(size=st.tuples(*[st.floats(0.1, 3.0)] * 3), radius=st.floats(0.0, 0.04))
@settings(max_examples=25, deadline=None)
def test_boxes_and_cushions_fill_their_size_with_faces_outward(size, radius):
    shape = cushion(size, (1, 2, 3), radius)
    corners = shape.corners.reshape(-1, 3)
    assert np.allclose(np.ptp(corners, axis=0), size, atol=1e-6)
    face = np.cross(shape.corners[:, 1] - shape.corners[:, 0], shape.corners[:, 2] - shape.corners[:, 0])
    outward = shape.corners.mean(axis=1) - np.array([1, 2, 3])
    assert np.all(np.einsum("fk,fk->f", face, outward) > 0)
    volume = np.einsum("fk,fk->f", shape.corners[:, 0] - [1, 2, 3], face).sum() / 6
    # Each of the twelve edges loses less than a square of the radius along its length.
    lost = 4 * radius**2 * sum(size)
    assert np.prod(size) - lost - 1e-6 <= volume <= np.prod(size) + 1e-6


def test_turned_shapes_are_closed_and_round():
    shape = ball(0.5)
    assert np.linalg.norm(shape.corners.reshape(-1, 3), axis=1) == pytest.approx(0.5, rel=1e-6)
    stick = rod((0, 0, 0), (0.3, 0.4, 0), 0.02)
    assert np.ptp(stick.corners.reshape(-1, 3)[:, 2]) == pytest.approx(0.04, rel=0.1)
    with pytest.raises(ValueError, match="two different ends"):
        rod((0, 0, 0), (0, 0, 0), 0.1)
    with pytest.raises(ValueError, match="at least two"):
        turned([(0.0, 0.0)])


def test_sheets_and_boxes_have_texture_coordinates_in_metres():
    grid = np.stack(np.meshgrid([0, 1.0, 2.0], [0, 1.0], [0.0]), axis=-1)[:, :, 0]
    assert np.ptp(sheet(grid).uv.reshape(-1, 2), axis=0) == pytest.approx([2.0, 1.0])
    assert np.ptp(box((2, 1, 1)).uv.reshape(-1, 2), axis=0)[1] == pytest.approx(1.0)
