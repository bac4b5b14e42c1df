"""Plain mark-up of our own inside gradio's page, without its prose styles and without scripts."""

from __future__ import annotations

from typing import Any

import gradio as gr


def markup(content: str, **options: Any) -> gr.HTML:
    """``content`` as it is; whatever came from outside must have been escaped by the caller."""
    return gr.HTML(content, apply_default_css=False, padding=False, js_on_load=None, **options)
