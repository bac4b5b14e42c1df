"""Movers: where they stand, what they cover, and that their masks are what they changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.worlds.movers import bodiless, cloth_banner, flat_card, moving_thing, standing_person, walking_person
from models.worlds.movers_paths import Staging, coverage, shade_path, stage
from models.worlds.room import RoomConfig, RoomScene, build_room
from models.worlds.room_cameras import orbit
from models.worlds.room_reference import slow_pixels
from models.worlds.room_render import depth_of, render_room

pytest.importorskip("embreex")


@pytest.fixture(scope="module", name="room")
def _room() -> RoomScene:
    config = RoomConfig(kind="living room", size_m=(5.0, 2.6, 5.0), design=0, texture_px=64, clutter=0.4, sun=True)
    return build_room(np.random.default_rng(3), config)


@pytest.fixture(scope="module", name="cameras")
def _cameras(room):
    return orbit(room, 8, 64, np.random.default_rng(3), start=0.0)


def test_outside_its_mask_a_frame_is_the_empty_room(room, cameras):
    kinds = [walking_person(np.random.default_rng(0)), moving_thing(np.random.default_rng(1))]
    movers = stage(room, cameras, kinds, np.random.default_rng(1), Staging(empty=0.0))[2]
    with_them, without = render_room(room, cameras[2], movers), render_room(room, cameras[2])
    assert with_them.mover.any()
    change = np.abs(with_them.rgb.astype(int) - without.rgb).mean(axis=2)
    assert (change[~with_them.disturbed] > 30).mean() < 0.01
    assert change[with_them.mover].mean() > 15


def test_mover_numbers_are_negative_and_lie_in_the_mask(room, cameras):
    mover = flat_card(np.random.default_rng(0)).at(0.0, 0.0, 0.3)
    frame = render_room(room, cameras[0], [mover], smooth=False)
    assert set(np.unique(frame.instance[frame.instance < 0]).tolist()) <= {-1}
    assert np.all(frame.mover[frame.instance < 0])


def test_movers_agree_with_the_slow_twin(room, cameras):
    mover = moving_thing(np.random.default_rng(2), 0, "box", 2.0).at(0.2, 0.3, 0.4)
    camera = replace(cameras[1], width=32, height=32)
    frame = render_room(room, camera, [mover], smooth=False)
    rows, columns = np.nonzero(frame.instance < 0)
    pick = np.random.default_rng(0).permutation(len(rows))[:25]
    slow = slow_pixels(room, camera, rows[pick].tolist(), columns[pick].tolist(), [mover])
    assert slow.mover.mean() > 0.9
    assert frame.depth[rows[pick], columns[pick]][slow.mover] == pytest.approx(slow.depth[slow.mover], rel=1e-3)


def test_stage_moves_everything_keeps_to_free_floor_and_leaves_some_frames_empty(room, cameras):
    kinds = [walking_person(np.random.default_rng(5))]
    staging = Staging(empty=0.25, step=(0.35, 1.2))
    tracks = stage(room, cameras, kinds, np.random.default_rng(5), staging)
    assert sum(not movers for movers in tracks) >= 2
    places = [movers[0].place for movers in tracks if movers]
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).min() >= 0.35
    for x0, z0, x1, z1 in room.obstacles():
        assert not any(x0 < p[0] < x1 and z0 < p[2] < z1 for p in places)


def test_coverage_from_points_is_close_to_the_rendered_share(room, cameras):
    mover = walking_person(np.random.default_rng(7)).at(0.0, 0.4, 1.0, 0.3)
    small = replace(cameras[0], width=48, height=48)
    guess = coverage(mover, small, depth_of(room, small))
    shown = float((render_room(room, cameras[0], [mover], smooth=False).instance < 0).mean())
    assert 0.8 * shown < guess < 1.8 * shown  # it closes gaps between points, which widens thin limbs


def test_bodiless_movers_show_no_body_but_throw_shadows(room, cameras):
    kinds = [bodiless(walking_person(np.random.default_rng(1)))]
    tracks = shade_path(room, cameras, kinds, np.random.default_rng(1), Staging(cover=(0.05, 0.1), empty=0.0))
    frames = [render_room(room, camera, movers, smooth=False) for camera, movers in zip(cameras, tracks, strict=True)]
    assert not any(frame.mover.any() or (frame.instance < 0).any() for frame in frames)
    assert np.mean([frame.shadow.mean() for frame in frames]) > 0.01


@pytest.mark.parametrize(
    "make",
    [walking_person, standing_person, moving_thing, flat_card, cloth_banner],
)
def test_movers_are_drawn_from_the_generator_alone(make):
    first, second = (make(np.random.default_rng(9)).at(0, 0, 0, 0.4) for _ in range(2))
    assert np.array_equal(first.model.vertices, second.model.vertices)
    assert first.model.materials[0].diffuse == second.model.materials[0].diffuse


def test_walkers_change_their_pose_with_the_phase():
    kind = walking_person(np.random.default_rng(0))
    first, second = kind.at(0, 0, 0, 0.0).model, kind.at(0, 0, 0, 0.5).model
    assert np.abs(first.vertices - second.vertices).max() > 0.1
