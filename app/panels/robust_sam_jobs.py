"""The room's jobs: degrade the photo, segment an object, compare answers. Making the first one imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from app import service
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_paint import painted_over
from app.panels.robust_sam_session import BRANCHES, Answer, Branch, Degradation, Session, before
from models.parts.degradations import TITLES, degraded_copy, followed
from models.runtime import Cancelled, Job, Ticket

SLUG = "robust_sam"
COMPARE, PREVIEW = -1, -2
"""Priorities among the jobs of one page: clicks are at 0."""


def described(degradation: Degradation) -> str:
    """ "Fog at 0.7", or "" for a clean photo."""
    if not degradation.active:
        return ""
    return f"{TITLES[degradation.kind]} at {degradation.severity:g}"


def degrade_request(session: Session) -> Job:
    """The job that makes the degraded copy of the session's photo."""
    photo, wanted = session.photo, session.degradation
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    arguments = {"image": photo.image, "digest": photo.digest, **vars(wanted)}
    job = Job(session.user, SLUG, "", degrade_job, arguments, label="Degrade")
    return replace(job, seed=wanted.seed, inputs_digest=photo.digest)


def degrade_job(
    context: Any, model: None, *, image: npt.NDArray[np.uint8], digest: str, kind: str, severity: float, seed: int
) -> tuple[npt.NDArray[np.uint8], str, npt.NDArray[np.float32] | None]:
    """Job body: degraded (H, W, 3) uint8, its digest, and the warp (h, w, 2) at the size it was made at, or None."""
    context.tick(0.1)
    picture, warp = degraded_copy(image, kind, severity, seed)
    context.tick(0.9)
    return picture, f"{digest} {kind} {severity:g} {seed}", warp


def segment_request(
    session: Session, thing: state.Outlined, *, clean: bool = False, size: tuple[int, int] | None = None
) -> Job:
    """The job that segments ``thing`` on the picture the session sees, or on the clean photo.

    ``size``: (height, width) of the masks, by default that of the screen.
    """
    from models.robust_sam import pipeline

    photo = session.photo
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    seen = None if clean else session.seen
    image, digest = (photo.image, photo.digest) if seen is None else (seen.image, seen.digest)
    painted = None
    if thing.paint_prompt and thing.drawn:
        painted = painted_over(np.zeros(session.mask_size, bool), thing.edits, photo.size)
    refine = before(thing) is not None
    prompts = pipeline.Prompts(
        tuple((p.x, p.y) for p in thing.points),
        tuple(p.label for p in thing.points),
        box=thing.box,
        painted=painted if painted is not None and painted.any() else None,
        refine=refine,
        last=session.last_logits(thing) if refine and not clean else None,
    )
    return pipeline.segment_job(
        session.user,
        image,
        digest,
        prompts,
        output_size=size or session.mask_size,
        checkpoint=session.weights.name,
        path=session.weights.path,
    )


def ask(session: Session, thing: state.Outlined, *, clean: bool = False, size: tuple[int, int] | None = None) -> Answer:
    """Segment ``thing`` and wait for the answer; arguments as for ``segment_request``."""
    ticket = service.runtime().submit(segment_request(session, thing, clean=clean, size=size))
    ticket.result()
    return answer_of(ticket)


def segment_ticket(session: Session, thing: state.Outlined) -> Ticket:
    """The job that answers ``thing`` for the screen: the one under way if there is one, else a new one."""
    key = session.key(thing)
    with session.lock:
        ticket = session.flights.get(key)
        if ticket is None or (ticket.state.terminal and str(ticket.state) != "done"):
            ticket = service.runtime().submit(segment_request(session, thing))
            kept = [(k, t) for k, t in session.flights.items() if not t.state.terminal and k != key]
            session.flights = {**dict(kept), key: ticket}
    session.begin(ticket)
    return ticket


def preview(session: Session, x: float, y: float, label: int, wait_s: float) -> Answer | None:
    """What a click at (x, y) would give, for the screen; None when it is not worth the machine's time now.

    It waits behind everything else of this page, never competes with other visitors, and changes nothing.
    """
    with session.lock:
        if session.photo is None or (session.degradation.active and session.seen is None):
            return None
        trial = state.apply(
            session.history, {"do": "point", "x": x, "y": y, "label": label}, session.photo.size
        ).now.current
    if not trial.prompted or service.runtime().status().queued:
        return None
    job = replace(segment_request(session, trial, size=preview_size(session)), priority=PREVIEW, label="Preview")
    ticket = service.runtime().submit(job)
    with session.lock:
        old, session.preview = session.preview, ticket
    if old is not None:
        old.cancel()
    try:
        ticket.result(wait_s)
        return answer_of(ticket)
    except (Cancelled, TimeoutError):
        ticket.cancel()
        return None


def preview_size(session: Session) -> tuple[int, int]:
    """(height, width) of a previewed mask: half the screen's."""
    height, width = session.mask_size
    return max(1, height // 2), max(1, width // 2)


def consistency(session: Session, answer: Answer, clean: Answer) -> dict[str, float]:
    """IoU of each branch's mask with its own mask on the clean photo, which follows the picture where that was bent."""
    scores = {}
    for name in (b for b in BRANCHES if b in answer.branches and b in clean.branches):
        warp = None if session.seen is None else session.seen.warp
        reference = followed(clean.branches[name].mask, session.degradation.kind, warp)
        scores[name] = _iou(answer.branches[name].mask, reference)
    return scores


def answer_of(ticket: Ticket) -> Answer:
    """What a finished segmentation job found, with its receipt; raises what the job raised."""
    found = ticket.result()
    branches = {
        name: Branch(
            np.asarray(part.mask, bool),
            float(part.confidence),
            int(part.area),
            float(part.milliseconds),
            logits=part.low_res_logits,
        )
        for name in BRANCHES
        if (part := getattr(found, name)) is not None
    }
    return Answer(branches, float(found.image_ms), ticket.receipt.as_dict() if ticket.receipt is not None else {})


def _iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    from models.robust_sam import pipeline

    return float(pipeline.iou(a, b))
