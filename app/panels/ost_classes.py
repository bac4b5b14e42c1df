"""The Classes tab: the table of classes and descriptors with its remarks, files, and ways to fill it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from app.frame import SAVE_FILES, Update
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import ost_table
from app.panels.ost_session import Session
from app.room import EVERY, LAST, LIVE, JobRoom, guarded

COUNT = 4
"""Descriptors of each kind in a new table, as in the paper."""
KEPT = "vitrine.ost.classes"
"""Where the browser keeps the table, so that a reload loses nothing."""
LOAD = f"() => localStorage.getItem('{KEPT}') || ''"
KEEP = f"(text) => {{ if (text) localStorage.setItem('{KEPT}', text); }}"


class ClassesTab:
    """One row a class; whatever is typed stays, also after an error or a reload."""

    def __init__(self, room: JobRoom[Session], rows: Sequence[Sequence[str]]) -> None:
        """``rows``: the first table."""
        from models.ost.descriptors import header

        self.room = room
        self.first = [list(row) for row in rows]
        with gr.Row(elem_classes="sw-go"):
            self.names = gr.Textbox(
                label="Your classes",
                info="One a line, or separated by commas. Descriptors come from the bank or by rule; then edit them.",
                placeholder="juggling, mowing the lawn, walking a dog",
                lines=1,
                max_lines=6,
                scale=2,
                min_width=260,
            )
            self.make = gr.Button("Make the table", size="sm", variant="primary", scale=1, min_width=150)
        with gr.Row(elem_classes="sw-go"):
            self.preset = gr.Dropdown(
                [(title, key) for key, title in ost_table.PRESETS.items()],
                value="held_out",
                label="Preset",
                scale=2,
                min_width=300,
            )
            self.undo = gr.Button("Undo", size="sm", scale=0, min_width=76)
            self.redo = gr.Button("Redo", size="sm", scale=0, min_width=76)
        self.table = gr.Dataframe(
            value=self.first,
            headers=header(COUNT),
            type="array",
            datatype="str",
            interactive=True,
            wrap=True,
            max_height=380,
            column_widths=["130px"] + ["150px"] * (2 * COUNT),
            show_label=False,
            elem_id="ost-classes",
        )
        self.remarks = markup(ost_table.counted(ost_table.of_rows(self.first)), elem_id="ost-remarks")
        with gr.Row(elem_classes="sw-go"):
            self.fill = gr.Button("Complete empty cells", size="sm", min_width=150)
            self.ask = gr.Button("Ask the text service", size="sm", min_width=150)
        with gr.Accordion("Import, export, language model", open=False):
            self.files = gr.File(
                label="Import: JSON, CSV, names as .txt or label CSV, or the authors' two JSON files and label CSV",
                file_count="multiple",
                file_types=[".json", ".csv", ".txt"],
                height=150,
            )
            with gr.Row(elem_classes="sw-go"):
                self.exports = {
                    form: gr.Button(title, size="sm", min_width=120)
                    for form, title in (("json", "Save JSON"), ("csv", "Save CSV"), ("official", "Save authors' form"))
                }
            self.question = gr.Button("Write a question for a language model", size="sm")
            self.asked = gr.Textbox(label="Question to copy", lines=3, interactive=False, buttons=["copy"])
            self.pasted = gr.Textbox(label="Its answer", lines=3, placeholder='{"juggling": {"spatial": [...], ...}}')
            self.put = gr.Button("Put the answer into the table", size="sm")
        self.out = gr.File(visible="hidden", file_count="multiple", interactive=False)
        # Not BrowserState: one inside a tab that was never opened does not give its value at the load of the page.
        self.kept = gr.Textbox(visible=False)

    @property
    def outputs(self) -> list[Any]:
        """What an edit changes."""
        return [self.table, self.remarks, self.preset, self.kept, *self.room.frame.outputs]

    def connect(self, page: gr.Blocks) -> None:
        """Bind the events."""
        loaded = page.load(None, None, [self.kept], js=LOAD, api_visibility="private")
        loaded.then(self.restore, [self.kept], [self.table, self.remarks, self.preset], **LIVE)
        self._keep(self.table.input(self.edited, [self.table], [self.remarks, self.kept], **LAST))
        bind = (
            (self.preset.input, self.choose, self.preset),
            (self.files.upload, self.read, self.files),
            (self.make.click, self.name, self.names),
        )
        for event, handler, given in bind:
            self._keep(event(handler, [self.table, given], self.outputs, **EVERY))
        self._keep(self.undo.click(self.back, [self.table], self.outputs, **EVERY))
        self._keep(self.redo.click(self.forth, [self.table], self.outputs, **EVERY))
        self._keep(self.fill.click(self.complete, [self.table], self.outputs, **EVERY))
        self._keep(self.ask.click(self.serve, [self.table], self.outputs, **EVERY))
        self._keep(self.put.click(self.take, [self.table, self.pasted], self.outputs, **EVERY))
        self.question.click(self.write, [self.table], [self.asked, *self.room.frame.outputs], **EVERY)
        for form, button in self.exports.items():

            def save(request: gr.Request, rows: Any, form: str = form) -> Iterator[Update]:
                yield from self._save(self.room.session(request), rows, form)

            saved = button.click(save, [self.table], [self.out, *self.room.frame.outputs], **EVERY)
            saved.then(None, [self.out], None, js=SAVE_FILES, api_visibility="private")

    def _keep(self, event: Any) -> None:
        """After ``event`` the browser keeps the table."""
        event.then(None, [self.kept], None, js=KEEP, api_visibility="private")

    def restore(self, request: gr.Request, kept: str) -> Update:
        """The table of an earlier visit, when the browser has one."""
        from models.ost.descriptors import to_rows

        try:
            classes = ost_table.of_rows(json.loads(kept))
        except (BadInput, ValueError, TypeError):
            return {self.table: gr.skip()}
        self.room.session(request).tables.keep(to_rows(classes))
        return self._drawn(classes)

    def edited(self, request: gr.Request, rows: Any) -> Update:
        """Remarks on what is in the table now."""
        try:
            classes = ost_table.of_rows(rows)
        except BadInput as problem:
            return {self.remarks: f'<p class="pk-under">{problem}</p>'}
        from models.ost.descriptors import to_rows

        tables = self.room.session(request).tables
        if not tables.states:
            tables.keep(self.first)
        tables.keep(to_rows(classes))
        return {self.remarks: ost_table.remarks(classes), self.kept: json.dumps(to_rows(classes))}

    def _drawn(self, classes: Any, key: str | None = None) -> Update:
        """``key``: the preset that ``classes`` are; any can be chosen again when they are none."""
        from models.ost.descriptors import header, to_rows

        rows = to_rows(classes)
        table = gr.Dataframe(value=rows, headers=header(classes.count))
        return {self.table: table, self.remarks: ost_table.remarks(classes), self.preset: key}

    def _new(self, session: Session, rows: Any, classes: Any, said: str, key: str | None = None) -> Update:
        """``classes`` in place of ``rows``, which come back with Undo."""
        from models.ost.descriptors import to_rows

        session.tables.keep(to_rows(ost_table.of_rows(rows)))
        session.tables.keep(to_rows(classes))
        kept = {self.kept: json.dumps(to_rows(classes))}
        return self._drawn(classes, key) | kept | self.room.frame.show("ready", said)

    def back(self, request: gr.Request, rows: Any) -> Iterator[Update]:
        """The table before."""
        yield from self._step(self.room.session(request), rows, -1)

    def forth(self, request: gr.Request, rows: Any) -> Iterator[Update]:
        """The table that was undone."""
        yield from self._step(self.room.session(request), rows, 1)

    @guarded
    def _step(self, session: Session, rows: Any, by: int) -> Iterator[Update]:
        from models.ost.descriptors import to_rows

        if by < 0:
            session.tables.keep(to_rows(ost_table.of_rows(rows)))
        found = session.tables.step(by)
        if found is None:
            yield self.room.frame.show("ready", f"Nothing to {'undo' if by < 0 else 'redo'}")
            return
        classes = ost_table.of_rows(found)
        said = "Undone" if by < 0 else "Redone"
        yield self._drawn(classes) | {self.kept: json.dumps(found)} | self.room.frame.show("ready", said)

    def name(self, request: gr.Request, rows: Any, text: str) -> Iterator[Update]:
        """Names in place of the table."""
        yield from self._name(self.room.session(request), rows, text)

    @guarded
    def _name(self, session: Session, rows: Any, text: str) -> Iterator[Update]:
        classes = ost_table.named(text, ost_table.of_rows(rows).count or COUNT)
        yield self._new(session, rows, classes, f"{len(classes)} classes with their descriptors. Press Recognise")

    def choose(self, request: gr.Request, rows: Any, key: str) -> Iterator[Update]:
        """A preset in place of the table."""
        yield from self._choose(self.room.session(request), rows, key)

    @guarded
    def _choose(self, session: Session, rows: Any, key: str) -> Iterator[Update]:
        classes = ost_table.preset(key)
        yield self._new(
            session, rows, classes, f"{len(classes)} classes: {ost_table.PRESETS[key]}. Press Recognise", key
        )

    def read(self, request: gr.Request, rows: Any, files: Sequence[str]) -> Iterator[Update]:
        """A list from files."""
        yield from self._read(self.room.session(request), rows, files)

    @guarded
    def _read(self, session: Session, rows: Any, files: Sequence[str]) -> Iterator[Update]:
        classes = ost_table.imported(files)
        yield self._new(session, rows, classes, f"{len(classes)} classes read. Press Recognise")

    def complete(self, request: gr.Request, rows: Any) -> Iterator[Update]:
        """Empty cells from the bank and by rule."""
        yield from self._fill(self.room.session(request), rows, "bank")

    def serve(self, request: gr.Request, rows: Any) -> Iterator[Update]:
        """Empty cells from the text service of the environment variables."""
        yield from self._fill(self.room.session(request), rows, "service")

    @guarded
    def _fill(self, session: Session, rows: Any, source: str) -> Iterator[Update]:
        yield self.room.frame.show("running", "Writing descriptors")
        classes, said = ost_table.filled(ost_table.of_rows(rows), source)
        yield self._new(session, rows, classes, said)

    def take(self, request: gr.Request, rows: Any, answer: str) -> Iterator[Update]:
        """A pasted answer into the table."""
        yield from self._take(self.room.session(request), rows, answer)

    @guarded
    def _take(self, session: Session, rows: Any, answer: str) -> Iterator[Update]:
        classes = ost_table.pasted(ost_table.of_rows(rows), answer)
        yield self._new(session, rows, classes, "The answer is in the table")

    def write(self, request: gr.Request, rows: Any) -> Iterator[Update]:
        """A question to copy."""
        yield from self._write(self.room.session(request), rows)

    @guarded
    def _write(self, session: Session, rows: Any) -> Iterator[Update]:
        text = ost_table.question(ost_table.of_rows(rows))
        yield {self.asked: text} | self.room.frame.show("done", "Copy the question, paste the answer below it")

    @guarded
    def _save(self, session: Session, rows: Any, form: str) -> Iterator[Update]:
        yield {self.out: None}
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, data in ost_table.exported(ost_table.of_rows(rows), form):
                (Path(folder) / name).write_bytes(data)
                paths.append(str(Path(folder) / name))
            names = ", ".join(Path(path).name for path in paths)
            yield {self.out: paths} | self.room.frame.show("done", f"{names} ready")
