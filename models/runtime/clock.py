"""Time as the runtime sees it; tests replace it by a clock that moves by command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Seconds, waiting on a condition, and one-shot alarms."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        """Wait on the condition, which the caller holds, for at most `timeout` seconds."""

    def alarm(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` once after `delay` seconds; returns a function that calls it off."""


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        """See Clock."""
        condition.wait(timeout)

    def alarm(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        """See Clock; the action runs on a daemon thread."""
        timer = threading.Timer(max(delay, 0.0), action)
        timer.daemon = True
        timer.start()
        return timer.cancel
