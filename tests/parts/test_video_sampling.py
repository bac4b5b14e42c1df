"""Which frames are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.video_sampling import evaluation_indices, even_indices, training_indices

COUNTS = st.integers(1, 2000), st.integers(1, 64)


@given(*COUNTS)
def test_evaluation_indices_are_inside_and_ascend(frames, segments):
    indices = evaluation_indices(frames, segments)
    assert len(indices) == segments
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (np.diff(indices) >= 0).all()


@given(*COUNTS, st.integers(0, 5))
def test_training_indices_lie_one_in_each_part(frames, segments, seed):
    indices = training_indices(frames, segments, np.random.default_rng(seed))
    assert len(indices) == segments
    assert indices.min() >= 0
    assert indices.max() < frames
    if frames >= segments:
        np.testing.assert_array_equal(indices // (frames // segments), np.arange(segments))


def test_training_indices_reach_every_frame_of_a_part():
    rng = np.random.default_rng(0)
    seen = {int(index) for _ in range(200) for index in training_indices(12, 3, rng)}
    assert seen == set(range(12))


def test_training_indices_of_a_short_clip_are_rounded_not_random():
    first, second = (training_indices(5, 8, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, [0, 1, 1, 2, 2, 3, 4, 4])


@given(*COUNTS)
def test_even_indices_span_the_clip_without_repeats(frames, count):
    indices = even_indices(frames, count)
    assert len(indices) == min(frames, count)
    assert (np.diff(indices) > 0).all()
    if count > 1:
        assert indices[0] == 0
        assert indices[-1] == frames - 1


@pytest.mark.parametrize("rule", [evaluation_indices, even_indices])
def test_an_empty_clip_is_refused(rule):
    with pytest.raises(ValueError, match="at least 1"):
        rule(0, 8)
