"""Undo and redo of the class table: whatever replaces it, what stood there before comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

Rows = list[list[str]]
MOST = 60


@dataclass(eq=False)
class History:
    """Tables in the order in which they were seen; ``place`` is the one on the page."""

    states: list[Rows] = field(default_factory=list)
    place: int = -1

    def keep(self, rows: Rows) -> None:
        """``rows`` are on the page now; what was undone before is forgotten unless nothing changed."""
        if self.place >= 0 and self.states[self.place] == rows:
            return
        self.states = [*self.states[: self.place + 1], rows][-MOST:]
        self.place = len(self.states) - 1

    def step(self, by: int) -> Rows | None:
        """The table before (-1) or after (+1); None at the ends."""
        wanted = self.place + by
        if not 0 <= wanted < len(self.states):
            return None
        self.place = wanted
        return self.states[wanted]
