"""The room's answers on the direct way: stage actions and hover previews, with the changed part only."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from app import direct
from app.panels import robust_sam_jobs as jobs
from app.panels import robust_sam_results as results
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import Session
from models.runtime import RuntimeProblem

WAIT_S = 0.5
"""An answer that takes longer is left to the gradio event, which shows progress and can be cancelled."""
PREVIEW_WAIT_S = 0.4
PIPELINE = "models.robust_sam.pipeline"


def act(session: Session, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a batch of stage actions and answer the object they belong to.

    sent: {"actions": [...], "seq": n, "base": digest of the photo}. Returns the stage's message, with "settle" when the
    page should let the gradio event follow and "pending" when that event has the answer.
    """
    clock = Clock()
    seq = int(sent.get("seq") or 0)
    if session.photo is not None and sent.get("base") not in (None, session.photo.digest):
        return {"lost": True, "seq": seq}
    cancel_preview(session)
    carry_out(session, sent)
    clock.lap("act")
    busy = bool(session.open_objects())
    if busy and answerable(session):
        _answer_active(session)
        busy = bool(session.open_objects())
    clock.lap("run")
    masks = session.masks(sorted(session.unsent() | asked_again(sent)))
    clock.lap("masks")
    told = results.message(session, busy=busy, masks=masks, degraded=jobs.described(session.degradation))
    if any(action.get("photo") for action in _actions(sent)):
        told["photo"] = session.photo_part()
    clock.lap("message")
    return told | {"settle": True, "pending": busy, "timing": clock.text()}


def carry_out(session: Session, sent: Mapping[str, Any]) -> None:
    """Do the actions of a batch once, however often it arrives; what is wrong with one waits in ``session.trouble``."""
    seq = int(sent.get("seq") or 0)
    with session.lock:
        if seq and seq in session.batches:
            return
        session.batches.append(seq)
    try:
        session.act([action for action in _actions(sent) if action.get("do") != "resend"], seq)
    except state.BadPrompt as problem:
        session.trouble = problem


def asked_again(sent: Mapping[str, Any]) -> set[str]:
    """Keys of masks that the page lacks."""
    return {str(key) for action in _actions(sent) for key in action.get("masks") or ()}


def preview(session: Session, sent: Mapping[str, Any]) -> dict[str, Any]:
    """sent: {"x", "y", "label", "base"} -> {"masks": {branch: mask}} of what a click there would give, or {}."""
    clock = Clock()
    if session.photo is None or sent.get("base") != session.photo.digest or PIPELINE not in sys.modules:
        return {}
    try:
        x, y, label = sent.get("x"), sent.get("y"), sent.get("label")
        found = jobs.preview(session, x, y, label, PREVIEW_WAIT_S)  # type: ignore[arg-type]
    except (state.BadPrompt, RuntimeProblem):
        return {}
    clock.lap("run")
    if found is None:
        return {}
    return {"masks": {name: branch.wire for name, branch in found.branches.items()}, "timing": clock.text()}


def cancel_preview(session: Session) -> None:
    """A click has come: what would have been no longer matters."""
    with session.lock:
        ticket, session.preview = session.preview, None
    if ticket is not None:
        ticket.cancel()


def answerable(session: Session) -> bool:
    """True when a click needs the network alone: the model's code is loaded and the picture is ready."""
    return PIPELINE in sys.modules and (session.seen is not None or not session.degradation.active)


def key(session: Session, room: str) -> dict[str, Any]:
    """The message that opens the direct way for a page."""
    return {"direct": direct.key_of(room, session.user)}


def _answer_active(session: Session) -> None:
    thing = session.open_objects()[0]
    try:
        ticket = jobs.segment_ticket(session, thing)
        ticket.result(WAIT_S)
    except TimeoutError:
        return
    except (RuntimeProblem, ValueError) as problem:
        session.trouble = problem
        return
    answer = jobs.answer_of(ticket)
    session.take(thing, answer)
    session.news = answer


def _actions(sent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [action for action in sent.get("actions") or () if isinstance(action, Mapping)]


class Clock:
    """Milliseconds between laps, as a Server-Timing header shows them in the browser's network panel."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._laps: list[str] = []

    def lap(self, name: str) -> None:
        """What passed since the last lap belongs to ``name``."""
        now = time.perf_counter()
        self._laps.append(f"{name};dur={1000 * (now - self._last):.1f}")
        self._last = now

    def text(self) -> str:
        """All laps, in order."""
        return ", ".join(self._laps)
