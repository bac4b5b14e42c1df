"""What a page's session remembers, forgets and refuses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.panels import robust_sam_examples as examples
from app.panels import robust_sam_handlers as handlers
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import MOST_ANSWERS, Answer, Branch, Degradation, Photo, Session, Weights


def photo(width: int = 60, height: int = 40, digest: str = "d") -> Photo:
    return Photo("p.png", {"upload": "x", "name": "p.png"}, np.zeros((height, width, 3), np.uint8), digest)


def answer(consistency: float | None = None) -> Answer:
    return Answer({"sam": Branch(np.ones((4, 6), bool), 0.5, 24, 1.0, consistency)}, 0.0)


def clicked() -> Session:
    session = Session("someone")
    session.set_photo(photo())
    session.act([{"do": "point", "x": 5, "y": 5, "label": 1}], 1)
    return session


def test_answer_belongs_to_prompts_picture_and_weights() -> None:
    session = clicked()
    keys = {session.key(session.history.now.current)}
    session.degradation = Degradation("fog", 0.5, 1)
    keys.add(session.key(session.history.now.current))
    session.degradation = Degradation("fog", 0.5, 2)
    keys.add(session.key(session.history.now.current))
    session.weights = Weights("file", "other.safetensors", "other")
    keys.add(session.key(session.history.now.current))
    session.act([{"do": "point", "x": 6, "y": 5, "label": 0}], 2)
    keys.add(session.key(session.history.now.current))
    assert len(keys) == 5


def test_undo_finds_the_old_answer() -> None:
    session = clicked()
    session.keep(session.key(session.history.now.current), answer())
    session.act([{"do": "point", "x": 9, "y": 9, "label": 1}], 2)
    assert len(session.open_objects()) == 1
    session.act([{"do": "undo"}], 3)
    assert session.open_objects() == []


def test_last_mask_stays_until_the_next_has_come() -> None:
    session = clicked()
    first = session.key(session.history.now.current)
    session.keep(first, answer())
    assert session.document()["objects"][0]["key"] == first
    session.act([{"do": "point", "x": 9, "y": 9, "label": 1}], 2)
    assert session.document()["objects"][0]["key"] == first
    session.act([{"do": "clear"}], 3)
    assert session.document()["objects"][0]["key"] == ""


def test_only_so_many_answers_are_kept() -> None:
    session = clicked()
    for index in range(MOST_ANSWERS + 5):
        session.keep(str(index), answer())
    assert len(session.answers) == MOST_ANSWERS
    assert "0" not in session.answers


def test_mask_size_keeps_the_shape_and_never_enlarges() -> None:
    session = Session("someone")
    session.set_photo(photo(6000, 4000))
    assert session.mask_size == (683, 1024)
    session.set_photo(photo(60, 40))
    assert session.mask_size == (40, 60)


def test_consistency_is_asked_for_on_degraded_photos_only() -> None:
    session = clicked()
    session.keep(session.key(session.history.now.current), answer())
    assert session.unverified() == []
    session.degradation = Degradation("fog", 0.5, 1)
    session.keep(session.key(session.history.now.current), answer())
    assert len(session.unverified()) == 1
    session.keep(session.key(session.history.now.current), answer(0.9))
    assert session.unverified() == []


def test_newer_click_cancels_the_one_that_waits_but_not_the_one_that_runs() -> None:
    def ticket(name: str) -> Any:
        made = SimpleNamespace(state=name, stopped=False)
        made.cancel = lambda: setattr(made, "stopped", True)
        return made

    session, waiting, running, last = clicked(), ticket("queued"), ticket("running"), ticket("queued")
    session.begin(waiting)
    session.begin(running)
    session.begin(last)
    assert (waiting.stopped, running.stopped, last.stopped) == (True, False, False)
    session.stop()
    assert last.stopped


def test_actions_before_a_bad_one_are_done() -> None:
    session = clicked()
    with pytest.raises(state.BadPrompt):
        session.act([{"do": "point", "x": 6, "y": 6, "label": 1}, {"do": "point", "x": 600, "y": 6, "label": 1}], 2)
    assert len(session.history.now.current.points) == 2


def test_page_of_a_forgotten_session_is_asked_for_its_work() -> None:
    session = clicked()
    sent = {"actions": [{"do": "clear"}], "seq": 7, "base": "another photo"}
    told = list(handlers._act(SimpleNamespace(stage="stage", frame=None), session, sent))
    assert told == [{"stage": {"lost": True, "seq": 7}}]
    assert len(session.history.now.current.points) == 1


def test_every_page_starts_from_the_example_without_sharing_changes() -> None:
    one, two = handlers.new_session("a"), handlers.new_session("b")
    one.act([{"do": "new"}], 1)
    assert len(two.history.now.objects) == len(examples.first().session.history.now.objects)


def test_examples_exist_and_can_be_opened() -> None:
    for example in examples.listed():
        assert examples.photo(example.name).image.shape[2] == 3
        assert example.thumbnail().startswith("data:image/jpeg;base64,")


def test_listeners_hear_of_changes_after_they_are_made_and_cannot_break_the_room() -> None:
    session, heard = clicked(), []

    def listener(told: Session) -> None:
        heard.append(len(told.history.now.current.points))
        raise RuntimeError("a listener stumbled")

    session.listeners.append(listener)
    session.act([{"do": "point", "x": 6, "y": 6, "label": 1}], 2)
    assert "may not be saved" in str(session.trouble)
    session.act([], 3)
    with pytest.raises(state.BadPrompt):
        session.act([{"do": "point", "x": 7, "y": 6, "label": 1}, {"do": "explode"}], 4)
    session.set_photo(photo(digest="e"))
    assert heard == [2, 3, 0]


def test_saved_objects_come_back_with_their_painted_pixels_and_undo_takes_them_away() -> None:
    session = clicked()
    before = session.history.now
    mask = np.zeros((40, 60), bool)
    mask[3:9, 4:12] = True
    session.load_objects(state.Document((state.Outlined(3, "cup", "#0072B2", label="mug"),), 3, 4), {3: mask})
    shown = session.shown_answer(session.shown_key(session.history.now.current))
    assert shown is not None
    assert (shown.branches["robust"].mask == mask).all()
    session.act([{"do": "undo"}], 2)
    assert session.history.now == before


def test_painted_pixels_of_another_photo_are_refused() -> None:
    session = clicked()
    with pytest.raises(state.BadPrompt):
        session.load_objects(session.history.now, {1: np.ones((60, 60), bool)})
    with pytest.raises(state.BadPrompt):
        session.load_objects(session.history.now, {7: np.ones((40, 60), bool)})


def test_a_refined_answer_depends_on_the_switch_only_where_there_is_a_mask_to_refine() -> None:
    session = clicked()
    one = session.history.now.current
    assert session.key(one) == session.key(replace(one, refine=not one.refine))
    two = replace(one, points=(*one.points, one.points[0]))
    assert session.key(replace(two, refine=True)) != session.key(replace(two, refine=False))


def test_the_last_masks_logits_are_found_for_the_next_click() -> None:
    session = clicked()
    one = replace(session.history.now.current, refine=True)
    logits = np.ones((4, 4), np.float32)
    session.keep(session.key(one), Answer({"sam": Branch(np.ones((4, 6), bool), 0.5, 24, 1.0, logits=logits)}, 0.0))
    two = replace(one, points=(*one.points, one.points[0]))
    found = session.last_logits(two)
    assert found is not None
    assert found["sam"] is logits
    assert session.last_logits(one) is None
    assert session.last_logits(replace(two, refine=False)) is None
