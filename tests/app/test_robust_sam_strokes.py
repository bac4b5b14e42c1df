"""The edit layer: strokes become the pixels they cover at every size, survive the browser, and bad ones are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels import robust_sam_state as state
from app.panels.robust_sam_paint import painted_over, patch_from, touched
from app.panels.robust_sam_strokes import ERASE, MOST_EDITS, MOST_STEPS, PAINT, Stroke, edit_of, edit_value, patch_of
from app.stage_encode import mask_from_runs, mask_runs

SIZE = (60, 40)
points = st.tuples(st.integers(-5, 65), st.integers(-5, 45))
strokes = st.builds(
    lambda mode, radius, path: Stroke(mode, radius, tuple(float(v) for point in path for v in point)),
    st.sampled_from([PAINT, ERASE]),
    st.sampled_from([1.0, 2.5, 7.0]),
    st.lists(points, min_size=1, max_size=5),
)


def slow(mask: np.ndarray, edits: list[Stroke]) -> np.ndarray:
    """Every pixel centre against every segment, one at a time."""
    done = mask.copy()
    for edit in edits:
        # In half pixels everything is a whole number, and the answer exact.
        path = [(round(2 * edit.path[i]), round(2 * edit.path[i + 1])) for i in range(0, len(edit.path), 2)]
        for row, column in np.ndindex(mask.shape):
            centre, reach = (2 * column + 1, 2 * row + 1), round((2 * edit.radius) ** 2)
            if any(_within(*centre, *a, *b, reach) for a, b in zip(path, path[1:] or path, strict=False)):
                done[row, column] = edit.mode == PAINT
    return done


def _within(x: int, y: int, ax: int, ay: int, bx: int, by: int, reach: int) -> bool:
    """Whether (x, y) is at most sqrt(reach) from the segment a to b."""
    length = (bx - ax) ** 2 + (by - ay) ** 2
    passed = (x - ax) * (bx - ax) + (y - ay) * (by - ay)
    if passed <= 0 or not length:
        return (x - ax) ** 2 + (y - ay) ** 2 <= reach
    if passed >= length:
        return (x - bx) ** 2 + (y - by) ** 2 <= reach
    return ((x - ax) * (by - ay) - (y - ay) * (bx - ax)) ** 2 <= reach * length


@given(st.lists(strokes, max_size=3), st.integers(0, 3))
def test_strokes_cover_the_pixels_whose_centres_they_reach(edits: list[Stroke], seed: int) -> None:
    mask = np.random.default_rng(seed).random((SIZE[1], SIZE[0])) > 0.5
    assert (painted_over(mask, edits, SIZE) == slow(mask, edits)).all()


@given(st.lists(strokes, min_size=1, max_size=4))
def test_pixels_that_no_stroke_touches_stay(edits: list[Stroke]) -> None:
    mask = np.random.default_rng(1).random((SIZE[1], SIZE[0])) > 0.5
    left = ~touched(edits, mask.shape, SIZE)
    assert (painted_over(mask, edits, SIZE)[left] == mask[left]).all()


@given(strokes)
def test_a_stroke_has_the_same_shape_on_a_larger_mask(stroke: Stroke) -> None:
    small = {part: painted_over(np.zeros((40, 60), bool), [part], SIZE) for part in _pieces(stroke)}
    for part, drawn in small.items():
        large = painted_over(np.zeros((400, 600), bool), [part], SIZE)
        # Centres of small pixels lie between four large ones; one piece is convex, so where all four agree it must too.
        corners = [large[4 + i :: 10, 4 + j :: 10] for i in (0, 1) for j in (0, 1)]
        assert drawn[np.logical_and.reduce(corners)].all()
        assert not drawn[~np.logical_or.reduce(corners)].any()
    whole = painted_over(np.zeros((40, 60), bool), [Stroke(PAINT, stroke.radius, stroke.path)], SIZE)
    assert (whole == np.logical_or.reduce(list(small.values()))).all()


def _pieces(stroke: Stroke) -> list[Stroke]:
    """The straight pieces of a stroke, each as a stroke that paints."""
    path = stroke.path
    ends = range(0, max(len(path) - 2, 1), 2)
    return [Stroke(PAINT, stroke.radius, path[at : at + 4]) for at in ends]


def test_the_finest_brush_still_marks_pixels_of_a_small_copy() -> None:
    mask = painted_over(np.zeros((40, 60), bool), [Stroke(PAINT, 0.5, (0, 0, 5999, 3999))], (6000, 4000))
    assert mask.any(axis=0).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.floats(0, 1))
def test_packed_masks_come_back(width: int, height: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert (mask_from_runs(mask_runs(mask), width, height) == mask).all()


def test_long_runs_are_packed_in_several_bytes() -> None:
    mask = np.zeros((3000, 4000), bool)
    mask[2999, 3999] = True
    assert (mask_from_runs(mask_runs(mask), 4000, 3000) == mask).all()


@pytest.mark.parametrize("text", ["", "!!", "gA==", "AAAA", "//////8P"])
def test_text_that_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"run|Only base64|padding"):
        mask_from_runs(text, 4, 4)


def after(*actions: dict[str, Any]) -> state.History:
    now = state.History()
    for action in actions:
        now = state.apply(now, action, SIZE)
    return now


def stroke(mode: int = 1, radius: float = 3, path: tuple[float, ...] = (5, 5, 20, 20)) -> dict[str, Any]:
    return {"do": "stroke", "mode": mode, "radius": radius, "path": list(path)}


@pytest.mark.parametrize(
    "action",
    [
        stroke(mode=2),
        stroke(radius=0),
        stroke(radius=float("nan")),
        stroke(radius=1e6),
        stroke(path=()),
        stroke(path=(1, 2, 3)),
        stroke(path=(1, float("inf"))),
        stroke(path=(1, 1e7)),
        stroke(path=(1.0, 1.0) * (MOST_STEPS + 1)),
        {"do": "stroke"},
    ],
)
def test_bad_strokes_name_themselves(action: dict[str, Any]) -> None:
    with pytest.raises(state.BadPrompt) as told:
        after(action)
    assert told.value.problem
    assert told.value.remedy


def test_strokes_are_undone_one_by_one() -> None:
    now = after(stroke(), stroke(mode=0))
    assert [len(h.now.current.edits) for h in (now, now.undo(), now.undo().undo(), now.undo().redo())] == [2, 1, 0, 2]


def test_clear_edits_leaves_the_prompts() -> None:
    point = {"do": "point", "x": 5, "y": 5, "label": 1}
    now = after(point, stroke(), {"do": "clear_edits"}).now.current
    assert len(now.points) == 1
    assert now.edits == ()


def test_an_object_can_only_have_so_many_strokes() -> None:
    full = after(*[stroke()] * MOST_EDITS)
    with pytest.raises(state.BadPrompt):
        state.apply(full, stroke(), SIZE)


def test_painting_counts_as_a_prompt_only_when_told_so() -> None:
    painted = after(stroke()).now.current
    assert (painted.prompted, painted.drawn) == (False, True)
    assert after(stroke(), {"do": "paint_prompt", "on": True}).now.current.prompted
    assert not after(stroke(mode=0), {"do": "paint_prompt", "on": True}).now.current.drawn


def test_painting_label_and_switches_survive_the_browser() -> None:
    actions = [stroke(), stroke(mode=0, radius=2.25), {"do": "refine", "on": False}, {"do": "paint_prompt", "on": True}]
    now = after({"do": "label", "id": 1, "label": "  red   cup "}, *actions).now
    mask = np.eye(40, 60, dtype=bool)
    now = now.with_object(state.replace(now.current, edits=(*now.current.edits, patch_from(mask, ERASE))))
    again = state.from_dict(json.loads(json.dumps(state.as_dict(now))), SIZE)
    assert again == now
    assert again.current.label == "red cup"


def test_a_new_object_keeps_the_refine_switch() -> None:
    now = after({"do": "refine", "on": not state.REFINES}, {"do": "new"}).now
    assert now.current.refine is not state.REFINES


@pytest.mark.parametrize("size", [(61, 40), (30, 40), (0, 0), (6.0, 4)])
def test_a_painting_of_another_shape_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(state.BadPrompt):
        patch_of({"mode": 1, "size": list(size), "runs": ""}, SIZE)


def test_a_damaged_painting_is_refused_when_drawn() -> None:
    damaged = edit_of({"mode": 1, "size": [60, 40], "runs": "gA=="}, SIZE)
    with pytest.raises(state.BadPrompt):
        painted_over(np.zeros((40, 60), bool), [damaged], SIZE)


@given(strokes)
def test_an_edit_survives_its_plain_values(edit: Stroke) -> None:
    assert edit_of(json.loads(json.dumps(edit_value(edit))), SIZE) == edit
