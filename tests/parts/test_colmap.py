"""COLMAP models: both spellings, against pycolmap, and damaged ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.colmap import read_files, read_model, write_model, written
from models.parts.colmap_capture import rotation_matrix
from models.parts.colmap_model import Model
from models.parts.problems import BadInput
from tests.parts.colmap_models import random_model


def same(one: Model, other: Model) -> None:
    assert dict(one.cameras) == dict(other.cameras)
    assert one.images.keys() == other.images.keys()
    for id, image in one.images.items():
        again = other.images[id]
        assert (image.name, image.camera_id) == (again.name, again.camera_id)
        np.testing.assert_allclose(image.rotation, again.rotation, atol=1e-15)
        np.testing.assert_array_equal(image.translation, again.translation)
        np.testing.assert_array_equal(image.xy, again.xy)
        np.testing.assert_array_equal(image.point_ids, again.point_ids)
    for name in ("ids", "xyz", "rgb", "error", "starts", "track"):
        np.testing.assert_array_equal(getattr(one.points, name), getattr(other.points, name), err_msg=name)


@pytest.mark.parametrize("binary", [True, False])
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(0, 6), points=st.integers(0, 12))
@settings(max_examples=25, deadline=None)
def test_a_written_model_reads_back_unchanged(binary, seed, images, points):
    model = random_model(np.random.default_rng(seed), images, points)
    same(model, read_files(written(model, binary=binary)))


@pytest.mark.parametrize("binary", [True, False])
def test_names_with_blanks_survive(binary):
    model = random_model(np.random.default_rng(0), images=1)
    (image,) = model.images.values()
    spaced = Model(model.cameras, {image.id: replace(image, name="my walk/frame 1.jpg")}, model.points)
    same(spaced, read_files(written(spaced, binary=binary)))


@pytest.mark.parametrize("binary", [True, False])
def test_pycolmap_reads_what_we_write(tmp_path, binary):
    pycolmap = pytest.importorskip("pycolmap")
    model = random_model(np.random.default_rng(3))
    theirs = pycolmap.Reconstruction(write_model(model, tmp_path, binary=binary))
    assert theirs.num_points3D() == len(model.points.ids)
    for id, image in model.images.items():
        again = theirs.images[id]
        assert again.name == image.name
        pose = again.cam_from_world().matrix()
        np.testing.assert_allclose(pose[:, :3], rotation_matrix(image.rotation), atol=1e-12)
        np.testing.assert_allclose(pose[:, 3], image.translation, atol=1e-12)
        np.testing.assert_allclose([point.xy for point in again.points2D], image.xy)
        seen = [point.point3D_id if point.has_point3D() else -1 for point in again.points2D]
        np.testing.assert_array_equal(seen, image.point_ids)
    for place, id in enumerate(model.points.ids):
        assert theirs.points3D[int(id)].track.length() == model.points.lengths[place]
    for id, camera in model.cameras.items():
        assert theirs.cameras[id].model.name == camera.model
        np.testing.assert_allclose(theirs.cameras[id].params, camera.params)


@pytest.mark.parametrize("binary", [True, False])
def test_we_read_what_pycolmap_writes(tmp_path, binary):
    pycolmap = pytest.importorskip("pycolmap")
    model = random_model(np.random.default_rng(4))
    theirs = pycolmap.Reconstruction(write_model(model, tmp_path))
    folder = tmp_path / "theirs"
    folder.mkdir()
    (theirs.write_binary if binary else theirs.write_text)(folder)
    again = read_model(folder)
    assert again.cameras == model.cameras
    assert again.images.keys() == model.images.keys()
    for id, image in model.images.items():
        np.testing.assert_array_equal(again.images[id].point_ids, image.point_ids)
        np.testing.assert_allclose(again.images[id].xy, image.xy)
    np.testing.assert_array_equal(again.points.ids, model.points.ids)
    np.testing.assert_allclose(again.points.xyz, model.points.xyz)
    np.testing.assert_array_equal(again.points.lengths, model.points.lengths)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_a_binary_file_cut_anywhere_is_refused_by_name_and_byte(name):
    files = dict(written(random_model(np.random.default_rng(5), 2, 4)))
    whole = files[name]
    for end in range(len(whole)):
        files[name] = whole[:end]
        with pytest.raises(BadInput, match=r"is damaged at byte [\d,]+:") as caught:
            read_files(files)
        assert caught.value.name == name
    files[name] = whole + b"\0"
    with pytest.raises(BadInput, match=rf"byte {len(whole):,}: 1 bytes follow"):
        read_files(files)


@pytest.mark.parametrize("binary", [True, False])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_spoiled_files_are_read_or_refused_never_crash(binary, seed):
    rng = np.random.default_rng(seed)
    files = dict(written(random_model(np.random.default_rng(6), 3, 5), binary=binary))
    name = str(rng.choice(sorted(files)))
    data = bytearray(files[name])
    for place in rng.integers(0, len(data), 3):
        data[place] = int(rng.integers(256))
    files[name] = bytes(data)
    try:
        model = read_files(files)
    except BadInput:
        return
    for camera in model.cameras.values():
        assert camera.intrinsics().fx > 0


def test_a_huge_announced_count_reserves_nothing():
    files = dict(written(random_model(np.random.default_rng(7))))
    files["points3D.bin"] = b"\xff" * 8 + files["points3D.bin"][8:]
    with pytest.raises(BadInput, match="more than fit into the rest"):
        read_files(files)


def test_parts_of_two_models_are_told_apart():
    one = dict(written(random_model(np.random.default_rng(8))))
    other = dict(written(random_model(np.random.default_rng(9))))
    with pytest.raises(BadInput, match="lacks points that"):
        read_files(one | {"points3D.bin": other["points3D.bin"]}, "project")


def test_a_missing_part_is_named(tmp_path):
    write_model(random_model(np.random.default_rng(1)), tmp_path)
    (tmp_path / "points3D.bin").unlink()
    with pytest.raises(BadInput, match="has no points3D"):
        read_model(tmp_path)
    with pytest.raises(BadInput, match="has no cameras and no images and no points3D"):
        read_model(tmp_path / "nowhere")


def test_fisheye_cameras_are_refused_with_the_way_out():
    files = dict(written(random_model(np.random.default_rng(1)), binary=False))
    files["cameras.txt"] = b"3 OPENCV_FISHEYE 10 10 5 5 5 5 0 0 0 0\n"
    with pytest.raises(BadInput, match=r"uses the camera model OPENCV_FISHEYE\. Run `colmap image_undistorter`"):
        read_files(files)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("3 PINHOLE 10 ten 5 5 5 5", r"line 1: 'ten' is no whole number"),
        ("3 PINHOLE 10 10 5 5 5", r"gives camera 3 3 parameters at line 1, PINHOLE has 4"),
        ("3 PINHOLE 10 10 0 5 5 5", "impossible focal length"),
        ("3 PINHOLE 0 10 5 5 5 5", "a picture of 0 x 10"),
        ("3 HOLE 10 10 5 5 5 5", "'HOLE' at line 1, which is not known"),
        ("3 PINHOLE", "needs 5 values, there are 2"),
    ],
)
def test_text_faults_tell_the_line(line, says):
    files = dict(written(random_model(np.random.default_rng(1)), binary=False))
    files["cameras.txt"] = line.encode()
    with pytest.raises(BadInput, match=says) as caught:
        read_files(files)
    assert caught.value.name == "cameras.txt"
