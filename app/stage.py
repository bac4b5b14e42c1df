"""The stage: a canvas that shows a photo, takes prompts and draws masks, in one or several synchronised views.

Messages go down as the component's value, actions come up as its events; the browser side is app/assets/js/stage_*.js.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import gradio as gr

from app import theme

SCRIPTS = (
    "stage_core.js",
    "stage_direct.js",
    "stage_masks.js",
    "stage_view.js",
    "stage_hover.js",
    "stage_brush.js",
    "stage_pointer.js",
    "stage_keys.js",
    "stage_photo.js",
    "stage_lists.js",
    "stage_hooks.js",
    "stage_start.js",
)


@dataclass(frozen=True)
class View:
    """One picture of the stage. ``key`` names the mask it draws, or "difference" for the map between ``pair``."""

    key: str
    title: str
    kind: Literal["mask", "difference"] = "mask"
    pair: tuple[str, str] | None = None
    legend: tuple[tuple[str, str], ...] = ()


def stage(room: str, views: Sequence[View], first: dict[str, Any] | None = None) -> gr.HTML:
    """A canvas for ``room`` with the given views.

    Events: ``act`` (payload {"actions": [...], "seq": n}: what the user did, in order), ``photo`` ({"upload",
    "name"} of a file or {"example": name}), ``restore`` (what the browser kept), ``near`` (the pointer came close: time
    to load the model). Value: a message; ``first`` is the one the page opens with. Its keys, all
    optional: revision, seq, busy, example, photo, photo_id, document, masks, captions, shown, outlets, keep.
    """
    settings = html.escape(json.dumps({"room": room, "views": [asdict(view) for view in views]}), quote=True)
    return gr.HTML(
        value=first,
        html_template=f'<div class="stage" data-settings="{settings}"></div>',
        js_on_load=theme.script(*SCRIPTS),
        apply_default_css=False,
        padding=False,
        elem_id=f"{room}-stage",
        elem_classes="v-stage",
    )


def outlet(room: str, name: str, content: str = "") -> str:
    """A place outside the canvas (a list, a table) that the stage of ``room`` fills in the browser."""
    return f'<div class="v-outlet v-outlet-{name}" data-outlet="{name}" data-room="{room}">{content}</div>'


def control(room: str, action: str, label: str, *, title: str = "", extra: str = "", tone: str = "") -> str:
    """A plain button outside the canvas that the stage of ``room`` listens to."""
    hint = f' title="{html.escape(title)}"' if title else ""
    return (
        f'<button type="button" class="v-button {tone}" data-room="{room}" data-stage-do="{action}"{hint} {extra}>'
        f"{label}</button>"
    )
