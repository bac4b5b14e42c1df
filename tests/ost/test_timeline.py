"""The sliding window: where windows lie, what they share, and segments that cover the video."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ost.pipeline import Options, recognise
from models.ost.timeline import slots, timeline, window_frames, windows
from models.parts.problems import BadInput
from models.runtime import JobContext
from tests.ost.models import classes, clip, tiny_recogniser

NAMES = classes("run", "sit", "wave")


@given(st.floats(0.05, 200), st.floats(0.5, 30))
def test_windows_cover_the_video_and_none_leaves_it(duration: float, window: float) -> None:
    starts, ends = windows(duration, window)
    assert starts[0] == 0
    assert ends[-1] == pytest.approx(duration)
    assert bool((np.diff(starts) > 0).all())
    assert bool((np.diff(starts) <= window / 4 + 1e-9).all())
    borders = slots(duration, window)
    assert borders[0] == 0
    assert borders[-1] == duration
    middles = (borders[:-1] + borders[1:]) / 2
    assert all(((starts <= middle) & (middle <= ends)).any() for middle in middles)


def test_neighbouring_windows_share_their_frames() -> None:
    source = clip(120, fps=10.0)
    starts, ends = windows(source.duration, 4.0)
    places = window_frames(source, starts, ends, 8)
    assert places.shape == (9, 8)
    assert len(np.unique(places)) == 8 + 8 * 2


def test_a_window_of_the_whole_clip_is_recognition_itself() -> None:
    context, source = JobContext(), clip(16, fps=4.0)
    line = timeline(context, tiny_recogniser(), source=source, classes=NAMES, options=Options(frames=8), window=4.0)
    whole = recognise(context, tiny_recogniser(), source=source, classes=NAMES, options=Options(frames=8))
    assert whole.fresh_frames == 0
    assert line.starts.tolist() == [0.0]
    for scoring, shares in line.shares.items():
        assert np.allclose(shares[0], whole.scores[scoring].shares)


def test_segments_follow_the_best_class_and_cover_the_video_without_a_gap() -> None:
    line = timeline(
        JobContext(), tiny_recogniser(), source=clip(60, fps=4.0), classes=NAMES, options=Options(frames=4), window=3.0
    )
    for scoring, shares in line.slot_shares.items():
        found = line.segments(scoring)
        assert found[0].start == 0
        assert found[-1].end == line.duration == 15.0
        assert all(one.end == other.start and one.name != other.name for one, other in pairwise(found))
        for place, best in enumerate(shares.argmax(axis=1)):
            middle = (line.borders[place] + line.borders[place + 1]) / 2
            assert next(one for one in found if one.start <= middle < one.end).name == NAMES.names[best]
    assert set(line.leading(count=2)) <= set(NAMES.names)


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan"), float("inf"), 1e-4])
def test_windows_of_no_length_or_too_many_are_refused(window: float) -> None:
    with pytest.raises(BadInput, match="window"):
        windows(60.0, window)


def test_other_classes_cost_no_frame_again() -> None:
    context, source = JobContext(), clip(40, fps=4.0)
    first = timeline(context, tiny_recogniser(), source=source, classes=NAMES, options=Options(frames=4), window=2.0)
    again = timeline(
        context, tiny_recogniser(), source=source, classes=classes("fly"), options=Options(frames=4), window=2.0
    )
    assert first.fresh_frames > 0
    assert again.fresh_frames == 0
