"""Jobs of the PeLK room on their way to the page: state line, progress, errors in the error place."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import service
from app.frame import Frame, Phase, Update, receipt_line
from app.guard.errors import BadInput
from app.panels.pelk_session import Session
from app.wording import interval_text, seconds_text
from models.runtime import Cancelled, Event, Job, JobFailed, Refused, RuntimeProblem, Ticket

log = logging.getLogger("vitrine.pelk")
LIVE = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
LAST = {**LIVE, "trigger_mode": "always_last"}
EVERY = {**LIVE, "trigger_mode": "multiple"}


@dataclass(frozen=True)
class Room:
    """The frame of the room and the work of each open page in it."""

    frame: Frame
    sessions: service.Sessions[Session]

    def session(self, request: gr.Request) -> Session:
        """The work of the page that ``request`` comes from."""
        return self.sessions.of(service.user_of(request))

    def done(self, session: Session, tab: str, text: str, receipt: Mapping[str, Any] | None = None) -> Update:
        """The state line and receipt at the end of an action of ``tab``; they come back when it is opened again."""
        session.said[tab] = (text, receipt or {})
        return self.frame.show("done", text, receipt=receipt)

    def open(self, session: Session, tab: str, first: tuple[Phase, str]) -> Update:
        """State line and receipt of a tab that is opened: its last action's, or ``first``; a running job goes on."""
        ticket = session.ticket
        if ticket is not None and not ticket.state.terminal:
            return {self.frame.state: gr.skip()}
        if tab not in session.said:
            return self.frame.show(*first) | {self.frame.receipt: receipt_line(None, self.frame.room)}
        text, receipt = session.said[tab]
        return self.frame.show("done", text) | {self.frame.receipt: receipt_line(receipt or None, self.frame.room)}

    def cancel(self, request: gr.Request) -> None:
        """The user's cancel: the page's job stops at its next tick."""
        self.session(request).stop()

    def follow(
        self, session: Session, job: Job, doing: str, shown: Callable[[Any], Update] = lambda partial: {}
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
            text = f"Waiting: {interval_text(wait.low_s, wait.high_s)} ({wait.cause})"
            return self.frame.show("running", text, keep_error=True)
        if state == "loading":
            return self.frame.show("running", "Loading weights", keep_error=True)
        left = f", {seconds_text(event.eta_s)} left" if event.eta_s is not None and event.eta_s >= 1 else ""
        return self.frame.show("running", f"{ticket.message or doing}{left}", progress=ticket.progress, keep_error=True)

    def failed(self, error: Exception) -> Update:
        """``error`` in the error place; what is on screen stays."""
        if isinstance(error, Cancelled):
            return self.frame.show("cancelled", "Stopped. What was finished stays", keep_error=True)
        if isinstance(error, JobFailed) and isinstance(error.original, ValueError):
            error = error.original
        if not isinstance(error, BadInput | Refused | RuntimeProblem | OSError):
            log.error("a handler of the PeLK room failed", exc_info=error)
        return self.frame.fail(error)


def receipt_of(ticket: Ticket) -> dict[str, Any]:
    """A finished job's receipt as plain values."""
    return ticket.receipt.as_dict() if ticket.receipt is not None else {}


def guarded(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """Errors of a method ``(self, session, ...)`` of a tool with a ``room`` end in the error place."""

    @functools.wraps(handler)
    def run(tool: Any, session: Session, *rest: Any) -> Iterator[Update]:
        room: Room = tool.room
        turn = session.next()
        try:
            yield from handler(tool, session, *rest)
        except Exception as error:
            if isinstance(error, Cancelled) and session.revision != turn:
                return  # A newer action of the page took its place and has the word.
            # Whatever went wrong is shown and, when it is a fault of ours, logged with its traceback.
            yield room.failed(error)

    return run
