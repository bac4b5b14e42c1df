"""The segmentation room's work: from what changed to answers on the stage. Generators of frame updates; the model runs in jobs."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app import service
from app.frame import Frame, Update
from app.guard.errors import BadInput
from app.panels import robust_sam_results as results
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import BRANCHES, Answer, Branch, Degradation, Seen, Session, with_consistency
from app.stage import Stage
from app.wording import interval_text
from models.parts.degradations import BENDING, TITLES, degrade, warp_mask
from models.runtime import Cancelled, Job, JobFailed, Refused, RuntimeProblem

log = logging.getLogger("vitrine.robust_sam")
SLUG = "robust_sam"
DEGRADE_SIDE = 1024
"""The degradations have lengths in pixels made for pictures of about this size; larger photos are degraded at this size."""


class Room:
    """The frame and stage of the room; its methods are the bodies of event handlers."""

    def __init__(self, frame: Frame, stage: Stage, controls: Sequence[Any]) -> None:
        """``controls``: the components for kind, severity and seed, set when kept work is restored."""
        self.frame, self.stage, self.controls = frame, stage, controls

    def draw(self, session: Session, *, busy: bool, keys: set[str], photo: bool = False) -> Update:
        """The stage's message; ``keys`` are the masks to send along."""
        told = results.message(session, busy=busy, masks=session.masks(sorted(keys)), degraded=described(session.degradation))
        if photo:
            told["photo"] = session.photo_part()
        return {self.stage: told}

    def answer(self, session: Session, revision: int, *, photo: bool = False, keys: set[str] | None = None) -> Iterator[Update]:
        """Degrade if asked, segment every object that has no answer, compare with the clean photo.

        Messages grow within one run, so that one that the page misses is contained in the next. A newer revision ends it.
        """
        sent = set(keys or ())
        if session.degradation.active and session.seen is None:
            yield {**self.frame.show("running", "Degrading the photo"), **self.draw(session, busy=True, keys=sent)}
            yield from self._degrade(session, revision)
            if session.revision != revision:
                return
        open_objects = session.open_objects()
        yield self.draw(session, busy=bool(open_objects), keys=sent, photo=photo) | (
            self.frame.show("running", "Segmenting") if open_objects else {}
        )
        for thing in open_objects:
            key = session.key(thing)
            job = _job(session, thing, clean=False)
            answer = yield from self._run(session, revision, job, "Segmenting")
            if answer is None:
                return
            session.keep(key, answer)
            session.has_robust = "robust" in answer.branches
            sent.add(key)
            left = bool(session.open_objects())
            yield self.draw(session, busy=left, keys=sent, photo=photo) | self.frame.show(
                "running" if left else "done", _done_text(thing, answer), receipt=answer.receipt
            )
            if session.degradation.active:
                yield from self._compare(session, revision, thing, key)
                yield self.draw(session, busy=bool(session.open_objects()), keys=sent, photo=photo)
        if not open_objects:
            yield self.frame.show(*_idle(session))

    def _run(self, session: Session, revision: int, job: Job, doing: str) -> Iterator[Update]:
        ticket = service.runtime().submit(job)
        session.begin(ticket)
        yield from self.frame.follow(ticket, doing)
        if session.revision != revision:
            return None
        found = ticket.result()
        receipt = ticket.receipt.as_dict() if ticket.receipt is not None else {}
        return _answer(found, receipt)

    def _compare(self, session: Session, revision: int, thing: state.Outlined, key: str) -> Iterator[Update]:
        clean = yield from self._run(session, revision, _job(session, thing, clean=True), "Comparing with the clean photo")
        answer = session.answers.get(key)
        if clean is None or answer is None:
            return
        session.keep(key, with_consistency(answer, consistency(session, answer, clean)))
        yield self.frame.show("done", _done_text(thing, answer), receipt=answer.receipt)

    def _degrade(self, session: Session, revision: int) -> Iterator[Update]:
        ticket = service.runtime().submit(degrade_request(session))
        session.begin(ticket)
        yield from self.frame.follow(ticket, "Degrading the photo")
        if session.revision == revision:
            session.seen = Seen(*ticket.result())

    def warm(self, session: Session) -> None:
        """Load the model and the photo's features while the pointer is on its way to the first click."""
        photo = session.photo
        if photo is None or session.warmed == photo.digest:
            return
        session.warmed = photo.digest
        width, height = photo.size
        middle = state.Outlined(0, "", "", points=(state.Point(width / 2, height / 2, state.ADD),))
        service.runtime().submit(_job(session, middle, clean=False))


def degrade_request(session: Session) -> Job:
    """The job that makes the degraded copy of the session's photo."""
    photo, wanted = session.photo, session.degradation
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    arguments = {"image": photo.image, "digest": photo.digest, **vars(wanted)}
    return Job(session.user, SLUG, "", degrade_job, arguments, label="Degrade", seed=wanted.seed, inputs_digest=photo.digest)


def degrade_job(
    context: Any, model: None, *, image: npt.NDArray[np.uint8], digest: str, kind: str, severity: float, seed: int
) -> tuple[npt.NDArray[np.uint8], str, npt.NDArray[np.float32] | None]:
    """Job body: degraded (H, W, 3) uint8, its digest, and warp (h, w, 2) in pixels of the size it was made at, or None."""
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


def _job(session: Session, thing: state.Outlined, *, clean: bool, size: tuple[int, int] | None = None) -> Job:
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
    """Both branches' answer for one object, waited for; masks have ``size`` (height, width), by default that of the screen."""
    ticket = service.runtime().submit(_job(session, thing, clean=clean, size=size))
    found = ticket.result()
    return _answer(found, ticket.receipt.as_dict() if ticket.receipt is not None else {})


def consistency(session: Session, answer: Answer, clean: Answer) -> dict[str, float]:
    """IoU of each branch's mask with its own mask on the clean photo, which follows the picture where that was bent."""
    scores = {}
    for name in (b for b in BRANCHES if b in answer.branches and b in clean.branches):
        reference = clean.branches[name].mask
        if session.seen is not None and session.seen.warp is not None and session.degradation.kind in BENDING:
            reference = _bent(reference, session.seen.warp)
        scores[name] = _iou(answer.branches[name].mask, reference)
    return scores


def _answer(found: Any, receipt: Mapping[str, Any]) -> Answer:
    pairs = [(name, getattr(found, name)) for name in BRANCHES]
    branches = {
        name: Branch(np.asarray(part.mask, dtype=bool), float(part.confidence), int(part.area), float(part.milliseconds))
        for name, part in pairs
        if part is not None
    }
    return Answer(branches, float(found.image_ms), receipt)


def _iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    from models.robust_sam import pipeline

    return float(pipeline.iou(a, b))


def _bent(mask: npt.NDArray[np.bool_], warp: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    height, width = mask.shape
    sized = cv2.resize(mask.astype(np.uint8), (warp.shape[1], warp.shape[0]), interpolation=cv2.INTER_NEAREST)
    moved = warp_mask(sized.astype(bool), warp).astype(np.uint8)
    return cv2.resize(moved, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _done_text(thing: state.Outlined, answer: Answer) -> str:
    slow = max(branch.milliseconds for branch in answer.branches.values())
    prepared = f", photo prepared in {answer.image_ms:.0f} ms" if answer.image_ms >= 1 else ""
    return f"{thing.name} segmented in {slow:.0f} ms{prepared}"


def _idle(session: Session) -> tuple[Any, str]:
    current = session.history.now.current
    if session.key(current) in session.answers:
        return "done", f"{current.name}: click to correct it"
    return "ready", f"Click an object{_forecast(session)}"


def _forecast(session: Session) -> str:
    if not service.started() or not session.warmed or session.photo is None:
        return ""
    width, height = session.photo.size
    middle = state.Outlined(0, "", "", points=(state.Point(width / 2, height / 2, state.ADD),))
    wait = service.runtime().predict(_job(session, middle, clean=False))
    return f" - {interval_text(wait.low_s, wait.high_s)}"


def described(degradation: Degradation) -> str:
    """"Fog at 0.7", or "" for a clean photo."""
    if not degradation.active:
        return ""
    return f"{TITLES[degradation.kind]} at {degradation.severity:g}"


def guarded(handler: Callable[..., Iterator[Update]]) -> Callable[..., Iterator[Update]]:
    """Errors of a handler ``(room, session, ...)`` end in the panel's error place; inputs and results stay.

    A fault of ours is logged with its traceback and shown as such.
    """

    @functools.wraps(handler)
    def run(room: Room, session: Session, *rest: Any) -> Iterator[Update]:
        frame = room.frame
        try:
            yield from handler(room, session, *rest)
            return
        except Cancelled:
            shown = frame.show("cancelled", "Stopped. Click to go on")
        except JobFailed as failure:
            shown = frame.fail(failure.original if isinstance(failure.original, ValueError) else failure)
        except (BadInput, state.BadPrompt, Refused, RuntimeProblem, OSError) as problem:
            shown = frame.fail(problem)
        except Exception as fault:
            log.exception("a handler of the segmentation room failed")
            shown = frame.fail(fault)
        yield shown | room.draw(session, busy=False, keys=set())

    return run
