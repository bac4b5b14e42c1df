"""Live timing, drawings and the two tasks, with drawn weights: what runs, what is refused, not what is found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.problems import BadInput
from models.pelk import nano
from models.pelk import pipeline_drawings as drawings
from models.pelk import pipeline_tasks as tasks
from models.pelk.designer import KernelSpec
from models.pelk.pipeline_timing import timing_job
from models.pelk.pipeline_timing_types import Timing
from models.runtime import Cancelled, Job, JobContext
from tests.pelk.untrained import untrained_weights


def run(job: Job, context: JobContext | None = None) -> tuple[Any, list[Any]]:
    """(the job's result, its partial results), without a runtime."""
    steps = job.call(context or JobContext(), None, **job.arguments)
    if not isinstance(steps, Iterator):
        return steps, []
    partial: list[Any] = []
    while True:
        try:
            partial.append(next(steps))
        except StopIteration as end:
            return end.value, partial


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untrained_weights(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "spec",
    [
        KernelSpec(31, height=20, width=13, channels=4),
        KernelSpec(51, height=1, width=1, channels=1),
        KernelSpec(13, height=9, width=30, channels=2),
        KernelSpec(3, height=4, width=4, channels=2),
    ],
)
def test_every_form_that_is_timed_is_exact(spec: KernelSpec) -> None:
    timing, partial = run(timing_job("me", spec, 0.3))
    assert isinstance(timing, Timing)
    assert partial
    ran = [row for row in timing.rows if row.milliseconds is not None]
    assert {row.name for row in ran} >= {"fft"}
    assert all(row.error is not None and row.error < 2e-5 for row in ran)
    assert all(row.skipped for row in timing.rows if row.milliseconds is None)
    assert sum(row.chosen for row in timing.rows) == 1
    assert Timing.from_dict(timing.as_dict()) == timing


def test_direct_convolution_is_left_out_above_the_budget_and_says_why() -> None:
    timing, _ = run(timing_job("me", KernelSpec(101, 3, height=56, width=56, channels=96), 0.2))
    direct = next(row for row in timing.rows if row.name == "direct")
    assert direct.milliseconds is None
    assert "3.1 G multiply-adds, the budget is 1 G" in direct.skipped


def test_a_dense_grid_cannot_be_summed_by_boxes() -> None:
    timing, _ = run(timing_job("me", KernelSpec(5, bins="1,1,1,1,1", height=8, width=8, channels=2), 0.2))
    assert {row.name for row in timing.rows if "shares weights" in row.skipped} == {"boxes", "taps"}


def test_timing_stops_when_asked_to() -> None:
    class Stopped(JobContext):
        @property
        def cancelled(self) -> bool:
            return True

        def check(self) -> None:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(timing_job("me", KernelSpec(13, height=8, width=8, channels=1), 0.3), Stopped())


def test_a_time_box_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match=r"0\.2 to 60"):
        timing_job("me", KernelSpec(), 1000)


def test_samples_can_be_edited_as_drawings() -> None:
    image, drawing, truth = drawings.sampled_path(3, 10)
    assert image.shape == (96, 96)
    assert len(drawing.dots) == 2
    assert isinstance(truth, bool)
    again = drawings.drawing_of(drawing.as_dict()["strokes"], drawing.as_dict()["dots"])
    assert again == drawing
    # The same curves, drawn anew from their lines: nearly the same ink.
    assert float(np.corrcoef(again.image().ravel(), image.ravel())[0, 1]) > 0.8


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3), st.lists, max_leaves=12))
def test_nothing_but_drawings_is_taken_for_one(given_: Any) -> None:
    try:
        drawing = drawings.drawing_of(given_, [[1, 2], [3, 4]])
    except BadInput:
        return
    assert drawing.image().shape == (96, 96)


@pytest.mark.parametrize(
    ("strokes", "dots", "part"),
    [
        ([[[1, 1], [50, 50]]], [[1, 1]], "1 dots"),
        ([[[1, 1], [math.inf, 50]]], [[1, 1], [2, 2]], "finite"),
        ([[[1, 1], [5000, 50]]], [[1, 1], [2, 2]], "Stay within"),
        ([[[0, 0]] * 7000], [[1, 1], [2, 2]], "no list of points"),
        ([[[0, 0], [1, 1]]] * 200, [[1, 1], [2, 2]], "at most 120"),
        ("lines", [[1, 1], [2, 2]], "no list of lines"),
    ],
)
def test_bad_drawings_are_named(strokes: Any, dots: Any, part: str) -> None:
    with pytest.raises(BadInput, match=part):
        drawings.drawing_of(strokes, dots)


def test_paint_covers_what_is_under_it_and_nothing_else() -> None:
    room, truth = drawings.sampled_room(4)
    paints = drawings.paints_of([{"color": "#ff0000", "width": 4, "path": [[10, 50], [30, 50]]}])
    shown = drawings.painted_room(room, paints)
    changed = np.argwhere((shown != room).any(-1))
    assert truth.shape == (96, 96)
    assert shown[49, 20].tolist() == [1.0, 0.0, 0.0]
    assert 46 <= changed[:, 0].min() <= changed[:, 0].max() <= 53
    assert np.array_equal(drawings.painted_room(room, ()), room)


@pytest.mark.parametrize(
    ("stroke", "part"),
    [
        ({"color": "red", "width": 4, "path": [[1, 1]]}, "rrggbb"),
        ({"color": "#ff0000", "width": 0, "path": [[1, 1]]}, "1 to 96"),
        ({"color": "#ff0000", "width": 4, "path": "no"}, "no list of points"),
        ({"color": "#ff0000", "width": None, "path": []}, "number"),
        ("stroke", "no object"),
    ],
)
def test_bad_paint_is_named(stroke: Any, part: str) -> None:
    with pytest.raises(BadInput, match=part):
        drawings.paints_of([stroke])


@pytest.mark.usefixtures("weights")
def test_three_networks_answer_side_by_side() -> None:
    image, _, _ = drawings.sampled_path(1, 8)
    answers, _ = run(tasks.path_job("me", image))
    assert [answer.label.variant for answer in answers] == list(nano.VARIANTS)
    assert all(0 <= answer.joined <= 1 and answer.trace.shape == (3, 12, 12) for answer in answers)
    counts = [answer.label.parameters for answer in answers]
    assert max(counts) / min(counts) < 1.01
    assert answers[0].label.title == "PeLK, K = 31, 23, 11"


@pytest.mark.usefixtures("weights")
def test_rooms_are_scored_only_where_the_truth_is_known() -> None:
    room, truth = drawings.sampled_room(2)
    scored, _ = run(tasks.room_job("me", room, truth))
    free, _ = run(tasks.room_job("me", room))
    assert all(answer.miou is not None and 0 <= answer.miou <= 1 for answer in scored)
    assert all(answer.miou is None for answer in free)
    assert all(np.array_equal(a.classes, b.classes) for a, b in zip(scored, free, strict=True))


def test_perfect_classes_have_a_mean_iou_of_one() -> None:
    _, truth = drawings.sampled_room(5)
    counts = tasks.confusion(truth, truth)
    assert tasks.mean_iou(counts) == 1.0
    assert counts.sum() == truth.size
    wrong = tasks.confusion(np.zeros_like(truth), np.ones_like(truth))
    assert tasks.mean_iou(wrong) == 0.0


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("task", "groups"), [("pathfinder", 6), ("segmentation", 9)])
def test_scores_grow_with_pictures_and_carry_intervals(task: nano.Task, groups: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "_BATCH", 2)
    scores, partial = run(tasks.score_job("me", task, 10))
    assert [scores.pictures for scores in partial] == [2, 4, 6, 8]
    assert len(scores.rows) == 3 * groups
    known = [row for row in scores.rows if np.isfinite(row.value)]
    assert all(row.low - 1e-9 <= row.value <= row.high + 1e-9 for row in known)
    again, _ = run(tasks.score_job("me", task, 10))
    assert [r.value for r in known] == [r.value for r in again.rows if np.isfinite(r.value)]


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_share(total: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, total))
    low, high = tasks.wilson(right, total)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1


def test_without_weights_nothing_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untrained_weights(tmp_path, monkeypatch, tasks=())
    room, _ = drawings.sampled_room(0)
    for ask in (
        lambda: tasks.path_job("me", np.zeros((96, 96), np.float32)),
        lambda: tasks.room_job("me", room),
        lambda: tasks.score_job("me", "pathfinder", 10),
    ):
        with pytest.raises(BadInput, match="no weights here"):
            ask()


def test_odd_pictures_and_runs_are_refused() -> None:
    with pytest.raises(BadInput, match="grey picture"):
        tasks.path_job("me", np.zeros((4, 4), np.float32))
    with pytest.raises(BadInput, match="colour picture"):
        tasks.room_job("me", np.zeros((96, 96), np.float32))
    with pytest.raises(BadInput, match="training run"):
        tasks.path_job("me", np.zeros((96, 96), np.float32), run=9)
    with pytest.raises(BadInput, match="10 to 1000"):
        tasks.score_job("me", "pathfinder", 5)
    with pytest.raises(BadInput, match="The task"):
        tasks.score_job("me", "chess")  # type: ignore[arg-type]
