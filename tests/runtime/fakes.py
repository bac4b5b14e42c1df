"""A clock that moves by command, and a backend whose jobs run when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from models.runtime.scheduler import Assignment, Slot
from models.runtime.types import Job, Loaded, ResourceSpec

MB = 10**6


class WouldBlock(Exception):
    """A wait without end on a single thread: in a test that is an answer, not a hang."""


class FakeClock:
    """Time stands still until `advance`; a timed wait advances it instead of sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        if timeout is None:
            raise WouldBlock
        self.time += timeout

    def alarm(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        item = (self.time + delay, action)
        self._alarms.append(item)
        return lambda: self._alarms.remove(item) if item in self._alarms else None

    def advance(self, seconds: float) -> None:
        until = self.time + seconds
        while due := [item for item in self._alarms if item[0] <= until]:
            item = min(due, key=lambda item: item[0])
            self._alarms.remove(item)
            self.time = max(self.time, item[0])
            item[1]()
        self.time = max(self.time, until)


class ManualBackend:
    """Keeps assignments until `run_next`, which carries one out on the calling thread."""

    def __init__(self) -> None:
        self.assigned: list[Assignment] = []
        self.slots: Sequence[Slot] = ()

    def open(self, slots: Sequence[Slot], work: Callable[[Assignment], None]) -> None:
        self.slots, self._work = slots, work

    def start(self, assignment: Assignment) -> None:
        assert assignment.slot not in [other.slot for other in self.assigned], "slot is busy"
        self.assigned.append(assignment)

    def close(self) -> None:
        while self.assigned:
            self.run_next()

    def run_next(self, index: int = 0) -> str:
        assignment = self.assigned.pop(index)
        self._work(assignment)
        return assignment.ticket.id


def spec(key: str, size: int = MB, pool: Any = "device", log: list[str] | None = None) -> ResourceSpec:
    """A resource whose loads and releases are written to `log`."""
    seen = log if log is not None else []

    def load(device: str) -> Loaded:
        seen.append(f"load {key}")
        return Loaded(f"value of {key}", size, lambda: seen.append(f"release {key}"))

    return ResourceSpec(key, load, size, pool, key)


def job(user: str = "ann", call: Callable[..., Any] = lambda context, model: "value", **more: Any) -> Job:
    """A job with the fields a test does not care about filled in."""
    return Job(**{"user": user, "method": "demo", "checkpoint": "nano", "call": call} | more)
