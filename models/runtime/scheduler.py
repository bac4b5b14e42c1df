"""Decides which queued job starts where: fairness and admission together. Knows no threads but its one lock."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.runtime.cache import Cache, Grant, Later
from models.runtime.clock import Clock
from models.runtime.errors import Cancelled, NeverFits, Refused
from models.runtime.fairness import FairQueue, Verdict, Waiting
from models.runtime.predictor import Predictor
from models.runtime.ticket import Ticket
from models.runtime.types import Job, State


@dataclass(frozen=True)
class Slot:
    """A place where one job runs at a time."""

    device: str
    index: int


@dataclass(eq=False)
class Assignment:
    """A job on its way to a slot, with the room kept for it. alone_since: number of starts when it started with
    nothing beside it, None otherwise."""

    ticket: Ticket
    waiting: Waiting
    slot: Slot
    grant: Grant
    started: float
    alone_since: int | None = None


class Scheduler:
    """Thread-safe. start: hands an assignment to its slot without blocking. on_end: called for tickets that end in
    the queue, refused or cancelled. Both are called under the lock; the lock order is scheduler, then cache or ticket.
    """

    def __init__(self, cache: Cache, predictor: Predictor, queue: FairQueue, slots: Sequence[Slot], clock: Clock,
                 start: Callable[[Assignment], None], on_state: Callable[[Ticket], None], max_queued: int) -> None:
        self._cache, self._predictor, self._queue, self._clock = cache, predictor, queue, clock
        self._start_on_slot, self._on_state, self._max_queued = start, on_state, max_queued
        self._lock = threading.RLock()
        self._free = list(slots)
        self._slots = tuple(slots)
        self._waiting: dict[Ticket, Waiting] = {}
        self._running: dict[Ticket, Assignment] = {}
        self._watched: set[Ticket] = set()
        self._starts = 0
        self._retry_at: float | None = None
        self._alarm: tuple[float, Callable[[], None]] | None = None
        self._closed = False

    # Work comes and goes

    def submit(self, ticket: Ticket) -> None:
        """Queue the ticket's job, or refuse it when it can never run or the queue is full."""
        job = ticket.job
        with self._lock:
            problem = self._objection(job)
            if problem is not None:
                self._end_queued(ticket, State.REFUSED, problem)
                return
            key = (job.model.pool, job.model.key) if job.model is not None else None
            cost = self._predictor.device_seconds(job, self._slots[0].device, not self._warm_on(key, self._slots))
            load_s = self._predictor.load_seconds(job, self._slots[0].device)
            waiting = Waiting(job.user, cost, key, load_s if load_s is not None else math.inf, job.priority,
                              payload=ticket)
            self._waiting[ticket] = waiting
            self._queue.add(waiting, self._clock.now())
            ticket.enter(State.QUEUED)
            self._on_state(ticket)
            self._dispatch()

    def cancel(self, ticket: Ticket) -> None:
        """End a queued ticket at once; ask a running one to stop; nothing for a finished one."""
        with self._lock:
            waiting = self._waiting.pop(ticket, None)
            if waiting is not None:
                self._queue.remove(waiting)
                self._end_queued(ticket, State.CANCELLED, Cancelled(f"'{ticket.job.title}' was cancelled."))
                self._moved()
                self._dispatch()
                return
            if ticket not in self._running:
                return
            ticket.cancel_requested = True
        self._cache.wake()

    def finished(self, assignment: Assignment) -> None:
        """The slot is free again. The ticket has already been given its result."""
        with self._lock:
            del self._running[assignment.ticket]
            self._queue.finished(assignment.waiting, self._clock.now() - assignment.started)
            self._free.append(assignment.slot)
            self._moved()
            self._dispatch()

    def room(self) -> None:
        """Memory was given back: a job that waited for room may start."""
        # Without the lock: a missed job is looked at again by whoever holds the lock when it dispatches.
        if self._queue.count:
            with self._lock:
                self._dispatch()

    def close(self) -> list[Ticket]:
        """Take no more work, cancel everything; returns the tickets still running."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
            running = list(self._running)
            if self._alarm is not None:
                self._alarm[1]()
            for ticket in (*waiting, *running):
                self.cancel(ticket)
            return running

    # Questions

    @property
    def lock(self) -> threading.RLock:
        """For reading several figures at one moment."""
        return self._lock

    @property
    def running(self) -> list[Assignment]:
        """What runs now."""
        return list(self._running.values())

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return self._queue.count

    def ahead(self, user: str, ticket: Ticket | None) -> list[Job]:
        """Queued jobs expected to start before the ticket's, or before a new job of the user."""
        return [other.payload.job for other in self._queue.ahead(user, self._waiting.get(ticket) if ticket else None)]

    def watch(self, ticket: Ticket, watching: bool) -> None:
        """Whether the ticket is told when the queue moves."""
        with self._lock:
            if watching and ticket in self._waiting:
                self._watched.add(ticket)
            else:
                self._watched.discard(ticket)

    def was_alone(self, assignment: Assignment) -> bool:
        """Whether nothing else ran beside this job from its start until now; only then is a measured peak its own."""
        with self._lock:
            return assignment.alone_since == self._starts and len(self._running) == 1

    # Inside, under the lock

    def _objection(self, job: Job) -> Refused | None:
        if self._closed:
            return Refused("The runtime is closing and takes no more work.")
        if self._queue.count >= self._max_queued:
            return Refused(f"{self._queue.count} jobs are waiting already. Try again when some have finished.")
        if job.model is None and not job.peak_bytes:
            return None
        problems = [self._never_fits(job, slot.device) for slot in self._slots]
        return problems[0] if all(problems) else None

    def _never_fits(self, job: Job, device: str) -> Refused | None:
        model = job.model
        for kind, pool in (("device", device), ("host", "host")):
            size = job.peak_bytes.get(kind, 0)
            size += self._cache.size(model, device) if model is not None and model.pool == kind else 0
            if size > self._cache.budget(kind, device):
                return NeverFits(f"'{job.title}'", pool, size, self._cache.budget(kind, device))
        return None

    def _dispatch(self) -> None:
        while self._free and self._queue.count and not self._closed:
            self._retry_at = None
            if self._queue.pick(self._clock.now(), self._try_start, self._warm_now) is None:
                self._set_alarm(self._retry_at)
                return

    def _warm_now(self, key: tuple[str, str]) -> bool:
        return self._warm_on(key, self._free)

    def _warm_on(self, key: tuple[str, str] | None, slots: Sequence[Slot]) -> bool:
        return key is None or any(self._cache.is_warm(key[0], key[1], slot.device) for slot in slots)

    def _try_start(self, waiting: Waiting, urgent: bool) -> Verdict:
        ticket: Ticket = waiting.payload
        problem: Refused | None = None
        choices = {slot.device: slot for slot in reversed(self._free)}
        for device in sorted(choices, key=lambda device: not self._warm_on(waiting.warm_key, [choices[device]])):
            try:
                needs = self._needs(ticket.job, device)
                grant = self._cache.try_grant(ticket.id, device, ticket.job.model, needs, holds=not urgent)
            except NeverFits as never:
                problem = never
                continue
            if isinstance(grant, Later):
                if grant.retry_at is not None:
                    self._retry_at = min(grant.retry_at, self._retry_at or grant.retry_at)
                problem = None
                continue
            self._begin(waiting, choices[device], grant)
            return Verdict.STARTED
        if problem is not None and len(choices) == len({slot.device for slot in self._slots}):
            del self._waiting[ticket]
            self._end_queued(ticket, State.REFUSED, problem)
            return Verdict.DROPPED
        return Verdict.LATER

    def _needs(self, job: Job, device: str) -> dict[str, int]:
        working, learned = self._predictor.working_bytes(job, device)
        if not learned or not working:
            return dict(working)
        # A certificate that grew past the budget must not lock the job out: it then runs with the device to itself.
        needs = {}
        for kind, size in working.items():
            model = self._cache.size(job.model, device) if job.model is not None and job.model.pool == kind else 0
            needs[kind] = min(size, max(self._cache.budget(kind, device) - model, 0))
        return needs

    def _begin(self, waiting: Waiting, slot: Slot, grant: Grant) -> None:
        ticket: Ticket = waiting.payload
        cold = not self._warm_on(waiting.warm_key, [slot])
        waiting.cost_s = self._predictor.device_seconds(ticket.job, slot.device, cold)
        self._starts += 1
        assignment = Assignment(ticket, waiting, slot, grant, self._clock.now(),
                                self._starts if not self._running else None)
        del self._waiting[ticket]
        self._watched.discard(ticket)
        self._free.remove(slot)
        self._running[ticket] = assignment
        ticket.enter(State.ADMITTED)
        self._on_state(ticket)
        self._start_on_slot(assignment)
        self._moved()

    def _end_queued(self, ticket: Ticket, state: State, problem: Refused | Cancelled) -> None:
        self._watched.discard(ticket)
        ticket.finish(state, error=problem)
        self._on_state(ticket)

    def _moved(self) -> None:
        for ticket in self._watched:
            ticket.moved()

    def _set_alarm(self, moment: float | None) -> None:
        """Look again when a hold ends; at most one alarm is out."""
        if moment is None or (self._alarm is not None and self._alarm[0] <= moment):
            return
        if self._alarm is not None:
            self._alarm[1]()
        self._alarm = (moment, self._clock.alarm(moment - self._clock.now(), self._alarm_rang))

    def _alarm_rang(self) -> None:
        with self._lock:
            self._alarm = None
            self._dispatch()
