"""The PeLK room's jobs: as in every room, and what a tab said last comes back when it is opened again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.frame import Phase, Update, receipt_line
from app.panels.pelk_session import Session
from app.room import JobRoom


@dataclass(frozen=True)
class Room(JobRoom[Session]):
    """The frame of the room and the work of each open page in it."""

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
