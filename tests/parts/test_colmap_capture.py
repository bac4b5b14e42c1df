"""Axes and structure between COLMAP and captures."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.capture import Capture, View
from models.parts.colmap_capture import (
    camera_to_world,
    cameras_of,
    model_of,
    quaternion,
    rotation_matrix,
    structure_of,
)
from models.parts.colmap_model import Model
from tests.parts.colmap_models import random_model


def as_capture(model: Model) -> Capture:
    views = tuple(
        View(name, np.zeros((camera.height, camera.width, 3), np.uint8), camera, pose)
        for name, (camera, pose) in cameras_of(model).items()
    )
    return Capture("test", views, structure_of(model))


def test_a_point_projects_to_the_same_pixel_in_both_conventions():
    model = random_model(np.random.default_rng(0))
    for image in model.images.values():
        theirs = rotation_matrix(image.rotation) @ [0.3, -0.2, 0.5] + image.translation
        ours = np.linalg.inv(camera_to_world(image)) @ [0.3, -0.2, 0.5, 1.0]
        np.testing.assert_allclose(ours[:3], theirs * [1, -1, -1], atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_quaternions_and_rotations_are_one_another(seed):
    q = np.random.default_rng(seed).normal(size=4)
    q /= np.linalg.norm(q) * (1 if q[0] >= 0 else -1)
    matrix = rotation_matrix(q)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0
    np.testing.assert_allclose(abs(quaternion(matrix) @ q), 1, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_model_to_capture_and_back_keeps_poses_and_tracks(seed):
    capture = as_capture(random_model(np.random.default_rng(seed)))
    again = as_capture(model_of(capture))
    assert [view.name for view in again.views] == [view.name for view in capture.views]
    for one, other in zip(capture.views, again.views, strict=True):
        assert one.intrinsics == other.intrinsics
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)
        np.testing.assert_array_equal(capture.structure.lengths_of(one.name), again.structure.lengths_of(other.name))
    np.testing.assert_array_equal(capture.structure.track_length, again.structure.track_length)


def test_track_lengths_come_from_the_list_of_observations():
    model = random_model(np.random.default_rng(2))
    structure = structure_of(model)
    for image in model.images.values():
        lengths = structure.lengths_of(image.name)
        assert (lengths[image.point_ids < 0] == 0).all()
        for id, length in zip(image.point_ids, lengths, strict=True):
            if id >= 0:
                assert length == sum(int((other.point_ids == id).sum()) for other in model.images.values())
    assert len(structure.lengths_of("unknown")) == 0


def test_equal_cameras_are_written_once():
    model = random_model(np.random.default_rng(2), images=5)
    assert len(model_of(as_capture(model)).cameras) == 5
    capture = as_capture(model)
    first = capture.views[0].intrinsics
    shared = Capture("one", tuple(View(v.name, v.image, first, v.camera_to_world) for v in capture.views))
    assert len(model_of(shared).cameras) == 1
