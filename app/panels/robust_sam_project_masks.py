"""Final masks of a project's objects, at the photo's own size, made behind the annotator's back.

They are saved with the project, so an export gives the masks that were seen, whatever weights are in use by then.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.annotate.exporters import rle
from app.annotate.store import Project
from app.annotate.store_events import Change, Registers
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_jobs import described
from app.panels.robust_sam_project_history import geometry
from app.panels.robust_sam_session import Session

log = logging.getLogger("vitrine.robust_sam")
MOST_WAITING = 8
"""Images whose masks wait to be made; what comes on top is made when it is exported."""


@dataclass(frozen=True)
class Order:
    """Masks to make: of ``things`` (by the project's ids) on the photo of ``session``, a copy of nobody else's."""

    project: Project
    image: str
    session: Session
    things: Mapping[str, state.Outlined]
    values: Mapping[str, Mapping[str, Any]]
    page: str


def recipe(value: Mapping[str, Any]) -> str:
    """Names the mask of a saved object: its drawing and the branch that counts. A mask made of another one is old."""
    return f"{geometry(value)} {value.get('branch', 'robust')}"


def fresh(registers: Registers, uid: str) -> Mapping[str, Any] | None:
    """The saved mask of an object if it belongs to its present drawing."""
    mask, value = registers.value("mask", uid), registers.value("object", uid)
    if isinstance(mask, Mapping) and isinstance(value, Mapping) and mask.get("of") == recipe(value):
        return mask
    return None


def copy_of(session: Session) -> Session:
    """The session as it stands, for work that the page does not wait for; a user of its own in the queue."""
    with session.lock:
        copy = Session(f"{session.user} masks").like(session)
        copy.seen, copy.weights, copy.has_robust = session.seen, session.weights, session.has_robust
    return copy


def make(session: Session, thing: state.Outlined, value: Mapping[str, Any]) -> dict[str, Any]:
    """The mask of one object as it is saved: COCO run lengths, the branch used, and what made it. Waits for the model.

    Raises what the job raises.
    """
    from app.panels.robust_sam_handlers import full_answer

    answer = full_answer(session, thing)
    wanted = str(value.get("branch", "robust"))
    branch = wanted if wanted in answer.branches else "sam"
    found = answer.branches[branch]
    receipt = answer.receipt
    about = {key: receipt[key] for key in ("weights_digest", "code_version", "finished_at") if receipt.get(key)}
    if session.degradation.active:
        about["degradation"] = described(session.degradation)
    return {
        "of": recipe(value),
        "rle": rle.encode(found.mask),
        "branch": branch,
        "score": round(found.confidence, 4) if thing.prompted else None,
        "about": about | {"weights": session.weights.label},
    }


class Maker:
    """One thread that makes masks in the order they were asked for; it starts with the first, pages never wait."""

    def __init__(self) -> None:
        self._orders: queue.Queue[Order] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self, order: Order) -> bool:
        """Make these masks soon; False when too many wait already."""
        if not order.things:
            return True
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="vitrine-masks", daemon=True)
                self._thread.start()
        try:
            self._orders.put_nowait(order)
        except queue.Full:
            return False
        return True

    def wait(self) -> None:
        """Until all that was asked for is made."""
        self._orders.join()

    def _work(self) -> None:
        while True:
            order = self._orders.get()
            try:
                fulfil(order)
            except Exception:
                log.exception("masks of %s were not made; they will be when they are exported", order.image)
            finally:
                self._orders.task_done()


def fulfil(order: Order) -> None:
    """Make and record the masks of an order; an object that cannot be segmented is left for the export."""
    for uid, thing in order.things.items():
        try:
            mask = make(order.session, thing, order.values[uid])
        except (BadInput, state.BadPrompt) as problem:
            log.warning("no mask of %s: %s", thing.name, problem)
            continue
        order.project.record(order.image, [Change("mask", uid, mask)], page=order.page)


def due(registers: Registers, things: Mapping[str, state.Outlined]) -> dict[str, state.Outlined]:
    """Which of ``things`` (by the project's ids) have no mask of their present drawing."""
    held = registers.values("object")
    return {uid: thing for uid, thing in things.items() if uid in held and fresh(registers, uid) is None}
