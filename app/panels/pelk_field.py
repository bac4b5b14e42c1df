"""The receptive-field tab: whose networks, on which picture, at which size; maps by depth, area scores."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app import service, theme
from app.frame import Update, head_line
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import pelk_examples as examples
from app.panels import pelk_field_view as view
from app.panels.pelk_session import Session
from app.panels.pelk_work import Room
from app.room import EVERY, guarded, receipt_of
from app.wording import seconds_text
from models import registry

SIZES = (96, 128, 224, 256, 512)
SOURCES = (
    ("Trained on pathfinder", "pathfinder"),
    ("Trained on segmentation", "segmentation"),
    ("Untrained", "untrained"),
    ("My checkpoint", "file"),
)
CHECKPOINTS = [".pth", ".pt", ".safetensors", ".bin"]


class FieldControls:
    """The tab's settings, drawn where it is made."""

    def __init__(self) -> None:
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Picture</h3>", elem_classes="v-group-title")
            pictures = [(title, key) for key, title in examples.PICTURES.items()]
            self.example = gr.Dropdown(pictures, value="curves", label="Example", filterable=False)
            self.file = gr.File(label="or one of yours", file_types=["image"], height=110)
            self.size = gr.Radio(
                [(str(size), size) for size in SIZES],
                value=96,
                label="Input size (px)",
                info="The middle square is resized; larger takes longer. Fields of different sizes are not comparable.",
            )
            self.views = gr.Slider(
                1, 16, value=1, step=1, label="Views", info="The picture and small shifts of it, averaged."
            )
        with gr.Group(elem_classes="v-group"):
            markup("<h3>Networks</h3>", elem_classes="v-group-title")
            self.source = gr.Radio(list(SOURCES), value="pathfinder", label="Weights", info="Three kernel sizes each.")
            self.seed = gr.Number(0, label="Seed", info="Of untrained weights and shifts.", precision=0, minimum=0)
        with gr.Accordion("More", open=False, elem_classes="v-more"):
            markup(
                "<p class='pk-under'>ConvNeXt and SLaK checkpoints are taken over whole. Of RepLKNet what fits is, "
                "and the rest is listed.</p>"
            )
            self.path = gr.Textbox(label="File on this machine", placeholder="/path/convnext_tiny.pth", max_lines=1)
            self.given = gr.File(label="or upload it", file_types=CHECKPOINTS, height=110)
            self.use = gr.Button("Use this checkpoint", size="sm")


class FieldTab:
    """Its stage and handlers."""

    def __init__(self, room: Room, controls: FieldControls, kept: examples.Examples) -> None:
        self.room, self.controls = room, controls
        with gr.Row(elem_classes="sw-go"):
            self.go = gr.Button("Show receptive fields", variant="primary", size="sm", scale=0, min_width=190)
        first = kept.message("field") or {"networks": []}
        self.shown = gr.HTML(
            value=first,
            html_template=f'<div class="pf" data-ramp="{html.escape(view.ramp())}"></div>',
            js_on_load=theme.script("pelk_field.js"),
            apply_default_css=False,
            padding=False,
            elem_id="pelk-field",
        )

    def connect(self) -> None:
        """Bind the events."""
        c = self.controls
        outputs = [self.shown, *self.room.frame.outputs]
        self.go.click(self.show, [c.example, c.file, c.source, c.size, c.views, c.seed], outputs, **EVERY)
        c.use.click(self.use, [c.path, c.given], [c.source, *self.room.frame.outputs], **EVERY)
        c.example.input(lambda: None, None, c.file, queue=False, api_visibility="private", show_progress="hidden")

    def show(
        self,
        example: str,
        file: str | None,
        source: str,
        size: float,
        views: float,
        seed: float | None,
        request: gr.Request,
    ) -> Iterator[Update]:
        """Compute the fields."""
        yield from self._show(self.room.session(request), example, file, source, size, views, seed)

    @guarded
    def _show(
        self,
        session: Session,
        example: str,
        file: str | None,
        source: Any,
        size: float,
        views: float,
        seed: float | None,
    ) -> Iterator[Update]:
        yield self.room.frame.show("running", "Starting")
        from models.pelk.pipeline_fields import Fields, fields_job

        picture = examples.opened(Path(file), Path(file).name) if file else examples.example_picture(example)
        job = fields_job(
            session.user,
            picture.image,
            picture.digest,
            source,
            int(size),
            int(views),
            int(seed or 0),
            session.checkpoint,
        )
        ticket = yield from self.room.follow(
            session,
            job,
            "Computing receptive fields",
            lambda partial: {self.shown: view.message(partial, busy=True)},
        )
        fields: Fields = ticket.result()
        receipt = receipt_of(ticket)
        session.saved["field"] = view.saved(fields, picture.name, receipt)
        done = f"Receptive fields at {fields.size} x {fields.size} px in {seconds_text(fields.milliseconds / 1000)}"
        yield {self.shown: view.message(fields, busy=False, receipt=receipt)} | self.room.done(
            session, "field", done, receipt
        )

    def use(self, path: str, given: str | None, request: gr.Request) -> Iterator[Update]:
        """Take over a checkpoint of the user's."""
        yield from self._use(self.room.session(request), path, given)

    @guarded
    def _use(self, session: Session, path: str, given: str | None) -> Iterator[Update]:
        source = chosen_file(path, given)
        yield self.room.frame.show("running", f"Checking {source.name}")
        session.checkpoint = through_the_door(source, source.name)
        method = registry.get(self.room.frame.room)
        note = "" if session.checkpoint.complete else f"{source.name} fits in part: {session.checkpoint.report}"
        told = {self.controls.source: "file", self.room.frame.head: head_line(method, method.checkpoint("file"), note)}
        yield told | self.room.frame.show("done", f"{source.name}: {session.checkpoint.report}")


def chosen_file(path: str, given: str | None) -> Path:
    """An upload, or a path where visitors may name one. Raises BadInput."""
    if given:
        return Path(given)
    if not path:
        raise BadInput("The checkpoint", "is not chosen", "Give a path, or upload a .pth or .safetensors file")
    if not service.trusts_paths():
        raise BadInput("The path", "is not open to visitors of a shared server", "Upload the file")
    return Path(path).expanduser()


def through_the_door(source: Path, name: str) -> Any:
    """The checked checkpoint (pipeline_own.Own); raises BadInput or WrongCheckpoint."""
    from app.guard.checkpoints import checkpoint_door
    from models.pelk.pipeline_own import own_checkpoint

    return own_checkpoint(checkpoint_door(source), name)
