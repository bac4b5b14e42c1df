"""What one open page of the PeLK room is working on: the design, the last result of every tab, its running job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.room import Turns
from models.pelk.designer import KernelSpec

TABS = ("kernel", "speed", "field", "pathfinder", "segmentation")
"""Ids of the tabs, in their order."""


@dataclass(frozen=True)
class Saved:
    """A tab's last result as files: the stem of their names, and content by ending (csv, json, png)."""

    stem: str
    files: Mapping[str, bytes]


@dataclass(eq=False)
class Session(Turns):
    """All of it; handlers of one page may run at the same time."""

    user: str
    spec: KernelSpec = field(default_factory=KernelSpec)
    saved: dict[str, Saved] = field(default_factory=dict)
    said: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """What the state line said at the end of each tab's last action, and the receipt."""
    checkpoint: Any = None
    """The user's own weights, once they have passed the door: pipeline_own.Own."""

    def held_bytes(self) -> int:
        """Bytes of the files it keeps."""
        return sum(len(data) for saved in self.saved.values() for data in saved.files.values())
