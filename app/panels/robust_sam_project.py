"""The project tool: annotate many images one after the other, with labels, autosave and resume. Components and wiring.

robust_sam_project_desk knows where a page stands, robust_sam_project_actions does what its buttons say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from app import service, theme
from app.frame import SAVE_FILES, Update
from app.markup import markup
from app.panels import robust_sam_handlers as handlers
from app.panels import robust_sam_project_api as api
from app.panels.robust_sam_project_actions import ACTIONS, Tool, carry_out, reopened
from app.panels.robust_sam_project_desk import Desk
from app.panels.robust_sam_project_folders import shelf
from app.panels.robust_sam_project_view import plain
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_tools import Tools
from app.panels.robust_sam_work import Room
from app.room import LIVE

SLUG = "robust_sam"
SCRIPTS = ("project_core.js", "project_lists.js", "project_labels.js", "project.js")


def build(tools: Tools) -> None:
    """Where the tool stands inside the current tab; ``attach`` makes it."""
    markup('<div class="pr-place"></div>')


def attach(tools: Tools) -> None:
    """Make the tool and connect it; call it outside the tabs.

    Gradio mounts a tab's content with the first visit to it, but an open project goes on after a reload whichever tab
    is in front. So the tool is mounted with the page, and moves into its tab once that is there.
    """
    desks: service.Sessions[Desk] = service.Sessions(lambda user: Desk(shelf()), life_s=float("inf"))
    panel = gr.HTML(
        value=None,
        html_template=f'<div class="pr" data-room="{SLUG}" data-paths="{int(service.trusts_paths())}"></div>',
        js_on_load=theme.script(*SCRIPTS),
        apply_default_css=False,
        padding=False,
        elem_id=f"{SLUG}-project",
        elem_classes="v-project",
    )
    file = gr.File(visible="hidden", interactive=False)
    tool = Tool(tools.room, panel, file)
    shown = [panel, file, tools.room.stage, *tools.room.frame.outputs, *tools.room.controls]

    def act(event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        sent = handlers._payload(event)
        desk = desks.of(service.user_of(request))
        desk.author = desk.author or str(request.username or "")
        yield from carry_out(tool, desk, tools.session(request), sent)

    def look(event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        yield from ACTIONS["check"](tool, desks.of(service.user_of(request)), tools.session(request), {})

    def stop(request: gr.Request) -> None:
        desks.of(service.user_of(request)).stop.set()

    def reopen(room: Room, session: Session, reference: Mapping[str, Any]) -> Iterator[Update]:
        yield from reopened(
            room, desks.of(session.user), session, plain(reference, "project"), plain(reference, "image")
        )

    panel.do(act, None, shown, trigger_mode="multiple", **LIVE)
    saved = panel.take(act, None, shown, trigger_mode="multiple", **LIVE)
    saved.then(None, [file], None, js=SAVE_FILES, api_visibility="private")
    panel.check(look, None, [panel], trigger_mode="always_last", **LIVE)
    panel.halt(stop, None, None, queue=False, **LIVE)
    handlers.REOPENERS["project"] = reopen
    api.bind()
