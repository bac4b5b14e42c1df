"""The HuGS room's jobs: as in every room, with its stage, film strip and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.frame import Update
from app.panels.hugs_session import Session
from app.room import JobRoom, receipt_of

if TYPE_CHECKING:
    from models.runtime import Ticket


@dataclass(frozen=True)
class Room(JobRoom[Session]):
    """The frame of the room, its stage, film strip and scores, and the work of each open page in it."""

    stage: gr.HTML
    film: gr.HTML
    scores: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """What any handler may change."""
        return [*self.frame.outputs, self.stage, self.film, self.scores]

    def draw(self, session: Session) -> Update:
        """The stage as it is now."""
        from app.panels import hugs_view as view

        return {self.stage: view.message(session)}

    def settle(self, session: Session) -> Update:
        """Film strip and scores of all frames as they are now."""
        from app.panels import hugs_view as view

        return {self.film: view.film(session), self.scores: view.scores_html(session)}

    def done(self, session: Session, text: str, ticket: Ticket | None = None) -> Update:
        """The end of an action; the receipt of its job becomes that of the masks."""
        if ticket is not None and ticket.receipt is not None:
            session.said = receipt_of(ticket)
            return self.frame.show("done", text, receipt=session.said)
        return self.frame.show("done", text)
