"""What follows from a change in the left column: other weights, the note on results left behind, the forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from app import service
from app.frame import Update, head_line
from app.guard.errors import BadInput
from app.panels import ost_asked, ost_controls, ost_table
from app.panels.ost_session import Session
from app.room import EVERY, LAST, JobRoom, guarded
from app.wording import interval_text, seconds_text
from models.runtime import WrongCheckpoint


class Side:
    """Handlers of the left column that start no job."""

    def __init__(
        self, room: JobRoom[Session], controls: ost_controls.Controls, stale: gr.HTML, window: gr.Slider
    ) -> None:
        self.room, self.controls, self.stale, self.window = room, controls, stale, window

    def connect(self, table: gr.Dataframe) -> None:
        """Bind the events."""
        c = self.controls
        given = [table, self.window, *c.values]
        after = [self.stale, c.run]
        for control in given:
            control.change(self.notice, given, after, **LAST)
        used = c.use.click(self.use, [c.weights, c.path, c.file, c.base, c.ratio], self.room.frame.outputs, **EVERY)
        used.then(self.notice, given, after, **LAST)

    def notice(self, request: gr.Request, rows: Any, window: float, *values: Any) -> Update:
        """Which results the inputs have left behind, and how long the next answer takes."""
        session = self.room.session(request)
        try:
            classes = ost_table.of_rows(rows)
            now = ost_asked.Now(classes.digest, tuple(values), float(window))
            return {self.stale: ost_asked.note(session, now), self.controls.run: forecast(session, classes, values)}
        except (BadInput, WrongCheckpoint):
            # Told when the button is pressed; half of a table is no fault yet.
            return {self.stale: "", self.controls.run: ost_controls.RUN}

    def use(
        self, request: gr.Request, kind: str, path: str, given: str | None, base: str, ratio: float
    ) -> Iterator[Update]:
        """Answer with other weights from now on."""
        yield from self._use(self.room.session(request), kind, path, given, base, ratio)

    @guarded
    def _use(
        self, session: Session, kind: str, path: str, given: str | None, base: str, ratio: float
    ) -> Iterator[Update]:
        yield self.room.frame.show("running", "Checking the weights")
        try:
            session.weights = ost_controls.chosen_weights(kind, path, given, base, ratio)
        except WrongCheckpoint as problem:
            raise BadInput(
                "The weights", str(problem).rstrip("."), "Choose the embedded ones or another file"
            ) from problem
        method = self.room.frame.method
        head = head_line(method, method.checkpoint("mini" if session.weights.path is None else "file"))
        said = f"{session.weights.name} answers from now on. Press Recognise"
        yield {self.room.frame.head: head} | self.room.frame.show("ready", said)


def forecast(session: Session, classes: Any, values: Sequence[Any]) -> str:
    """The run button's text: what the scheduler expects for these inputs. Raises BadInput and WrongCheckpoint."""
    if session.source is None:
        return ost_controls.RUN
    from models.ost.pipeline import recognise_job

    weights = session.weights
    options = ost_controls.asked(*values)
    job = recognise_job(session.user, session.source, classes, options, weights.path, weights.zero_shot, weights.ratio)
    wait = service.runtime().predict(job)
    if wait.high_s >= 1 and wait.low_s < wait.high_s / 4:
        return f"{ost_controls.RUN} - up to {seconds_text(wait.high_s)}"
    return f"{ost_controls.RUN} - {interval_text(wait.low_s, wait.high_s)}"
