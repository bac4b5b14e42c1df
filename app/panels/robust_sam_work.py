"""From what changed to answers on the stage: generators of updates, while the model runs in jobs."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from app import direct, service
from app.frame import Frame, Update
from app.guard.errors import BadInput
from app.panels import robust_sam_jobs as jobs
from app.panels import robust_sam_results as results
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import Answer, Seen, Session, with_consistency
from app.wording import interval_text
from models.runtime import Cancelled, JobFailed, Refused, RuntimeProblem, Ticket

log = logging.getLogger("vitrine.robust_sam")


class Room:
    """The frame and stage of the room; its methods are the bodies of event handlers."""

    def __init__(self, frame: Frame, stage: gr.HTML, controls: Sequence[Any]) -> None:
        """``controls``: the components for kind, severity and seed, set when kept work is restored."""
        self.frame, self.stage, self.controls = frame, stage, controls

    def draw(self, session: Session, *, busy: bool, keys: set[str], photo: bool = False) -> Update:
        """The stage's message; ``keys`` are the masks to send along, beside those that were never sent."""
        keys |= session.unsent()
        masks = session.masks(sorted(keys))
        told = results.message(session, busy=busy, masks=masks, degraded=jobs.described(session.degradation))
        told["direct"] = direct.key_of(self.frame.room, session.user)
        if photo:
            told["photo"] = session.photo_part()
        return {self.stage: told}

    def answer(
        self, session: Session, revision: int, *, photo: bool = False, keys: set[str] | None = None
    ) -> Iterator[Update]:
        """Degrade if asked, segment every object that has no answer, then compare with the clean photo.

        Messages grow within one run, so that one that the page misses is contained in the next. A newer revision ends
        the run.
        """
        sent = set(keys or ())
        if session.degradation.active and session.seen is None:
            # A new photo is shown, with its objects, once it has been degraded; until then the old ones stay.
            waiting = {self.stage: {"busy": True, "revision": revision, "seq": session.seq}}
            told = waiting if photo else self.draw(session, busy=True, keys=sent)
            yield self.frame.show("running", "Degrading the photo") | told
            yield from self._degrade(session, revision)
            if session.revision != revision:
                return
        todo = session.open_objects()
        yield self.draw(session, busy=bool(todo), keys=sent, photo=photo) | (
            self.frame.show("running", _first_words()) if todo else {}
        )
        for thing in todo:
            answer = yield from self._run(session, revision, jobs.segment_ticket(session, thing), "Segmenting")
            if answer is None:
                return
            session.take(thing, answer)
            left = bool(session.open_objects())
            yield self.draw(session, busy=left, keys=sent, photo=photo) | self.frame.show(
                "running" if left else "done", _done_text(thing, answer), receipt=answer.receipt
            )
        for thing in session.unverified():
            if not (yield from self._compare(session, revision, thing)):
                return
            yield self.draw(session, busy=False, keys=sent, photo=photo)
        if not todo:
            if photo:
                self.warm(session)
            answer, session.news = session.news, None
            done = ("done", _done_text(session.history.now.current, answer)) if answer is not None else _idle(session)
            told = self.frame.show(*done, receipt=answer.receipt if answer is not None else None)
            # A click may have come while the forecast was made; its own handler then has the newer word.
            if session.revision == revision:
                yield told

    def settle(self, session: Session, *, photo: bool = False, keys: set[str] | None = None) -> Iterator[Update]:
        """After actions, here or on the direct way: what is left to answer, the state line and the receipt."""
        trouble, session.trouble = session.trouble, None
        if trouble is not None:
            raise trouble
        yield from self.answer(session, session.revision, photo=photo, keys=keys)

    def _run(
        self, session: Session, revision: int, ticket: Ticket, doing: str
    ) -> Generator[Update, None, Answer | None]:
        session.begin(ticket)
        yield from self.frame.follow(ticket, doing)
        return jobs.answer_of(ticket) if session.revision == revision else None

    def _compare(self, session: Session, revision: int, thing: state.Outlined) -> Generator[Update, None, bool]:
        key = session.key(thing)
        job = replace(jobs.segment_request(session, thing, clean=True), priority=jobs.COMPARE)
        ticket = service.runtime().submit(job)
        clean = yield from self._run(session, revision, ticket, "Comparing with the clean photo")
        answer = session.answers.get(key)
        if clean is None or answer is None:
            return False
        session.keep(key, with_consistency(answer, jobs.consistency(session, answer, clean)))
        yield self.frame.show("done", _done_text(thing, answer))
        return True

    def _degrade(self, session: Session, revision: int) -> Iterator[Update]:
        ticket = service.runtime().submit(jobs.degrade_request(session))
        session.begin(ticket)
        yield from self.frame.follow(ticket, "Degrading the photo")
        if session.revision == revision:
            session.seen = Seen(*ticket.result())

    def warm(self, session: Session) -> None:
        """Load the model and the photo's features while the pointer is on its way to the first click."""
        if session.photo is not None and session.warmed != session.photo_id():
            session.warmed = session.photo_id()
            service.runtime().submit(replace(jobs.segment_request(session, _middle(session)), priority=jobs.COMPARE))


def _first_words() -> str:
    return "Segmenting" if "torch" in sys.modules else "Starting the model, once after the app has started"


def _middle(session: Session) -> state.Outlined:
    width, height = session.photo.size if session.photo else (1, 1)
    return state.Outlined(0, "", "", points=(state.Point(width / 2, height / 2, state.ADD),))


def _done_text(thing: state.Outlined, answer: Answer) -> str:
    if not answer.receipt:
        return f"{thing.name}: click to correct it"
    slow = max(branch.milliseconds for branch in answer.branches.values())
    prepared = f", photo prepared in {answer.image_ms:.0f} ms" if answer.image_ms >= 1 else ""
    return f"{thing.name} segmented in {slow:.0f} ms{prepared}"


def _idle(session: Session) -> tuple[Any, str]:
    current = session.history.now.current
    if session.key(current) in session.answers:
        return "done", f"{current.name}: click to correct it"
    return "ready", f"Click an object{_forecast(session)}"


def _forecast(session: Session) -> str:
    if not service.started() or not session.warmed:
        return ""
    wait = service.runtime().predict(jobs.segment_request(session, _middle(session)))
    return f" - {interval_text(wait.low_s, wait.high_s)}"


def guarded(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """Errors of a handler ``(room, session, ...)`` end in the panel's error place; inputs and results stay.

    A fault of ours is logged with its traceback and shown as such.
    """

    @functools.wraps(handler)
    def run(room: Room, session: Session, *rest: Any) -> Iterator[Update]:
        frame = room.frame
        try:
            yield from handler(room, session, *rest)
            return
        except Cancelled:
            shown = frame.show("cancelled", "Stopped. Click to go on")
        except JobFailed as failure:
            shown = frame.fail(failure.original if isinstance(failure.original, ValueError) else failure)
        except (BadInput, state.BadPrompt, Refused, RuntimeProblem, OSError) as problem:
            shown = frame.fail(problem)
        except Exception as fault:
            log.exception("a handler of the segmentation room failed")
            shown = frame.fail(fault)
        yield shown | room.draw(session, busy=False, keys=set())

    return run
