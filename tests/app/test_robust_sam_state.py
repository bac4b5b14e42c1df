"""What clicks do to objects, and that undo and redo bring back exactly what was there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels import robust_sam_state as state

SIZE = (640, 480)


def after(*actions: dict[str, Any], history: state.History | None = None) -> state.History:
    now = history or state.History()
    for action in actions:
        now = state.apply(now, action, SIZE)
    return now


def point(x: float = 10, y: float = 20, label: int = 1) -> dict[str, Any]:
    return {"do": "point", "x": x, "y": y, "label": label}


coordinates = st.tuples(st.floats(0, SIZE[0] - 0.5), st.floats(0, SIZE[1] - 0.5))
clicks = st.builds(lambda at, label: point(*at, label), coordinates, st.sampled_from([0, 1]))
boxes = st.builds(
    lambda a, b: {"do": "box", "x0": a[0], "y0": a[1], "x1": b[0], "y1": b[1]}, coordinates, coordinates
).filter(lambda b: abs(b["x0"] - b["x1"]) >= 1 and abs(b["y0"] - b["y1"]) >= 1)
plain = st.sampled_from([{"do": "new"}, {"do": "clear"}, {"do": "undo"}, {"do": "redo"}])
steps = st.lists(st.one_of(clicks, boxes, plain), max_size=25)


def test_click_belongs_to_the_active_object() -> None:
    now = after(point(), {"do": "new"}, point(30, 40, 0)).now
    assert [len(o.points) for o in now.objects] == [1, 1]
    assert now.current.points == (state.Point(30.0, 40.0, 0),)


def test_only_removing_points_are_no_prompt() -> None:
    assert not after(point(label=0)).now.current.prompted
    assert after(point(label=0), point()).now.current.prompted


def test_box_corners_come_in_any_order() -> None:
    assert after({"do": "box", "x0": 300, "y0": 200, "x1": 100, "y1": 50}).now.current.box == (100, 50, 300, 200)


def test_new_objects_take_colours_that_are_free() -> None:
    now = after(*[{"do": "new"}] * 6).now
    assert len({o.color for o in now.objects}) == 7


def test_deleting_the_last_object_leaves_an_empty_one() -> None:
    now = after(point(), {"do": "delete", "id": 1}).now
    assert len(now.objects) == 1
    assert not now.current.prompted


def test_deleted_object_comes_back_with_undo() -> None:
    start = after(point(), {"do": "new"}, point(5, 6))
    assert after({"do": "delete", "id": 1}, {"do": "undo"}, history=start).now == start.now


def test_selecting_is_not_an_undo_step() -> None:
    start = after(point(), {"do": "new"})
    assert after({"do": "select", "id": 1}, history=start).past == start.past


@pytest.mark.parametrize(
    "action",
    [
        point(640, 10),
        point(-0.1, 10),
        point(float("nan"), 10),
        point("7", 10),
        point(True, 10),
        point(label=2),
        {"do": "box", "x0": 1, "y0": 1, "x1": 1.2, "y1": 90},
        {"do": "box", "x0": 1, "y0": 1, "x1": 900, "y1": 90},
        {"do": "select", "id": 9},
        {"do": "rename", "id": 1, "name": "  "},
        {"do": "color", "id": 1, "color": "url(x)"},
        {"do": "explode"},
    ],
)
def test_bad_input_names_itself_and_changes_nothing(action: dict[str, Any]) -> None:
    history = after(point())
    with pytest.raises(state.BadPrompt) as told:
        state.apply(history, action, SIZE)
    assert told.value.name
    assert told.value.problem
    assert told.value.remedy


@given(steps)
def test_undoing_everything_and_redoing_it_returns_to_the_same_document(actions: list[dict[str, Any]]) -> None:
    end = after(*actions)
    back = end
    while back.past:
        back = back.undo()
    assert back.now == state.Document() or len(end.past) < len(actions)
    while back.future:
        back = back.redo()
    assert back.now == _last(end)


def _last(history: state.History) -> state.Document:
    while history.future:
        history = history.redo()
    return history.now


@given(steps)
def test_document_survives_the_browser(actions: list[dict[str, Any]]) -> None:
    now = after(*actions).now
    again = state.from_dict(json.loads(json.dumps(state.as_dict(now))), SIZE)
    assert [(o.name, o.color, o.hidden, o.points, o.box) for o in again.objects] == [
        (o.name, o.color, o.hidden, o.points, o.box) for o in now.objects
    ]
    assert again.objects.index(again.current) == now.objects.index(now.current)


nonsense = st.one_of(st.none(), st.integers(), st.lists(st.integers()))


@given(st.dictionaries(st.sampled_from(["objects", "active"]), nonsense))
def test_nonsense_from_the_browser_is_refused(kept: dict[str, Any]) -> None:
    with pytest.raises((state.BadPrompt, TypeError, AttributeError)):
        state.from_dict(kept, SIZE)


def test_document_of_a_larger_photo_is_refused() -> None:
    kept = state.as_dict(after(point(600, 400)).now)
    with pytest.raises(state.BadPrompt):
        state.from_dict(kept, (300, 200))
