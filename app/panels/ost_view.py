"""Pictures of an answer as mark-up: three rankings side by side, and which frame was matched to which descriptor."""

from __future__ import annotations

import html
import io
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from app.wording import seconds_text

if TYPE_CHECKING:
    from models.ost.conse import ConseAnswer
    from models.ost.pipeline import Matching, Recognition, Scoring

Kind = Literal["plan", "similarity", "gain"]
COLUMNS: tuple[tuple[Scoring, str, str], ...] = (
    ("name", "Class name only", "the sentence with the name, no descriptor"),
    ("mean_pooled", "Descriptors, mean-pooled", "mean frame against the mean descriptor"),
    ("ost", "OST", "frames matched to descriptors by optimal transport"),
)
PARTS = {
    "ot_spatial": "transport, spatial",
    "ot_temporal": "transport, temporal",
    "pool_spatial": "pooled, spatial",
    "pool_temporal": "pooled, temporal",
}
TOP = 5


def waiting(text: str) -> str:
    """A frame with what to do next."""
    return f'<div class="pk-frame"><p class="pk-said">{html.escape(text)}</p></div>'


def rankings(answer: Recognition) -> str:
    """The five best classes of each way to score, best first; OST's bars are split into their parts below."""
    columns = "".join(_column(answer, *column) for column in COLUMNS)
    return f'<div class="pk-frame"><div class="os-three">{columns}</div>{_parts(answer)}{_notes(answer)}</div>'


def _column(answer: Recognition, scoring: Scoring, title: str, note: str) -> str:
    rows = "".join(_bar(name, share, first=place == 0) for place, (name, share) in enumerate(answer.top(scoring, TOP)))
    label = html.escape(f"{title}: five best classes")
    return (
        f'<section class="os-column os-by-{scoring}" aria-label="{label}"><h4>{html.escape(title)}</h4>'
        f'<p class="pk-under">{html.escape(note)}</p><ol class="os-bars">{rows}</ol></section>'
    )


def _bar(name: str, share: float, *, first: bool) -> str:
    width = 100 * min(max(share, 0.0), 1.0)
    chosen = " os-first" if first else ""
    return (
        f'<li class="os-bar{chosen}"><span class="os-name" title="{html.escape(name)}">{html.escape(name)}</span>'
        f'<span class="os-rail"><i style="width:{width:.1f}%"></i></span><b>{share:.2f}</b></li>'
    )


def _parts(answer: Recognition) -> str:
    """What the OST logits of its five best classes are made of."""
    best = [name for name, _ in answer.top("ost", TOP)]
    places = [answer.classes.names.index(name) for name in best]
    used = [part for part in PARTS if np.abs(answer.parts[part]).max() > 0]
    most = max((sum(max(float(answer.parts[part][p]), 0.0) for part in used) for p in places), default=1.0) or 1.0
    rows = []
    for place in places:
        values = [(part, float(answer.parts[part][place])) for part in used]
        pieces = "".join(
            f'<i class="os-part os-{part}" style="width:{100 * max(value, 0.0) / most:.2f}%" '
            f'title="{PARTS[part]}: {value:.2f}"></i>'
            for part, value in values
        )
        total = sum(value for _, value in values)
        name = html.escape(answer.classes.names[place])
        rows.append(
            f'<li class="os-bar"><span class="os-name" title="{name}">{name}</span>'
            f'<span class="os-rail os-stack">{pieces}</span><b>{total:.1f}</b></li>'
        )
    key = "".join(f'<span><i class="os-part os-{part}"></i>{PARTS[part]}</span>' for part in used)
    return (
        '<section aria-label="Parts of the OST score"><h4>What the OST score is made of</h4>'
        f'<ol class="os-bars">{"".join(rows)}</ol><div class="pk-key os-key">{key}</div></section>'
    )


def _notes(answer: Recognition) -> str:
    notes = ["Scores rank the classes; they are no probabilities."]
    if answer.familiar is False:
        notes.insert(
            0,
            f"The clip may be unlike the training clips, or no class fits it (best cosine {answer.best_cosine:.2f}): "
            "read it with care.",
        )
    if answer.shuffle_difference is not None:
        notes.append(f"With the frames in random order no logit changes by more than {answer.shuffle_difference:.1e}.")
    if answer.truncated:
        notes.append(f"{len(answer.truncated)} sentences are longer than the model reads; their ends were cut.")
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="pk-notes os-notes">{items}</ul>'


def heat(answer: Recognition, name: str, kind: Kind, thumbs: Sequence[str]) -> str:
    """Frames against the descriptors of class ``name``. A cell carries its second, so that a click seeks the player."""
    place = answer.classes.names.index(name)
    head = "".join(
        f'<th scope="col"><img src="{address}" alt="frame at {second:.1f} s"><span>{second:.1f} s</span></th>'
        for address, second in zip(thumbs, answer.seconds, strict=True)
    )
    body = "".join(
        _rows(title, matching, place, answer.classes.classes[place].of(key), kind, answer.seconds.tolist())
        for key, title, matching in (
            ("spatial", "Spatial", answer.spatial),
            ("temporal", "Temporal", answer.temporal),
        )
    )
    return (
        f'<div class="pk-frame"><div class="os-scroll"><table class="os-heat"><caption>{html.escape(name)}: '
        f"{EXPLAINED[kind]}</caption><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


EXPLAINED: dict[Kind, str] = {
    "plan": "transport plan times T x N; 1.0 is an even plan, blue less, orange more. Click a cell to see its frame.",
    "similarity": "cosine of frame and descriptor. Click a cell to see its frame.",
    "gain": "plan times similarity, what each pair adds to the score. Click a cell to see its frame.",
}


def _rows(
    title: str, matching: Matching, place: int, texts: Sequence[str], kind: Kind, seconds: Sequence[float]
) -> str:
    table = {"plan": matching.weight, "similarity": matching.similarity, "gain": matching.gain}[kind][place]
    low, high = float(table.min()), float(table.max())
    lines = []
    for n, text in enumerate(texts):
        cells = "".join(
            f'<td data-second="{second:.3f}" tabindex="0" style="background:{_colour(value, kind, low, high)}" '
            f'title="{second:.1f} s: {value:.3f}">{_digits(value, kind)}</td>'
            for value, second in zip(table[:, n].tolist(), seconds, strict=True)
        )
        said = html.escape(text)
        lines.append(f'<tr><th scope="row" title="{said}"><div><em>{title}</em> {said}</div></th>{cells}</tr>')
    return "".join(lines)


def _digits(value: float, kind: Kind) -> str:
    return f"{value:.1f}" if kind == "plan" else f"{value:.2f}" if kind == "similarity" else ""


def _colour(value: float, kind: Kind, low: float, high: float) -> str:
    """Diverging around an even plan; one hue by magnitude otherwise."""
    if kind == "plan":
        share = min(abs(np.log2(max(value, 1e-3))) / 2, 1.0)
        return f"rgb({'213 94 0' if value > 1 else '0 114 178'} / {0.75 * share:.2f})"
    share = (value - low) / (high - low) if high > low else 0.5
    return f"rgb(0 114 178 / {0.05 + 0.65 * share:.2f})"


def nouns(answer: ConseAnswer) -> str:
    """ConSE's ranking and the nouns it comes from."""
    rows = "".join(_bar(name, share, first=place == 0) for place, (name, share) in enumerate(answer.top(TOP)))
    seen = "".join(_bar(name, share, first=False) for name, share in answer.nouns[:TOP])
    return (
        '<div class="pk-frame"><p class="pk-said">Nouns, not motions: an ImageNet classifier names what the frames '
        "show, and sentence embeddings compare those names with your classes. It cannot tell two actions with the same "
        f'things apart.</p><div class="os-two"><section><h4>Your classes</h4><ol class="os-bars">{rows}</ol></section>'
        f"<section><h4>What the frames show</h4><ol class='os-bars'>{seen}</ol></section></div>"
        f'<p class="pk-under">{len(answer.indices)} frames, {seconds_text(answer.milliseconds / 1000)}</p></div>'
    )


def picture_address(frame: np.ndarray, height: int = 54) -> str:
    """A small JPEG of a frame (H, W, 3) uint8 as a data address."""
    image = Image.fromarray(frame)
    image = image.resize((max(round(image.width * height / image.height), 1), height))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(out.getvalue()).decode()}"
