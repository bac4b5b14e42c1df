"""Answers of the three networks side by side, as mark-up and as files."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from app.palette import OKABE_ITO, rgb
from app.panels.pelk_kernel_view import pixel_address
from app.panels.pelk_session import Saved
from app.wording import count_text, seconds_text
from models.pelk.export_pictures import INK, PAPER, png_bytes
from models.worlds.layouts import CLASSES

if TYPE_CHECKING:
    from models.pelk.pipeline_tasks import PathAnswer, RoomAnswer, Scores

Colors = NDArray[np.uint8]
CLASS_COLORS = (*OKABE_ITO.values(), "#7A7F87")
ONE_DOT, TWO_DOTS = rgb(OKABE_ITO["orange"]), rgb(OKABE_ITO["sky blue"])
_TILE, _GAP, _HEAD = 220, 16, 44
RARE = 0.005
"""Classes below this share of the picture are not listed."""


def waiting(said: str) -> str:
    """Before there is an answer."""
    return f'<div class="pk-frame"><p class="pk-said">{html.escape(said)}</p></div>'


def grey(image: NDArray[np.float32]) -> Colors:
    """(S, S) in 0..1 -> (S, S, 3)."""
    return np.repeat(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def colored(image: NDArray[np.float32]) -> Colors:
    """(S, S, 3) in 0..1 -> bytes."""
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def traced(image: NDArray[np.float32], answer: PathAnswer) -> Colors:
    """The picture with what a network marks: orange where it sees a curve with one dot, blue with both."""
    side = image.shape[0]
    one, two = (cv2.resize(answer.trace[k], (side, side), interpolation=cv2.INTER_LINEAR) for k in (1, 2))
    shown = grey(image).astype(np.float32)
    for share, color in ((one, ONE_DOT), (two, TWO_DOTS)):
        weight = 0.75 * np.clip(share, 0, 1)[..., None]
        shown = shown * (1 - weight) + np.array(color) * weight
    return np.rint(shown).astype(np.uint8)


def path_cards(image: NDArray[np.float32], answers: Sequence[PathAnswer], truth: bool | None) -> str:
    """Verdict, certainty and marks of each network."""
    told = "No true answer is known for a drawing." if truth is None else f"True answer: {_verdict(truth)}."
    cards = "".join(_path_card(image, answer, truth) for answer in answers)
    return (
        f'<div class="pk-frame"><p class="pk-said">Does one curve join the two dots? <b>{told}</b></p>'
        f'<div class="pt-cards">{cards}</div><p class="pk-under">Marks: <i class="pt-key" style="background:'
        f'{OKABE_ITO["sky blue"]}"></i> a curve with both dots, <i class="pt-key" style="background:'
        f'{OKABE_ITO["orange"]}"></i> a curve with one. They are learnt beside the answer and do not decide.</p></div>'
    )


def _verdict(joined: bool) -> str:
    return "one curve" if joined else "two curves"


def _path_card(image: NDArray[np.float32], answer: PathAnswer, truth: bool | None) -> str:
    joined = answer.joined >= 0.5
    sure = answer.joined if joined else 1 - answer.joined
    mark = "" if truth is None else ("right" if joined == truth else "wrong")
    said = f"{_verdict(joined)}, {100 * sure:.0f} %"
    alt = f"{answer.label.title}: {said}. What it marks, over the picture"
    badge = f'<span class="pt-mark" data-mark="{mark}">{mark}</span>' if mark else ""
    return (
        f'<figure class="pt-card"><figcaption><b>{html.escape(answer.label.title)}</b>{badge}</figcaption>'
        f'<img src="{pixel_address(traced(image, answer))}" alt="{html.escape(alt)}">'
        f'<p class="pt-verdict">{said}</p>'
        f'<div class="pt-scale" role="img" aria-label="{100 * answer.joined:.0f} % for one curve">'
        f'<i style="left:{100 * answer.joined:.1f}%"></i></div><div class="pt-ends"><span>two curves</span>'
        f"<span>one curve</span></div>{_small(answer.label.parameters, answer.milliseconds)}</figure>"
    )


def _small(parameters: int, milliseconds: float) -> str:
    took = seconds_text(milliseconds / 1000).replace(" ", "\u00a0")
    return f'<p class="pk-under">{count_text(parameters)} parameters, {took}</p>'


def class_picture(classes: NDArray[np.int64]) -> Colors:
    """(S, S) class numbers -> (S, S, 3)."""
    table = np.array([rgb(color) for color in CLASS_COLORS], np.uint8)
    return table[classes]


def room_cards(image: NDArray[np.float32], answers: Sequence[RoomAnswer], truth: NDArray[np.int64] | None) -> str:
    """Class maps of each network, the truth beside them where it is known."""
    cards = ""
    if truth is not None:
        cards += _room_card("True classes", truth, "", "")
    for answer in answers:
        scored = ""
        if answer.miou is not None and answer.accuracy is not None:
            scored = f"mean IoU {answer.miou:.2f}, {100 * answer.accuracy:.0f}\u00a0% of pixels right"
        small = _small(answer.label.parameters, answer.milliseconds)
        cards += _room_card(answer.label.title, answer.classes, scored, small)
    legend = "".join(
        f'<span><i class="pt-key" style="background:{color}"></i>{name}</span>'
        for name, color in zip(CLASSES, CLASS_COLORS, strict=True)
    )
    note = "" if truth is not None else " Painted rooms have no true classes."
    return (
        f'<div class="pk-frame"><p class="pk-said">Local texture is ambiguous: what decides lies far away.{note}</p>'
        f'<div class="pt-cards">{cards}</div><div class="pt-legend">{legend}</div></div>'
    )


def _room_card(title: str, classes: NDArray[np.int64], scored: str, small: str) -> str:
    shares = np.bincount(classes.ravel(), minlength=len(CLASSES)) / classes.size
    listed = ", ".join(
        f"{CLASSES[index]} {100 * shares[index]:.0f} %" for index in np.argsort(-shares) if shares[index] >= RARE
    )
    verdict = f'<p class="pt-verdict">{scored}</p>' if scored else ""
    return (
        f'<figure class="pt-card"><figcaption><b>{html.escape(title)}</b></figcaption>'
        f'<img src="{pixel_address(class_picture(classes))}" alt="{html.escape(title)}: {listed}">{verdict}'
        f'<p class="pk-under">{listed}</p>{small}</figure>'
    )


def score_table(scores: Scores, *, busy: bool) -> str:
    """Groups in rows, networks in columns, with 95 % intervals."""
    variants = list(dict.fromkeys(row.variant for row in scores.rows))
    titles = {row.variant: row.title for row in scores.rows}
    groups = list(dict.fromkeys(row.group for row in scores.rows))
    found = {(row.group, row.variant): row for row in scores.rows}
    head = "".join(f"<th scope='col'>{html.escape(titles[v])}</th>" for v in variants)
    body = "".join(
        f"<tr class='{'sw-mean' if group in ('all', 'mean') else ''}'><th scope='row'>{group}</th>"
        + "".join(_cell(found.get((group, v))) for v in variants)
        + "</tr>"
        for group in groups
    )
    return (
        f'<div class="pk-frame" {"aria-busy=true" if busy else ""}><table class="rs-table">'
        f"<caption>{scores.pictures} new pictures: {html.escape(scores.measure)}, with 95 % intervals</caption>"
        f"<thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(row: Any) -> str:
    if row is None or not np.isfinite(row.value):
        return "<td></td>"
    return f"<td>{row.value:.2f} <span class='v-dim'>({row.low:.2f} to {row.high:.2f})</span></td>"


def saved(
    stem: str,
    about: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    tiles: Sequence[tuple[str, str, Colors]],
) -> Saved:
    """Files of an answer. rows: one per network. tiles: (title, line below, picture)."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    told = json.dumps({**about, "answers": list(rows)}, indent=1)
    return Saved(
        stem,
        {
            "csv": text.getvalue().encode(),
            "json": f"{told}\n".encode(),
            "png": png_bytes(_sheet(tiles), {"answers": told}),
        },
    )


def _sheet(tiles: Sequence[tuple[str, str, Colors]]) -> Image.Image:
    sheet = Image.new("RGB", (_GAP + len(tiles) * (_TILE + _GAP), _TILE + 2 * _HEAD), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (title, line, pixels) in enumerate(tiles):
        left = _GAP + index * (_TILE + _GAP)
        draw.text((left, 16), title, INK)
        sheet.paste(Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.NEAREST), (left, _HEAD))
        draw.text((left, _TILE + _HEAD + 8), line, INK)
    return sheet
