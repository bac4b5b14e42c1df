"""The room's jobs: degrade the photo, segment an object, compare answers. Making the first one imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app import service
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import BRANCHES, Answer, Branch, Degradation, Session
from models.parts.degradations import BENDING, TITLES, degrade, warp_mask
from models.runtime import Job, Ticket

SLUG = "robust_sam"
DEGRADE_SIDE = 1024
"""The degradations have lengths in pixels made for about this size; larger photos are degraded at this size."""


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
    height, width = image.shape[:2]
    scale = min(1.0, DEGRADE_SIDE / max(height, width))
    small = image
    if scale < 1:
        small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    context.tick(0.1)
    done = degrade(small, kind, severity, seed)
    context.tick(0.9)
    picture = done.image
    if scale < 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return picture, f"{digest} {kind} {severity:g} {seed}", done.warp


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
    prompts = pipeline.Prompts(
        tuple((p.x, p.y) for p in thing.points), tuple(p.label for p in thing.points), box=thing.box
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


def consistency(session: Session, answer: Answer, clean: Answer) -> dict[str, float]:
    """IoU of each branch's mask with its own mask on the clean photo, which follows the picture where that was bent."""
    scores = {}
    for name in (b for b in BRANCHES if b in answer.branches and b in clean.branches):
        reference = clean.branches[name].mask
        if session.seen is not None and session.seen.warp is not None and session.degradation.kind in BENDING:
            reference = _bent(reference, session.seen.warp)
        scores[name] = _iou(answer.branches[name].mask, reference)
    return scores


def answer_of(ticket: Ticket) -> Answer:
    """What a finished segmentation job found, with its receipt; raises what the job raised."""
    found = ticket.result()
    branches = {
        name: Branch(np.asarray(part.mask, bool), float(part.confidence), int(part.area), float(part.milliseconds))
        for name in BRANCHES
        if (part := getattr(found, name)) is not None
    }
    return Answer(branches, float(found.image_ms), ticket.receipt.as_dict() if ticket.receipt is not None else {})


def _iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    from models.robust_sam import pipeline

    return float(pipeline.iou(a, b))


def _bent(mask: npt.NDArray[np.bool_], warp: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    height, width = mask.shape
    sized = cv2.resize(mask.astype(np.uint8), (warp.shape[1], warp.shape[0]), interpolation=cv2.INTER_NEAREST)
    moved = warp_mask(sized.astype(bool), warp).astype(np.uint8)
    return cv2.resize(moved, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
