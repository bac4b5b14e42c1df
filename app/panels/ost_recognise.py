"""The Recognise tab: clip, class list and the answer, with the plan of a chosen class below."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from app import service, theme
from app.frame import Update, head_line
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import ost_controls, ost_table, ost_view
from app.panels.ost_examples import First
from app.panels.ost_session import Session
from app.room import EVERY, LAST, JobRoom, guarded, receipt_of
from app.wording import seconds_text

if TYPE_CHECKING:
    from models.ost.descriptors import ClassList

MAPS = {"plan": "Transport plan", "similarity": "Similarity", "gain": "Plan x similarity"}


def clickable(value: str, **options: Any) -> gr.HTML:
    """Mark-up in which a click on a moment seeks the player."""
    script = theme.script("ost_seek.js")
    return gr.HTML(value, apply_default_css=False, padding=False, js_on_load=script, **options)


class RecogniseTab:
    """Three rankings side by side and which frame was matched to which descriptor."""

    def __init__(self, room: JobRoom[Session], controls: ost_controls.Controls, video: gr.Video, first: First) -> None:
        self.room, self.controls, self.video = room, controls, video
        self.answers = markup(
            first.rankings or ost_view.waiting("Choose an example clip or open a video, then press Recognise."),
            elem_id="ost-answers",
        )
        with gr.Row(elem_classes="sw-go"):
            self.shown = gr.Dropdown(
                list(first.names), value=first.names[0] if first.names else None, label="Class shown", scale=1
            )
            self.map = gr.Radio([(title, kind) for kind, title in MAPS.items()], value="plan", label="Map", scale=2)
        self.heat = clickable(first.heat, elem_id="ost-heat")

    @property
    def outputs(self) -> list[Any]:
        """What recognising changes."""
        return [self.answers, self.shown, self.heat, *self.room.frame.outputs]

    def connect(self, table: gr.Dataframe) -> None:
        """Bind the events; ``table`` holds the classes."""
        c = self.controls
        taken = [self.video, *self.outputs]
        c.examples.input(self.example, [c.examples, table, *c.values], taken, **LAST)
        self.video.input(self.own, [self.video, table, *c.values], taken, **LAST)
        c.run.click(self.again, [self.video, table, *c.values], self.outputs, **EVERY)
        c.use.click(self.use, [c.weights, c.path, c.file, c.base, c.ratio], self.room.frame.outputs, **EVERY)
        for part in (self.shown.input, self.map.input):
            part(self.look, [self.shown, self.map], [self.heat, *self.room.frame.outputs], **LAST)

    def example(self, request: gr.Request, name: str | None, rows: Any, *values: Any) -> Iterator[Update]:
        """A shipped clip."""
        yield from self._example(self.room.session(request), name, rows, values)

    @guarded
    def _example(self, session: Session, name: str | None, rows: Any, values: Sequence[Any]) -> Iterator[Update]:
        path = ost_controls.example_path(str(name))
        open_clip(session, path, path.name)
        yield {self.video: str(path)} | self.room.frame.show("running", "Reading the frames")
        yield from self._answer(session, ost_table.of_rows(rows), values)

    def own(self, request: gr.Request, given: str | None, rows: Any, *values: Any) -> Iterator[Update]:
        """A clip of the user's, or none any more."""
        session = self.room.session(request)
        if given:
            yield from self._own(session, given, rows, values)

    @guarded
    def _own(self, session: Session, given: str, rows: Any, values: Sequence[Any]) -> Iterator[Update]:
        yield self.room.frame.show("running", "Reading the video")
        path = service.uploaded(given)
        open_clip(session, path, path.name)
        yield from self._answer(session, ost_table.of_rows(rows), values)

    def again(self, request: gr.Request, given: Any, rows: Any, *values: Any) -> Iterator[Update]:
        """The clip on the stage with the table as it is now."""
        yield from self._again(self.room.session(request), given, rows, values)

    @guarded
    def _again(self, session: Session, given: Any, rows: Any, values: Sequence[Any]) -> Iterator[Update]:
        on_stage(session, given)
        yield self.room.frame.show("running", "Starting")
        yield from self._answer(session, ost_table.of_rows(rows), values)

    def _answer(self, session: Session, classes: ClassList, values: Sequence[Any]) -> Iterator[Update]:
        from models.ost.pipeline import recognise_job

        assert session.source is not None, "every caller has opened a clip"
        begun = time.perf_counter()
        options, weights = ost_controls.asked(*values), session.weights
        job = recognise_job(
            session.user, session.source, classes, options, weights.path, weights.zero_shot, weights.ratio
        )
        ticket = yield from self.room.follow(session, job, "Matching frames and descriptors")
        answer = ticket.result()
        session.answer, session.receipt = answer, receipt_of(ticket)
        session.thumbs = thumbnails(session, answer.indices)
        best = answer.top("ost", 1)[0][0]
        took = seconds_text(time.perf_counter() - begun)
        names = [name for name, _ in answer.top("ost", len(answer.classes))]
        yield {
            self.answers: ost_view.rankings(answer),
            self.shown: gr.Dropdown(choices=names, value=best),
            self.heat: ost_view.heat(answer, best, "plan", session.thumbs),
            **self.room.frame.show("done", f"{best}, of {len(names)} classes, in {took}", receipt=session.receipt),
        }

    def look(self, name: str | None, kind: str, request: gr.Request) -> Iterator[Update]:
        """Another class or another map."""
        yield from self._look(self.room.session(request), name, kind)

    @guarded
    def _look(self, session: Session, name: str | None, kind: str) -> Iterator[Update]:
        if session.answer is None:
            raise BadInput(
                "The map", "belongs to the kept example", "Press Recognise to look at other classes and maps"
            )
        if name not in session.answer.classes.names:
            raise BadInput("The class", f"{name!r} is not in the answer", "Choose one of the list")
        shown: ost_view.Kind = "similarity" if kind == "similarity" else "gain" if kind == "gain" else "plan"
        yield {self.heat: ost_view.heat(session.answer, name, shown, session.thumbs)} | self.room.frame.show(
            "done", f"{name}: {MAPS[shown].lower()}"
        )

    def use(
        self, kind: str, path: str, given: str | None, base: str, ratio: float, request: gr.Request
    ) -> Iterator[Update]:
        """Answer with other weights from now on."""
        yield from self._use(self.room.session(request), kind, path, given, base, ratio)

    @guarded
    def _use(
        self, session: Session, kind: str, path: str, given: str | None, base: str, ratio: float
    ) -> Iterator[Update]:
        from models.runtime import WrongCheckpoint

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


def open_clip(session: Session, path: Path, name: str) -> None:
    """Examine a video and go on with it. Raises BadInput."""
    from models.ost.frames import VideoSource
    from models.parts.video import open_video

    session.take(VideoSource(open_video(path, name=name)), name)


def on_stage(session: Session, given: Any) -> None:
    """Make sure the session has the clip that the page shows: a page may outlive its session. Raises BadInput."""
    if session.source is not None:
        return
    if not given:
        raise BadInput("The video", "is missing", "Choose an example clip, upload a video or record one")
    name = Path(str(given)).name
    shipped = [file for _, file in ost_controls.example_clips()]
    path = ost_controls.FOLDER / name if name in shipped else service.uploaded(str(given))
    open_clip(session, path, name)


def thumbnails(session: Session, indices: np.ndarray) -> tuple[str, ...]:
    """Small pictures of the frames ``indices``, in their order."""
    assert session.source is not None
    frames = session.source.video.read(indices, max_side=120)
    return tuple(ost_view.picture_address(frame) for frame in frames)
