"""Prompt files of a batch: what is read from them, which photo they mean, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import BadInput
from models.robust_sam.batch_prompts import BOXES_TEMPLATE, POINTS_TEMPLATE, read_prompts


def read(text: str, name: str = "boxes.csv"):
    return read_prompts(text.encode(), name).by_image


def test_both_templates_can_be_read() -> None:
    car, person = read(BOXES_TEMPLATE)["street.jpg"]
    assert (car.label, car.box) == ("car", (120, 80, 420, 360))
    assert (person.label, person.box) == ("person", (500, 90, 610, 300))
    (points,) = read(POINTS_TEMPLATE)["street.jpg"]
    assert points.points == ((270, 220), (430, 380))
    assert points.adds == (1, 0)
    assert points.label == "car"


def test_columns_in_any_order_semicolons_and_the_mark_of_windows_are_understood() -> None:
    text = "\ufefflabel;Y1;x1;y0;x0;IMAGE\r\ncat;4;3;2;1;a b.jpg\r\n\r\n"
    (prompt,) = read(text)["a b.jpg"]
    assert (prompt.label, prompt.box) == ("cat", (1, 2, 3, 4))


def test_label_is_optional_and_lines_of_one_photo_gather() -> None:
    found = read("image,x0,y0,x1,y1\na.png,0,0,1,1\nb.png,0,0,2,2\na.png,3,3,4,4\n")
    assert [prompt.box for prompt in found["a.png"]] == [(0, 0, 1, 1), (3, 3, 4, 4)]
    assert found["b.png"][0].label == ""


def test_boxes_of_a_coco_file_are_read_with_their_classes() -> None:
    record = {
        "images": [{"id": 3, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 9, "image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40.5]}],
    }
    (prompt,) = read(json.dumps(record), "annotations.json")["a.jpg"]
    assert (prompt.label, prompt.box) == ("dog", (10, 20, 40, 60.5))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names of its columns"),
        ("a,b\n1,2\n", r"begins with 'a,b'.*Download a template"),
        ("image,x0,y0,x1,y1\n", "names no photo"),
        ("image,x0,y0,x1,y1\na.png,0,0,one,1\n", r"x1 = 'one' in line 2"),
        ("image,x0,y0,x1,y1\na.png,0,0,1\n", r"y1 = '' in line 2"),
        ("image,x0,y0,x1,y1\na.png,0,0,inf,1\n", r"x1 = 'inf' in line 2"),
        ("image,x0,y0,x1,y1\n,0,0,1,1\n", "names no image in line 2"),
        ("image,object,x,y,add\na.png,1,0,0,2\n", r"add = '2' in line 2"),
        ("image,object,x,y,add\na.png,1,0,0,0\n", "only removes points from object '1' of a.png"),
        ("{", "is not JSON"),
        ("[]", 'without "images"'),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"id": 5, "image_id": 1}]}',
            "annotation 5 without",
        ),
        ('{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"id": 5, "image_id": 2}]}', "that is not in it"),
        ("image,x0,y0,x1,y1\n" + "a.png,0,0,1,1\n" * 501, "501 objects for a.png. The limit is 500"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused_with_their_line(text: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        read(text)


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(BadInput, match="UTF-8"):
        read_prompts("image,x0,y0,x1,y1\nä.png,0,0,1,1\n".encode("latin-1"), "boxes.csv")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except BadInput:
        return
    assert found


def test_photos_are_found_by_path_by_bare_name_and_in_any_case() -> None:
    table = read_prompts(
        b"image,x0,y0,x1,y1\na/one.jpg,0,0,1,1\nONE.jpg,0,0,1,1\ntwo.jpg,0,0,1,1\ngone.jpg,0,0,1,1\n", "boxes.csv"
    )
    found, unknown = table.matched(["a/one.jpg", "b/one.jpg", "c/Two.JPG"])
    assert set(found) == {"a/one.jpg", "c/Two.JPG"}
    assert unknown == ["ONE.jpg", "gone.jpg"]
