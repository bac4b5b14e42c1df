"""Files of other tools that cannot be used: each refusal names the file, the entry and what to do."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.annotate.exporters import brush, rle
from app.annotate.exporters.datasets import DATASET_FORMATS
from app.guard import BadInput
from tests.app.mask_scenes import disc

MASK = disc(12, 10, 4, 4, 3)


def coco(*annotations: dict[str, Any], **changes: Any) -> bytes:
    record: dict[str, Any] = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 10, "height": 12},
            {"id": 2, "file_name": "b.jpg", "width": 10, "height": 12},
        ],
        "categories": [{"id": 7, "name": "cup"}],
        "annotations": list(annotations),
    }
    return json.dumps(record | changes).encode()


def entry(**values: Any) -> dict[str, Any]:
    return {"id": 5, "image_id": 1, "category_id": 7, "segmentation": rle.encode(MASK)} | values


def read(key: str, data: bytes) -> Any:
    return DATASET_FORMATS[key].read(data, name="theirs.json")


def test_crowd_regions_and_annotations_without_ids_are_read() -> None:
    crowd = entry(iscrowd=1, segmentation=rle.encode(MASK, plain=True))
    bare = entry()
    del bare["id"]
    found = read("coco", coco(crowd, bare)).images[0].objects
    assert all(np.array_equal(thing.mask, MASK) for thing in found)
    assert [thing.label for thing in found] == ["cup", "cup"]


def test_annotation_without_image_belongs_to_the_only_image() -> None:
    lonely = entry()
    del lonely["image_id"]
    data = coco(lonely, images=[{"file_name": "a.jpg", "width": 10, "height": 12}])
    assert len(read("coco", data).images[0].objects) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"not json", "is not JSON, or it is cut off. Choose a COCO annotation file"),
        (coco(entry())[:150], "is not JSON, or it is cut off"),
        (b"[]", 'is JSON without "images"'),
        (coco(images=[{"file_name": "a"}, {"file_name": "b"}]), "images without an id"),
        (coco(images=[{"id": 1, "width": 1, "height": 1}] * 2), "two with the same one"),
        (coco(images=[{"id": 1, "file_name": "a.jpg"}]), "no width and height for the image a.jpg"),
        (coco(entry(image_id=9)), r"the annotation 5 for an image that is not in it \(image_id 9\)"),
        (coco(entry(image_id=None)), r"image that is not in it \(image_id None\)"),
        (coco(entry(category_id=8)), r"the annotation 5 of a class that is not in it \(category_id 8\)"),
        (coco(entry(segmentation=[], bbox=[1, 1, 2, 2])), "the annotation 5 has only a box, no mask.*Batch tab"),
        (coco(entry(segmentation=None)), "the annotation 5 has no mask"),
        (coco(entry(segmentation={"size": [10, 12], "counts": "0"})), r"of 10 x 12 .* its image is 12 x 10"),
        (coco(entry(segmentation={"size": [12, 10]})), "without size and counts"),
        (coco(entry(segmentation={"size": [12, 10], "counts": [5, 6]})), "cut off: 11 of 120 pixels"),
        (coco(entry(segmentation=rle.encode(MASK) | {"counts": rle.encode(MASK)["counts"][:-2]})), "is cut off"),
        (coco(entry(segmentation=rle.encode(MASK) | {"counts": "\x00"})), "counts that cannot be read"),
        (coco(entry(segmentation=[[1, 1, 30, 1, 30, 9]])), r"leaves its image of 10 x 12 pixels at \(30, 1\)"),
        (coco(entry(segmentation=[[1, 1, 2]])), "fewer than three points or an odd list"),
        (coco(entry(segmentation=[[1, 1, 2, 2, 3, None]])), "values that are not numbers"),
    ],
)
def test_coco_that_cannot_be_used_is_refused_with_its_entry(data: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as caught:
        read("coco", data)
    assert str(caught.value).startswith("theirs.json")


def studio(*regions: dict[str, Any], **changes: Any) -> bytes:
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": list(regions)}]}
    return json.dumps([task | changes]).encode()


def region(**values: Any) -> dict[str, Any]:
    value = {"format": "rle", "rle": brush.encode(MASK), "brushlabels": ["cup"]}
    whole = {"id": "r1", "original_width": 10, "original_height": 12, "type": "brushlabels", "value": value}
    return whole | values


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "is not JSON"),
        (b"{}", r"not a list of tasks.*not JSON-MIN"),
        (studio(region(value={"rle": brush.encode(MASK)[:9]})), "task 1, region r1 has a brush mask that is cut off"),
        (studio(region(value={"rle": brush.encode(MASK.T[:9])})), "brush mask of 108 pixels, its image has 10 x 12"),
        (studio(region(value={"rle": ["a"]})), "not a list of bytes"),
        (studio(region(), region(id="r2", original_width=11)), "region r2 is of an image of another size"),
        (studio(region(image_rotation=90)), "is on a turned image"),
        (studio(region(type="rectanglelabels", value={"x": 1})), "of the kind rectanglelabels, which has no mask"),
        (studio(region(type="polygonlabels", value={"points": [[0, 0], [9, "x"], [1, 1]]})), "not two numbers"),
        (studio(region(type="polygonlabels", value={"points": [[0, 0], [900, 0], [1, 1]]})), "leaves its image"),
        (studio(region(original_width=None)), "no width and height for the image of task 1"),
        (studio(), "no width and height for the image of task 1"),
    ],
)
def test_label_studio_that_cannot_be_used_is_refused_with_its_region(data: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as caught:
        read("label_studio", data)
    assert str(caught.value).startswith("theirs.json")


def yolo(names: str = "names: [cup]", line: str = "0 0 0 .5 0 .5 1", size: bool = True, **more: str) -> bytes:
    target = io.BytesIO()
    index = {"images": [{"name": "a.jpg", "width": 10, "height": 12, "objects": [{"line": True}]}]}
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("data.yaml", names)
        archive.writestr("labels/a.txt", line)
        if size:
            archive.writestr("vitrine.json", json.dumps(index))
        for name, text in more.items():
            archive.writestr(name, text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"PK", "is not a zip archive"),
        (yolo(names="[:"), "'data.yaml' that is not YAML"),
        (yolo(names="nc: 3"), 'without a list "names"'),
        (yolo(names="names: {a: b}"), 'without a list "names"'),
        (yolo(line="3 0 0 1 0 1 1"), "a.txt, line 1 is of class 3, which data.yaml does not name"),
        (yolo(line="0 .5 .5 .2 .2"), r"a.txt, line 1 is a box, not an outline.*Batch tab"),
        (yolo(line="0 0 0 1 x 1 1"), "a.txt, line 1 is not a class number and coordinates"),
        (yolo(line="0 0 0 1 nan 1 1"), "values that are not numbers"),
        (yolo(line="0 0 0 9 0 9 9"), "leaves its image of 10 x 12"),
        (yolo(line="0 0 0 1 0"), "is a box|fewer than three"),
        (yolo(line="0 0 0 1 0 1 1\n0 0 0 1 0 1 1"), "has 2 objects, vitrine.json says otherwise"),
        (yolo(size=False), "does not say how large the image of 'labels/a.txt' is. Put the images into it"),
    ],
)
def test_yolo_that_cannot_be_used_is_refused_with_its_line(data: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        read("yolo", data)


def test_zip_of_another_kind_is_refused() -> None:
    with pytest.raises(BadInput, match=r"has no annotations\.json"):
        read("coco", yolo())
    with pytest.raises(BadInput, match=r"has no files that end in _mask\.png"):
        read("png", yolo(size=False))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 20) | st.floats() | st.sampled_from(["a.jpg", "", "0", "rle"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "images",
                    "annotations",
                    "categories",
                    "id",
                    "image_id",
                    "category_id",
                    "segmentation",
                    "size",
                    "counts",
                    "width",
                    "height",
                    "file_name",
                    "name",
                    "data",
                    "image",
                    "result",
                    "value",
                    "rle",
                    "points",
                    "original_width",
                    "original_height",
                    "type",
                    "meta",
                    "vitrine",
                    "bbox",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@example("coco", [{"id": []}], None)
@example("coco", [{"id": {}}, {"id": 1}], None)
@given(st.sampled_from(["coco", "label_studio"]), st.lists(_json, max_size=2) | _json, _json)
def test_any_json_is_read_or_refused(key: str, value: Any, annotation: Any) -> None:
    for data in (
        value,
        json.loads(coco()) | {"annotations": [annotation], "images": value},
        [{"data": {}, "result": value}],
    ):
        try:
            back = read(key, json.dumps(data).encode())
        except BadInput:
            continue
        assert all(thing.mask.shape == image.size for image in back.images for thing in image.objects)
