"""transforms.json of nerfstudio and instant-ngp."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput
from models.parts.transforms import as_saved, read_transforms, written

POSE = [[1, 0, 0, 0.5], [0, 0, -1, 2], [0, 1, 0, -1], [0, 0, 0, 1]]
SHARED = {"fl_x": 100.0, "fl_y": 110.0, "cx": 31.0, "cy": 25.0, "w": 64, "h": 48, "k1": 0.1, "p2": -0.01}


def document(**changes):
    return {**SHARED, "frames": [{"file_path": "./images/a.png", "transform_matrix": POSE}], **changes}


def read(value):
    return read_transforms(json.dumps(value).encode())


def test_shared_numbers_serve_every_frame_and_own_ones_win():
    frames = [
        {"file_path": "a.png", "transform_matrix": POSE},
        {"file_path": "b.png", "transform_matrix": POSE[:3], "fl_x": 90, "mask_path": "masks/b.png"},
    ]
    first, second = read(document(frames=frames)).frames
    assert first.intrinsics(64, 48) == Intrinsics(64, 48, 100.0, 110.0, 31.0, 25.0, k1=0.1, p2=-0.01)
    assert second.intrinsics(64, 48).fx == 90
    assert second.mask_path == "masks/b.png"
    np.testing.assert_array_equal(second.camera_to_world, POSE)


def test_blender_files_give_an_angle_only():
    (frame,) = read({"camera_angle_x": np.pi / 2, "frames": [{"file_path": "./r_0", "transform_matrix": POSE}]}).frames
    camera = frame.intrinsics(80, 60)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((40, 40, 40, 30))


def test_resized_pictures_get_a_scaled_camera():
    camera = read(document()).frames[0].intrinsics(32, 24)
    assert (camera.width, camera.fx, camera.cy) == (32, 50.0, 12.5)


def test_pictures_of_another_shape_are_refused():
    with pytest.raises(BadInput, match=r"has 64 x 48 pixels, it has 48 x 64"):
        read(document()).frames[0].intrinsics(48, 64)


def test_points_follow_the_applied_transform():
    transforms = read(document(applied_transform=[[0, 1, 0, 1], [1, 0, 0, 2], [0, 0, -1, 3]]))
    np.testing.assert_array_equal(as_saved(transforms, np.array([[5.0, 6.0, 7.0]])), [[7.0, 7.0, -4.0]])


@given(seed=st.integers(0, 2**32 - 1), shared=st.booleans())
def test_written_views_read_back_unchanged(seed, shared):
    rng = np.random.default_rng(seed)
    views = []
    for number in range(3):
        pose = np.eye(4)
        pose[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        pose[:3, :3] *= np.sign(np.linalg.det(pose[:3, :3]))
        pose[:3, 3] = rng.normal(size=3)
        camera = Intrinsics(64, 48, 100 + (0 if shared else number), 101.5, 32, 24, 0.01, -0.02, 1e-3, 2e-3)
        views.append(View(f"{number}.png", np.zeros((48, 64, 3), np.uint8), camera, pose))
    views.append(View("lost.png", np.zeros((48, 64, 3), np.uint8)))
    files = {view.name: f"images/{view.name}" for view in views}
    data = written(tuple(views), files, {"1.png": "masks/1.png"}, ply_file_path="sparse_pc.ply")
    again = read_transforms(data)
    assert ("fl_x" in json.loads(data)) == shared
    assert [frame.file_path for frame in again.frames] == ["images/0.png", "images/1.png", "images/2.png"]
    assert [frame.mask_path for frame in again.frames] == [None, "masks/1.png", None]
    for frame, view in zip(again.frames, views, strict=False):
        np.testing.assert_array_equal(frame.camera_to_world, view.camera_to_world)
        assert frame.intrinsics(64, 48) == view.intrinsics


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "is no JSON at line 1"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "lists no frames"),
        (b'{"frames": []}', "lists no frames"),
        (b'{"frames": [3]}', "no file_path for frame 1"),
        (b'{"frames": [{"file_path": "a"}]}', "has no 4 x 4 numbers in the transform_matrix of frame 1"),
        (json.dumps(document(fl_x="wide")).encode(), "gives fl_x of the file a value that is no number"),
        (json.dumps(document(fl_x=float("nan"))).encode(), "gives fl_x"),
        (json.dumps(document(camera_model="OPENCV_FISHEYE")).encode(), "OPENCV_FISHEYE. Undistort"),
        (
            json.dumps({"frames": [{"file_path": "a", "transform_matrix": (2 * np.eye(4)).tolist()}]}).encode(),
            "no rotation and place",
        ),
    ],
)
def test_faults_are_told_in_words(data, says):
    with pytest.raises(BadInput, match=says) as caught:
        read_transforms(data)
    assert caught.value.remedy


def test_k3_is_left_out_and_said_so():
    assert "k3" in read(document(k3=0.2)).notes[0]
    assert read(document(k3=0.0)).notes == ()
