"""Captures: cameras in scaled pictures, digests, track lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.capture import Capture, Intrinsics, Keypoints, Structure, View

LENS = Intrinsics(64, 48, 60.0, 61.0, 31.0, 25.0, k1=0.1)


def capture() -> Capture:
    views = tuple(View(f"{n}.png", np.full((48, 64, 3), n, np.uint8), LENS, np.eye(4)) for n in range(2))
    points = Keypoints(np.array([[1, 2], [3, 4], [5, 6]], np.float32), np.array([7, -1, 3]))
    structure = Structure(
        {"0.png": points}, np.array([7, 3]), np.eye(3)[:2], np.zeros((2, 3), np.uint8), np.array([4, 9])
    )
    return Capture("test", views, structure, (View("clean.png", views[0].image),))


@given(st.integers(1, 500), st.integers(1, 500), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_ray_hits_the_same_share_of_a_scaled_picture(width, height, x, y):
    scaled = LENS.scaled(width, height)
    before = LENS.matrix @ [x, y, 1.0]
    after = scaled.matrix @ [x, y, 1.0]
    np.testing.assert_allclose(after[:2] / [width, height], before[:2] / [64, 48], atol=1e-9)
    assert scaled.k1 == LENS.k1
    assert scaled.distorted


def test_lengths_follow_the_points_of_the_features():
    structure = capture().structure
    np.testing.assert_array_equal(structure.lengths_of("0.png"), [4, 0, 9])
    assert len(structure.lengths_of("1.png")) == 0
    nothing = replace(structure, ids=np.zeros(0, np.int64), track_length=np.zeros(0, np.int64))
    np.testing.assert_array_equal(nothing.lengths_of("0.png"), [0, 0, 0])


def test_views_are_found_by_name_and_posed_ones_told_apart():
    made = capture()
    lost = replace(made, views=(*made.views, View("lost.png", made.views[0].image)))
    assert lost.view("lost.png") is lost.views[2]
    assert lost.view("clean.png") is lost.held_out[0]
    assert [view.name for view in lost.posed] == ["0.png", "1.png"]
    with pytest.raises(KeyError):
        lost.view("other.png")
    assert lost.with_notes("a", "b").notes == ("a", "b")


def test_the_digest_changes_with_everything_results_depend_on():
    made = capture()
    first, structure = made.views[0], made.structure
    brighter = replace(first, image=first.image + 1)
    others = [
        replace(made, views=(brighter, made.views[1])),
        replace(made, views=made.views[::-1]),
        replace(made, views=made.views[:1]),
        replace(made, held_out=()),
        replace(made, views=(replace(first, name="x.png"), made.views[1])),
        replace(made, views=(replace(first, intrinsics=replace(LENS, fx=60.5)), made.views[1])),
        replace(made, views=(replace(first, camera_to_world=2 * np.eye(4)), made.views[1])),
        replace(made, views=(replace(first, camera_to_world=None), made.views[1])),
        replace(made, structure=None),
        replace(made, structure=replace(structure, xyz=structure.xyz + 1)),
        replace(made, structure=replace(structure, track_length=structure.track_length + 1)),
    ]
    assert len({made.digest, *(other.digest for other in others)}) == len(others) + 1
    assert made.digest == capture().digest
