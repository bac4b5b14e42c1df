"""Downloads of the PeLK room: the foot's CSV, JSON and PNG of the open tab, and buttons with a file of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.frame import SAVE_FILES, Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels.pelk_examples import Examples
from app.panels.pelk_session import TABS, Session
from app.panels.pelk_work import Room
from app.room import EVERY, guarded
from models.pelk.designer import design
from models.pelk.export import exported

OPEN_TAB = "() => document.getElementById('room-pelk').dataset.tool || 'kernel'"
"""Which tab the browser shows; the server is not told when another is opened."""
Make = Callable[[Session], tuple[str, bytes]]


def exported_kernel(session: Session, form: str) -> tuple[str, bytes]:
    """(file name, bytes) of the session's design."""
    return exported(design(session.spec), form)


class Files:
    """Makes files and hands them to the browser through the frame's hidden file component."""

    def __init__(self, room: Room, examples: Examples) -> None:
        self.room, self.examples = room, examples

    def connect(self, button: gr.Button, make: Make) -> None:
        """``button`` saves what ``make`` gives for the page's session."""

        def handler(request: gr.Request) -> Iterator[Update]:
            yield from self._give(self.room.session(request), make)

        self._then_saved(button.click(handler, None, self._outputs, **EVERY))

    def foot(self, open_tab: gr.Textbox) -> None:
        """The frame's download buttons save the result of the tab that is open."""
        for form, button in self.room.frame.downloads.items():

            def handler(tab: str, request: gr.Request, form: str = form) -> Iterator[Update]:
                yield from self._give(self.room.session(request), lambda session: self.of_tab(session, tab, form))

            self._then_saved(button.click(handler, [open_tab], self._outputs, js=OPEN_TAB, **EVERY))

    def of_tab(self, session: Session, tab: str, form: str) -> tuple[str, bytes]:
        """(file name, bytes) of a tab's last result, or of its example. Raises BadInput when there is none."""
        if tab not in TABS:
            raise BadInput("The tab", f"{tab!r} does not exist", f"Choose one of {', '.join(TABS)}")
        if tab == "kernel":
            return exported_kernel(session, form)
        saved = session.saved.get(tab) or self.examples.saved(tab)
        if saved is None or form not in saved.files:
            raise BadInput("The download", "has nothing to save yet", "Run this tab first")
        return download_name(saved.stem, f".{form}"), saved.files[form]

    @property
    def _outputs(self) -> list[Any]:
        return [self.room.frame.file, *self.room.frame.outputs]

    def _then_saved(self, event: Any) -> None:
        event.then(None, [self.room.frame.file], None, js=SAVE_FILES, api_visibility="private")

    @guarded
    def _give(self, session: Session, make: Make) -> Iterator[Update]:
        yield {self.room.frame.file: None}
        name, data = make(session)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            yield {self.room.frame.file: str(path)} | self.room.frame.show("done", f"{name} is ready")
