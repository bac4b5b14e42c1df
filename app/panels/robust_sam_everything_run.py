"""One press of "Segment everything": the picture the session sees, a job for each model, what came out of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app import service
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_jobs import degrade_request, described
from app.panels.robust_sam_session import Seen, Session
from models.robust_sam.everything_config import SECONDS_PER_PROMPT, EverythingConfig

if TYPE_CHECKING:
    from models.robust_sam.everything import Everything
    from models.runtime import Job

BOTH = "both"
CHOICES = [("RobustSAM", "robust"), ("SAM", "sam"), ("Both, side by side", BOTH)]


@dataclass(frozen=True)
class Outcome:
    """A finished run of one page: what of, and what was found. ``about``: photo, degradation, receipts."""

    photo_id: str = ""
    photo: str = ""
    results: tuple[Everything, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)


class Rates:
    """Seconds a prompt took, by weights and model, as the runs of this process measured them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def learn(self, weights: str, found: Everything) -> None:
        """Take in a finished run."""
        with self._lock:
            self._known[weights, found.branch] = found.milliseconds / 1000 / max(1, found.config.prompts)

    def seconds(self, weights: str, embedded: bool, branches: tuple[str, ...], prompts: int) -> float | None:
        """What a run will take; None for weights of unknown size that were not run yet."""
        with self._lock:
            known = [
                self._known.get((weights, branch), SECONDS_PER_PROMPT[branch] if embedded else None)
                for branch in branches
            ]
        return None if None in known else prompts * sum(rate for rate in known if rate is not None)


def branches_of(choice: str, has_robust: bool) -> tuple[str, ...]:
    """Which models run for a choice of the page; raises BadInput. "both" means SAM alone without a robust part."""
    if choice not in ("sam", "robust", BOTH):
        raise BadInput("The model", f"{choice!r} does not exist", "Choose sam, robust or both")
    if choice != BOTH:
        return (choice,)
    return ("sam", "robust") if has_robust else ("sam",)


def needs_degrading(session: Session) -> bool:
    """True when the degraded copy of the photo is still to be made. Raises BadInput without a photo."""
    if session.photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    return session.degradation.active and session.seen is None


def degraded(session: Session) -> None:
    """Make the degraded copy; blocks. It is dropped when the page moved on meanwhile."""
    before = session.photo_id()
    seen = Seen(*service.runtime().submit(degrade_request(session)).result())
    with session.lock:
        if session.photo_id() == before:
            session.seen = seen


def request(session: Session, branch: str, config: EverythingConfig) -> Job:
    """The job of one model on the picture the session sees. Raises BadInput, BadPrompt, WrongCheckpoint."""
    from models.robust_sam.everything import everything_job

    photo, seen, weights = session.photo, session.seen, session.weights
    if photo is None:
        raise BadInput("The photo", "is missing", "Open one first")
    image, digest = (photo.image, photo.digest) if seen is None else (seen.image, seen.digest)
    return everything_job(
        session.user,
        image,
        digest,
        "sam" if branch == "sam" else "robust",
        config,
        checkpoint=weights.name,
        path=weights.path,
    )


def about(session: Session, receipts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the files say of their origin."""
    return {
        "photo": session.photo.name if session.photo is not None else "",
        "degradation": described(session.degradation),
        "weights": session.weights.label,
        "receipts": receipts,
    }


def add_object(session: Session, outcome: Outcome, branch: str, number: int) -> tuple[int, str]:
    """Put one segment on the stage as a new object, as one step that undo takes back: (revision, object's name).

    Raises BadInput when the photo has changed since or there is no such segment.
    """
    found = next((r for r in outcome.results if r.branch == branch), None)
    if found is None or not 1 <= number <= len(found.segments):
        raise BadInput("The segment", f"number {number} does not exist", "Click one on the map or in the table")
    if session.photo is None or session.photo_id() != outcome.photo_id:
        raise BadInput("The result", "belongs to another picture than the one above", "Segment everything again")
    size = session.photo.size
    with session.lock:
        history = state.History(session.history.now)
        if history.now.current.drawn:
            history = state.apply(history, {"do": "new"}, size)
        thing = history.now.current
        height, width = session.mask_size
        mask = found.labels_of(number, (height, width))
        name = f"Segment {number}"
        history = state.apply(history, {"do": "rename", "id": thing.id, "name": name}, size)
        return session.load_objects(history.now, {thing.id: mask}), name
