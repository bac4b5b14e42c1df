"""Masks as run lengths and as polygons, against pycocotools and the slow way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from scipy import ndimage

from app.annotate.exporters import brush, polygons, rle
from app.guard import BadInput
from tests.app.mask_scenes import masks


def plain_runs(mask: np.ndarray) -> list[int]:
    """Run lengths the slow, obvious way."""
    runs, value = [0], False
    for pixel in mask.T.ravel():
        if bool(pixel) is not value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    return runs


@given(masks)
@settings(max_examples=150, deadline=None)
def test_run_lengths_equal_the_slow_way_and_decode_to_the_mask(mask: np.ndarray) -> None:
    run = rle.encode(mask)
    plain = {"size": list(mask.shape), "counts": plain_runs(mask)}
    packed = coco_mask.frPyObjects(plain, *mask.shape)
    assert run["counts"].encode() == packed["counts"]
    assert run["counts"].encode() == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert rle.encode(mask, plain=True) == plain
    assert (rle.decode(run, mask.shape) == mask).all()
    assert (rle.decode(plain, mask.shape) == mask).all()


@given(masks)
@settings(max_examples=150, deadline=None)
def test_polygons_drawn_back_are_the_mask_holes_included(mask: np.ndarray) -> None:
    assert (polygons.to_mask(polygons.from_mask(mask), mask.shape) == mask).all()
    assert polygons.has_holes(mask) == bool((ndimage.binary_fill_holes(mask) != mask).any())


@given(masks)
@settings(max_examples=150, deadline=None)
def test_one_outline_draws_all_parts_and_holes(mask: np.ndarray) -> None:
    outline = polygons.one_outline(mask)
    assert (polygons.to_mask([outline] if outline else [], mask.shape) == mask).all()


def crossings(outline: list[float], size: tuple[int, int]) -> np.ndarray:
    """The slow, obvious way: a pixel is inside when a ray from its centre to the right meets an odd number of edges."""
    points = np.array(outline).reshape(-1, 2)
    inside = np.zeros(size, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        for row in range(size[0]):
            y = row + 0.5
            if (y0 <= y) != (y1 <= y):
                low, high = ((x0, y0), (x1, y1)) if y0 < y1 else ((x1, y1), (x0, y0))
                x = low[0] + (y - low[1]) * (high[0] - low[0]) / (high[1] - low[1])
                inside[row] ^= np.arange(size[1]) + 0.5 < x
    return inside


@given(masks)
@settings(max_examples=60, deadline=None)
def test_one_outline_is_right_by_pixel_centres_too(mask: np.ndarray) -> None:
    outline = polygons.one_outline(mask)
    if outline:
        assert (crossings(outline, mask.shape) == mask).all()


@given(masks)
@settings(max_examples=100, deadline=None)
def test_brush_masks_decode_to_the_mask_and_equal_the_slow_way(mask: np.ndarray) -> None:
    values = brush.encode(mask)
    assert (brush.decode(values, mask.shape) == mask).all()
    words = np.repeat(np.where(mask.ravel(), 255, 0), 4).tolist()
    bits = f"{len(words):032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}"
    for value, group in itertools.groupby(words):
        run = len(list(group))
        field = next(place for place, size in enumerate((8, 16, 256, 65536)) if run <= size)
        bits += f"1{field:02b}{run - 1:0{(3, 4, 8, 16)[field]}b}{value:08b}"
    assert bytes(values) == int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def test_brush_bytes_of_an_empty_image_begin_as_label_studio_writes_them() -> None:
    # The first bytes of an export of Label Studio for an image of 3332 x 2527.
    assert brush.encode(np.zeros((2527, 3332), bool))[:12] == [2, 1, 233, 240, 57, 27, 255, 255, 255, 0, 255, 255]


def test_words_that_are_not_repeated_are_read_as_they_are() -> None:
    words = [0, 0, 0, 9, 1, 2, 3, 0]
    bits = f"{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "000" + f"{7:03b}" + "".join(f"{w:08b}" for w in words)
    values = list(int(bits.ljust(136, "0"), 2).to_bytes(17, "big"))
    assert brush.decode(values, (1, 2)).tolist() == [[True, False]]


@pytest.mark.parametrize(
    "values", [None, "x", [], [1, 2], [0, 0, 0, 64, 57, 27, 255], [0, 0, 0, 64] + [255] * 9, [300] * 9, [0.5] * 9]
)
def test_brush_masks_that_lie_are_refused(values: object) -> None:
    with pytest.raises(BadInput, match="brush mask"):
        brush.decode(values, (4, 4))


@given(st.binary(max_size=40))
def test_random_brush_bytes_never_raise_anything_but_bad_input(data: bytes) -> None:
    try:
        mask = brush.decode(list((64).to_bytes(4, "big") + data), (4, 4))
    except BadInput:
        return
    assert mask.shape == (4, 4)


@pytest.mark.parametrize(
    "run",
    [
        None,
        [],
        {"size": [4, 4]},
        {"size": 4, "counts": "04"},
        {"size": [4, 4], "counts": "~~~"},
        {"size": [4, 4], "counts": "oooooooooooo"},
        {"size": [4, 4], "counts": [0, 17]},
        {"size": [4, 4], "counts": [20, -4]},
        {"size": [4, 4], "counts": [8.0, 8.0]},
        {"size": [4, 4], "counts": [True] * 16},
        {"size": [100_000, 100_000], "counts": [10**10]},
    ],
)
def test_run_lengths_that_lie_are_refused(run: object) -> None:
    with pytest.raises(BadInput, match="run-length"):
        rle.decode(run, (4, 4))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_random_run_length_text_never_raises_anything_but_bad_input(text: str) -> None:
    try:
        mask = rle.decode({"size": [6, 7], "counts": text}, (6, 7))
    except BadInput:
        return
    assert mask.shape == (6, 7)


@pytest.mark.parametrize(
    "outlines", [[[1, 2]], [[1, 2, 3, 4, 5]], [["a"] * 6], [[float("nan")] * 6], None, [None], "x"]
)
def test_polygons_that_are_none_are_refused(outlines: object) -> None:
    with pytest.raises(BadInput, match="polygon"):
        polygons.to_mask(outlines, (9, 9))


def test_polygon_far_outside_is_refused_with_the_place() -> None:
    with pytest.raises(BadInput, match=r"polygon \(1\) that leaves its image of 9 x 9 pixels at"):
        polygons.to_mask([[-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12]], (9, 9))


def test_polygon_that_overshoots_the_border_a_little_is_drawn() -> None:
    assert polygons.to_mask([[-1.5, -1.5, 10.5, -1.5, 10.5, 10.5, -1.5, 10.5]], (9, 9)).all()
