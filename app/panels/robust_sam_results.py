"""How answers are told: captions of the views, the table of numbers, the notes under it. Text only, escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from app.palette import IN_BOTH, ONLY_FIRST, ONLY_SECOND
from app.panels.robust_sam_session import BRANCHES, Answer, Branch, Session
from app.stage import View
from app.wording import count_text, seconds_text

TITLES = {"sam": "SAM", "robust": "RobustSAM"}
VIEWS = (
    View("sam", TITLES["sam"]),
    View("robust", TITLES["robust"]),
    View(
        "difference",
        "Difference",
        "difference",
        BRANCHES,
        (("only SAM", ONLY_FIRST), ("only RobustSAM", ONLY_SECOND), ("both", IN_BOTH)),
    ),
)


def shown_views(has_robust: bool) -> list[str]:
    """The views that make sense: all, or SAM alone when the checkpoint has no robust part."""
    return [view.key for view in VIEWS] if has_robust else ["sam"]


def captions(answer: Answer | None) -> dict[str, str]:
    """One short line of numbers beside each view's name."""
    if answer is None:
        return {}
    return {name: _caption(branch, answer.by_hand) for name, branch in answer.branches.items()}


def _caption(branch: Branch, by_hand: str) -> str:
    if by_hand == "painted":
        return f"<span>painted</span><span>{count_text(branch.area)} px</span>"
    return (
        f"<span>score {branch.confidence:.2f}</span><span>{count_text(branch.area)} px</span>"
        f"<span>{seconds_text(branch.milliseconds / 1000)}</span>"
    )


def table(name: str, answer: Answer | None, *, degraded: str, total_px: int, iou: float | None) -> str:
    """The numbers of one object for both branches, and what they mean."""
    if answer is None:
        return (
            '<div class="rs-empty"><b>No prompt yet</b><p>Click the object you want. '
            "Right click what does not belong to it. Two clicks in box mode frame it.</p></div>"
        )
    columns = [b for b in BRANCHES if b in answer.branches]
    rows = [
        ("Predicted score", [f"{answer.branches[b].confidence:.2f}" for b in columns]),
        ("Area", [_area(answer.branches[b].area, total_px) for b in columns]),
        ("Time per click", [seconds_text(answer.branches[b].milliseconds / 1000) for b in columns]),
    ]
    if answer.by_hand == "painted":
        rows = rows[1:2]
        degraded = ""
    if degraded:
        rows.append(("IoU with own clean mask", [_score(answer.branches[b].consistency) for b in columns]))
    head = "".join(f"<th scope='col'>{TITLES[b]}</th>" for b in columns)
    body = "".join(
        f"<tr><th scope='row'>{label}</th>{''.join(f'<td>{value}</td>' for value in values)}</tr>"
        for label, values in rows
    )
    return (
        f'<table class="rs-table"><caption>{html.escape(name)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>{_notes(degraded, iou, answer)}"
    )


def _area(area: int, total_px: int) -> str:
    share = 100 * area / max(1, total_px)
    return f"<span title='{share:.1f} % of the photo'>{count_text(area)} px</span>"


def _score(value: float | None) -> str:
    return "..." if value is None else f"{value:.2f}"


def _notes(degraded: str, iou: float | None, answer: Answer) -> str:
    notes = []
    if answer.by_hand == "painted":
        return '<p class="rs-notes">Painted by hand: the same mask in both views.</p>'
    if answer.by_hand == "edited":
        notes.append("Area and masks include the painting; scores are the network's.")
    if iou is not None:
        notes.append(f"IoU between the two masks: {iou:.2f}.")
    if degraded:
        notes.append(
            f"{html.escape(degraded)}: consistency only, each mask against the same model's mask on the clean photo, "
            "not against the truth."
        )
    if "robust" in answer.branches:
        notes.append("Scores are not calibrated for the robust branch.")
    return f'<p class="rs-notes">{" ".join(notes)}</p>'


def message(
    session: Session, *, busy: bool, masks: Mapping[str, Any] | None = None, degraded: str = ""
) -> dict[str, Any]:
    """Everything the stage needs to draw ``session`` now, short of the photo itself."""
    now = session.history.now
    key = session.shown_key(now.current)
    answer = session.shown_answer(key)
    width, height = session.photo.size if session.photo else (1, 1)
    current = session.key(now.current)
    title = now.current.name if key.split("+")[0] == current or not current else f"{now.current.name}: changed since"
    told = table(title, answer, degraded=degraded, total_px=width * height, iou=overlap(answer))
    return {
        "revision": session.revision,
        "seq": session.seq,
        "busy": busy,
        "example": False,
        "photo_id": session.photo_id(),
        "document": session.document(),
        "masks": dict(masks or {}),
        "captions": captions(answer),
        "shown": shown_views(session.has_robust),
        "outlets": {"results": told},
        "keep": session.kept_work(),
    }


def overlap(answer: Answer | None) -> float | None:
    """IoU between the two branches' masks; 1 when both are empty."""
    if answer is None or "robust" not in answer.branches:
        return None
    a, b = answer.branches["sam"].mask, answer.branches["robust"].mask
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0
