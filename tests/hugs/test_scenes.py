"""Captures for HuGS: poses that project, truth that is true, settings that share nothing."""

from __future__ import annotations

import numpy as np
import pytest

from models.hugs.scenes import (
    EVALUATION,
    HELD_OUT,
    TUNING,
    SceneSetting,
    hugs_scene,
    intrinsics_of,
    plan_scene,
    sample_capture,
)
from models.worlds.room_cameras import pose
from models.worlds.room_reference import slow_pixels
from models.worlds.room_render import render_room

pytest.importorskip("embreex")


@pytest.fixture(scope="module", name="capture")
def _capture():
    return hugs_scene("walking person", 0, side=64, frames=6)


def test_a_capture_has_known_poses_truth_and_clean_held_out_views(capture):
    assert len(capture.views) == 6
    assert len(capture.held_out) == HELD_OUT
    assert len(capture.posed) == 6
    names = [view.name for view in (*capture.views, *capture.held_out)]
    assert len(set(names)) == len(names)
    for view in (*capture.views, *capture.held_out):
        assert view.image.shape == (64, 64, 3)
        assert view.image.dtype == np.uint8
        assert view.truth is not None
        assert view.truth.shape == (64, 64)
        assert view.truth.dtype == bool
        rotation = view.camera_to_world[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
    assert all(view.truth.all() for view in capture.held_out)
    assert any(not view.truth.all() for view in capture.views)


def test_the_same_call_gives_the_same_capture(capture):
    assert hugs_scene(0, 0, side=64, frames=6).digest == capture.digest


def test_mesh_points_project_onto_the_pixels_that_see_them():
    room, cameras, _, _ = plan_scene(EVALUATION[3], 1, 64, 4)
    camera, camera_pose, lens = cameras[2], pose(cameras[2]), intrinsics_of(cameras[2])
    rows, columns = [3, 30, 44, 60], [50, 10, 33, 21]
    seen = slow_pixels(room, camera, rows, columns)
    local = np.linalg.inv(camera_pose) @ np.concatenate([seen.point, np.ones((4, 1))], axis=1).T
    down = np.diag([1.0, -1.0, -1.0]) @ local[:3]  # OpenGL to OpenCV axes
    pixels = lens.matrix @ down
    assert pixels[0] / pixels[2] == pytest.approx(np.array(columns) + 0.5, abs=0.02)
    assert pixels[1] / pixels[2] == pytest.approx(np.array(rows) + 0.5, abs=0.02)


def test_static_pixels_of_a_view_look_like_the_room_without_movers(capture):
    room, cameras, _, _ = plan_scene(EVALUATION[0], 0, 64, 6)
    for view, camera in list(zip(capture.views, cameras, strict=True))[:3]:
        empty = render_room(room, camera).rgb.astype(int)
        change = np.abs(view.image - empty).mean(axis=2)
        assert (change[view.truth] > 30).mean() < 0.01


def test_settings_for_tuning_share_nothing_with_those_of_the_evaluation():
    assert len(EVALUATION) == 6
    assert len(TUNING) == 3
    assert not {s.name for s in EVALUATION} & {s.name for s in TUNING}
    assert {s.design for s in EVALUATION} == {1}
    assert {s.design for s in TUNING} == {0}


@pytest.mark.parametrize("setting", [*EVALUATION, *TUNING], ids=lambda s: s.name)
def test_every_setting_plans_movers_that_move_and_some_empty_frames(setting: SceneSetting):
    _, cameras, held_out, tracks = plan_scene(setting, 2, 48, 10)
    assert len(cameras) == len(tracks) == 10
    assert len(held_out) == HELD_OUT
    assert any(not movers for movers in tracks)
    assert sum(bool(movers) for movers in tracks) >= 7
    before: dict[str, np.ndarray] = {}
    for movers in tracks:
        for order, mover in enumerate(movers):
            key = f"{mover.name} {order if setting.name.startswith('two') else ''}"
            if key in before and "two" not in setting.name and not setting.shadow:
                assert np.linalg.norm(before[key] - mover.place) > 0.3
            before[key] = mover.place


def test_seeds_give_other_rooms(capture):
    assert hugs_scene("walking person", 1, side=32, frames=2).digest != capture.digest


def test_the_sample_has_its_own_setting():
    assert sample_capture(32, 2).name.startswith("sample")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("no such", 0), "no setting 'no such'"),
        ((6, 0), "numbered 0 to 5"),
        (("mixed", 0, 8), "32 to 1024"),
        (("mixed", 0, 64, 1), "2 to 400"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        hugs_scene(*arguments)
