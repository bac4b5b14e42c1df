"""What every room does with its jobs: one job a page, state line and partial results while it runs, errors shown.

A panel's session derives from ``Turns``, its room from ``JobRoom``; its handlers are methods of something with a
``room``, marked ``guarded``.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import gradio as gr

from app import service
from app.frame import Frame, Update, running_text
from app.guard.errors import BadInput
from models.runtime import Cancelled, Job, JobFailed, Refused, RuntimeProblem

if TYPE_CHECKING:
    from models.runtime import Ticket

log = logging.getLogger("vitrine.rooms")
LIVE = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
"""How a handler is bound: our scheduler decides, and the frame tells."""
LAST = {**LIVE, "trigger_mode": "always_last"}
EVERY = {**LIVE, "trigger_mode": "multiple"}


@dataclass(eq=False, kw_only=True)
class Turns:
    """The part of a page's work that its jobs need; handlers of one page may run at the same time."""

    revision: int = 0
    ticket: Ticket | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, ticket: Ticket) -> None:
        """``ticket`` is now the page's job; an older one is cancelled."""
        with self.lock:
            old, self.ticket = self.ticket, ticket
        if old is not None and old is not ticket:
            old.cancel()

    def stop(self) -> None:
        """The user's cancel."""
        with self.lock:
            ticket = self.ticket
        if ticket is not None:
            ticket.cancel()

    def next(self) -> int:
        """Something was asked; answers to older questions are dropped."""
        with self.lock:
            self.revision += 1
            return self.revision


S = TypeVar("S", bound=Turns)


@dataclass(frozen=True)
class JobRoom(Generic[S]):
    """The frame of a room and the work of each open page in it."""

    frame: Frame
    sessions: service.Sessions[S]

    def session(self, request: gr.Request) -> S:
        """The work of the page that ``request`` comes from."""
        return self.sessions.of(service.user_of(request))

    def cancel(self, request: gr.Request) -> None:
        """The user's cancel: the page's job stops at its next tick."""
        self.session(request).stop()

    def follow(
        self, session: S, job: Job, doing: str, shown: Callable[[Any], Update] = lambda partial: {}
    ) -> Generator[Update, None, Ticket]:
        """Submit ``job`` and give the state line until it ends, with ``shown`` of each partial result; then its ticket.

        The page has one job: an earlier one is cancelled. Raises what the job raised.
        """
        ticket = service.runtime().submit(job)
        session.begin(ticket)
        for event in ticket.events():
            if event.state.terminal:
                break
            text = running_text(ticket, str(event.state), doing)
            update = self.frame.show("running", text, progress=ticket.progress, keep_error=True)
            yield update | (shown(event.value) if event.kind == "partial" else {})
        ticket.result()
        return ticket

    def failed(self, error: Exception) -> Update:
        """``error`` in the error place; what is on screen stays."""
        if isinstance(error, Cancelled):
            return self.frame.show("cancelled", "Stopped. What was finished stays", keep_error=True)
        if isinstance(error, JobFailed) and isinstance(error.original, ValueError):
            error = error.original
        if not isinstance(error, BadInput | Refused | RuntimeProblem | OSError):
            log.error("a handler of the room %s failed", self.frame.room, exc_info=error)
        return self.frame.fail(error)


def receipt_of(ticket: Ticket) -> dict[str, Any]:
    """A finished job's receipt as plain values."""
    return ticket.receipt.as_dict() if ticket.receipt is not None else {}


def guarded(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """Errors of a method ``(self, session, ...)`` of something with a ``room`` end in the error place."""

    @functools.wraps(handler)
    def run(owner: Any, session: Turns, *rest: Any) -> Iterator[Update]:
        room: JobRoom[Any] = owner.room
        turn = session.next()
        try:
            yield from handler(owner, session, *rest)
        except Exception as error:
            if isinstance(error, Cancelled) and session.revision != turn:
                return  # A newer action of the page took its place and has the word.
            # Whatever went wrong is shown and, when it is a fault of ours, logged with its traceback.
            yield room.failed(error)

    return run
