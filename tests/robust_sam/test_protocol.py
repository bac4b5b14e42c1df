"""How the report card asks and counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.robust_sam import protocol
from models.robust_sam.evaluation import EvaluationConfig, Scene, degraded_scene, grabcut, objects_of


def square(x0: int, y0: int, x1: int, y1: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_points_are_fixed_by_the_name_and_lie_inside() -> None:
    mask = square(3, 4, 20, 9)
    a, b, c = (protocol.random_points(mask, name) for name in ("one", "one", "two"))
    assert a.points is not None
    assert np.array_equal(a.points, b.points)  # type: ignore[arg-type]
    assert not np.array_equal(a.points, c.points)  # type: ignore[arg-type]
    assert all(mask[int(y), int(x)] for x, y in a.points)


def test_the_box_holds_every_pixel() -> None:
    assert protocol.true_box(square(3, 4, 20, 9)).box.tolist() == [3, 4, 20, 9]


def test_the_next_click_goes_to_the_middle_of_the_largest_error() -> None:
    mask = square(0, 0, 20, 20)
    place, label = protocol.next_click(square(0, 0, 20, 3), mask)
    assert label == 1
    assert mask[int(place[1]), int(place[0])]
    place, label = protocol.next_click(mask | square(25, 25, 39, 39), mask)
    assert label == 0
    assert square(25, 25, 39, 39)[int(place[1]), int(place[0])]


def test_intervals_hold_the_mean_and_shrink_with_more_images() -> None:
    rng = np.random.default_rng(0)
    few = [list(rng.normal(0.5, 0.1, 3)) for _ in range(5)]
    many = [list(rng.normal(0.5, 0.1, 3)) for _ in range(200)]
    low, middle, high = protocol.interval(many)
    assert low < middle < high
    few_low, _, few_high = protocol.interval(few)
    assert high - low < few_high - few_low


@given(st.lists(st.lists(st.floats(0, 1), max_size=4), min_size=1, max_size=6).filter(lambda g: any(g)))
def test_intervals_are_ordered_for_any_groups(groups: list[list[float]]) -> None:
    low, middle, high = protocol.interval(groups)
    assert low <= middle + 1e-3
    assert middle <= high + 1e-3


def test_objects_are_large_enough_and_chosen_by_name() -> None:
    config = EvaluationConfig(scenes=1, severities=(1.0,), objects=2, least_share=0.01)
    instance = np.zeros((40, 40), np.int16)
    instance[:10, :10], instance[20:30, 20:30], instance[35:, 35:], instance[0, 39] = 1, 2, 3, 4
    masks = objects_of(instance, config, "scene")
    assert len(masks) == 2
    assert all(mask.sum() >= 16 for mask in masks)
    assert all(np.array_equal(a, b) for a, b in zip(masks, objects_of(instance, config, "scene"), strict=True))


def test_a_bend_moves_the_masks_and_other_kinds_do_not() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    mask = np.zeros((120, 120), dtype=bool)
    mask[30:80, 30:80] = True
    scene = Scene("s", image, [mask])
    _, bent = degraded_scene(scene, "elastic", 1.0)
    _, same = degraded_scene(scene, "fog", 1.0)
    assert not np.array_equal(bent[0], mask)
    assert same[0] is mask


@pytest.mark.parametrize("colour", [200, 90])
def test_grabcut_finds_a_plain_object(colour: int) -> None:
    rng = np.random.default_rng(1)
    mask = square(10, 12, 30, 28)
    image = rng.integers(0, 30, (40, 40, 3)).astype(np.uint8)
    image[mask] = colour + rng.integers(0, 20, (int(mask.sum()), 3)).astype(np.uint8)
    found = grabcut(image, protocol.true_box(square(7, 9, 33, 31)))
    assert (found & mask).sum() / (found | mask).sum() > 0.9
