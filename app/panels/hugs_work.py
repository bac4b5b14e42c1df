"""Jobs of the HuGS room on their way to the page: state line, progress, errors in the error place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import service
from app.frame import Frame, Update
from app.guard.errors import BadInput
from app.panels import hugs_view as view
from app.panels.hugs_session import Session
from app.wording import interval_text, seconds_text
from models.runtime import Cancelled, Event, Job, JobFailed, Refused, RuntimeProblem, Ticket

log = logging.getLogger("vitrine.hugs")
LIVE = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
LAST = {**LIVE, "trigger_mode": "always_last"}
EVERY = {**LIVE, "trigger_mode": "multiple"}


@dataclass(frozen=True)
class Room:
    """The frame of the room, its stage, film strip and scores, and the work of each open page in it."""

    frame: Frame
    stage: gr.HTML
    film: gr.HTML
    scores: gr.HTML
    sessions: service.Sessions[Session]

    @property
    def outputs(self) -> list[Any]:
        """What any handler may change."""
        return [*self.frame.outputs, self.stage, self.film, self.scores]

    def session(self, request: gr.Request) -> Session:
        """The work of the page that ``request`` comes from."""
        return self.sessions.of(service.user_of(request))

    def draw(self, session: Session) -> Update:
        """The stage as it is now."""
        return {self.stage: view.message(session)}

    def settle(self, session: Session) -> Update:
        """Film strip and scores of all frames as they are now."""
        return {self.film: view.film(session), self.scores: view.scores_html(scores_of(session))}

    def follow(
        self, session: Session, job: Job, doing: str, shown: Callable[[Any], Update] = lambda _: {}
    ) -> Generator[Update, None, Ticket]:
        """Submit ``job`` and give the state line until it ends, with ``shown`` of each partial result; then its ticket.

        The page has one job: an earlier one is cancelled. Raises what the job raised.
        """
        ticket = service.runtime().submit(job)
        session.begin(ticket)
        for event in ticket.events():
            if event.state.terminal:
                break
            yield self._told(event, ticket, doing) | (shown(event.value) if event.kind == "partial" else {})
        ticket.result()
        return ticket

    def _told(self, event: Event, ticket: Ticket, doing: str) -> Update:
        state = str(event.state)
        if state == "queued":
            wait = ticket.predicted
            said = f"Waiting: {interval_text(wait.low_s, wait.high_s)} ({wait.cause})"
            return self.frame.show("running", said, keep_error=True)
        if state == "loading":
            return self.frame.show("running", "Loading weights", keep_error=True)
        left = f", {seconds_text(event.eta_s)} left" if event.eta_s is not None and event.eta_s >= 1 else ""
        return self.frame.show("running", f"{ticket.message or doing}{left}", progress=ticket.progress, keep_error=True)

    def done(self, session: Session, text: str, ticket: Ticket | None = None) -> Update:
        """The end of an action; the receipt of its job becomes that of the masks."""
        if ticket is not None and ticket.receipt is not None:
            session.said = ticket.receipt.as_dict()
            return self.frame.show("done", text, receipt=session.said)
        return self.frame.show("done", text)

    def failed(self, error: Exception) -> Update:
        """``error`` in the error place; what is on screen stays."""
        if isinstance(error, Cancelled):
            return self.frame.show("cancelled", "Stopped. What was finished stays", keep_error=True)
        if isinstance(error, JobFailed) and isinstance(error.original, ValueError):
            error = error.original
        if not isinstance(error, BadInput | Refused | RuntimeProblem | OSError):
            log.error("a handler of the HuGS room failed", exc_info=error)
        return self.frame.fail(error)


def scores_of(session: Session) -> Any:
    """The panel's own benchmark; empty where the truth is unknown."""
    from models.hugs.scores import scores_of as measured

    return measured(session.work)


def guarded(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """Errors of a method ``(self, session, ...)`` of something with a ``room`` end in the error place."""

    @functools.wraps(handler)
    def run(owner: Any, session: Session, *rest: Any) -> Iterator[Update]:
        room: Room = owner.room
        turn = session.next()
        try:
            yield from handler(owner, session, *rest)
        except Exception as error:
            if isinstance(error, Cancelled) and session.revision != turn:
                return  # A newer action of the page took its place and has the word.
            yield room.failed(error)

    return run
