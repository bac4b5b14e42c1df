"""The comparison of radiance fields in the HuGS room: scores, held-out pictures, videos."""

from __future__ import annotations

import base64
import html
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.panels import hugs_pictures as pictures
from app.panels.hugs_session import Session
from models.hugs.pipeline_compare_types import TITLES, CompareResult, Trained

if TYPE_CHECKING:
    from collections.abc import Sequence

FPS = 8.0
SHOWN = 3
"""Held-out views side by side."""


def compare_html(session: Session) -> str:
    """All of it for the page."""
    result = session.compared
    if result is None:
        return (
            "<p class='hg-said'>Trains the same radiance field without masks, with the masks of now and, where known, "
            "with the true ones; then renders views from which nothing moving is seen. Press Compare.</p>"
        )
    earlier = ", computed earlier" if session.example else ""
    return trained_html(session, result.trained, f"{result.steps} steps each, seed {result.seed}{earlier}")


def trained_html(session: Session, trained: Sequence[Trained], said: str) -> str:
    """What is there so far."""
    note = f"<p class='hg-said hg-changed'>{html.escape(session.changed)}</p>" if session.changed else ""
    return f"{note}{_table(trained, said)}{_divided(trained)}{_views(session, trained)}{_videos(trained)}"


def _table(trained: Sequence[Trained], said: str) -> str:
    base = next((one.psnr for one in trained if one.masks == "none"), None)
    rows = ""
    for one in trained:
        gain = "" if base is None or one.psnr is None or one.masks == "none" else f"{one.psnr - base:+.2f}"
        peak = "" if one.psnr is None else f"{one.psnr:.2f}"
        likeness = "" if one.ssim is None else f"{one.ssim:.3f}"
        rows += f"<tr><th scope='row'>{TITLES[one.masks]}</th><td>{peak}</td><td>{gain}</td><td>{likeness}</td></tr>"
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Trained with", "PSNR (dB)", "Gain (dB)", "SSIM"))
    return (
        f"<table class='rs-table hg-scores'><caption>Held-out views, {html.escape(said)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _divided(trained: Sequence[Trained]) -> str:
    """Two fields' pictures of a held-out view over each other, with a divider to drag (app/assets/js/hugs.js).

    The divider is a range input over the picture: arrow keys move it as well. First comes the view in which the two
    differ most.
    """
    if len(trained) < 2 or not trained[0].held_out:
        return ""
    left, right = trained[0], trained[1]
    names = list(left.held_out)
    apart = [np.abs(left.held_out[name].astype(np.int16) - right.held_out[name]).mean() for name in names]
    first = int(np.argmax(apart))
    views = "".join(
        f'<div class="hg-divided" data-held="{number}"{" hidden" if number != first else ""}>'
        f'<img src="{pictures.jpeg(left.held_out[name])}" alt="{html.escape(name)}, {TITLES[left.masks]}">'
        f'<img src="{pictures.jpeg(right.held_out[name])}" alt="{html.escape(name)}, {TITLES[right.masks]}"><i></i>'
        f'<input type="range" min="0" max="100" value="50" data-divide aria-label="Divider between '
        f'{TITLES[left.masks]} (left) and {TITLES[right.masks]} (right), {html.escape(name)}"></div>'
        for number, name in enumerate(names)
    )
    options = "".join(
        f'<option value="{number}"{" selected" if number == first else ""}>{html.escape(name)}</option>'
        for number, name in enumerate(names)
    )
    choice = f'<select data-held-choice aria-label="Held-out view">{options}</select>' if len(names) > 1 else ""
    return (
        f'<figure class="hg-pair">{views}<figcaption><b>{TITLES[left.masks]}</b>{choice}'
        f"<b>{TITLES[right.masks]}</b></figcaption></figure>"
    )


def _views(session: Session, trained: Sequence[Trained]) -> str:
    names = list(trained[0].held_out)[:SHOWN] if trained else []
    if not names:
        return "<p class='hg-under'>This capture has no clean held-out views: compare the videos.</p>"
    capture = session.work.capture
    head = "".join(f"<th scope='col'>{TITLES[one.masks]}</th>" for one in trained)
    rows = ""
    for name in names:
        cells = "".join(_picture(one.held_out[name], f"{name}, {TITLES[one.masks]}") for one in trained)
        rows += f"<tr>{cells}{_picture(capture.view(name).image, f'{name}, photo')}</tr>"
    return (
        f"<table class='hg-grid'><thead><tr>{head}<th scope='col'>Photo</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _picture(image: np.ndarray, alt: str) -> str:
    return f'<td><img src="{pictures.jpeg(image)}" alt="{html.escape(alt)}"></td>'


def _videos(trained: Sequence[Trained]) -> str:
    cells = "".join(
        f'<figure><video src="{video}" autoplay loop muted playsinline controls></video>'
        f"<figcaption>{TITLES[one.masks]}</figcaption></figure>"
        for one in trained
        if (video := _video(one))
    )
    return f'<div class="hg-videos">{cells}</div>' if cells else ""


def _video(one: Trained) -> str:
    return _encoded(one) if one.video else ""


@lru_cache(maxsize=12)
def _encoded(one: Trained) -> str:
    """The video as a data address; a few seconds at the field's own size are some 50 kB."""
    from models.parts.video_write import write_video

    with tempfile.TemporaryDirectory(prefix="vitrine-video-") as folder:
        file = write_video(Path(folder) / "orbit.mp4", one.video, FPS, quality=26)
        return f"data:video/mp4;base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"


def figures(result: CompareResult) -> list[dict[str, object]]:
    """The scores as plain values."""
    return [{"masks": one.masks, "psnr": one.psnr, "ssim": one.ssim} for one in result.trained]
