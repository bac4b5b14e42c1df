"""What an answer was made from, so that the page can say which inputs no longer match it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.panels.ost_session import Asked, Session

NAMES = ("frames", "views", "epsilon", "iterations", "marginals", "transport", "pooling", "shuffle")
"""The controls in the order of ``Controls.values``."""


@dataclass(frozen=True)
class Now:
    """The inputs as they stand on the page: digest of the class list, values of the controls, window in seconds."""

    classes: str
    values: tuple[Any, ...]
    window: float | None = None


def asked(session: Session, now: Now) -> Asked:
    """``now`` with the session's clip and weights: what a job starts from."""
    clip = session.source.digest if session.source is not None else ""
    return Asked(clip, now.classes, _plain(now.values), session.weights.name, session.weights.ratio, now.window)


def changed(made: Asked, now: Asked) -> list[str]:
    """Names of the inputs that differ."""
    pairs = (
        ("video", made.clip, now.clip),
        ("classes", made.classes, now.classes),
        ("weights", (made.weights, made.ratio), (now.weights, now.ratio)),
        *zip(NAMES, made.values, now.values, strict=True),
        ("window", made.window, now.window),
    )
    return [name for name, old, new in pairs if old != new]


def note(session: Session, now: Now) -> str:
    """One line for each result on the page that its inputs have left behind; empty when all match."""
    lines = []
    for made, what, remedy, window in (
        (session.asked, "the answer", "Recognise", None),
        (session.line_asked, "the timeline", "Draw the timeline", now.window),
    ):
        if made is None:
            continue
        found = changed(made, asked(session, Now(now.classes, now.values, window)))
        if found:
            lines.append(f"<b>Changed since {what}:</b> {html.escape(', '.join(found))}. Press {remedy}.")
    return f'<p class="os-stale" role="status">{"<br>".join(lines)}</p>' if lines else ""


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    """Numbers that the browser sends as 16 or 16.0 are equal."""
    return tuple(float(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in values)
