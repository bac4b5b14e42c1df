"""The video room: a clip, a class list one can edit, three rankings and the transport plan behind the third."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from app import service
from app.frame import SAVE_FILES, Format, Frame, Update
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.markup import markup
from app.panels import ost_api as api
from app.panels import ost_controls, ost_examples
from app.panels.ost_classes import ClassesTab
from app.panels.ost_recognise import RecogniseTab
from app.panels.ost_session import Session
from app.panels.ost_side import Side
from app.panels.ost_tools import NO_LINE, NO_NOUNS, NounsTab, TimelineTab
from app.panels.ost_view import waiting
from app.room import EVERY, LIVE, JobRoom, guarded
from models.method import Method

FORMATS = (
    Format("scores", "Scores CSV", "every class under every scoring, with the parts"),
    Format("plan", "Plan CSV", "frames against descriptors of the class shown"),
    Format("segments", "Segments CSV", "in and out times of the timeline"),
    Format("labels", "Labels JSONL", "stretches of the timeline with a person's labels"),
    Format("json", "JSON", "scores, plans, timeline, labels and receipt"),
)
SHORTCUTS = (
    ("Click a cell of the map, or Enter", "show that moment in the player"),
    ("Click the ribbon or a row of the timeline", "show that moment in the player"),
)


def build(method: Method) -> None:
    """Draw the room inside the current tab and connect it."""
    first = ost_examples.first()
    frame = Frame(method, FORMATS, first=first.sentence)
    room: JobRoom[Session] = JobRoom(frame, service.Sessions(Session))
    with frame.inputs:
        controls = ost_controls.Controls(method)
    with frame.stage:
        video = gr.Video(
            str(ost_controls.FOLDER / first.clip) if first.clip else None,
            sources=["upload", "webcam"],
            label="Video",
            height=320,
            elem_id="ost-video",
        )
        stale = markup("", elem_id="ost-stale")
        with gr.Tabs(elem_classes="v-tools"):
            with gr.Tab("Answer"):
                answer = RecogniseTab(room, controls, video, stale, first)
            with gr.Tab("Classes"):
                classes = ClassesTab(room, first.rows)
            with gr.Tab("Timeline"):
                line = TimelineTab(room, controls, video, stale, first)
            with gr.Tab("Nouns (ConSE)"):
                nouns = NounsTab(room, controls, video)
    answer.connect(classes.table, {line.line: waiting(NO_LINE), nouns.answers: waiting(NO_NOUNS)})
    for tool in (line, nouns, Side(room, controls, stale, line.window)):
        tool.connect(classes.table)
    page = gr.context.Context.root_block
    assert page is not None, "a room is built inside a page"
    classes.connect(page)
    saver = _Saver(room)
    for form, button in frame.downloads.items():
        saved = button.click(saver.of(form), None, [frame.file, *frame.outputs], **EVERY)
        saved.then(None, [frame.file], None, js=SAVE_FILES, api_visibility="private")
    frame.cancel.click(room.cancel, None, None, **LIVE, queue=False)
    api.bind()


class _Saver:
    """The downloads of the foot."""

    def __init__(self, room: JobRoom[Session]) -> None:
        self.room = room

    def of(self, form: str) -> Any:
        """The handler that saves ``form``."""

        def save(request: gr.Request) -> Iterator[Update]:
            yield from self._save(self.room.session(request), form)

        return save

    @guarded
    def _save(self, session: Session, form: str) -> Iterator[Update]:
        yield {self.room.frame.file: None}
        ending, text = made(session, form)
        name = download_name(f"{Path(session.title).stem or 'video'}_{form}", ending)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8")
            yield {self.room.frame.file: str(path)} | self.room.frame.show("done", f"{name} is ready")


def made(session: Session, form: str) -> tuple[str, str]:
    """(file ending, content) of a download. Raises BadInput when there is nothing to save yet."""
    from models.ost import export

    if form in ("segments", "labels"):
        if session.line is None:
            raise BadInput("The timeline", "is not drawn yet", "Press Draw the timeline first")
        if form == "segments":
            return ".csv", export.segments_csv(session.line)
        return ".jsonl", export.annotations_jsonl(session.labels)
    if session.answer is None and session.line is None:
        raise BadInput("The download", "has nothing to save yet", "Press Recognise first")
    if form in ("scores", "plan"):
        if session.answer is None:
            raise BadInput("The scores", "are not computed yet", "Press Recognise first")
        if form == "plan":
            return ".csv", export.plan_csv(session.answer, session.shown)
        return ".csv", export.scores_csv(session.answer)
    content = {
        "video": session.title,
        "receipt": dict(session.receipt),
        "answer": session.answer.as_dict() if session.answer is not None else None,
        "timeline": json.loads(export.timeline_json(session.line)) if session.line is not None else None,
        "labels": [asdict(label) for label in session.labels],
    }
    return ".json", json.dumps(content, ensure_ascii=False, indent=1, default=str)
