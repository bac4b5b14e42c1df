"""Loading captures from photos, folders, zips, videos and projects, good and bad."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.hugs.loading import LoadConfig, load_capture
from models.hugs.loading_photos import read_photo, sharpness
from models.hugs.loading_sources import in_order
from models.hugs.loading_video import candidates
from models.parts.capture import Capture, Intrinsics, Structure
from models.parts.colmap import write_model
from models.parts.colmap_capture import model_of
from models.parts.problems import BadInput
from models.parts.transforms import written
from tests.hugs.test_export import small_capture
from tests.parts.videos import make_video

SIZE = (64, 48)


def photo(seed: int, size: tuple[int, int] = SIZE, **save) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, **{"format": "PNG"} | save)
    return buffer.getvalue()


def folder_of(path: Path, **photos: bytes) -> Path:
    for name, data in photos.items():
        file = path / name.replace("__", "/").replace("_png", ".png").replace("_jpg", ".jpg")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return path


def zipped(path: Path, source: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(source).as_posix())
    return path


def sideways(seed: int, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return photo(seed, format="JPEG", quality=95, exif=exif)


def project(path: Path, **change) -> Capture:
    """A COLMAP project of the small capture below `path`."""
    capture, _ = small_capture()
    capture = replace(capture, views=capture.posed, **change)
    for view in capture.views:
        file = path / "images" / view.name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(view.image).save(file.with_suffix(".png"))
        file.with_suffix(".png").rename(file)
    write_model(model_of(capture), path / "sparse/0")
    return capture


def test_photos_of_a_folder_come_in_the_order_of_their_numbers(tmp_path):
    folder_of(tmp_path, **{f"trip__frame_{n}_png": photo(n) for n in (10, 9, 1, 100)})
    (tmp_path / "trip/notes.txt").write_text("hello")
    (tmp_path / "trip/.hidden.png").write_bytes(b"")
    capture = load_capture(tmp_path / "trip")
    assert [view.name for view in capture.views] == [f"frame_{n}.png" for n in (1, 9, 10, 100)]
    assert capture.name == "trip"
    assert capture.views[0].image.shape == (48, 64, 3)
    assert any("are few" in note for note in capture.notes)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_every_pair_of_names_can_be_ordered(names):
    assert len(sorted(names, key=in_order)) == len(names)


def test_a_zip_and_a_list_of_files_give_the_same_as_the_folder(tmp_path):
    folder = folder_of(tmp_path / "trip", **{f"{n}_png": photo(n) for n in range(4)})
    expected = load_capture(folder)
    for source in (zipped(tmp_path / "trip.zip", folder), sorted(folder.iterdir())):
        again = load_capture(source, name="trip")
        assert [view.name for view in again.views] == [view.name for view in expected.views]
        for one, other in zip(again.views, expected.views, strict=True):
            np.testing.assert_array_equal(one.image, other.image)


def test_exif_orientation_is_applied_and_told(tmp_path):
    plain = read_photo(sideways(0, 1), "a.jpg", 1024).image
    turned = read_photo(sideways(0, 6), "a.jpg", 1024)
    assert turned.original == (64, 48)
    np.testing.assert_array_equal(turned.image, np.rot90(plain, -1))
    folder_of(tmp_path, **{f"{n}_jpg": sideways(n, 6) for n in range(3)})
    capture = load_capture(tmp_path)
    assert capture.views[0].size == (64, 48)
    assert "3 photos were turned upright by their EXIF orientation." in capture.notes


def test_large_photos_are_scaled_and_remember_their_size(tmp_path):
    folder_of(tmp_path, **{f"{n}_jpg": photo(n, (400, 200), format="JPEG") for n in range(3)})
    view = load_capture(tmp_path, LoadConfig(max_side=100)).views[0]
    assert view.size == (50, 100)
    assert view.original_size == (200, 400)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "I;16", "LA"])
def test_every_kind_of_pixel_becomes_rgb(mode):
    grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(np.repeat(grey[..., None], 3, 2)).convert("L" if mode == "LA" else "RGB").convert(mode)
    buffer = BytesIO()
    image.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    read = read_photo(buffer.getvalue(), "x", 1024).image
    assert read.shape == (48, 64, 3)
    assert read[:, :8].mean() < 60 < 190 < read[:, -8:].mean()


def test_photos_of_one_shape_are_brought_to_one_size(tmp_path):
    sizes = [(64, 48), (64, 48), (64, 48), (128, 96)]
    folder_of(tmp_path, **{f"{n}_png": photo(n, size) for n, size in enumerate(sizes)})
    capture = load_capture(tmp_path)
    assert {view.size for view in capture.views} == {(48, 64)}
    assert "1 photos were scaled to 64 x 48 pixels, the size of the others." in capture.notes
    assert capture.views[3].original_size == (96, 128)


def test_a_few_photos_of_another_shape_are_left_out_and_named(tmp_path):
    sizes = [(64, 48), (64, 48), (64, 48), (48, 64)]
    folder_of(tmp_path, **{f"{n}_png": photo(n, size) for n, size in enumerate(sizes)})
    capture = load_capture(tmp_path)
    assert [view.name for view in capture.views] == ["0.png", "1.png", "2.png"]
    assert any("left out" in note and "(3.png)" in note for note in capture.notes)


def test_a_mixture_of_shapes_is_refused_with_its_sizes(tmp_path):
    sizes = [(64, 48), (64, 48), (48, 64), (48, 64)]
    folder_of(tmp_path, **{f"{n}_png": photo(n, size) for n, size in enumerate(sizes)})
    with pytest.raises(BadInput, match="mixes photos of different shapes"):
        load_capture(tmp_path)


def test_two_photos_are_refused_with_what_to_do(tmp_path):
    folder_of(tmp_path / "trip", **{f"{n}_png": photo(n) for n in range(2)})
    with pytest.raises(BadInput, match=r"trip has 2 usable photos, at least 3 are needed\. Take 20 to 60 photos"):
        load_capture(tmp_path / "trip")


def test_blurry_captures_are_refused_and_a_soft_photo_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (4, 96, 128, 3), dtype=np.uint8)
    pictures = [cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in noise]
    blurred = [cv2.GaussianBlur(picture, (0, 0), 9.0) for picture in noise]
    assert sharpness(pictures[0]) > 20 * sharpness(blurred[0])
    for place, picture in enumerate(blurred):
        Image.fromarray(picture).save(tmp_path / f"{place}.png")
    with pytest.raises(BadInput, match="too blurry: its photos show no detail"):
        load_capture(tmp_path)
    for place, picture in enumerate(pictures[:3]):
        Image.fromarray(picture).save(tmp_path / f"{place}.png")
    assert any("much blurrier than the others (3.png)" in note for note in load_capture(tmp_path).notes)


def test_damaged_photos_are_left_out_and_told(tmp_path):
    folder_of(tmp_path, **{f"{n}_png": photo(n) for n in range(4)})
    (tmp_path / "2.png").write_bytes(photo(2)[:200])
    (tmp_path / "5.jpg").write_text("no picture")
    capture = load_capture(tmp_path)
    assert [view.name for view in capture.views] == ["0.png", "1.png", "3.png"]
    assert any("2 of 5 pictures were left out. The first: 2.png is damaged" in note for note in capture.notes)


def test_many_photos_are_thinned_evenly(tmp_path):
    folder_of(tmp_path, **{f"{n}_png": photo(n, (32, 32)) for n in range(9)})
    capture = load_capture(tmp_path, LoadConfig(max_photos=3, max_frames=3))
    assert [view.name for view in capture.views] == ["0.png", "4.png", "8.png"]
    assert any("3 of 9 photos are used" in note for note in capture.notes)


def test_what_holds_no_photos_is_refused_with_what_it_holds(tmp_path):
    with pytest.raises(BadInput, match="holds no photos"):
        load_capture(tmp_path)
    (tmp_path / "IMG_1.HEIC").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"but IMG_1\.HEIC, a format that is not read here: export it as JPEG"):
        load_capture(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"but a\.mp4, a video"):
        load_capture(tmp_path)
    with pytest.raises(BadInput, match=r"a\.mp4 cannot be mixed"):
        load_capture([tmp_path / "a.mp4", tmp_path / "IMG_1.HEIC"])
    with pytest.raises(BadInput, match="has no files"):
        load_capture([])
    with pytest.raises(BadInput, match="gone"):
        load_capture(tmp_path / "gone.png")


@given(st.integers(1, 5000), st.integers(1, 60))
def test_frame_candidates_ascend_and_stretches_do_not_overlap(frames, count):
    stretches = candidates(frames, count)
    assert len(stretches) == min(frames, count)
    flat = np.concatenate(stretches)
    assert flat.min() >= 0
    assert flat.max() < frames
    assert (np.diff(flat) > 0).all()


def test_the_sharpest_frame_of_each_stretch_of_a_video_is_taken(tmp_path):
    rng = np.random.default_rng(0)
    frames, sharp = [], []
    for stretch in range(5):
        picture = cv2.resize(
            rng.integers(0, 255, (16, 16, 3), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_NEAREST
        )
        good = 6 * stretch + 2
        for index in range(6 * stretch, 6 * stretch + 6):
            frames.append(picture if index == good else cv2.GaussianBlur(picture, (0, 0), 3))
        sharp.append(good)
    seen: list[float] = []
    capture = load_capture(
        make_video(tmp_path / "walk.mp4", frames), LoadConfig(max_frames=5), lambda share, _: seen.append(share)
    )
    assert [view.name for view in capture.views] == [f"frame_{index:06d}.png" for index in sharp]
    assert "5 of 30 frames were chosen" in capture.notes[0]
    assert seen == sorted(seen)


def test_a_video_of_two_frames_is_refused(tmp_path):
    make_video(tmp_path / "walk.mp4", [np.zeros((48, 64, 3), np.uint8)] * 2)
    with pytest.raises(BadInput, match=r"walk\.mp4 has 2 frames, too few to find depth\. Film for"):
        load_capture(tmp_path / "walk.mp4")


@pytest.mark.parametrize("packed", [False, True])
def test_a_colmap_project_gives_poses_and_structure(tmp_path, packed):
    original = project(tmp_path / "project")
    source = zipped(tmp_path / "project.zip", tmp_path / "project") if packed else tmp_path / "project"
    capture = load_capture(source)
    assert [view.name for view in capture.posed] == [view.name for view in original.views]
    for one, other in zip(capture.views, original.views, strict=True):
        assert one.intrinsics == other.intrinsics
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)
        np.testing.assert_array_equal(capture.structure.lengths_of(one.name), original.structure.lengths_of(other.name))


def test_scaled_project_photos_get_scaled_cameras_and_features(tmp_path):
    original = project(tmp_path)
    capture = load_capture(tmp_path, LoadConfig(max_side=32))
    view = capture.views[0]
    assert view.size == (32, 32)
    assert view.intrinsics == original.views[0].intrinsics.scaled(32, 32)
    np.testing.assert_allclose(
        capture.structure.keypoints[view.name].xy, original.structure.keypoints[view.name].xy * (32 / 48), rtol=1e-5
    )


def test_photos_that_colmap_saw_lying_stay_lying(tmp_path):
    original = project(tmp_path)
    lens = Intrinsics(64, 48, 60, 60, 32, 24)
    views = tuple(replace(view, intrinsics=lens) for view in original.views)
    write_model(model_of(replace(original, views=views)), tmp_path / "sparse/0")
    for view in views:
        (tmp_path / "images" / view.name).write_bytes(sideways(0, 6))
    assert {view.size for view in load_capture(tmp_path).views} == {(48, 64)}


def test_a_model_of_other_pictures_is_refused_naming_both(tmp_path):
    original = project(tmp_path)
    for view in original.views:
        file = tmp_path / "images" / view.name
        file.rename(file.with_name(f"IMG_{file.name}"))
    with pytest.raises(
        BadInput, match=r"COLMAP model of other pictures: it names walk/0\.jpg.*the folder holds IMG_0\.jpg"
    ):
        load_capture(tmp_path)


def test_a_model_of_pictures_of_another_size_is_refused_with_both_sizes(tmp_path):
    original = project(tmp_path)
    (tmp_path / "images" / original.views[2].name).write_bytes(photo(0, (64, 48), format="JPEG"))
    with pytest.raises(BadInput, match=r"2\.jpg has 64 x 48 pixels, its camera in the COLMAP model 48 x 48"):
        load_capture(tmp_path)


def test_a_corrupt_model_is_refused_by_file_and_byte(tmp_path):
    project(tmp_path)
    file = tmp_path / "sparse/0/images.bin"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(BadInput, match=r"images\.bin is damaged at byte"):
        load_capture(tmp_path)


def test_pictures_a_model_misses_are_told(tmp_path):
    original = project(tmp_path)
    (tmp_path / "images" / original.views[0].name).unlink()
    capture = load_capture(tmp_path)
    assert len(capture.views) == 3
    assert any("1 pictures of the model are not there (such as walk/0.jpg)" in note for note in capture.notes)


def test_a_nerfstudio_folder_takes_structure_from_the_model_beside_it(tmp_path):
    original = project(tmp_path / "p")
    (tmp_path / "p/sparse").rename(tmp_path / "p/colmap_sparse")
    (tmp_path / "p/colmap").mkdir()
    (tmp_path / "p/colmap_sparse").rename(tmp_path / "p/colmap/sparse")
    for view in original.views:
        (tmp_path / "p/images" / view.name).rename(tmp_path / "p/images" / Path(view.name).name)
    named = tuple(replace(view, name=Path(view.name).name) for view in original.views)
    structure = original.structure
    keys = {Path(name).name: points for name, points in structure.keypoints.items()}
    write_model(model_of(Capture("x", named, replace(structure, keypoints=keys))), tmp_path / "p/colmap/sparse/0")
    turn = [[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0], [0.0, 0.0, -1.0, 3.0]]
    data = written(named, {view.name: f"./images/{view.name}" for view in named}, applied_transform=turn)
    (tmp_path / "p/transforms.json").write_bytes(data)
    capture = load_capture(tmp_path / "p")
    assert [view.name for view in capture.posed] == [view.name for view in named]
    np.testing.assert_allclose(
        capture.structure.xyz, structure.xyz @ np.array(turn)[:, :3].T + np.array(turn)[:, 3], atol=1e-12
    )
    assert isinstance(capture.structure, Structure)


def test_transforms_without_their_pictures_are_refused(tmp_path):
    original = project(tmp_path)
    data = written(original.views, {view.name: f"/elsewhere/{view.name}x" for view in original.views})
    (tmp_path / "transforms.json").write_bytes(data)
    with pytest.raises(BadInput, match=r"lists 4 pictures, 0 of them are there \(missing: /elsewhere/walk/0\.jpgx\)"):
        load_capture(tmp_path)


def test_a_cancellation_comes_out(tmp_path):
    class Stopped(Exception):
        pass

    def stop(share: float, message: str) -> None:
        raise Stopped

    folder_of(tmp_path, **{f"{n}_png": photo(n) for n in range(3)})
    with pytest.raises(Stopped):
        load_capture(tmp_path, tick=stop)
