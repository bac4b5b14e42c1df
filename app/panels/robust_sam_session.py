"""What one open page of the segmentation room is working on, and the messages its stage gets. No gradio, no torch."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_answers import (
    BRANCHES,
    Answer,
    Branch,
    BranchName,
    Degradation,
    Image,
    Mask,
    Photo,
    Seen,
    Weights,
    with_consistency,
)
from app.panels.robust_sam_paint import painted_over, patch_from
from app.panels.robust_sam_strokes import Edit, patch_of
from app.stage_encode import display_size, photo_address

if TYPE_CHECKING:
    from models.runtime import Ticket

__all__ = [
    "BRANCHES",
    "Answer",
    "Branch",
    "Degradation",
    "Image",
    "Mask",
    "Photo",
    "Seen",
    "Session",
    "Weights",
    "with_consistency",
]

log = logging.getLogger("vitrine.robust_sam")
MASK_SIDE = 1024
"""Masks for the screen are computed at most this large; exports at the photo's own size."""
MOST_ANSWERS = 64
MOST_EDITED = 24


class Session:
    """All of it behind one lock. ``revision`` grows with every change; an answer to an older one is dropped."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.lock = threading.RLock()
        self.photo: Photo | None = None
        self.degradation = Degradation()
        self.seen: Seen | None = None
        self.weights = Weights()
        self.has_robust = True
        self.history = state.History()
        self.revision = 0
        self.seq = 0
        self.batches: deque[int] = deque(maxlen=256)
        """Numbers of the newest batches of actions that were carried out."""
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self._latest: dict[int, str] = {}
        self._recipes: dict[str, tuple[str, tuple[Edit, ...]]] = {}
        self._edited: OrderedDict[str, Answer] = OrderedDict()
        self.sent: set[str] = set()
        """Keys of the masks that the page was sent already."""
        self.ticket: Ticket | None = None
        self.flights: dict[str, Ticket] = {}
        """The newest segmentation jobs by the key of their answer."""
        self.preview: Ticket | None = None
        self.trouble: Exception | None = None
        """What went wrong on the direct way, or with a listener, and is still to be shown."""
        self.news: Answer | None = None
        """The newest answer given on the direct way and not yet told in the state line."""
        self.warmed = ""
        self._encoded = ("", "")
        self.listeners: list[Callable[[Session], None]] = []
        """Called with the session after each change of its photo or objects, without its lock held."""

    def set_photo(self, photo: Photo, document: state.Document | None = None) -> int:
        """Start on another photo, with ``document`` (from state.from_dict) on it; returns the new revision."""
        with self.lock:
            self.photo, self.seen = photo, None
            self.history = state.History(document or state.Document())
            self._forget()
            revision = self.change()
        self._tell()
        return revision

    def load_objects(self, document: state.Document, masks: Mapping[int, Mask] | None = None) -> int:
        """Put ``document`` on the present photo as one step that undo takes back; returns the new revision.

        ``masks``: painted pixels by object id, (h, w) bool over the whole photo at its size or a smaller copy's; they
        join the object's edits. Raises BadPrompt when there is no photo, or an object or shape does not fit.
        """
        with self.lock:
            if self.photo is None:
                raise state.BadPrompt("photo", "there is none yet", "Open one first.")
            for identity, mask in (masks or {}).items():
                patch = patch_of(vars(patch_from(np.asarray(mask, bool))), self.photo.size)
                thing = document.object(identity)
                document = document.with_object(replace(thing, edits=(*thing.edits, patch)))
            self.history = self.history.then(document)
            revision = self.change()
        self._tell()
        return revision

    def _forget(self) -> None:
        for kept in (self.answers, self._latest, self._recipes, self._edited, self.flights):
            kept.clear()
        self.sent.clear()

    def _tell(self) -> None:
        for listener in list(self.listeners):
            try:
                listener(self)
            except Exception:
                # The change itself holds; who keeps it elsewhere did not get it, and the room says so.
                log.exception("a listener of the segmentation room failed")
                self.trouble = self.trouble or BadInput(
                    "The last change", "may not be saved in the open project", "Draw on, or reopen the image"
                )

    def like(self, other: Session) -> Session:
        """Stand where ``other`` stands: the same photo, objects and answers. Returns itself."""
        self.photo, self.degradation, self.history = other.photo, other.degradation, other.history
        self.answers, self.revision = OrderedDict(other.answers), other.revision
        self._latest = dict(other._latest)
        self.unsent()
        return self

    def held_bytes(self) -> int:
        """What its pictures take in memory; masks are small beside them."""
        pictures = [part.image for part in (self.photo, self.seen) if part is not None]
        return sum(picture.nbytes for picture in pictures)

    def change(self) -> int:
        """Something that answers depend on has changed; returns the new revision."""
        with self.lock:
            self.revision += 1
            return self.revision

    def act(self, actions: Iterable[Mapping[str, Any]], seq: int) -> int:
        """Carry out a batch of actions of the stage; raises BadPrompt after those before it were done."""
        before = self.history.now
        try:
            with self.lock:
                self.seq = max(self.seq, seq)
                self.revision += 1
                revision = self.revision
                if self.photo is None:
                    raise state.BadPrompt("photo", "there is none yet", "Open one first.")
                for action in actions:
                    self.history = state.apply(self.history, action, self.photo.size)
            return revision
        finally:
            if self.history.now is not before:
                self._tell()

    def begin(self, ticket: Ticket) -> None:
        """``ticket`` is now the one that counts; an older one that waits is cancelled, a running one may finish."""
        with self.lock:
            old, self.ticket = self.ticket, ticket
        if old is not None and old is not ticket and str(old.state) == "queued":
            old.cancel()

    def stop(self) -> None:
        """The user's cancel."""
        with self.lock:
            ticket = self.ticket
            self.revision += 1
        if ticket is not None:
            ticket.cancel()

    def key(self, thing: state.Outlined) -> str:
        """Names the answer for an object: its prompts, the picture and the weights. Empty without prompts."""
        if not thing.prompted or self.photo is None:
            return ""
        prompts: list[Any] = [[(p.x, p.y, p.label) for p in thing.points], thing.box]
        if before(thing) is not None:
            prompts.append("refined")
        if thing.paint_prompt and thing.edits:
            prompts.append(edits_digest(thing.edits))
        seen = [self.photo.digest, vars(self.degradation) if self.degradation.active else None, vars(self.weights)]
        return hashlib.sha256(json.dumps([prompts, seen]).encode()).hexdigest()[:16]

    def last_logits(self, thing: state.Outlined) -> dict[BranchName, Any] | None:
        """Low-resolution logits by branch of the answer to all clicks but the last, when that is at hand."""
        earlier = before(thing)
        answer = self.answers.get(self.key(earlier)) if earlier is not None else None
        if answer is None or any(branch.logits is None for branch in answer.branches.values()):
            return None
        return {cast(BranchName, name): branch.logits for name, branch in answer.branches.items()}

    def keep(self, key: str, answer: Answer) -> None:
        """Remember an answer, for undo and redo; the oldest go first."""
        with self.lock:
            self.answers[key] = answer
            self.answers.move_to_end(key)
            while len(self.answers) > MOST_ANSWERS:
                self.answers.popitem(last=False)

    def take(self, thing: state.Outlined, answer: Answer) -> None:
        """Remember the network's answer to ``thing``."""
        self.keep(self.key(thing), answer)
        self.has_robust = "robust" in answer.branches

    def shown_key(self, thing: state.Outlined) -> str:
        """The mask to draw: that of the present prompts, or of the last ones until theirs has come, with its edits."""
        if not thing.drawn or self.photo is None:
            return ""
        key = self.key(thing)
        if key in self.answers:
            self._latest[thing.id] = key
        elif thing.prompted:
            key = self._latest.get(thing.id, "")
            key = key if key in self.answers else ""
        if thing.paint_prompt or not thing.edits:
            return key
        shown = f"{key or self.photo_id()[:8]}+{edits_digest(thing.edits)}"
        self._recipes[shown] = key, thing.edits
        return shown

    def shown_answer(self, shown: str) -> Answer | None:
        """The answer for a key of ``shown_key``, edits applied; None when it is not at hand (any more)."""
        if shown in self.answers or shown not in self._recipes or self.photo is None:
            return self.answers.get(shown)
        with self.lock:
            if shown not in self._edited:
                key, edits = self._recipes[shown]
                self._edited[shown] = edited(
                    self.answers.get(key), edits, self.photo.size, self.mask_size, self.has_robust
                )
            self._edited.move_to_end(shown)
            while len(self._edited) > MOST_EDITED:
                self._edited.popitem(last=False)
            return self._edited[shown]

    def unsent(self) -> set[str]:
        """Keys of masks that the page needs and was not sent; they count as sent from now on."""
        with self.lock:
            needed = {self.shown_key(thing) for thing in self.history.now.objects} - self.sent - {""}
            self.sent |= needed
            return needed

    def open_objects(self) -> list[state.Outlined]:
        """Objects with prompts and without an answer, the active one first."""
        with self.lock:
            now = self.history.now
            todo = [o for o in now.objects if o.prompted and self.key(o) not in self.answers]
            return sorted(todo, key=lambda o: o.id != now.active)

    def unverified(self) -> list[state.Outlined]:
        """On a degraded photo: answered objects whose masks were not compared with the clean photo, active first."""
        if not self.degradation.active:
            return []
        waiting = [o for o, answer in self.answered() if any(b.consistency is None for b in answer.branches.values())]
        return sorted(waiting, key=lambda o: o.id != self.history.now.active)

    def answered(self) -> list[tuple[state.Outlined, Answer]]:
        """Visible objects that have an answer."""
        with self.lock:
            pairs = [(o, self.answers.get(self.key(o))) for o in self.history.now.objects if not o.hidden]
        return [(o, answer) for o, answer in pairs if answer is not None]

    @property
    def mask_size(self) -> tuple[int, int]:
        """(height, width) of masks for the screen."""
        if self.photo is None:
            return (1, 1)
        width, height = display_size(*self.photo.size, longest=MASK_SIDE)
        return height, width

    def photo_id(self) -> str:
        """Changes when the picture on screen does."""
        if self.photo is None:
            return ""
        shown = vars(self.degradation) if self.degradation.active else None
        return hashlib.sha256(f"{self.photo.digest} {shown}".encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        """The objects as the stage draws them, each with the key of its answer once there is one."""
        with self.lock:
            value = state.as_dict(self.history.now)
            for shown, thing in zip(value["objects"], self.history.now.objects, strict=True):
                shown["key"], shown["edits"] = self.shown_key(thing), len(thing.edits)
            return value | {"can_undo": bool(self.history.past), "can_redo": bool(self.history.future)}

    def photo_part(self, source: str = "") -> dict[str, Any]:
        """The picture for the stage at display size, or ``source`` in its place when that is already at hand."""
        if self.photo is None:
            return {}
        width, height = self.photo.size
        damage = f", {self.degradation.kind.replace('_', ' ')}" if self.degradation.active else ""
        return {
            "id": self.photo_id(),
            "base": self.photo.digest,
            "src": source or self._picture(),
            "width": width,
            "height": height,
            "alt": f"{self.photo.name}, {width} x {height} px{damage}",
        }

    def _picture(self) -> str:
        if self.photo is None:
            return ""
        if self._encoded[0] != self.photo_id():
            picture = self.seen.image if self.seen is not None else self.photo.image
            self._encoded = self.photo_id(), photo_address(picture)
        return self._encoded[1]

    def masks(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Masks as they travel, by key of ``shown_key`` and branch."""
        found = {key: answer for key in keys if (answer := self.shown_answer(key)) is not None}
        return {key: {b: v.wire for b, v in answer.branches.items()} for key, answer in found.items()}

    def kept_work(self) -> dict[str, Any]:
        """What the browser keeps for a reload."""
        if self.photo is None:
            return {}
        return {
            "photo": dict(self.photo.reference),
            "document": state.as_dict(self.history.now),
            "degradation": vars(self.degradation),
        }


def before(thing: state.Outlined) -> state.Outlined | None:
    """The object without its last click, when it refines and that click is answered with the mask before it."""
    earlier = replace(thing, points=thing.points[:-1])
    return earlier if thing.refine and thing.points and earlier.prompted else None


def edited(
    answer: Answer | None, edits: tuple[Edit, ...], photo: tuple[int, int], mask: tuple[int, int], robust: bool
) -> Answer:
    """``answer`` with strokes over its masks; without one, the strokes alone.

    photo: its (width, height); mask: (height, width) of the masks when there is no answer.
    """
    if answer is None:
        alone = painted_over(np.zeros(mask, bool), edits, photo)
        branch = Branch(alone, 1.0, _area(alone, photo), 0.0)
        return Answer(dict.fromkeys(BRANCHES if robust else BRANCHES[:1], branch), 0.0, by_hand="painted")
    branches = {}
    for name, branch in answer.branches.items():
        over = painted_over(branch.mask, edits, photo)
        branches[name] = replace(branch, mask=over, area=_area(over, photo))
    return replace(answer, branches=branches, by_hand="edited")


def _area(mask: Mask, photo: tuple[int, int]) -> int:
    return round(int(mask.sum()) * photo[0] * photo[1] / mask.size)


@functools.lru_cache(maxsize=256)
def edits_digest(edits: tuple[Edit, ...]) -> str:
    """Names an edit layer by its content."""
    return hashlib.sha256(repr(edits).encode()).hexdigest()[:12]
