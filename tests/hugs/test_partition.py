"""Segments out of overlapping masks: equal to the slow twin, covering, disjoint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.hugs.partition import masks_of, partition, partition_slow
from models.parts.problems import BadInput

masks = st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays.arrays(bool, shape)
)


@settings(max_examples=150, deadline=None)
@given(masks)
def test_partition_equals_the_slow_twin(given_masks: np.ndarray) -> None:
    size = given_masks.shape[1:]
    assert np.array_equal(partition(given_masks, size), partition_slow(given_masks, size))


@settings(max_examples=50, deadline=None)
@given(masks)
def test_segments_are_numbered_without_gaps_and_cover_every_pixel(given_masks: np.ndarray) -> None:
    segments = partition(given_masks, given_masks.shape[1:])
    assert segments.dtype == np.int32
    assert np.array_equal(np.unique(segments), np.arange(segments.max() + 1))
    assert (masks_of(segments).sum(0) == 1).all()


def test_small_masks_lie_on_large_ones() -> None:
    large, small = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    small[1, 1] = True
    for order in ([large, small], [small, large]):
        segments = partition(np.stack(order))
        assert segments[1, 1] == 1
        assert (segments == 0).sum() == 15


def test_uncovered_pixels_join_along_the_main_diagonal_only() -> None:
    falling = ~np.eye(3, dtype=bool)
    assert partition(falling[None]).max() == 1
    rising = ~np.eye(3, dtype=bool)[:, ::-1]
    assert partition(rising[None]).max() == 3


def test_without_masks_the_photo_is_one_segment() -> None:
    assert (partition(np.zeros((0, 3, 5), bool)) == 0).all()
    assert partition([], (3, 5)).shape == (3, 5)


def test_masks_of_other_sizes_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="5 x 4"):
        partition([np.zeros((4, 5), bool)], (8, 9))
