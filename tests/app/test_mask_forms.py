"""Masks as run lengths and as polygons, against pycocotools and the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from scipy import ndimage

from app.annotate.exporters import (
    polygons,
    rle,
)
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
    assert (rle.decode(run, mask.shape) == mask).all()
    assert (rle.decode(plain, mask.shape) == mask).all()


@given(masks)
@settings(max_examples=150, deadline=None)
def test_polygons_drawn_back_are_the_mask_with_its_holes_filled(mask: np.ndarray) -> None:
    drawn = polygons.to_mask(polygons.from_mask(mask), mask.shape)
    assert (drawn == ndimage.binary_fill_holes(mask)).all()
    assert polygons.has_holes(mask) == bool((drawn != mask).any())


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


def test_polygon_far_outside_is_drawn_without_allocating_for_it() -> None:
    assert polygons.to_mask([[-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12]], (9, 9)).all()
