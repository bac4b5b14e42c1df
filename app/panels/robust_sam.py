"""The segmentation room: components and wiring. robust_sam_handlers acts, robust_sam_results shows."""

from __future__ import annotations

import html
from collections.abc import Callable

import gradio as gr

from app import service
from app.frame import SAVE_FILES, Format, Frame
from app.markup import markup
from app.palette import OBJECT_COLORS
from app.panels import robust_sam_api as api
from app.panels import (
    robust_sam_batch,
    robust_sam_batch_api,
    robust_sam_everything,
    robust_sam_everything_api,
    robust_sam_inside,
    robust_sam_inside_api,
    robust_sam_project,
    robust_sam_sweep,
    robust_sam_sweep_api,
)
from app.panels import robust_sam_examples as examples
from app.panels import robust_sam_handlers as handlers
from app.panels.robust_sam_results import VIEWS
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_tools import Tools
from app.panels.robust_sam_work import Room
from app.room import LIVE
from app.stage import control, outlet, stage
from models.method import Checkpoint, Method
from models.parts.degradations import KINDS, MAX_SEVERITY, TITLES

SLUG = "robust_sam"
TOOLS: tuple[tuple[str, Callable[[Tools], None]], ...] = (
    ("Everything", robust_sam_everything.build),
    ("Severity", robust_sam_sweep.build),
    ("Inside", robust_sam_inside.build),
    ("Batch", robust_sam_batch.build),
    ("Project", robust_sam_project.build),
)
"""What stands below the click stage, one tab each."""

ENDPOINTS = (api, robust_sam_batch_api, robust_sam_everything_api, robust_sam_inside_api, robust_sam_sweep_api)

FORMATS = (
    Format("png", "PNG mask", "object numbers as grey levels, with the receipt"),
    Format("rgba", "Cut-out RGBA", "the photo, transparent outside the objects"),
    Format("coco", "COCO RLE", "instances with run-length masks"),
    Format("coco_polygon", "COCO polygons", "instances with polygons"),
    Format("yolo", "YOLO-seg", "a zip with label lines and data.yaml"),
    Format("label_studio", "Label Studio", "tasks with brush regions"),
    Format("npy", "npy", "(N, H, W) bool"),
)
SHORTCUTS = (
    ("Tab", "reach the picture"),
    ("Arrow keys", "move the cursor on the picture; with Ctrl one pixel at a time"),
    ("Enter, click", "add a point to the object"),
    ("Shift + Enter, right click", "remove: a point that is not the object"),
    ("b", "box: set one corner, then the other"),
    ("d / e", "brush / eraser on the object's mask; the right button erases"),
    ("[ / ]", "smaller / larger brush"),
    ("p", "preview of what a click would give, on and off"),
    ("r", "refine: the last mask goes along with the next click"),
    ("n", "new object"),
    ("z / y", "undo / redo"),
    ("c", "clear the object's prompts"),
    ("+ / - / 0, wheel, pinch", "zoom in / out / fit"),
    ("Space + drag, middle button", "move the photo; a plain drag does so too unless the brush is in hand"),
    ("1 to 9", "project: label of the active object; once more takes it away"),
    ("PageDown, PageUp or . and ,", "project: next, previous image"),
    ("m / t", "project: mark as done and go on / next image to do"),
    ("Esc", "leave the tool, cancel the running job"),
)
"""What the list under ? says of this room."""


def build(method: Method) -> None:
    """Draw the room inside the current tab and connect it."""
    first = examples.first()
    frame = Frame(method, FORMATS, first=first.sentence)
    with frame.inputs:
        markup(_photo_section())
        markup(_objects_section())
        kind, severity, seed = _degrade_section(first)
        with gr.Accordion("More", open=False, elem_classes="v-more"):
            weights = gr.Radio(
                [(_weights_title(c), c.name) for c in method.checkpoints],
                value=method.checkpoints[0].name,
                label="Weights",
                info="SAM or RobustSAM checkpoints of the authors (ViT-B, L, H) work; plain SAM shows one branch only.",
            )
            path = gr.Textbox(label="File on this machine", placeholder="/path/robustsam_checkpoint_b.pth", max_lines=1)
            kinds = [".pth", ".pt", ".safetensors"]
            given = gr.File(label="or upload it", file_types=kinds, height=132)
            use = gr.Button("Use these weights", size="sm")
            branch = gr.Radio(
                [("RobustSAM", "robust"), ("SAM", "sam")],
                value="robust",
                label="Masks to download",
                info="Which branch is exported.",
            )
    with frame.stage:
        canvas = stage(SLUG, VIEWS, first.message)

    room = Room(frame, canvas, (kind, severity, seed))
    sessions: service.Sessions[Session] = service.Sessions(handlers.new_session, weigh=Session.held_bytes)
    tools = Tools(room, sessions)
    with frame.results, gr.Tabs(elem_classes="v-tools"):
        for title, draw in TOOLS:
            with gr.Tab(title):
                draw(tools)
    with frame.results:
        robust_sam_project.attach(tools)
    bound = handlers.Bound(room, sessions)
    shown = [canvas, *frame.outputs]
    live = {"outputs": shown, **LIVE}
    every = {**live, "trigger_mode": "multiple"}
    last = {**live, "trigger_mode": "always_last"}
    canvas.act(bound.act, None, **every)
    canvas.photo(bound.photo, None, **every)
    canvas.restore(bound.restore, None, **{**every, "outputs": [*shown, kind, severity, seed]})
    canvas.near(bound.near, None, canvas, concurrency_limit=None, show_progress="hidden", api_visibility="private")
    for component in (kind.input, severity.change, seed.change):
        component(bound.degrade, [kind, severity, seed], **last)
    use.click(bound.use_weights, [weights, path, given], **last)
    frame.cancel.click(bound.cancel, None, **{**live, "queue": False})
    for key, button in frame.downloads.items():
        saved = button.click(bound.download(key), [branch], **{**every, "outputs": [frame.file, *shown]})
        saved.then(None, [frame.file], None, js=SAVE_FILES, api_visibility="private")
    for endpoints in ENDPOINTS:
        endpoints.bind()


def _weights_title(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.name} (embedded)" if checkpoint.source == "embedded" else "A file of mine"


def _photo_section() -> str:
    thumbs = "".join(
        f'<button type="button" class="v-thumb" data-room="{SLUG}" data-stage-do="example" data-name="{e.name}" '
        f'title="{html.escape(e.title)}"><img src="{e.thumbnail()}" alt="{html.escape(e.title)}"></button>'
        for e in examples.listed()
    )
    accepted = "PNG, JPEG, WebP, GIF, BMP or TIFF; you can also drop or paste one"
    buttons = control(SLUG, "open", "Open photo", title=accepted)
    buttons += control(SLUG, "camera", "Camera", title="Take a photo with this device's camera")
    return (
        f'<section class="v-section"><h3>Photo</h3><div class="v-buttons">{buttons}</div>'
        f'<div class="v-thumbs" role="group" aria-label="Examples">{thumbs}</div></section>'
    )


def _objects_section() -> str:
    palette = "".join(f"<option value='{color.lower()}'></option>" for color in OBJECT_COLORS)
    new = control(SLUG, "new", "New object", title="Start a new object (n)")
    return (
        f'<section class="v-section"><h3>Objects</h3>{outlet(SLUG, "objects")}'
        f'<div class="v-buttons">{new}</div><datalist id="{SLUG}-palette">{palette}</datalist></section>'
    )


def _degrade_section(first: examples.First) -> tuple[gr.Dropdown, gr.Slider, gr.Number]:
    now = first.session.degradation
    with gr.Group(elem_classes="v-group"):
        markup("<h3>Degrade</h3>", elem_classes="v-group-title")
        kind = gr.Dropdown(
            [("None (clean photo)", ""), *((TITLES[k], k) for k in KINDS)],
            value=now.kind,
            label="Degradation",
            info="Both models segment the damaged copy.",
            filterable=False,
        )
        severity = gr.Slider(
            0,
            MAX_SEVERITY,
            value=now.severity,
            step=0.05,
            label="Severity",
            info="1 is the paper's strength.",
        )
        seed = gr.Number(
            value=now.seed, label="Seed", info="Fixes flakes, streaks and grain.", precision=0, minimum=0, maximum=2**31
        )
    return kind, severity, seed
