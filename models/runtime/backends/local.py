"""Backend `local`: one worker thread of this process per device slot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from models.runtime.scheduler import Assignment, Slot


class Backend(Protocol):
    """Where assignments are carried out."""

    def open(self, slots: Sequence[Slot], work: Callable[[Assignment], None]) -> None:
        """Learn the slots and what to do with an assignment."""

    def start(self, assignment: Assignment) -> None:
        """Carry out an assignment on its slot, which is free; returns at once."""

    def close(self) -> None:
        """Stop once what runs has ended."""


class LocalBackend:
    """Threads are made with their slot's first job and then sleep on their own queue, so idling costs nothing."""

    def __init__(self) -> None:
        self._work: Callable[[Assignment], None] = lambda assignment: None
        self._inboxes: dict[Slot, SimpleQueue[Assignment | None]] = {}
        self._threads: list[threading.Thread] = []

    def open(self, slots: Sequence[Slot], work: Callable[[Assignment], None]) -> None:
        """See Backend."""
        self._work = work

    def start(self, assignment: Assignment) -> None:
        """See Backend. Called under the scheduler's lock, which also guards this object."""
        inbox = self._inboxes.get(assignment.slot)
        if inbox is None:
            inbox = self._inboxes[assignment.slot] = SimpleQueue()
            name = f"vitrine-{assignment.slot.device}-{assignment.slot.index}"
            thread = threading.Thread(target=self._serve, args=(inbox,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        inbox.put(assignment)

    def close(self, timeout: float = 10.0) -> None:
        """See Backend. Threads are daemons: a job that never ticks cannot keep the process alive."""
        for inbox in self._inboxes.values():
            inbox.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _serve(self, inbox: SimpleQueue[Assignment | None]) -> None:
        while (assignment := inbox.get()) is not None:
            self._work(assignment)
            # Not kept until the next job comes: it holds the last one's inputs.
            del assignment
