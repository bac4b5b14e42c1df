"""The paper's three data sets, as tiny folders of the same layout."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.hugs.datasets import dataset_kind, load_dataset
from models.parts.capture import Capture, Intrinsics
from models.parts.colmap import write_model
from models.parts.colmap_capture import model_of
from models.parts.problems import BadInput
from tests.hugs.test_export import small_capture

LENS = Intrinsics(128, 96, 100, 100, 64, 48)


def save(path: Path, seed: int, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def capture_of(names: list[str]) -> Capture:
    """The small capture with its four posed views renamed, its camera as LENS."""
    base, _ = small_capture()
    old = [view.name for view in base.posed]
    views = tuple(replace(view, name=name, intrinsics=LENS) for view, name in zip(base.posed, names, strict=True))
    keys = {name: base.structure.keypoints[before] for before, name in zip(old, names, strict=True)}
    return Capture("made", views, replace(base.structure, keypoints=keys))


def kubric(root: Path, factor: int = 2) -> tuple[Path, Capture]:
    """A Kubric scene in which the world was moved by [1, 2, 3] and scaled by a quarter."""
    made = capture_of([f"{n:05d}" for n in range(4)])
    root.mkdir(parents=True)
    (root / "scene_gt.json").write_text(json.dumps({"center": [1, 2, 3], "scale": 0.25, "near": 0.1, "far": 1.0}))
    ids = [view.name for view in made.views]
    (root / "dataset.json").write_text(json.dumps({"train_ids": ids[:3], "val_ids": []}))
    for number, view in enumerate(made.views):
        base = root if number < 3 else root / "freeze-test"
        name = view.name if number < 3 else ids[0]
        pose = view.camera_to_world @ np.diag([1.0, -1.0, -1.0, 1.0])
        camera = {
            "orientation": pose[:3, :3].T.tolist(),
            "position": (pose[:3, 3] * 4 + [1, 2, 3]).tolist(),
            "focal_length": 100.0,
            "principal_point": [64.0, 48.0],
            "skew": 0.0,
            "pixel_aspect_ratio": 1.0,
            "radial_distortion": [0.0, 0.0, 0.0],
            "tangential_distortion": [0.0, 0.0],
            "image_size": [128, 96],
        }
        (base / "camera-gt").mkdir(parents=True, exist_ok=True)
        (base / "camera-gt" / f"{name}.json").write_text(json.dumps(camera))
        folder = base / ("rgb" if number < 3 else "static-rgb") / f"{factor}x"
        save(folder / f"{name}.png", number, (128 // factor, 96 // factor))
    (root / "freeze-test/dataset.json").write_text(json.dumps({"val_ids": [ids[0]]}))
    return root, made


def distractor(root: Path, split: bool = True) -> tuple[Path, Capture]:
    made = capture_of(["1clutter1.jpg", "1clutter2.jpg", "2clutter1.jpg", "1extra1.jpg"])
    for number, view in enumerate(made.views):
        save(root / "0/images_8" / view.name, number, (16 * 4, 12 * 4))
    write_model(model_of(made), root / "0/sparse/0")
    if split:
        names = [view.name for view in made.views]
        (root / "0/data_split.json").write_text(json.dumps({"train": names[:3], "test": names[3:]}))
    return root, made


def phototourism(root: Path) -> tuple[Path, Capture]:
    made = capture_of(["1.jpg", "2.jpg", "3.jpg", "4.jpg"])
    for number, view in enumerate(made.views):
        save(root / "dense/images" / view.name, number, (128, 96))
    write_model(model_of(made), root / "dense/sparse")
    rows = ["filename\tid\tsplit\tdataset"]
    rows += [f"{n}.jpg\t{n}\t{'train' if n < 4 else 'test'}\tsacre" for n in range(1, 5)]
    rows.append("gone.jpg\t9\ttrain\tsacre")
    (root / "sacre.tsv").write_text("\n".join(rows))
    return root, made


def check(capture: Capture, made: Capture, size: tuple[int, int]) -> None:
    """Three training views and one test view with the cameras and tracks they were made with."""
    assert len(capture.views) == 3
    assert len(capture.held_out) == 1
    for one, other in zip((*capture.views, *capture.held_out), made.views, strict=True):
        assert one.size == size
        assert one.intrinsics == LENS.scaled(size[1], size[0])
        np.testing.assert_allclose(one.camera_to_world, other.camera_to_world, atol=1e-9)
    if capture.structure is not None:
        np.testing.assert_allclose(capture.structure.xyz, made.structure.xyz, atol=1e-6)
        for one, other in zip(capture.views, made.views, strict=False):
            np.testing.assert_array_equal(capture.structure.lengths_of(one.name), made.structure.lengths_of(other.name))
            wanted = made.structure.keypoints[other.name].xy * (size[1] / 128)
            np.testing.assert_allclose(capture.structure.keypoints[one.name].xy, wanted, rtol=1e-5)
        assert set(capture.structure.keypoints) == {view.name for view in capture.views}


def test_kubric_gives_moving_training_and_frozen_test_photos(tmp_path):
    root, made = kubric(tmp_path / "kubric_car")
    assert dataset_kind(root) == "kubric"
    capture = load_dataset(root)
    check(capture, made, (48, 64))
    assert capture.held_out[0].name == "test_00000"
    assert capture.structure is None
    assert "give kubric_colmap" in capture.notes[0]


def test_kubric_takes_structure_from_the_second_folder_moved_onto_its_cameras(tmp_path):
    root, made = kubric(tmp_path / "kubric_car")
    pictures = tuple(replace(view, name=f"{view.name}.png") for view in made.views)
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    moved = []
    for view in pictures:
        pose = view.camera_to_world.copy()
        pose[:3, :3], pose[:3, 3] = turn @ pose[:3, :3], 3 * turn @ pose[:3, 3] + 7
        moved.append(replace(view, camera_to_world=pose))
    structure = replace(
        made.structure,
        xyz=3 * made.structure.xyz @ turn.T + 7,
        keypoints={f"{name}.png": points for name, points in made.structure.keypoints.items()},
    )
    write_model(model_of(Capture("c", tuple(moved), structure)), tmp_path / "colmap/kubric_car")
    check(load_dataset(root, colmap=tmp_path / "colmap/kubric_car"), made, (48, 64))
    with pytest.raises(BadInput, match="has no COLMAP model"):
        load_dataset(root, colmap=root)


def test_kubric_masks_become_truth(tmp_path):
    root, _ = kubric(tmp_path / "kubric_car")
    mask = np.zeros((96, 128), np.uint8)
    mask[:, 64:] = 255
    for number in range(3):
        (root / "mask/1x").mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(root / f"mask/1x/{number:05d}.png")
    truth = load_dataset(root, truth="mask/1x").views[0].truth
    assert truth.shape == (48, 64)
    assert truth[:, :32].all()
    assert not truth[:, 32:].any()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("scene_gt.json", r"scene_gt\.json is missing in kubric_car\. Download the original Kubric data"),
        ("camera-gt/00001.json", r"00001\.json is missing in kubric_car"),
        ("freeze-test/dataset.json", r"dataset\.json is missing"),
        ("rgb/2x/00002.png", r"lacks 1 photos in rgb/2x, such as 00002"),
    ],
)
def test_a_file_kubric_lacks_is_named_with_where_to_get_it(tmp_path, name, says):
    root, _ = kubric(tmp_path / "kubric_car")
    (root / name).unlink()
    with pytest.raises(BadInput, match=says):
        load_dataset(root)


def test_a_factor_that_is_not_there_is_told(tmp_path):
    root, _ = kubric(tmp_path / "kubric_car")
    with pytest.raises(BadInput, match="has no folder rgb/4x"):
        load_dataset(root, factor=4)


@pytest.mark.parametrize("text", ["{", "[]", '{"center": [1], "scale": 1}', '{"center": [1, 2, 3], "scale": 0}'])
def test_a_broken_scene_file_is_refused(tmp_path, text):
    root, _ = kubric(tmp_path / "kubric_car")
    (root / "scene_gt.json").write_text(text)
    with pytest.raises(BadInput, match="scene_gt"):
        load_dataset(root)


def test_distractor_follows_its_split_file(tmp_path):
    root, made = distractor(tmp_path / "yoda")
    assert dataset_kind(root) == "distractor"
    check(load_dataset(root), made, (48, 64))


def test_distractor_without_a_split_goes_by_the_names_and_says_so(tmp_path):
    root, made = distractor(tmp_path / "yoda", split=False)
    capture = load_dataset(root)
    check(capture, made, (48, 64))
    assert "data_split.json is missing" in capture.notes[0]


def test_distractor_without_scaled_photos_tells_how_to_make_them(tmp_path):
    root, _ = distractor(tmp_path / "yoda")
    (root / "0/images_8").rename(root / "0/images")
    with pytest.raises(BadInput, match=r"has no folder 0/images_8\. Scale the photos of 0/images down 8 times"):
        load_dataset(root)
    assert load_dataset(root, factor=1).views[0].size == (48, 64)


def test_phototourism_follows_its_table_and_halves_the_photos(tmp_path):
    root, made = phototourism(tmp_path / "sacre_coeur")
    assert dataset_kind(root) == "phototourism"
    capture = load_dataset(root)
    check(capture, made, (48, 64))
    assert "1 photos of the table are not in the COLMAP model" in capture.notes[0]


def test_phototourism_without_its_table_tells_where_to_get_it(tmp_path):
    root, _ = phototourism(tmp_path / "sacre_coeur")
    (root / "sacre.tsv").unlink()
    with pytest.raises(BadInput, match=r"sacre_coeur\.tsv is missing.*nerf-w\.github\.io"):
        load_dataset(root)


def test_fewer_training_photos_can_be_taken(tmp_path):
    root, _ = distractor(tmp_path / "yoda")
    capture = load_dataset(root, max_photos=2)
    assert [view.name for view in capture.views] == ["1clutter1.jpg", "2clutter1.jpg"]


def test_another_folder_is_refused_and_a_wrong_kind_named(tmp_path):
    with pytest.raises(BadInput, match="is no scene of Kubric, Distractor or Phototourism"):
        load_dataset(tmp_path)
    with pytest.raises(BadInput, match="cannot be read as 'llff'"):
        load_dataset(tmp_path, "llff")
    with pytest.raises(BadInput, match=r"has no COLMAP model in 0/sparse/0"):
        load_dataset(tmp_path, "distractor")
