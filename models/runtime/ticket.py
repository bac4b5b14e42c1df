"""A ticket: what the submitter holds of a job, and how its changes reach whoever listens."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol

from models.runtime.errors import RuntimeProblem
from models.runtime.types import Event, Job, Prediction, Receipt, State

KEPT_PARTIALS = 64


class TicketHost(Protocol):
    """What a ticket asks of its runtime. Called without the ticket's own lock held."""

    def place_of(self, ticket: Ticket) -> int:
        """Jobs expected to start before this one, plus one; 0 when not queued."""

    def prediction_of(self, ticket: Ticket) -> Prediction:
        """The wait as seen now."""

    def cancel(self, ticket: Ticket) -> None:
        """Cancel; does nothing to a finished ticket."""

    def watch(self, ticket: Ticket, watching: bool) -> None:
        """Whether somebody wants to hear of moves in the queue."""

    def now(self) -> float:
        """The runtime's clock, in seconds."""


class Ticket:
    """Safe to use from any thread. submitted: clock seconds; promised: the prediction shown before
    the click. Use as a context manager to cancel what has not finished when the block is left."""

    def __init__(self, identifier: str, job: Job, host: TicketHost, submitted: float, predicted: Prediction) -> None:
        self.id = identifier
        self.job = job
        self.submitted = submitted
        self.promised = predicted
        self.cancel_requested = False
        self._host = host
        self._changed = threading.Condition()
        self._state = State.QUEUED
        self._progress: float | None = None
        self._message = ""
        self._predicted = predicted
        self._receipt: Receipt | None = None
        self._value: Any = None
        self._error: RuntimeProblem | None = None
        self._moves = 0
        self._watchers = 0
        self._running_since = 0.0
        self._count = 0
        self._log: deque[tuple[int, Event]] = deque()

    state = property(lambda self: self._state, doc="The current State.")
    progress = property(lambda self: self._progress, doc="Fraction in [0, 1], None while unknown.")
    message = property(lambda self: self._message, doc="What the job says it is doing.")
    receipt = property(lambda self: self._receipt, doc="The Receipt once done, else None.")

    @property
    def place(self) -> int:
        """1 is next; 0 once the job has left the queue."""
        return self._host.place_of(self) if self._state is State.QUEUED else 0

    @property
    def eta_s(self) -> float | None:
        """Seconds left of a running job, from its own progress; None while that says nothing."""
        if self._state is not State.RUNNING or not self._progress:
            return None
        return (self._host.now() - self._running_since) * (1 - self._progress) / self._progress

    @property
    def predicted(self) -> Prediction:
        """Seconds from now until the result while queued; afterwards what was predicted when it started."""
        return self._host.prediction_of(self) if self._state is State.QUEUED else self._predicted

    def cancel(self) -> None:
        """Stop the job if it is queued, at its next tick if it runs; nothing if it has finished. Idempotent."""
        self._host.cancel(self)

    def result(self, timeout: float | None = None) -> Any:
        """The job's value; blocks. Raises JobFailed, Cancelled or Refused, and TimeoutError after `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._state.terminal:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"'{self.job.title}' is still {self._state.value} after {timeout} s")
                self._changed.wait(left)
            if self._error is not None:
                raise self._error.with_traceback(None)
            return self._value

    def events(self) -> Iterator[Event]:
        """Every state change, the latest progress, partial results and moves in the queue; ends after the last state.

        Each call starts from the beginning. Of partial results the newest 64 are kept.
        """
        seen, moves = 0, 0
        self._listen(+1)
        try:
            while True:
                with self._changed:
                    while self._count == seen and (self._moves == moves or self._state is not State.QUEUED):
                        self._changed.wait()
                    fresh = [event for number, event in self._log if number > seen]
                    moved = self._moves != moves and self._state is State.QUEUED
                    seen, moves, over = self._count, self._moves, self._state.terminal
                yield from fresh
                if over:
                    return
                if moved:
                    yield self._queue_event()
        finally:
            self._listen(-1)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if not self._state.terminal:
            self.cancel()

    # The runtime's side. Of the host these only ask for the time.

    def moved(self) -> None:
        """The queue moved: listeners ask for the new place themselves, in their own thread."""
        with self._changed:
            self._moves += 1
            self._changed.notify_all()

    def enter(self, state: State, message: str = "", predicted: Prediction | None = None) -> None:
        """Record a new state that is not the last one."""
        with self._changed:
            self._state, self._message = state, message
            self._predicted = predicted or self._predicted
            if state is State.RUNNING:
                self._running_since, self._progress = self._host.now(), None
            self._append("state")

    def advance(self, fraction: float | None, message: str) -> None:
        """Record progress; only the newest progress event is kept."""
        with self._changed:
            self._progress = self._progress if fraction is None else min(max(fraction, 0.0), 1.0)
            self._message = message or self._message
            if self._log and self._log[-1][1].kind == "progress":
                self._log.pop()
            self._append("progress")

    def partial(self, value: Any) -> None:
        """Record a partial result."""
        with self._changed:
            self._append("partial", value)
            numbers = [number for number, event in self._log if event.kind == "partial"]
            if len(numbers) > KEPT_PARTIALS:
                self._log = deque(item for item in self._log if item[0] != numbers[0])

    def finish(self, state: State, value: Any = None, error: RuntimeProblem | None = None,
               receipt: Receipt | None = None, message: str = "") -> None:
        """Record the last state with its result or error."""
        with self._changed:
            self._state, self._value, self._error, self._receipt = state, value, error, receipt
            self._message = message or (str(error) if error else "")
            if state is State.DONE:
                self._progress = 1.0
            self._append("state")

    def _append(self, kind: Any, value: Any = None) -> None:
        self._count += 1
        place = 0 if self._state is not State.QUEUED else self._predicted.ahead + 1
        self._log.append((self._count, Event(self.id, self._state, kind, self._progress, self._message, place,
                                             self._predicted, value, self.eta_s)))
        self._changed.notify_all()

    def _queue_event(self) -> Event:
        predicted = self.predicted
        return Event(self.id, State.QUEUED, "queue", self._progress, predicted.cause, predicted.ahead + 1, predicted)

    def _listen(self, change: int) -> None:
        with self._changed:
            self._watchers += change
            edge = self._watchers == (1 if change > 0 else 0)
            waiting = self._state is State.QUEUED
        if edge and (waiting or change < 0):
            self._host.watch(self, change > 0)
