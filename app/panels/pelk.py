"""The receptive-field explorer: one tab for each question about large kernels, with the controls that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app import service
from app.frame import Format, Frame, Phase, Update
from app.panels import pelk_api as api
from app.panels import pelk_kernel_view
from app.panels.pelk_examples import Examples
from app.panels.pelk_field import FieldControls, FieldTab
from app.panels.pelk_files import Files
from app.panels.pelk_kernel import Controls, KernelTab, SpeedTab
from app.panels.pelk_session import TABS, Session
from app.panels.pelk_tasks import PathControls, PathTab, RoomControls, RoomTab
from app.panels.pelk_work import Room
from app.room import LAST, LIVE
from models.method import Method
from models.pelk.designer import design

FORMATS = (
    Format("csv", "CSV", "the open tab's figures"),
    Format("json", "JSON", "the open tab's figures with settings and receipt"),
    Format("png", "PNG", "the open tab's picture"),
)
TITLES = dict(zip(TABS, ("Kernel", "Speed", "Receptive field", "Pathfinder", "Segmentation"), strict=True))

FIRST = {
    "kernel": "Move a slider",
    "speed": "Every form of the designed kernel is timed, within 5 s",
    "field": "Three kernel sizes on one picture, a second or two at 96 px",
    "pathfinder": "Press New picture, or draw",
    "segmentation": "Press New room, or paint",
}
"""The state line of a tab before its first action."""
FIRST_KEPT = {
    "kernel": "The paper's kernel. Move a slider to change it",
    "speed": "Measured earlier, on another machine perhaps. Time it here: 5 s",
    "field": "Computed earlier with the shipped weights. Choose a picture and press the button",
    "pathfinder": "Answered earlier by the shipped weights. Draw on the picture, or take a new one",
    "segmentation": "Segmented earlier by the shipped weights. Paint on the room, or take a new one",
}


def opened(tab: str) -> str:
    """The script that shows a tab's controls; the server is not asked."""
    return f"() => {{ document.getElementById('room-pelk').dataset.tool = '{tab}'; }}"


def _telling(room: Room, tab: str, examples: Examples) -> Callable[[gr.Request], Update]:
    """The handler that brings a tab's own state line and receipt when it is opened."""
    kept = tab == "kernel" or examples.saved(tab) is not None
    first: tuple[Phase, str] = ("example", FIRST_KEPT[tab]) if kept else ("ready", FIRST[tab])

    def tell(request: gr.Request) -> Update:
        return room.open(room.session(request), tab, first)

    return tell


def _left(*tabs: str) -> gr.Column:
    """A part of the left column that is there while one of ``tabs`` is open."""
    return gr.Column(elem_classes=["pk-left", *(f"pk-for-{tab}" for tab in tabs)])


def build(method: Method) -> None:
    """Draw the room inside the current tab and connect it."""
    examples = Examples()
    frame = Frame(method, FORMATS, first=pelk_kernel_view.summary(design(examples.spec)))
    room = Room(frame, service.Sessions(Session, weigh=Session.held_bytes))
    files = Files(room, examples)
    with frame.inputs:
        with _left("kernel", "speed"):
            kernel = Controls(examples.spec)
        with _left("field"):
            field = FieldControls()
        with _left("pathfinder"):
            path = PathControls()
        with _left("segmentation"):
            interior = RoomControls()
    tools: list[Any] = []
    with frame.stage, gr.Tabs(elem_classes="v-tools", elem_id="pelk-tabs", selected=TABS[0]):
        for tab in TABS:
            with gr.Tab(TITLES[tab], id=tab, elem_id=f"pelk-tab-{tab}") as shown:
                if tab == "kernel":
                    tools.append(KernelTab(room, kernel, files, examples))
                elif tab == "speed":
                    tools.append(SpeedTab(room, kernel, examples))
                elif tab == "field":
                    tools.append(FieldTab(room, field, examples))
                elif tab == "pathfinder":
                    tools.append(PathTab(room, path, examples))
                else:
                    tools.append(RoomTab(room, interior, examples))
            shown.select(None, None, None, js=opened(tab), api_visibility="private")
            shown.select(_telling(room, tab, examples), None, frame.outputs, **LAST, queue=False)
    open_tab = gr.Textbox(TABS[0], visible=False)
    for tool in tools:
        tool.connect()
    files.foot(open_tab)
    frame.cancel.click(room.cancel, None, None, **LIVE, queue=False)
    api.bind()
