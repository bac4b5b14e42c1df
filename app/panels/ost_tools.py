"""The Timeline and Nouns tabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from app.frame import Update
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import ost_asked, ost_controls, ost_line, ost_table, ost_view
from app.panels.ost_examples import First
from app.panels.ost_recognise import clickable, on_stage
from app.panels.ost_session import Session
from app.room import EVERY, JobRoom, guarded, receipt_of

NO_LINE = "The class of every moment, with in and out times: press Draw the timeline."
NO_NOUNS = "For real footage: an ImageNet classifier and sentence embeddings (ConSE). Nouns, not motions."


class TimelineTab:
    """Scores along the video, and labels of its stretches that a person can correct."""

    def __init__(
        self, room: JobRoom[Session], controls: ost_controls.Controls, video: gr.Video, stale: gr.HTML, first: First
    ) -> None:
        self.room, self.controls, self.video, self.stale = room, controls, video, stale
        with gr.Row(elem_classes="sw-go"):
            self.window = gr.Slider(
                0.5,
                30,
                value=2,
                step=0.5,
                label="Window (s)",
                info="Moves by a quarter of itself.",
                scale=2,
                min_width=240,
            )
            self.go = gr.Button("Draw the timeline", size="sm", variant="primary", scale=1, min_width=160)
        self.line = clickable(first.line or ost_view.waiting(NO_LINE), elem_id="ost-line")
        with gr.Row(elem_classes="sw-go"):
            self.stretch = gr.Number(
                1, label="Stretch", precision=0, minimum=1, scale=1, min_width=90, elem_id="ost-stretch"
            )
            self.label = gr.Textbox(label="Its label", max_lines=1, scale=3, placeholder="what a person sees there")
            self.correct = gr.Button("Correct", size="sm", scale=1, min_width=100)

    @property
    def outputs(self) -> list[Any]:
        """What the tab changes."""
        return [self.line, self.stale, *self.room.frame.outputs]

    def connect(self, table: gr.Dataframe) -> None:
        """Bind the events."""
        given = [self.video, table, self.window, *self.controls.values]
        self.go.click(self.draw, given, self.outputs, **EVERY)
        self.correct.click(self.relabel, [self.stretch, self.label], self.outputs, **EVERY)

    def draw(self, request: gr.Request, given: Any, rows: Any, window: float, *values: Any) -> Iterator[Update]:
        """The timeline of the clip on the stage."""
        yield from self._draw(self.room.session(request), given, rows, window, values)

    @guarded
    def _draw(self, session: Session, given: Any, rows: Any, window: float, values: Sequence[Any]) -> Iterator[Update]:
        from models.ost.export import annotations_of
        from models.ost.timeline import timeline_job

        yield self.room.frame.show("running", "Starting")
        on_stage(session, given)
        assert session.source is not None, "on_stage opened it"
        weights, classes = session.weights, ost_table.of_rows(rows)
        now = ost_asked.Now(classes.digest, tuple(values), float(window))
        made = ost_asked.asked(session, now)
        job = timeline_job(
            session.user,
            session.source,
            classes,
            ost_controls.asked(*values),
            float(window),
            weights.path,
            weights.zero_shot,
            weights.ratio,
        )
        ticket = yield from self.room.follow(session, job, "Reading the frames")
        session.line, session.receipt, session.line_asked = ticket.result(), receipt_of(ticket), made
        session.line_thumbs = along(session)
        session.labels = list(annotations_of(session.line, session.title, session.source.digest))
        said = f"{len(session.labels)} stretches in {len(session.line.starts)} windows"
        yield {
            self.line: ost_line.drawn(session.line, session.labels, session.line_thumbs),
            self.stale: ost_asked.note(session, now),
        } | self.room.frame.show("done", said, receipt=session.receipt)

    def relabel(self, request: gr.Request, number: float | None, label: str) -> Iterator[Update]:
        """A person's label for a stretch."""
        yield from self._relabel(self.room.session(request), number, label)

    @guarded
    def _relabel(self, session: Session, number: float | None, label: str) -> Iterator[Update]:
        if session.line is None:
            raise BadInput("The timeline", "is not drawn yet", "Press Draw the timeline first")
        if number is None or not 1 <= number <= len(session.labels):
            raise BadInput("The stretch", f"{number} does not exist", f"Give 1 to {len(session.labels)}")
        if not label.strip():
            raise BadInput("The label", "is empty", "Write what is seen there")
        place = int(number) - 1
        session.labels[place] = replace(session.labels[place], label=label.strip())
        yield {self.line: ost_line.drawn(session.line, session.labels, session.line_thumbs)} | self.room.frame.show(
            "done", f"Stretch {place + 1} is labelled {label.strip()}. Save them with Labels JSONL"
        )


def along(session: Session) -> tuple[tuple[float, str], ...]:
    """(second, small picture as a data address) of frames spread over the clip."""
    assert session.source is not None, "a timeline has a clip"
    video = session.source.video
    indices, frames = video.thumbnails(ost_line.THUMBS, ost_line.THUMB_HEIGHT)
    return tuple(
        (second, ost_view.picture_address(frame, ost_line.THUMB_HEIGHT))
        for second, frame in zip(video.seconds[indices].tolist(), frames, strict=True)
    )


class NounsTab:
    """ConSE, for footage of things that ImageNet names."""

    def __init__(self, room: JobRoom[Session], controls: ost_controls.Controls, video: gr.Video) -> None:
        self.room, self.controls, self.video = room, controls, video
        self.go = gr.Button("Name what is seen - some seconds at first", size="sm", variant="primary")
        self.answers = markup(ost_view.waiting(NO_NOUNS), elem_id="ost-nouns")

    def connect(self, table: gr.Dataframe) -> None:
        """Bind the event."""
        outputs = [self.answers, *self.room.frame.outputs]
        self.go.click(self.name, [self.video, table, *self.controls.values], outputs, **EVERY)

    def name(self, request: gr.Request, given: Any, rows: Any, *values: Any) -> Iterator[Update]:
        """ConSE's ranking of the table's classes."""
        yield from self._name(self.room.session(request), given, rows, values)

    @guarded
    def _name(self, session: Session, given: Any, rows: Any, values: Sequence[Any]) -> Iterator[Update]:
        from models.ost.conse import conse_job

        yield self.room.frame.show("running", "Starting")
        on_stage(session, given)
        assert session.source is not None, "on_stage opened it"
        job = conse_job(session.user, session.source, ost_table.of_rows(rows), ost_controls.asked(*values))
        ticket = yield from self.room.follow(session, job, "Naming what is seen")
        session.nouns = ticket.result()
        yield {self.answers: ost_view.nouns(session.nouns)} | self.room.frame.show(
            "done", f"Nouns say {session.nouns.top(1)[0][0]}", receipt=receipt_of(ticket)
        )
