"""The Answer tab: three rankings of the clip on the stage, and the plan of a chosen class below."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gradio as gr
import numpy as np

from app import service, theme
from app.frame import Update
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import ost_asked, ost_controls, ost_table, ost_view
from app.panels.ost_examples import First
from app.panels.ost_session import Session
from app.panels.ost_side import forecast
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

    def __init__(
        self, room: JobRoom[Session], controls: ost_controls.Controls, video: gr.Video, stale: gr.HTML, first: First
    ) -> None:
        self.room, self.controls, self.video, self.stale = room, controls, video, stale
        self.fresh: Mapping[Any, str] = {}
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
        return [self.answers, self.shown, self.heat, self.stale, self.controls.run, *self.room.frame.outputs]

    def connect(self, table: gr.Dataframe, fresh: Mapping[Any, str]) -> None:
        """Bind the events; ``table`` holds the classes, ``fresh`` is what results of an older clip give way to."""
        self.fresh = fresh
        c = self.controls
        given = [table, self.map, *c.values]
        taken = [self.video, c.examples, *fresh, *self.room.frame.outputs]
        for placed in (
            c.examples.input(self.example, [c.examples], taken, **LAST),
            self.video.input(self.own, [self.video], taken, **LAST),
        ):
            placed.then(self.after, [self.video, *given], self.outputs, **EVERY)
        c.run.click(self.again, [self.video, *given], self.outputs, **EVERY)
        for part in (self.shown.input, self.map.input):
            part(self.look, [self.shown, self.video, *given], self.outputs, **LAST)

    def example(self, request: gr.Request, name: str | None) -> Update:
        """A shipped clip onto the stage.

        Not a generator: the browser mixes a file with the later updates of a stream that leave it alone.
        """
        path = ost_controls.example_path(str(name))
        try:
            open_clip(self.room.session(request), path, path.name)
        except BadInput as problem:
            return self.room.failed(problem)
        return {self.video: str(path), **self.fresh} | self.room.frame.show("running", "Reading the frames")

    def own(self, request: gr.Request, given: str | None) -> Update:
        """A clip of the user's, written again when browsers do not play the file itself; or none any more."""
        if not given:
            return {self.controls.examples: None}
        session = self.room.session(request)
        try:
            path = service.uploaded(given)
            open_clip(session, path, path.name, (given,))
            shown = playable(session, path)
        except BadInput as problem:
            return self.room.failed(problem)
        update = {self.controls.examples: None, **self.fresh} | self.room.frame.show("running", "Reading the frames")
        return update | ({self.video: shown} if shown else {})

    def after(self, request: gr.Request, given: Any, rows: Any, kind: str, *values: Any) -> Iterator[Update]:
        """The answer for a clip that was just put on the stage."""
        if given:
            yield from self._again(self.room.session(request), given, rows, kind, values)

    def again(self, request: gr.Request, given: Any, rows: Any, kind: str, *values: Any) -> Iterator[Update]:
        """The clip on the stage with the table as it is now."""
        yield from self._again(self.room.session(request), given, rows, kind, values)

    @guarded
    def _again(self, session: Session, given: Any, rows: Any, kind: str, values: Sequence[Any]) -> Iterator[Update]:
        yield self.room.frame.show("running", "Starting")
        on_stage(session, given)
        yield from self._answer(session, ost_table.of_rows(rows), kind, values)

    def _answer(
        self, session: Session, classes: ClassList, kind: str, values: Sequence[Any], wanted: str = ""
    ) -> Iterator[Update]:
        """Recognise, then show the map of the class ``wanted``, or of the best one."""
        from models.ost.pipeline import recognise_job

        assert session.source is not None, "every caller has opened a clip"
        begun = time.perf_counter()
        options, weights = ost_controls.asked(*values), session.weights
        now = ost_asked.Now(classes.digest, tuple(values))
        made = ost_asked.asked(session, now)
        job = recognise_job(
            session.user, session.source, classes, options, weights.path, weights.zero_shot, weights.ratio
        )
        ticket = yield from self.room.follow(session, job, "Matching frames and descriptors")
        answer = ticket.result()
        session.answer, session.receipt, session.asked = answer, receipt_of(ticket), made
        session.thumbs = thumbnails(session, answer.indices)
        best = answer.top("ost", 1)[0][0]
        took = seconds_text(time.perf_counter() - begun)
        names = [name for name, _ in answer.top("ost", len(answer.classes))]
        session.shown = wanted if wanted in names else best
        yield {
            self.answers: ost_view.rankings(answer),
            self.shown: gr.Dropdown(choices=names, value=session.shown),
            self.heat: ost_view.heat(answer, session.shown, _kind(kind), session.thumbs),
            self.stale: ost_asked.note(session, now),
            self.controls.run: forecast(session, classes, values),
            **self.room.frame.show("done", f"{best}, of {len(names)} classes, in {took}", receipt=session.receipt),
        }

    def look(
        self, request: gr.Request, name: str | None, given: Any, rows: Any, kind: str, *values: Any
    ) -> Iterator[Update]:
        """Another class or another map."""
        yield from self._look(self.room.session(request), name, given, rows, kind, values)

    @guarded
    def _look(
        self, session: Session, name: str | None, given: Any, rows: Any, kind: str, values: Sequence[Any]
    ) -> Iterator[Update]:
        if session.answer is None:
            # The kept example is mark-up alone: its clip is recognised first.
            yield self.room.frame.show("running", "Starting")
            on_stage(session, given)
            yield from self._answer(session, ost_table.of_rows(rows), kind, values, str(name))
            return
        if name not in session.answer.classes.names:
            raise BadInput("The class", f"{name!r} is not in the answer", "Choose one of the list")
        session.shown = name
        yield {self.heat: ost_view.heat(session.answer, name, _kind(kind), session.thumbs)} | self.room.frame.show(
            "done", f"{name}: {MAPS[kind].lower()}"
        )


def _kind(kind: str) -> ost_view.Kind:
    return "similarity" if kind == "similarity" else "gain" if kind == "gain" else "plan"


def open_clip(session: Session, path: Path, name: str, stage: Sequence[str] = ()) -> None:
    """Examine a video and go on with it; ``stage``: paths under which the page shows it. Raises BadInput."""
    from models.ost.frames import VideoSource
    from models.parts.video import open_video

    session.take(VideoSource(open_video(path, name=name)), name, tuple(stage) or (name,))


def playable(session: Session, path: Path) -> str:
    """The clip written again beside ``path`` when browsers do not play the file itself; else nothing."""
    assert session.source is not None, "the caller has opened a clip"
    video = session.source.video
    if video.info.plays_in_browser:
        return ""
    from models.parts.video_write import for_browser

    file = for_browser(video, path.with_name(f"{uuid4().hex[:8]}_{path.stem}.mp4"))
    session.stage = (*session.stage, file.name)
    return str(file)


def on_stage(session: Session, given: Any) -> None:
    """Make sure the session has the clip that the page shows: a page may outlive its session. Raises BadInput."""
    if not given:
        raise BadInput("The video", "is missing", "Choose an example clip, upload a video or record one")
    name = Path(str(given)).name
    if session.source is not None and not {str(given), name}.isdisjoint(session.stage):
        return
    shipped = [file for _, file in ost_controls.example_clips()]
    path = ost_controls.FOLDER / name if name in shipped else service.uploaded(str(given))
    open_clip(session, path, name, (str(given),))


def thumbnails(session: Session, indices: np.ndarray) -> tuple[str, ...]:
    """Small pictures of the frames ``indices``, in their order."""
    assert session.source is not None
    frames = session.source.video.read(indices, max_side=120)
    return tuple(ost_view.picture_address(frame) for frame in frames)
