"""The look of every room: one gradio theme with system fonts, and the style sheets under app/assets/css."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).resolve().parent / "assets"
SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")
STYLE_SHEETS = (
    "base.css",
    "frame.css",
    "stage.css",
    "room.css",
    "sweep.css",
    "inside.css",
    "everything.css",
    "batch.css",
    "project.css",
    "pelk.css",
    "hugs.css",
    "ost.css",
)


def theme() -> gr.themes.Base:
    """Neutral greys, one blue accent, small radii; no web font, so the page asks no other host for anything."""
    look = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_md,
        font=SANS,
        font_mono=MONO,
    )
    return look.set(
        body_background_fill="#f6f7f8",
        body_background_fill_dark="#15181c",
        body_text_color="#1b1f24",
        body_text_color_dark="#e7eaee",
        body_text_color_subdued="#545d68",
        body_text_color_subdued_dark="#a3acb8",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1d2126",
        background_fill_secondary="#f6f7f8",
        background_fill_secondary_dark="#15181c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1d2126",
        block_border_color="#d9dde2",
        block_border_color_dark="#343a42",
        border_color_primary="#d9dde2",
        border_color_primary_dark="#343a42",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_text_color="#545d68",
        block_label_text_color_dark="#a3acb8",
        block_title_text_color="#1b1f24",
        block_title_text_color_dark="#e7eaee",
        block_title_text_weight="600",
        block_title_text_size="13px",
        block_info_text_color="#545d68",
        block_info_text_color_dark="#a3acb8",
        block_info_text_size="12px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#23282e",
        input_border_color="#b7bec8",
        color_accent="#0b5c93",
        slider_color="#0b5c93",
        slider_color_dark="#56b4e9",
        button_border_width="1px",
        button_border_width_dark="1px",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_border_color_dark="#4a525c",
        button_primary_background_fill="#0b5c93",
        button_primary_background_fill_hover="#094a77",
        button_primary_background_fill_dark="#0b5c93",
        button_primary_background_fill_hover_dark="#1273b5",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eef1f4",
        button_secondary_background_fill_dark="#262b31",
        button_secondary_background_fill_hover_dark="#30363d",
        button_secondary_border_color="#b7bec8",
        button_secondary_border_color_dark="#4a525c",
        button_secondary_text_color="#1b1f24",
        button_secondary_text_color_dark="#e7eaee",
    )


def css() -> str:
    """All style sheets as one text; the order is the cascade's."""
    return "\n".join((ASSETS / "css" / name).read_text(encoding="utf-8") for name in STYLE_SHEETS)


def script(*names: str) -> str:
    """The named files of app/assets/js as one script; they share one scope, so the order matters."""
    return "\n".join((ASSETS / "js" / name).read_text(encoding="utf-8") for name in names)
