"""What one open page of the PeLK room is working on: the design, the last result of every tab, its running job."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.pelk.designer import KernelSpec

if TYPE_CHECKING:
    from models.runtime import Ticket

TABS = ("kernel", "speed", "field", "pathfinder", "segmentation")
"""Ids of the tabs, in their order."""


@dataclass(frozen=True)
class Saved:
    """A tab's last result as files: the stem of their names, and content by ending (csv, json, png)."""

    stem: str
    files: Mapping[str, bytes]


@dataclass(eq=False)
class Session:
    """All of it; handlers of one page may run at the same time."""

    user: str
    spec: KernelSpec = field(default_factory=KernelSpec)
    saved: dict[str, Saved] = field(default_factory=dict)
    said: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """What the state line said at the end of each tab's last action, and the receipt."""
    checkpoint: Any = None
    """The user's own weights, once they have passed the door: pipeline_fields.Own."""
    revision: int = 0
    ticket: Ticket | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, ticket: Ticket) -> None:
        """``ticket`` is now the page's job; an older one is cancelled."""
        with self.lock:
            old, self.ticket = self.ticket, ticket
        if old is not None and old is not ticket:
            old.cancel()

    def stop(self) -> None:
        """The user's cancel."""
        with self.lock:
            ticket = self.ticket
        if ticket is not None:
            ticket.cancel()

    def next(self) -> int:
        """Something was asked; answers to older questions are dropped."""
        with self.lock:
            self.revision += 1
            return self.revision

    def held_bytes(self) -> int:
        """Bytes of the files it keeps."""
        return sum(len(data) for saved in self.saved.values() for data in saved.files.values())
