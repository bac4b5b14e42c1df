"""Structure from motion: pairs, alignment, and one run on a small textured room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hugs.sfm import SfmConfig, run_sfm
from models.hugs.sfm_align import into_known_frame, moved, similarity
from models.hugs.sfm_steps import pairs_of
from models.parts.capture import Capture, Structure, View
from models.parts.colmap_capture import rotation_matrix
from models.parts.problems import BadInput
from tests.hugs.textured_room import textured_room


class Stopped(Exception):
    pass


@given(st.integers(3, 200), st.integers(2, 80))
@settings(max_examples=40)
def test_each_pair_is_compared_once_and_neighbours_always(count, limit):
    pairs = pairs_of(count, limit)
    assert len(set(pairs)) == len(pairs)
    assert all(0 <= one < other < count for one, other in pairs)
    assert {(one, one + 1) for one in range(count - 1)} <= set(pairs)
    if count <= limit:
        assert len(pairs) == count * (count - 1) // 2
    else:
        assert len(pairs) <= count * 18 + 60 * 60 / 2


@given(st.integers(0, 2**32 - 1))
def test_a_similarity_is_found_again(seed):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=4)
    rotation = rotation_matrix(q / np.linalg.norm(q))
    scale, shift, points = float(rng.uniform(0.1, 10)), rng.normal(size=3), rng.normal(size=(8, 3))
    found = similarity(points, scale * points @ rotation.T + shift)
    np.testing.assert_allclose(found[0], scale, rtol=1e-9)
    np.testing.assert_allclose(found[1], rotation, atol=1e-9)
    np.testing.assert_allclose(found[2], shift, atol=1e-9)


def test_points_in_one_place_have_no_similarity():
    with pytest.raises(ValueError, match="one place"):
        similarity(np.ones((4, 3)), np.ones((4, 3)))


def test_a_reconstruction_moves_into_the_known_frame_even_along_a_line():
    rng = np.random.default_rng(0)
    poses = []
    for number in range(5):
        pose = np.eye(4)
        pose[:3, 3] = [number, 0, 0]
        poses.append(pose)
    picture = np.zeros((8, 8, 3), np.uint8)
    room = textured_room(rng, 1, 32)
    views = tuple(View(f"{n}", picture, room.views[0].intrinsics, pose) for n, pose in enumerate(poses))
    before = Capture("line", views, None)
    q = rng.normal(size=4)
    rotation = rotation_matrix(q / np.linalg.norm(q))
    points = rng.normal(size=(4, 3))
    structure = Structure({}, np.arange(4), 0.3 * points @ rotation.T + 1.0, np.zeros((4, 3), np.uint8), np.full(4, 2))
    after = replace(before, views=tuple(moved(view, 0.3, rotation, np.ones(3)) for view in views), structure=structure)
    back = into_known_frame(before, after)
    np.testing.assert_allclose(back.structure.xyz, points, atol=1e-9)
    for one, other in zip(back.views, views, strict=True):
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)


def test_two_photos_are_refused_with_advice(tmp_path):
    capture = textured_room(np.random.default_rng(0), 2, 32)
    with pytest.raises(BadInput, match=r"has 2 photos, too few to find depth\. Take photos"):
        run_sfm(capture, tmp_path)


def test_photos_without_anything_in_common_are_refused_with_advice(tmp_path):
    blank = np.full((64, 64, 3), 128, np.uint8)
    capture = Capture("fog", tuple(View(f"{n}.png", blank) for n in range(3)))
    with pytest.raises(BadInput, match="fog has no two photos that could be placed"):
        run_sfm(capture, tmp_path)


def test_settings_without_sense_are_refused():
    for wrong in ({"camera_model": "FISHEYE"}, {"max_features": 1}, {"peak_threshold": 2.0}, {"threads": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SfmConfig(**wrong).checked()


def test_a_cancellation_comes_out_and_a_wrong_mask_is_named(tmp_path):
    capture = textured_room(np.random.default_rng(0), 3, 48)

    def stop(share: float, message: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run_sfm(capture, tmp_path / "a", stop)
    with pytest.raises(BadInput, match=r"frame_000\.png has a mask of 4 x 4 pixels"):
        run_sfm(capture, tmp_path / "b", masks={"frame_000.png": np.ones((4, 4), bool)})


@pytest.mark.slow
def test_twelve_photos_are_placed_with_and_without_known_poses(tmp_path):
    room = textured_room(np.random.default_rng(0), 12, 128)
    # One photo that shows nothing, and one held-out view that must stay right.
    lost = View("lost.png", np.full((128, 128, 3), 90, np.uint8), room.views[0].intrinsics, np.eye(4))
    told: list[float] = []
    known = run_sfm(room, tmp_path / "known", lambda share, message: told.append(share))
    assert told == sorted(told)
    assert known.views == room.views
    _check_points(known, 400)

    masks = {view.name: np.ones((128, 128), bool) for view in room.views}
    masks[room.views[0].name][:, :64] = False
    found = run_sfm(
        replace(room, views=(*room.views, lost)),
        tmp_path / "found",
        config=SfmConfig(known_poses=False),
        masks=masks,
    )
    assert len(found.posed) == 12
    assert found.view("lost.png").camera_to_world is None
    assert "1 of 13 photos could not be placed (lost.png)" in found.notes[0]
    assert found.structure.keypoints[room.views[0].name].xy[:, 0].min() >= 63
    for one, other in zip(found.views, room.views, strict=False):
        np.testing.assert_allclose(one.camera_to_world[:3, 3], other.camera_to_world[:3, 3], atol=0.05)
        np.testing.assert_allclose(one.camera_to_world[:3, :3], other.camera_to_world[:3, :3], atol=0.05)
    _check_points(found, 300)


def _check_points(capture: Capture, least: int) -> None:
    """There are points, they project onto their features, and a feature's length is that of its point."""
    structure = capture.structure
    assert len(structure.ids) > least
    place = {int(id): row for row, id in enumerate(structure.ids)}
    errors = []
    for view in capture.posed:
        points = structure.keypoints[view.name]
        lengths = structure.lengths_of(view.name)
        assert ((lengths > 0) == (points.point_ids >= 0)).all()
        rows = [place[int(id)] for id in points.point_ids if id >= 0]
        camera = np.linalg.inv(view.camera_to_world)
        local = structure.xyz[rows] @ camera[:3, :3].T + camera[:3, 3]
        lens = view.intrinsics
        x = lens.fx * local[:, 0] / -local[:, 2] + lens.cx
        y = lens.fy * -local[:, 1] / -local[:, 2] + lens.cy
        errors.append(np.linalg.norm(np.stack([x, y], 1) - points.xy[points.point_ids >= 0], axis=1))
    assert np.median(np.concatenate(errors)) < 1.0
