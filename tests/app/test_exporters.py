"""Every export is read back without loss, holds its receipt, and is what other tools expect."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from app.annotate.exporters import (
    FORMATS,
    MaskObject,
    export_coco,
    export_npy,
    export_npz,
    export_png_mask,
    export_rgba,
    import_coco,
    import_npy,
    import_png_mask,
    import_rgba,
    rle,
)
from app.guard import BadInput
from tests.app.mask_scenes import RECEIPT, disc, photo, scene, stacks


def iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


@pytest.mark.parametrize("key", FORMATS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_reading_an_export_gives_the_same_objects(key: str, count: int) -> None:
    objects, image = scene()
    back = FORMATS[key].read(FORMATS[key].export(objects[:count], image, RECEIPT))
    assert back.size == (60, 90)
    assert back.receipt == RECEIPT
    assert len(back.objects) == count
    for before, after in zip(objects, back.objects, strict=False):
        assert iou(before.mask, after.mask) == 1.0
        assert (before.name, before.color, before.score) == (after.name, after.color, after.score)


@given(stacks, st.sampled_from(sorted(FORMATS)))
@settings(max_examples=120, deadline=None)
def test_any_masks_survive_the_round_trip(stack: list[np.ndarray], key: str) -> None:
    objects = [MaskObject(f"object {place}", mask) for place, mask in enumerate(stack)]
    image = photo(*stack[0].shape)
    if not any(mask.any() for mask in stack):
        with pytest.raises(BadInput):
            FORMATS[key].export(objects, image, {})
        return
    back = FORMATS[key].read(FORMATS[key].export(objects, image, {})).objects
    assert all((one.mask == other.mask).all() for one, other in zip(objects, back, strict=True))


@pytest.mark.parametrize("key", FORMATS)
def test_equal_input_gives_equal_bytes(key: str) -> None:
    (objects, image), (again, _) = scene(), scene()
    shuffled = dict(reversed(RECEIPT.items()))
    assert FORMATS[key].export(objects, image, RECEIPT) == FORMATS[key].export(again, image, shuffled)


@pytest.mark.parametrize("key", FORMATS)
def test_nothing_to_export_is_said_clearly(key: str) -> None:
    image = photo(20, 30)
    with pytest.raises(BadInput, match=r"has no objects\. Click an object first"):
        FORMATS[key].export([], image, RECEIPT)
    with pytest.raises(BadInput, match="only empty masks"):
        FORMATS[key].export([MaskObject("cup", np.zeros((20, 30), bool))], image, RECEIPT)
    with pytest.raises(BadInput, match=r"cup has a mask of shape \(30, 20\)"):
        FORMATS[key].export([MaskObject("cup", np.ones((30, 20), bool))], image, RECEIPT)


@pytest.mark.parametrize("key", FORMATS)
def test_receipt_with_numpy_values_and_paths_is_written(key: str) -> None:
    objects, image = scene()
    receipt = {
        "seed": np.int64(3),
        "share": np.float32(0.5),
        "list": np.arange(2),
        "file": Path("a.png"),
        "none": None,
        "nan": float("nan"),
    }
    back = FORMATS[key].read(FORMATS[key].export(objects, image, receipt)).receipt
    assert back == {"seed": 3, "share": 0.5, "list": [0, 1], "file": "a.png", "none": None, "nan": None}


@pytest.mark.parametrize("key", FORMATS)
def test_portrait_image_keeps_its_orientation(key: str) -> None:
    mask = np.zeros((60, 40), bool)
    mask[50:60, 0:7] = True
    back = FORMATS[key].read(FORMATS[key].export([MaskObject("foot", mask)], photo(60, 40), {}))
    assert back.size == (60, 40)
    assert (back.objects[0].mask == mask).all()


def test_single_mask_png_is_black_and_white_with_a_readable_receipt() -> None:
    objects, image = scene()
    picture = Image.open(io.BytesIO(export_png_mask(objects[:1], image, RECEIPT)))
    assert picture.mode == "L"
    assert (np.asarray(picture) == objects[0].mask * 255).all()
    assert json.loads(picture.text["vitrine_receipt"]) == RECEIPT


def test_mask_png_of_several_objects_is_indexed_in_their_colours_and_the_later_object_shows() -> None:
    objects, image = scene()
    picture = Image.open(io.BytesIO(export_png_mask(objects, image, RECEIPT)))
    assert picture.mode == "P"
    assert np.asarray(picture)[30, 45] == 2
    assert picture.convert("RGB").getpixel((45, 30)) == objects[1].color
    assert picture.convert("RGB").getpixel((0, 0)) == (0, 0, 0)


def test_more_than_255_objects_become_a_16_bit_mask() -> None:
    objects = []
    for place in range(300):
        mask = np.zeros((20, 20), bool)
        mask[place // 20, place % 20] = True
        objects.append(MaskObject(str(place), mask))
    data = export_png_mask(objects, photo(20, 20), {})
    assert Image.open(io.BytesIO(data)).mode == "I;16"
    back = import_png_mask(data).objects
    assert all((one.mask == other.mask).all() for one, other in zip(objects, back, strict=True))


def test_id_mask_from_elsewhere_gives_one_object_per_value() -> None:
    ids = np.zeros((20, 20), np.uint8)
    ids[2:5], ids[8:9] = 4, 9
    target = io.BytesIO()
    Image.fromarray(ids).save(target, "PNG")
    back = import_png_mask(target.getvalue())
    assert [item.name for item in back.objects] == ["object 4", "object 9"]
    assert back.receipt == {}
    assert (back.objects[1].mask == (ids == 9)).all()


def test_cut_out_keeps_the_photo_inside_and_nothing_of_it_outside() -> None:
    objects, image = scene()
    inside = objects[0].mask | objects[1].mask
    pixels = np.asarray(Image.open(io.BytesIO(export_rgba(objects[:2], image, RECEIPT))))
    assert (pixels[..., 3] == inside * 255).all()
    assert (pixels[inside, :3] == image[inside]).all()
    assert not pixels[~inside].any()


@pytest.mark.parametrize("count", [1, 3])
def test_cropped_cut_out_finds_its_place_again(count: int) -> None:
    objects, image = scene()
    data = export_rgba(objects[:count], image, RECEIPT, cropped=True)
    assert Image.open(io.BytesIO(data)).size == ((45, 45) if count == 1 else (82, 52))
    back = import_rgba(data)
    assert back.size == (60, 90)
    assert all((one.mask == other.mask).all() for one, other in zip(objects, back.objects, strict=False))


def test_npy_is_a_plain_stack_for_numpy(tmp_path: Path) -> None:
    objects, image = scene()
    path = tmp_path / "masks.npy"
    path.write_bytes(export_npy(objects, image, RECEIPT))
    for stack in (np.load(path), np.load(path, mmap_mode="r")):
        assert stack.dtype == np.bool_
        assert (stack == np.stack([item.mask for item in objects])).all()


def test_npz_names_its_parts_and_needs_no_pickle() -> None:
    objects, image = scene()
    with np.load(io.BytesIO(export_npz(objects, image, RECEIPT)), allow_pickle=False) as parts:
        assert parts["masks"].shape == (3, 60, 90)
        assert parts["names"].tolist() == ["ring", "tasse à café", "ring"]
        assert parts["colors"][2].tolist() == [0, 158, 115]
        assert np.isnan(parts["scores"][1])
        assert json.loads(str(parts["meta"]))["vitrine_receipt"] == RECEIPT


def test_single_two_dimensional_array_from_elsewhere_is_one_object() -> None:
    target = io.BytesIO()
    np.save(target, np.asfortranarray(disc(20, 30, 5, 5, 4).astype(np.uint8) * 255))
    back = import_npy(target.getvalue())
    assert back.size == (20, 30)
    assert (back.objects[0].mask == disc(20, 30, 5, 5, 4)).all()


def pycoco(data: bytes, tmp_path: Path) -> COCO:
    path = tmp_path / "annotations.json"
    path.write_bytes(data)
    return COCO(str(path))


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_pycocotools_reads_our_coco_exactly(form: str, tmp_path: Path) -> None:
    objects, image = scene()
    dataset = pycoco(export_coco(objects, image, RECEIPT, file_name="cup.jpg", segmentation=form), tmp_path)
    assert dataset.imgs[1] == {"id": 1, "file_name": "cup.jpg", "width": 90, "height": 60}
    assert [entry["name"] for entry in dataset.cats.values()] == ["ring", "tasse à café"]
    for place, item in enumerate(objects):
        entry = dataset.anns[place + 1]
        assert (dataset.annToMask(entry).astype(bool) == item.mask).all()
        assert entry["area"] == item.mask.sum()
        run = coco_mask.encode(np.asfortranarray(item.mask.astype(np.uint8)))
        assert entry["bbox"] == coco_mask.toBbox(run).tolist()
        assert entry["category_id"] == (2 if place == 1 else 1)


def test_polygon_form_draws_holes_and_needs_no_run_lengths() -> None:
    objects, image = scene()
    ring, cup, _ = json.loads(export_coco(objects, image, RECEIPT, segmentation="polygon"))["annotations"]
    assert isinstance(ring["segmentation"], list)
    assert len(ring["segmentation"]) == 1
    assert isinstance(cup["segmentation"], list)
    assert "segmentation_note" not in ring


def test_mask_that_no_polygon_draws_is_written_as_run_lengths_and_the_file_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects, image = scene()
    monkeypatch.setattr("app.annotate.exporters.polygons.from_mask", lambda mask: [[0.25, 0.25, 9.0, 0.25, 9.0, 9.0]])
    ring, *_ = json.loads(export_coco(objects, image, RECEIPT, segmentation="polygon"))["annotations"]
    assert ring["segmentation"] == rle.encode(objects[0].mask)
    assert "run lengths" in ring["segmentation_note"]


def test_empty_object_beside_a_full_one_is_kept_with_area_zero() -> None:
    objects, image = scene()
    empty = MaskObject("later", np.zeros((60, 90), bool))
    data = export_coco([objects[0], empty], image, RECEIPT)
    assert json.loads(data)["annotations"][1]["area"] == 0
    assert not import_coco(data).objects[1].mask.any()


def test_chosen_image_of_a_larger_coco_file_is_read() -> None:
    mask = disc(12, 10, 4, 4, 3)
    record = {
        "images": [
            {"id": 5, "file_name": "a", "width": 3, "height": 3},
            {"id": "x", "file_name": "b", "width": 10, "height": 12},
        ],
        "categories": [{"id": 9, "name": "leaf"}],
        "annotations": [
            {"image_id": 5, "category_id": 9, "segmentation": {"size": [3, 3], "counts": [9]}},
            {"image_id": "x", "category_id": 9, "segmentation": rle.encode(mask)},
            {"image_id": "x", "category_id": 9, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
        ],
    }
    back = import_coco(json.dumps(record).encode(), file_name="b")
    assert [item.name for item in back.objects] == ["leaf", "leaf"]
    assert (back.objects[0].mask == mask).all()
    assert back.objects[1].mask.sum() == 6
