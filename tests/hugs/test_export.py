"""Exports: what white means in each, sizes, round trips, bad input."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.hugs.export import FORMATS, export_entries, write_folder, write_zip, zip_chunks
from models.hugs.export_masks import resized_static
from models.hugs.export_overlay import COLOUR, overlay
from models.hugs.import_masks import read_masks
from models.hugs.loading import load_capture
from models.hugs.loading_sources import Folder
from models.parts.archives import SafeArchive
from models.parts.capture import Capture, Intrinsics, View
from models.parts.colmap import read_model
from models.parts.colmap_capture import cameras_of, structure_of
from models.parts.problems import BadInput
from models.parts.transforms import read_transforms
from models.parts.video import open_video
from tests.parts.colmap_models import random_model
from tests.parts.test_colmap_capture import as_capture


def small_capture(side: int = 48, **camera: float) -> tuple[Capture, dict[str, np.ndarray]]:
    """Four posed views of noise with structure, the right third of each ignored; one view has no pose."""
    rng = np.random.default_rng(0)
    model = random_model(rng, 4, 20)
    base = as_capture(model)
    lens = Intrinsics(side, side, side, side, side / 2, side / 2, **camera)
    views = tuple(
        View(f"walk/{n}.jpg", rng.integers(0, 255, (side, side, 3), dtype=np.uint8), lens, view.camera_to_world)
        for n, view in enumerate(base.views)
    )
    names = dict(zip((view.name for view in base.views), (view.name for view in views), strict=True))
    keypoints = {
        names[name]: replace(points, xy=(points.xy / 192 * side).astype(np.float32))
        for name, points in base.structure.keypoints.items()
    }
    views = (*views, View("walk/lost.jpg", views[0].image))
    statics = {view.name: np.ones(view.size, bool) for view in views}
    for static in statics.values():
        static[:, 2 * side // 3 :] = False
    return Capture("walk", views, replace(base.structure, keypoints=keypoints)), statics


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def entries(*formats: str, **options) -> dict[str, bytes]:
    return dict(export_entries(*small_capture(), formats, **options))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_resizing_never_turns_ignored_into_used(rows, columns, height, width, seed):
    static = np.random.default_rng(seed).random((rows, columns)) < 0.8
    small = resized_static(static, width, height)
    for row in range(height):
        for column in range(width):
            top, bottom = row * rows // height, -(-(row + 1) * rows // height)
            left, right = column * columns // width, -(-(column + 1) * columns // width)
            assert small[row, column] == static[top:bottom, left:right].all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]))
@settings(max_examples=30, deadline=None)
def test_enlarging_by_a_whole_factor_and_back_changes_nothing(seed, factor):
    static = np.random.default_rng(seed).random((9, 7)) < 0.6
    large = resized_static(static, 7 * factor, 9 * factor)
    np.testing.assert_array_equal(large, np.repeat(np.repeat(static, factor, 0), factor, 1))
    np.testing.assert_array_equal(resized_static(large, 7, 9), static)


def test_static_masks_are_white_where_pixels_are_used_with_three_channels():
    mask = picture(entries("static")["static_masks/walk/0.png"])
    assert mask.shape == (48, 48, 3)
    assert (mask[:, :32] == 255).all()
    assert (mask[:, 32:] == 0).all()


def test_inverted_masks_are_white_where_pixels_are_ignored():
    mask = picture(entries("inverted")["inverted_masks/walk/0.png"])
    assert mask.shape == (48, 48, 3)
    assert (mask[:, :32] == 0).all()
    assert (mask[:, 32:] == 255).all()


def test_colmap_masks_carry_the_whole_file_name_and_are_black_where_no_features_may_be():
    files = entries("colmap")
    mask = picture(files["colmap_masks/walk/0.jpg.png"])
    assert mask.ndim == 2
    assert (mask[:, :32] == 255).all()
    assert (mask[:, 32:] == 0).all()


def test_masks_can_have_the_size_of_the_photos_as_given():
    capture, statics = small_capture()
    views = tuple(replace(view, original_size=(97, 101)) for view in capture.views)
    capture = replace(capture, views=views)
    large = dict(export_entries(capture, statics, ("colmap",)))
    assert picture(large["colmap_masks/walk/0.jpg.png"]).shape == (97, 101)
    small = dict(export_entries(capture, statics, ("colmap",), full_size=False))
    assert picture(small["colmap_masks/walk/0.jpg.png"]).shape == (48, 48)


@pytest.mark.parametrize("name", ["nerfstudio", "gsplat"])
def test_training_folders_hold_masks_black_where_ignored_at_every_scale(name):
    files = entries(name)
    for factor, ending in ((1, ""), (2, "_2"), (4, "_4")):
        mask = picture(files[f"{name}/masks{ending}/walk/0.png"])
        image = picture(files[f"{name}/images{ending}/walk/0.png"])
        assert mask.shape == (48 // factor, 48 // factor) == image.shape[:2]
        assert image.ndim == 3
        assert (mask[:, : 32 // factor] == 255).all()
        assert (mask[:, 32 // factor :] == 0).all()
    assert not any("lost" in path for path in files if path.startswith(name))


def test_transforms_name_a_mask_for_every_picture_and_read_back():
    capture, _ = small_capture()
    files = entries("nerfstudio")
    transforms = read_transforms(files["nerfstudio/transforms.json"])
    assert len(transforms.frames) == 4
    for frame, view in zip(transforms.frames, capture.views, strict=False):
        assert f"nerfstudio/{frame.file_path}" in files
        assert f"nerfstudio/{frame.mask_path}" in files
        np.testing.assert_array_equal(frame.camera_to_world, view.camera_to_world)
        assert frame.intrinsics(48, 48) == view.intrinsics
    cloud_path = json.loads(files["nerfstudio/transforms.json"])["ply_file_path"]
    cloud = files[f"nerfstudio/{cloud_path}"].decode().split("end_header\n")[1].splitlines()
    np.testing.assert_allclose(
        [[float(value) for value in line.split()[:3]] for line in cloud], capture.structure.xyz, rtol=1e-6
    )


def test_the_nerfstudio_folder_loads_as_the_same_capture(tmp_path):
    capture, statics = small_capture()
    write_folder(tmp_path, export_entries(capture, statics, ("nerfstudio",)))
    again = load_capture(tmp_path / "nerfstudio")
    assert len(again.views) == 4
    for one, other in zip(again.views, capture.views, strict=False):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.camera_to_world, other.camera_to_world)
        assert one.intrinsics == other.intrinsics


def test_the_gsplat_folder_loads_as_the_same_capture(tmp_path):
    capture, statics = small_capture()
    write_folder(tmp_path, export_entries(capture, statics, ("gsplat",)))
    again = load_capture(tmp_path / "gsplat")
    assert [view.name for view in again.views] == [f"walk/{n}.png" for n in range(4)]
    for one, other in zip(again.views, capture.views, strict=False):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)
        np.testing.assert_array_equal(again.structure.lengths_of(one.name), capture.structure.lengths_of(other.name))
    np.testing.assert_array_equal(again.structure.xyz, capture.structure.xyz)


def test_gsplat_pictures_masks_and_features_of_a_bent_lens_are_straightened(tmp_path):
    capture, statics = small_capture(k1=0.2, k2=0.05)
    for static in statics.values():
        static[:] = True
        static[20:24, 20:24] = False
    write_folder(tmp_path, export_entries(capture, statics, ("gsplat",)))
    model = read_model(tmp_path / "gsplat/sparse/0")
    assert {camera.model for camera in model.cameras.values()} == {"PINHOLE"}
    mask = picture((tmp_path / "gsplat/masks/walk/0.png").read_bytes()) > 0
    assert not mask[21:23, 21:23].any()
    assert mask[30:36, 30:36].all()
    # A bent feature, straightened, is where the plain camera sees its ray.
    lens = capture.views[0].intrinsics
    straight = structure_of(model).keypoints["walk/0.png"].xy
    x, y = (straight[:, 0] - lens.cx) / lens.fx, (straight[:, 1] - lens.cy) / lens.fy
    bend = 1 + lens.k1 * (x**2 + y**2) + lens.k2 * (x**2 + y**2) ** 2
    again = np.stack([lens.fx * x * bend + lens.cx, lens.fy * y * bend + lens.cy], 1)
    np.testing.assert_allclose(again, capture.structure.keypoints["walk/0.jpg"].xy, atol=0.05)
    assert set(cameras_of(model)) == {f"walk/{n}.png" for n in range(4)}


@pytest.mark.parametrize(("name", "folder", "kind"), [
    ("static", "static_masks", "static"),
    ("inverted", "inverted_masks", "inverted"),
    ("colmap", "colmap_masks", "static"),
    ("nerfstudio", "nerfstudio/masks", "static"),
    ("gsplat", "gsplat/masks", "static"),
])  # fmt: skip
def test_masks_of_each_format_read_back_as_they_were(tmp_path, name, folder, kind):
    capture, statics = small_capture()
    write_folder(tmp_path, export_entries(capture, statics, (name,)))
    again = read_masks(Folder(tmp_path / folder), capture, kind)
    assert len(again) == (5 if name in ("static", "inverted", "colmap") else 4)
    for key, mask in again.items():
        np.testing.assert_array_equal(mask, statics[key])


def test_masks_of_a_wrong_size_or_of_another_capture_are_refused(tmp_path):
    capture, _ = small_capture()
    (tmp_path / "walk").mkdir()
    Image.new("L", (20, 30)).save(tmp_path / "walk/0.png")
    with pytest.raises(BadInput, match=r"0\.png has 20 x 30 pixels, its photo 48 x 48"):
        read_masks(Folder(tmp_path), capture)
    (tmp_path / "walk/0.png").write_bytes(b"PNG?")
    with pytest.raises(BadInput, match="no readable PNG"):
        read_masks(Folder(tmp_path), capture)
    (tmp_path / "walk/0.png").rename(tmp_path / "other.png")
    with pytest.raises(BadInput, match="holds no mask named after a photo"):
        read_masks(Folder(tmp_path), capture)


def test_the_overlay_video_shows_every_view_and_touches_only_what_is_ignored(tmp_path):
    capture, statics = small_capture()
    drawn = overlay(capture.views[0].image, statics["walk/0.jpg"])
    np.testing.assert_array_equal(drawn[:, :32], capture.views[0].image[:, :32])
    np.testing.assert_array_equal(drawn[:, 32], np.tile(COLOUR, (48, 1)))
    assert (drawn[:, 33:] != capture.views[0].image[:, 33:]).any()
    path = tmp_path / "overlay.mp4"
    path.write_bytes(entries("overlay")["overlay.mp4"])
    info = open_video(path).info
    assert (info.frames, info.width, info.height) == (5, 240, 240)
    assert info.plays_in_browser


def test_settings_tell_capture_formats_and_each_mask():
    capture, _ = small_capture()
    files = entries("static", settings={"quantile": 0.9}, receipt={"seconds": 3})
    document = json.loads(files["settings.json"])
    assert document["capture"]["digest"] == capture.digest
    assert document["settings"] == {"quantile": 0.9}
    assert document["receipt"] == {"seconds": 3}
    assert set(document["masks"]) == {view.name for view in capture.views}
    assert document["masks"]["walk/0.jpg"]["used"] == pytest.approx(2 / 3, abs=1e-6)
    assert FORMATS["static"] in files["README.txt"].decode()


def test_a_zip_comes_in_pieces_opens_and_is_the_same_each_time(tmp_path):
    made = [b"".join(zip_chunks(export_entries(*small_capture(), tuple(FORMATS)))) for _ in range(2)]
    path = write_zip(tmp_path / "out.zip", export_entries(*small_capture(), tuple(FORMATS)))
    assert [item.name for item in tmp_path.iterdir()] == ["out.zip"]
    assert path.read_bytes() == made[0] == made[1]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    with SafeArchive(path) as archive:
        names = archive.names()
    for start in (
        "static_masks/",
        "inverted_masks/",
        "colmap_masks/",
        "nerfstudio/transforms.json",
        "gsplat/sparse/0/",
    ):
        assert any(name.startswith(start) for name in names)
    chunks = list(zip_chunks(export_entries(*small_capture(), ("static",))))
    assert len(chunks) > 5


def test_two_photos_of_one_stem_keep_their_endings():
    capture, statics = small_capture()
    views = (replace(capture.views[0], name="a.jpg"), replace(capture.views[1], name="a.png"))
    maps = {view.name: statics["walk/0.jpg"] for view in views}
    files = dict(export_entries(Capture("x", views), maps, ("static",)))
    assert {"static_masks/a.jpg.png", "static_masks/a.png.png"} <= set(files)


def test_wrong_maps_and_missing_cameras_are_refused_before_anything_is_written():
    capture, statics = small_capture()
    with pytest.raises(BadInput, match="has a mask of 3 x 3 pixels, the photo has 48 x 48"):
        export_entries(capture, {"walk/0.jpg": np.ones((3, 3), bool)})
    with pytest.raises(BadInput, match="is no photo of this capture"):
        export_entries(capture, {"other.jpg": np.ones((3, 3), bool)})
    with pytest.raises(BadInput, match="has a mask of uint8 values"):
        export_entries(capture, {"walk/0.jpg": np.ones((48, 48), np.uint8)})
    with pytest.raises(BadInput, match="has no static maps yet"):
        export_entries(capture, {})
    with pytest.raises(BadInput, match="Run structure from motion before"):
        export_entries(capture, {"walk/lost.jpg": statics["walk/lost.jpg"]}, ("static", "nerfstudio"))
    with pytest.raises(ValueError, match="no export format tiff"):
        export_entries(capture, statics, ("tiff",))
