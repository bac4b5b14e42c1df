"""The direct way: who may use it, that a batch is done once, and what it answers."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app import direct
from app.panels import robust_sam_direct as way
from app.panels import robust_sam_jobs as jobs
from app.panels.robust_sam_session import Answer, Branch, Degradation, Session
from models.runtime import RuntimeProblem
from tests.app.test_robust_sam_session import photo

CLICK = {"do": "point", "x": 5, "y": 5, "label": 1}


@pytest.fixture
def client() -> Iterator[TestClient]:
    direct.offer("room", "echo", lambda user, sent: {"user": user, "sent": dict(sent), "timing": "run;dur=1.0"})
    with TestClient(Starlette(routes=direct.routes(lambda request: None)), base_url="http://vitrine") as made:
        yield made


def post(client: TestClient, *, key: str = "", path: str = "room/echo", **given: Any) -> Any:
    headers = {direct.HEADER: key or direct.key_of("room", "me")} | given.pop("headers", {})
    return client.post(f"/vitrine/direct/{path}", headers=headers, **({"json": {"a": 1}} | given))


def test_own_page_is_answered_with_its_session_and_the_times(client: TestClient) -> None:
    told = post(client, headers={"origin": "http://vitrine", "sec-fetch-site": "same-origin"})
    assert told.json() == {"user": "me", "sent": {"a": 1}}
    assert "run;dur=1.0" in told.headers["server-timing"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"key": "me.0000"}, 403),
        ({"key": direct.key_of("another room", "me")}, 403),
        ({"key": "someone" + direct.key_of("room", "me")[2:]}, 403),
        ({"headers": {"origin": "http://elsewhere"}}, 403),
        ({"headers": {"origin": "null"}}, 403),
        ({"headers": {"sec-fetch-site": "cross-site"}}, 403),
        ({"headers": {"content-type": "text/plain"}}, 415),
        ({"json": None, "content": b"{"}, 400),
        ({"json": [1]}, 400),
        ({"path": "room/unknown"}, 404),
    ],
)
def test_others_are_refused(client: TestClient, given: dict[str, Any], status: int) -> None:
    given.setdefault("headers", {}).setdefault("content-type", "application/json")
    assert post(client, **given).status_code == status


def test_a_visitor_who_has_not_logged_in_is_refused() -> None:
    def nobody(request: Any) -> None:
        raise HTTPException(401, "not signed in")

    with TestClient(Starlette(routes=direct.routes(nobody))) as client:
        assert post(client).status_code == 401


class Ticket:
    """A job that has ended, or that goes on for long."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem, self.receipt, self.cancelled = problem, None, False
        self.state = SimpleNamespace(terminal=problem is None)

    def result(self, timeout: float | None = None) -> Any:
        if self.problem is not None:
            raise self.problem
        return None

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session with a photo, whose network answers at once with everything."""
    made = Session("me")
    made.set_photo(photo())
    full = Answer({name: Branch(np.ones((40, 60), bool), 0.5, 2400, 1.0) for name in ("sam", "robust")}, 0.0)
    monkeypatch.setitem(sys.modules, way.PIPELINE, types.ModuleType(way.PIPELINE))
    monkeypatch.setattr(jobs, "segment_ticket", lambda session, thing: Ticket())
    monkeypatch.setattr(jobs, "answer_of", lambda ticket: full)
    return made


def sent(*actions: Mapping[str, Any], seq: int = 1) -> dict[str, Any]:
    return {"actions": list(actions), "seq": seq, "base": "d"}


def test_a_click_is_answered_with_the_changed_part_only(session: Session) -> None:
    told = way.act(session, sent(CLICK))
    key = told["document"]["objects"][0]["key"]
    assert set(told["masks"]) == {key}
    assert (told["busy"], told["pending"], told["settle"]) == (False, False, True)
    assert "photo" not in told
    again = way.act(session, sent({"do": "rename", "id": 1, "name": "cup"}, seq=2))
    assert again["masks"] == {}


def test_a_batch_that_arrives_twice_is_done_once(session: Session) -> None:
    way.act(session, sent(CLICK))
    told = way.act(session, sent(CLICK))
    assert len(session.history.now.current.points) == 1
    assert told["document"]["objects"][0]["key"]


def test_a_lost_mask_is_sent_again(session: Session) -> None:
    key = way.act(session, sent(CLICK))["document"]["objects"][0]["key"]
    assert set(way.act(session, sent({"do": "resend", "masks": [key, "never made"]}, seq=2))["masks"]) == {key}


def test_a_stroke_comes_back_as_a_mask_of_its_own(session: Session) -> None:
    before = way.act(session, sent(CLICK))["document"]["objects"][0]["key"]
    stroke = {"do": "stroke", "mode": 0, "radius": 4, "path": [30, 20]}
    told = way.act(session, sent(stroke, seq=2))
    key = told["document"]["objects"][0]["key"]
    assert key != before
    shown = session.shown_answer(key)
    assert shown is not None
    assert not shown.branches["sam"].mask[20, 30]
    assert shown.branches["sam"].area < 2400
    assert told["document"]["objects"][0]["edits"] == 1
    undone = way.act(session, sent({"do": "undo"}, seq=3))
    assert undone["document"]["objects"][0]["key"] == before
    assert undone["masks"] == {}


def test_a_painting_without_prompts_is_the_mask(session: Session) -> None:
    told = way.act(session, sent({"do": "stroke", "mode": 1, "radius": 4, "path": [30, 20]}))
    key = told["document"]["objects"][0]["key"]
    shown = session.shown_answer(key)
    assert shown is not None
    assert shown.by_hand == "painted"
    assert 40 < shown.branches["robust"].area < 60


def test_bad_actions_wait_for_the_error_place(session: Session) -> None:
    told = way.act(session, sent(CLICK, CLICK | {"x": 900}))
    assert told["settle"]
    assert "outside the photo" in str(session.trouble)
    assert len(session.history.now.current.points) == 1


def test_what_takes_long_is_left_to_the_event(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "segment_ticket", lambda session, thing: Ticket(TimeoutError()))
    told = way.act(session, sent(CLICK))
    assert (told["busy"], told["pending"]) == (True, True)
    assert session.trouble is None


def test_a_failed_job_waits_for_the_error_place(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "segment_ticket", lambda session, thing: Ticket(RuntimeProblem("no memory")))
    way.act(session, sent(CLICK))
    assert "no memory" in str(session.trouble)


def test_nothing_is_segmented_while_the_photo_is_being_degraded(session: Session) -> None:
    session.degradation = Degradation("fog", 0.5, 1)
    assert way.act(session, sent(CLICK))["pending"]


def test_a_page_of_a_forgotten_session_is_told_so(session: Session) -> None:
    assert way.act(session, sent(CLICK) | {"base": "other"}) == {"lost": True, "seq": 1}


def test_a_click_cancels_the_preview_that_waits(session: Session) -> None:
    waiting = Ticket()
    session.preview = waiting  # type: ignore[assignment]
    way.act(session, sent(CLICK))
    assert waiting.cancelled
    assert session.preview is None


def test_a_preview_changes_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Answer({"sam": Branch(np.ones((20, 30), bool), 0.5, 600, 1.0)}, 0.0)
    seen = []
    monkeypatch.setattr(jobs, "preview", lambda *given: seen.append(given) or full)
    revision, now = session.revision, session.history
    told = way.preview(session, {"x": 5, "y": 6, "label": 1, "base": "d"})
    assert told["masks"]["sam"]["width"] == 30
    assert (session.revision, session.history) == (revision, now)
    assert seen[0][1:4] == (5, 6, 1)


@pytest.mark.parametrize("asked", [{}, {"x": 5, "y": 5, "label": 1, "base": "old"}, {"x": "a", "y": 1, "base": "d"}])
def test_a_preview_of_nonsense_is_empty(session: Session, asked: dict[str, Any]) -> None:
    assert way.preview(session, asked) == {}
