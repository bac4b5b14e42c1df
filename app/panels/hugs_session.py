"""What one open page of the HuGS room is working on: the capture with its stages, the frame and step shown, its job."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.room import Turns

if TYPE_CHECKING:
    from models.hugs.pipeline_compare_types import CompareResult
    from models.hugs.pipeline_nerfstudio import NerfactoDone
    from models.hugs.pipeline_work import Work
    from models.hugs.sample import Sample

STEPS = ("load", "sfm", "residual", "segments", "fused", "export", "compare")
"""Ids of the steps, in their order."""
TOOLS = ("why", "moves", "static", "auto")
"""What a click on a segment does."""
MOST_UNDO = 100

Corrections = dict[str, dict[int, bool]]
Own = Mapping[str, Any]
"""Masks of the user's own: view name -> (H, W) bool."""


@dataclass(eq=False)
class Session(Turns):
    """All of it; handlers of one page may run at the same time. ``work`` is the shipped sample until one is loaded."""

    user: str
    step: str = "fused"
    frame: str = ""
    tool: str = "why"
    asked: tuple[int, int] | None = None
    """The pixel whose truth table is shown."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    looks: dict[int, Any] = field(default_factory=dict)
    """Pictures taken along the residual's training: step -> (h, w, 3) uint8 of frame ``watched``."""
    watched: str = ""
    compared: CompareResult | None = None
    example: bool = True
    """The comparison is the shipped one."""
    changed: str = ""
    """What no longer belongs to the comparison shown: empty, or a sentence."""
    undone: list[tuple[Corrections, Own]] = field(default_factory=list)
    done: list[tuple[Corrections, Own]] = field(default_factory=list)
    nerfacto: NerfactoDone | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    """The receipt of the last stage."""
    exported: str = ""
    """The file that was written last."""
    enough: threading.Event = field(default_factory=threading.Event)
    """Set: the residual's training ends and the field is used as it is."""
    _work: Work | None = None

    @property
    def work(self) -> Work:
        """The capture with its stages."""
        with self.lock:
            if self._work is None:
                self._open_sample()
            if self._work is None:
                raise RuntimeError("no capture is open")
            return self._work

    def _open_sample(self) -> None:
        from models.hugs import sample

        found = sample.load()
        self._work = found.work
        self.losses, self.looks, self.watched = list(found.losses), dict(found.looks), found.watched
        self.compared = sample.comparison(found)
        self.frame = self.frame or first_frame(found)
        self.example = True

    def open_sample(self) -> None:
        """Back to the shipped capture, as it was shipped."""
        with self.lock:
            self.frame, self.asked = "", None
            self._forget()
            self._open_sample()

    def take(self, work: Work) -> None:
        """Go on with another capture."""
        with self.lock:
            self._forget()
            self._work, self.frame, self.asked, self.example = work, work.names[0], None, False

    def _forget(self) -> None:
        self._work, self.compared, self.changed, self.watched, self.nerfacto = None, None, "", "", None
        self.losses, self.looks, self.undone, self.done = [], {}, [], []

    def correct(self, now: Corrections) -> None:
        """Take ``now`` as the corrections, so that undo brings back those before."""
        with self.lock:
            self._remember()
            self.work.forced = now

    def take_own(self, masks: Own) -> None:
        """Use masks of the user's own (none: the fused ones again), so that undo brings back those before."""
        with self.lock:
            before = self.work.forced, self.work.own
            self.work.take_own(masks)
            self._remember(before)

    def _remember(self, before: tuple[Corrections, Own] | None = None) -> None:
        self.done = [*self.done[-MOST_UNDO:], before or (self.work.forced, self.work.own)]
        self.undone = []

    def back(self, *, redo: bool = False) -> bool:
        """Undo the last correction, or redo it; False when there is none."""
        with self.lock:
            source, target = (self.undone, self.done) if redo else (self.done, self.undone)
            if not source:
                return False
            target.append((self.work.forced, self.work.own))
            self.work.forced, own = source.pop()
            if own is not self.work.own:
                self.work.take_own(own)
            return True

    def held_bytes(self) -> int:
        """About how much it keeps."""
        with self.lock:
            if self._work is None:
                return 0
            photos = sum(view.image.nbytes for view in self._work.capture.views)
            return 4 * photos


def first_frame(sample: Sample) -> str:
    """The frame the sample opens with: one with a good deal that moves."""
    views = [view for view in sample.work.capture.views if view.truth is not None]
    if not views:
        return sample.work.names[0]
    return max(views, key=lambda view: int((~view.truth).sum()) if view.truth is not None else 0).name
