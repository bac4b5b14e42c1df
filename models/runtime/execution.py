"""Runs one admitted job: load, run, progress, out-of-memory ladder, receipt, last state."""

from __future__ import annotations

import inspect
import logging
import sqlite3
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.runtime.backends.memory import DeviceMemory
from models.runtime.cache import Cache, Lease
from models.runtime.clock import Clock
from models.runtime.context import JobContext
from models.runtime.errors import Cancelled, JobFailed, LoadFailed, OutOfMemory, Refused, RuntimeProblem, megabytes
from models.runtime.journal import Journal
from models.runtime.predictor import Predictor
from models.runtime.receipts import code_version
from models.runtime.scheduler import Assignment
from models.runtime.ticket import Ticket
from models.runtime.types import Receipt, State, utc_text

log = logging.getLogger(__name__)


@dataclass
class Timing:
    """Seconds of one job so far; reload_s: of the load itself, without waiting for it. peaks: bytes per pool kind."""

    load_s: float = 0.0
    loaded: bool = False
    reload_s: float = 0.0
    run_s: float = 0.0
    shrunk: str = ""
    peaks: Mapping[str, int] | None = None


class Execution:
    """Carries out assignments on the calling thread. Nothing a job raises comes out of `run`."""

    def __init__(self, cache: Cache, predictor: Predictor, journal: Journal, clock: Clock, memory: DeviceMemory,
                 on_state: Callable[[Ticket], None], was_alone: Callable[[Assignment], bool]) -> None:
        self._cache, self._predictor, self._journal, self._clock = cache, predictor, journal, clock
        self._memory, self._on_state, self._was_alone = memory, on_state, was_alone

    def run(self, assignment: Assignment) -> None:
        """From admitted to the last state."""
        ticket, timing = assignment.ticket, Timing()
        context = JobContext(assignment.slot.device, self._cache, ticket.id,
                             ticket.advance, lambda: ticket.cancel_requested)
        value: Any = None
        problem: RuntimeProblem | None = None
        try:
            value = self._with_model(assignment, context, timing)
        except BaseException as raised:
            # Also SystemExit and the like: whatever a job raises is the job's end, not the worker's.
            problem = self._as_problem(assignment, raised)
        finally:
            context.close()
            self._cache.settle(assignment.grant)
        if problem is None:
            self._done(assignment, timing, value)
        else:
            state = State.CANCELLED if isinstance(problem, Cancelled) else (
                State.REFUSED if isinstance(problem, Refused) else State.FAILED)
            ticket.finish(state, error=problem)
            self._on_state(ticket)

    def _with_model(self, assignment: Assignment, context: JobContext, timing: Timing) -> Any:
        """Lease the model and call the job; once more with less when memory runs out."""
        lease: Lease | None = None
        overrides: Mapping[str, Any] = {}
        try:
            for last in (False, True):
                shortage = None
                try:
                    if lease is None:
                        lease = self._lease(assignment, context, timing)
                    return self._call(assignment, context, lease, overrides, timing)
                except BaseException as raised:
                    shortage = self._memory.translate(raised, context.device)
                    if shortage is None:
                        raise
                    if last:
                        raise self._ran_out(assignment, shortage) from None
                # Outside the handler, so that the failed attempt's frames and what they hold are gone.
                context.close()
                overrides = self._make_room(assignment, shortage, timing)
                del shortage
            raise AssertionError("the second attempt returns or raises")
        finally:
            if lease is not None:
                lease.close()

    def _lease(self, assignment: Assignment, context: JobContext, timing: Timing) -> Lease | None:
        context.check()
        spec = assignment.ticket.job.model
        if spec is None:
            self._cache.clear(assignment.grant)
            return None

        def loading() -> None:
            timing.loaded = True
            self._enter(assignment.ticket, State.LOADING, f"loading {spec.label or spec.key}")

        owner = assignment.ticket.id
        lease = self._cache.acquire(spec, context.device, owner, context.check, assignment.grant, loading)
        timing.load_s += lease.load_s if timing.loaded else 0.0
        timing.reload_s = lease.reload_s
        return lease

    def _call(self, assignment: Assignment, context: JobContext, lease: Lease | None, overrides: Mapping[str, Any],
              timing: Timing) -> Any:
        job = assignment.ticket.job
        context.check()
        self._enter(assignment.ticket, State.RUNNING)
        start = self._clock.now()
        peak = self._memory.meter(context.device) if assignment.alone_since is not None else dict
        try:
            value = job.call(context, lease.value if lease is not None else None, **{**job.arguments, **overrides})
            if inspect.isgenerator(value):
                value = self._drain(value, context, assignment.ticket)
        finally:
            timing.run_s += self._clock.now() - start
        timing.peaks = peak() if self._was_alone(assignment) else {}
        return value

    def _drain(self, steps: Any, context: JobContext, ticket: Ticket) -> Any:
        """Run a generator; its partial results become events, its return value the result."""
        try:
            while True:
                try:
                    partial = next(steps)
                except StopIteration as stop:
                    return stop.value
                ticket.partial(partial)
                context.check()
        finally:
            steps.close()

    def _make_room(self, assignment: Assignment, shortage: OutOfMemory, timing: Timing) -> Mapping[str, Any]:
        """Free what can be freed; returns the argument overrides of the shrink ladder's next rung."""
        job, device = assignment.ticket.job, assignment.slot.device
        rung = self._predictor.out_of_memory(job, device, shortage.needed, retry=False)
        self._cache.evict_idle(device)
        self._memory.free_caches(device)
        overrides = job.shrink[min(rung, len(job.shrink) - 1)] if job.shrink else {}
        timing.shrunk = ", ".join(f"{name}={value}" for name, value in overrides.items())
        assignment.ticket.advance(None, "memory ran out; trying once more" + (
            f" with {timing.shrunk}" if timing.shrunk else ""))
        return overrides

    def _ran_out(self, assignment: Assignment, shortage: OutOfMemory) -> JobFailed:
        """The end of the ladder; called while the job still holds its model, so that the table shows it."""
        job, device = assignment.ticket.job, assignment.slot.device
        self._predictor.out_of_memory(job, device, shortage.needed, retry=True)
        free = self._memory.free_bytes(device)
        reported = f"\n{device} itself reports {megabytes(free)} free" if free is not None else ""
        return JobFailed(
            f"'{job.title}' ran out of memory twice ({shortage}). Use a smaller input or checkpoint, or try again when "
            f"less is in use. Who holds what:\n{self._cache.table()}{reported}", _bare(shortage))

    def _as_problem(self, assignment: Assignment, raised: BaseException) -> RuntimeProblem:
        ticket = assignment.ticket
        if isinstance(raised, (Cancelled, Refused, JobFailed)):
            _bare(raised)
            return raised
        details = "".join(traceback.format_exception(raised))
        log.info("job %s (%s) failed\n%s", ticket.id, ticket.job.title, details)
        if isinstance(raised, LoadFailed):
            return JobFailed(str(raised), _bare(raised), details)
        reason = str(raised) or type(raised).__name__
        return JobFailed(f"'{ticket.job.title}' failed: {reason}", _bare(raised), details)

    def _done(self, assignment: Assignment, timing: Timing, value: Any) -> None:
        ticket, job = assignment.ticket, assignment.ticket.job
        finished = self._clock.now()
        wait_s = assignment.started - ticket.submitted
        receipt = Receipt(
            ticket.id, job.method, job.checkpoint, job.inputs_digest, job.seed, job.weights_digest, code_version(),
            assignment.slot.device, timing.peaks or {}, wait_s, timing.load_s, timing.run_s,
            utc_text(self._clock.wall()), timing.shrunk)
        self._predictor.learn(job, assignment.slot.device, timing.run_s, timing.reload_s if timing.loaded else None,
                              timing.peaks or {})
        promised = ticket.promised
        self._predictor.settle(promised.low_s, promised.high_s, finished - ticket.submitted)
        try:
            self._journal.commit(self._clock.wall(), ticket.id, State.DONE, receipt.as_dict())
        except sqlite3.Error:
            # A full disk must not take the result from the user who waits for it.
            log.exception("job %s is done but could not be written to the journal", ticket.id)
        ticket.finish(State.DONE, value, receipt=receipt)
        self._on_state(ticket)

    def _enter(self, ticket: Ticket, state: State, message: str = "") -> None:
        ticket.enter(state, message)
        self._on_state(ticket)


def _bare(problem: BaseException) -> BaseException:
    """Without frames and chained exceptions: frames would keep models and images alive as long as the ticket."""
    problem.__cause__ = problem.__context__ = None
    return problem.with_traceback(None)
