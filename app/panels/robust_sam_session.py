"""What one open page of the segmentation room is working on, and the messages its stage gets. No gradio, no torch."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from app.panels import robust_sam_state as state
from app.panels.robust_sam_paint import patch_from
from app.panels.robust_sam_strokes import patch_of
from app.stage_encode import display_size, mask_address, photo_address

if TYPE_CHECKING:
    from models.runtime import Ticket

log = logging.getLogger("vitrine.robust_sam")
Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

MASK_SIDE = 1024
"""Masks for the screen are computed at most this large; exports at the photo's own size."""
MOST_ANSWERS = 64
BRANCHES = ("sam", "robust")


@dataclass(frozen=True)
class Photo:
    """The photo as it came. ``reference`` finds it again after a reload: {"example": name} or {"upload", "name"}."""

    name: str
    reference: Mapping[str, str]
    image: Image
    digest: str

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True)
class Degradation:
    """What is done to the photo before it is segmented; ``kind`` "" leaves it as it is."""

    kind: str = ""
    severity: float = 0.7
    seed: int = 0

    @property
    def active(self) -> bool:
        """False when the photo stays as it is."""
        return bool(self.kind) and self.severity > 0


@dataclass(frozen=True)
class Seen:
    """The picture that is segmented: the photo itself, or a degraded copy with the warp that bent it."""

    image: Image
    digest: str
    warp: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Weights:
    """Which checkpoint answers: one of the method's names, or a checked file."""

    name: str = "nano"
    path: str | None = None
    label: str = "nano"


@dataclass(frozen=True)
class Branch:
    """One branch's answer: mask at screen size, predicted IoU, original pixels, milliseconds.

    ``consistency``: IoU with the same branch's mask on the clean photo, None when the photo is clean or not yet known.
    """

    mask: Mask
    confidence: float
    area: int
    milliseconds: float
    consistency: float | None = None

    @functools.cached_property
    def address(self) -> str:
        """The mask as it travels."""
        return mask_address(self.mask)


@dataclass(frozen=True)
class Answer:
    """What both branches said about one object; ``robust`` is missing with a plain SAM checkpoint."""

    branches: Mapping[str, Branch]
    image_ms: float
    receipt: Mapping[str, Any] = field(default_factory=dict)


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
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self._latest: dict[int, str] = {}
        self.ticket: Ticket | None = None
        self.warmed = ""
        self._encoded = ("", "")
        self.listeners: list[Callable[[Session], None]] = []
        """Called with the session after each change of its photo or objects, without its lock held."""

    def set_photo(self, photo: Photo, document: state.Document | None = None) -> int:
        """Start on another photo, with ``document`` (from state.from_dict) on it; returns the new revision."""
        with self.lock:
            self.photo, self.seen = photo, None
            self.history = state.History(document or state.Document())
            self.answers.clear()
            self._latest.clear()
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

    def _tell(self) -> None:
        for listener in list(self.listeners):
            try:
                listener(self)
            except Exception:
                log.exception("a listener of the segmentation room failed")

    def like(self, other: Session) -> Session:
        """Stand where ``other`` stands: the same photo, objects and answers. Returns itself."""
        self.photo, self.degradation, self.history = other.photo, other.degradation, other.history
        self.answers, self.revision = OrderedDict(other.answers), other.revision
        self._latest = dict(other._latest)
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
        if old is not None and str(old.state) == "queued":
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
        prompts = [[(p.x, p.y, p.label) for p in thing.points], thing.box]
        seen = [self.photo.digest, vars(self.degradation) if self.degradation.active else None, vars(self.weights)]
        return hashlib.sha256(json.dumps([prompts, seen]).encode()).hexdigest()[:16]

    def keep(self, key: str, answer: Answer) -> None:
        """Remember an answer, for undo and redo; the oldest go first."""
        with self.lock:
            self.answers[key] = answer
            self.answers.move_to_end(key)
            while len(self.answers) > MOST_ANSWERS:
                self.answers.popitem(last=False)

    def shown_key(self, thing: state.Outlined) -> str:
        """The answer to draw: the one to the present prompts, or the last one before them until that has come."""
        key = self.key(thing)
        if key in self.answers:
            self._latest[thing.id] = key
            return key
        latest = self._latest.get(thing.id, "")
        return latest if thing.prompted and latest in self.answers else ""

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
                shown["key"] = self.shown_key(thing)
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

    def masks(self, keys: Iterable[str]) -> dict[str, dict[str, str]]:
        """Answers' masks as addresses, by key and branch."""
        found = {key: self.answers[key] for key in keys if key in self.answers}
        return {key: {b: v.address for b, v in answer.branches.items()} for key, answer in found.items()}

    def kept_work(self) -> dict[str, Any]:
        """What the browser keeps for a reload."""
        if self.photo is None:
            return {}
        return {
            "photo": dict(self.photo.reference),
            "document": state.as_dict(self.history.now),
            "degradation": vars(self.degradation),
        }


def with_consistency(answer: Answer, scores: Mapping[str, float]) -> Answer:
    """``answer`` with the IoU of each branch against its own clean-photo mask."""
    branches = {name: replace(branch, consistency=scores.get(name)) for name, branch in answer.branches.items()}
    return replace(answer, branches=branches)
