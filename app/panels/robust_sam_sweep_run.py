"""The state line, Cancel and error place of a tool below the stage, and the following of its job."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

import gradio as gr

from app import service
from app.frame import Phase, Update, error_box, problem_of, running_text, state_line
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import Session
from models.runtime import Cancelled, Event, Job, JobFailed, Refused, RuntimeProblem, Ticket

if TYPE_CHECKING:
    from models.robust_sam.prompts import Prompts

log = logging.getLogger("vitrine.robust_sam")
NO_OBJECT = "Click the object on the photo above, or draw a box around it, then start again"


class Bar:
    """Drawn where it is made. One job a page runs in a tool; starting another stops the first."""

    def __init__(self, first: str) -> None:
        """``first`` is the sentence of the state line before anything was run."""
        with gr.Row(elem_classes="v-bar"):
            self.state = markup(state_line("ready", first), elem_classes="v-state-box")
            self.cancel = gr.Button(
                "Cancel", size="sm", interactive=False, elem_classes="v-cancel", scale=0, min_width=90
            )
        self.error = markup("", elem_classes="v-error-box")
        self._tickets: weakref.WeakKeyDictionary[Session, Ticket] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def outputs(self) -> list[object]:
        """The components that ``show`` may change."""
        return [self.state, self.cancel, self.error]

    def show(self, phase: Phase, text: str, progress: float | None = None) -> Update:
        """The state line says ``text``; an old error goes."""
        return {
            self.state: state_line(phase, text, progress),
            self.cancel: gr.Button(interactive=phase == "running"),
            self.error: "",
        }

    def stop(self, session: Session) -> None:
        """Cancel the page's job in this tool; nothing when there is none."""
        with self._lock:
            ticket = self._tickets.get(session)
        if ticket is not None:
            ticket.cancel()

    def follow(self, session: Session, job: Job) -> Iterator[tuple[Event, Ticket]]:
        """Submit ``job`` and give its events; the last one is that of the end. An earlier job of the page stops."""
        self.stop(session)
        ticket = service.runtime().submit(job)
        with self._lock:
            self._tickets[session] = ticket
        for event in ticket.events():
            yield event, ticket

    def told(self, event: Event, ticket: Ticket, doing: str) -> Update:
        """The state line at one event."""
        return self.show("running", running_text(ticket, str(event.state), doing), ticket.progress)

    def guarded(self, steps: Iterator[Update]) -> Iterator[Update]:
        """``steps`` with every error told in the error place; what is on screen stays."""
        try:
            yield from steps
        except Cancelled:
            yield self.show("cancelled", "Stopped. What was finished stays")
        except JobFailed as failure:
            yield self._failed(failure.original if isinstance(failure.original, ValueError) else failure)
        except (BadInput, state.BadPrompt, ValueError, Refused, RuntimeProblem, OSError) as problem:
            yield self._failed(problem)
        except Exception as fault:
            log.exception("a tool of the segmentation room failed")
            yield self._failed(fault)

    def _failed(self, error: Exception) -> Update:
        refused = isinstance(error, BadInput | ValueError | Refused)
        told = self.show("refused" if refused else "failed", "Nothing was changed")
        return told | {self.error: error_box(problem_of(error))}


def asked_prompts(session: Session) -> Prompts:
    """The prompts of the page's active object, as a click on the stage would send them for the clean photo.

    Raises BadInput when there is no photo or no prompt.
    """
    from app.panels.robust_sam_jobs import segment_request

    thing = session.history.now.current
    if session.photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    if not thing.prompted:
        raise BadInput(thing.name, "has no prompt yet", NO_OBJECT)
    prompts: Prompts = segment_request(session, thing, clean=True).arguments["prompts"]
    return prompts
