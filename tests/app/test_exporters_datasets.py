"""Sets of images survive every format, with classes, and other tools read them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from app.annotate.exporters import AnnotatedImage, Dataset, MaskObject, rle
from app.annotate.exporters.datasets import DATASET_FORMATS, export_bundle
from app.annotate.exporters.yolo import import_yolo_dataset
from tests.app.mask_scenes import RECEIPT, disc, photo, stacks


def image(name: str, height: int, width: int, masks: list[np.ndarray], label: str = "") -> AnnotatedImage:
    colors = [(230, 159, 0), (86, 180, 233), (0, 158, 115)]
    objects = [
        MaskObject(f"object {n}", mask, colors[n % 3], None if n else 0.5, label if n % 2 == 0 else "")
        for n, mask in enumerate(masks)
    ]
    return AnnotatedImage(name, width, height, tuple(objects), photo(height, width))


def some() -> Dataset:
    return Dataset(
        (
            image("a.jpg", 60, 90, [disc(60, 90, 30, 30, 22, 9), disc(60, 90, 45, 30, 15)], "tasse à café"),
            image("deep/er/b.png", 40, 30, [disc(40, 30, 29, 39, 12)], "leaf"),
            image("none.png", 20, 20, []),
            image("empty.png", 20, 25, [np.zeros((20, 25), bool), np.ones((20, 25), bool)]),
        ),
        ("leaf", "never used", "tasse à café"),
        RECEIPT,
    )


def same(one: Dataset, other: Dataset) -> None:
    assert [(i.name, i.width, i.height) for i in one.images] == [(i.name, i.width, i.height) for i in other.images]
    for before, after in zip(one.images, other.images, strict=True):
        assert len(before.objects) == len(after.objects)
        for a, b in zip(before.objects, after.objects, strict=True):
            assert np.array_equal(a.mask, b.mask)
            assert (a.name, a.color, a.score, a.label) == (b.name, b.color, b.score, b.label)


@pytest.mark.parametrize("key", DATASET_FORMATS)
@pytest.mark.parametrize("bundled", [False, True])
def test_a_set_of_images_is_read_back_as_it_was(key: str, bundled: bool) -> None:
    data = export_bundle(key, some()) if bundled else DATASET_FORMATS[key].export(some())
    back = DATASET_FORMATS[key].read(data)
    same(some(), back)
    assert back.receipt == RECEIPT
    assert set(some().labels) <= set(back.labels)


@pytest.mark.parametrize("key", DATASET_FORMATS)
def test_equal_sets_give_equal_bytes(key: str) -> None:
    assert DATASET_FORMATS[key].export(some()) == DATASET_FORMATS[key].export(some())


@given(st.lists(stacks, max_size=3), st.sampled_from(sorted(DATASET_FORMATS)))
@settings(max_examples=150)
def test_any_masks_survive(sets: list[list[np.ndarray]], key: str) -> None:
    made = Dataset(tuple(image(f"{n}.png", *stack[0].shape, stack) for n, stack in enumerate(sets)))
    same(made, DATASET_FORMATS[key].read(DATASET_FORMATS[key].export(made)))


def hard(height: int, width: int) -> list[np.ndarray]:
    """Shapes that polygons and runs find hard, at any size."""
    rows, columns = np.mgrid[0:height, 0:width]
    border = np.ones((height, width), bool)
    border[1:-1, 1:-1] = False
    point = np.zeros((height, width), bool)
    point[height // 2, width // 3] = True
    corners = np.zeros((height, width), bool)
    corners[0, 0] = corners[0, -1] = corners[-1, 0] = corners[-1, -1] = True
    rings = (np.hypot(rows - height / 2, columns - width / 2) // max(2, height // 16)).astype(int) % 2 == 0
    return [
        border,
        point,
        corners,
        rows == columns,
        np.abs(rows - columns // 3) < 1,
        (rows // 3 + columns // 3) % 2 == 0 if height < 200 else (rows // 40 + columns // 40) % 2 == 0,
        rings,
        ~point,
        np.ones((height, width), bool),
        np.zeros((height, width), bool),
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (53, 17), (17, 53), (64, 64)])
@pytest.mark.parametrize("key", DATASET_FORMATS)
def test_thin_touching_and_single_pixel_shapes_survive(key: str, size: tuple[int, int]) -> None:
    made = Dataset((image("a.png", *size, hard(*size)),))
    same(made, DATASET_FORMATS[key].read(DATASET_FORMATS[key].export(made)))


@pytest.mark.slow
@pytest.mark.parametrize("key", DATASET_FORMATS)
@pytest.mark.parametrize("size", [(2160, 3840), (3840, 2160)])
def test_4k_landscape_and_portrait_survive(key: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).random((size[0] // 8, size[1] // 8)).astype(np.float32)
    blobs = cv2.resize(cv2.GaussianBlur(noise, (0, 0), 4), size[::-1], interpolation=cv2.INTER_CUBIC) > 0.5
    diagonal = np.eye(*size, dtype=bool)
    made = Dataset((image("a.png", *size, [blobs, diagonal]),))
    same(made, DATASET_FORMATS[key].read(DATASET_FORMATS[key].export(made)))


@pytest.mark.parametrize("key", ["coco", "coco_polygon"])
def test_pycocotools_loads_the_set_and_its_masks_are_ours(key: str, tmp_path: Path) -> None:
    made = Dataset((*some().images, image("hard.png", 53, 37, hard(53, 37))), some().labels)
    path = tmp_path / "annotations.json"
    path.write_bytes(DATASET_FORMATS[key].export(made))
    loaded = COCO(str(path))
    assert [entry["file_name"] for entry in loaded.imgs.values()] == [i.name for i in made.images]
    assert len({entry["id"] for entry in loaded.dataset["annotations"]}) == len(loaded.dataset["annotations"])
    for number, before in enumerate(made.images, start=1):
        entries = loaded.loadAnns(loaded.getAnnIds(imgIds=[number]))
        for item, entry in zip(before.objects, entries, strict=True):
            if item.mask.any():
                assert np.array_equal(loaded.annToMask(entry).astype(bool), item.mask)
                assert isinstance(entry["segmentation"], list) == (key == "coco_polygon")
            run = coco_mask.encode(np.asfortranarray(item.mask.astype(np.uint8)))
            assert entry["bbox"] == coco_mask.toBbox(run).tolist()
            assert loaded.cats[entry["category_id"]]["name"] == item.category
            if key == "coco":
                assert entry["segmentation"]["counts"].encode() == run["counts"]


def test_run_lengths_of_4k_noise_equal_pycocotools_and_come_back() -> None:
    mask = np.random.default_rng(1).random((2160, 3840)) < 0.5
    run = rle.encode(mask)
    assert run["counts"].encode() == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert np.array_equal(rle.decode(run, mask.shape), mask)


def test_yolo_files_are_what_its_trainers_expect() -> None:
    with zipfile.ZipFile(io.BytesIO(DATASET_FORMATS["yolo"].export(some()))) as archive:
        assert {"labels/a.txt", "labels/deep/er/b.txt", "labels/none.txt"} <= set(archive.namelist())
        settings_file = yaml.safe_load(archive.read("data.yaml"))
        lines = archive.read("labels/a.txt").decode().splitlines()
        assert archive.read("labels/none.txt") == b""
    assert settings_file["names"] == {0: "leaf", 1: "never used", 2: "tasse à café", 3: "object 1", 4: "object 0"}
    assert (settings_file["path"], settings_file["train"], settings_file["nc"]) == (".", "images", 5)
    assert [line.split()[0] for line in lines] == ["2", "3"]
    for line in lines:
        values = [float(word) for word in line.split()[1:]]
        assert len(values) % 2 == 0
        assert len(values) >= 6
        assert all(0 <= value <= 1 for value in values)


def test_a_trainer_that_truncates_to_pixels_and_fills_gets_the_mask_without_holes_exactly() -> None:
    mask = disc(60, 90, 40, 30, 20)
    made = Dataset((image("a.png", 60, 90, [mask]),))
    with zipfile.ZipFile(io.BytesIO(DATASET_FORMATS["yolo"].export(made))) as archive:
        values = np.array([float(word) for word in archive.read("labels/a.txt").split()[1:]]).reshape(-1, 2)
    drawn = np.zeros((60, 90), np.uint8)
    cv2.fillPoly(drawn, [(values * (90, 60)).astype(np.int32)], 1)
    assert np.array_equal(drawn > 0, mask)


def foreign_yolo(**files: bytes | str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return target.getvalue()


def test_yolo_of_another_tool_takes_image_sizes_from_the_images_or_the_caller() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 20)).save(picture, "PNG")
    files = {"data_dot_yaml": "names: [cat, dog]", "train__labels__x_dot_txt": "1 0 0 0.5 0 0.5 1 0 1\n"}
    back = import_yolo_dataset(foreign_yolo(**files, train__images__x_dot_png=picture.getvalue()))
    (found,) = back.images
    assert (found.name, found.width, found.height) == ("x.png", 40, 20)
    assert (found.objects[0].label, found.objects[0].mask.sum()) == ("dog", 20 * 20)
    (given,) = import_yolo_dataset(foreign_yolo(**files), sizes={"x": (20, 40)}).images
    assert np.array_equal(given.objects[0].mask, found.objects[0].mask)


def test_label_studio_tasks_have_what_its_import_asks_for() -> None:
    tasks = json.loads(DATASET_FORMATS["label_studio"].export(some()))
    assert [task["data"]["image"] for task in tasks] == [i.name for i in some().images]
    region = tasks[0]["annotations"][0]["result"][0]
    assert region["type"] == "brushlabels"
    assert region["value"]["format"] == "rle"
    assert region["value"]["brushlabels"] == ["tasse à café"]
    assert (region["original_width"], region["original_height"], region["image_rotation"]) == (90, 60, 0)
    with zipfile.ZipFile(io.BytesIO(export_bundle("label_studio", some()))) as archive:
        interface = archive.read("label_config.xml").decode()
    assert f'name="{region["from_name"]}" toName="{region["to_name"]}"' in interface
    assert '<Label value="leaf"/>' in interface


def test_polygon_regions_of_label_studio_are_read_in_percent() -> None:
    region = {
        "original_width": 40,
        "original_height": 20,
        "image_rotation": 0,
        "type": "polygonlabels",
        "value": {"points": [[0, 0], [50, 0], [50, 100], [0, 100]], "polygonlabels": ["cat"]},
    }
    skipped = {"was_cancelled": True, "result": []}
    task = {"data": {"img": "/data/upload/1/ab-my%20cat.jpg"}, "annotations": [skipped, {"result": [region]}]}
    (found,) = DATASET_FORMATS["label_studio"].read(json.dumps([task]).encode()).images
    assert (found.name, found.size) == ("ab-my cat.jpg", (20, 40))
    assert (found.objects[0].label, found.objects[0].mask.sum()) == ("cat", 20 * 20)
