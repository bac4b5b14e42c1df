"""What the tools below the click stage (everything, severity, inside, batch, project) share with it."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app import service
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_work import Room


@dataclass(frozen=True)
class Tools:
    """The room a tool belongs to, and the work of each open page in it."""

    room: Room
    sessions: service.Sessions[Session]

    def session(self, request: gr.Request) -> Session:
        """The work of the page that ``request`` comes from."""
        return self.sessions.of(service.user_of(request))
