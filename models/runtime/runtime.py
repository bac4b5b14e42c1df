"""The facade: submit jobs, predict waits, show status."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from models.runtime.backends.local import Backend, LocalBackend
from models.runtime.backends.memory import DeviceMemory
from models.runtime.cache import Cache
from models.runtime.clock import Clock, SystemClock
from models.runtime.config import RuntimeConfig
from models.runtime.execution import Execution
from models.runtime.fairness import FairQueue
from models.runtime.journal import Journal
from models.runtime.listeners import Listeners
from models.runtime.predictor import Predictor
from models.runtime.probes import best_device, budgets
from models.runtime.scheduler import Assignment, Scheduler, Slot
from models.runtime.ticket import Ticket
from models.runtime.types import Job, Prediction, State, Status
from models.runtime.waits import predict


class Runtime:
    """The shared model cache and scheduler; one per process.

    config: see RuntimeConfig. clock, backend, memory: replaced in tests. Use as a context manager or call `close`.
    """

    def __init__(self, config: RuntimeConfig | None = None, clock: Clock | None = None, backend: Backend | None = None,
                 memory: DeviceMemory | None = None) -> None:
        self.config = config = config or RuntimeConfig()
        self._clock = clock or SystemClock()
        self.devices = tuple(best_device() if device == "auto" else device for device in config.devices)
        slots = [Slot(device, index) for device in self.devices for index in range(config.slots)]
        self.journal = Journal(config.journal, self._clock.wall())
        self.predictor = Predictor(self.journal.costs(), self.journal.save_cost)
        memory = memory or DeviceMemory()
        self.cache = Cache(budgets(self.devices, config.device_budget, config.host_budget), self._clock, config.hold_s,
                           self._room, memory.translate)
        self._backend = backend or LocalBackend()
        queue = FairQueue(config.warm_window_s, config.fresh_passes, config.hard_wait_s)
        self._scheduler = Scheduler(self.cache, self.predictor, queue, slots, self._clock, self._backend.start,
                                    self._state_changed, config.max_queued)
        self._execution = Execution(self.cache, self.predictor, self.journal, self._clock, memory,
                                    self._state_changed, self._scheduler.was_alone)
        self._listeners = Listeners(self.status)
        self._close_lock = threading.Lock()
        self._closed = False
        self._backend.open(slots, self._work)

    def submit(self, job: Job) -> Ticket:
        """Queue a job; returns at once. A job that can never run comes back refused: `ticket.result()` says why."""
        ticket = Ticket(uuid.uuid4().hex[:16], job, self, self._clock.now(), self.predict(job))
        self._scheduler.submit(ticket)
        return ticket

    def predict(self, job: Job) -> Prediction:
        """The wait this job would see if it were submitted now."""
        return self._predict(job, None)

    def status(self) -> Status:
        """Device, memory, residents, queue and the wait of a new job."""
        share, count = self.predictor.calibration
        with self._scheduler.lock:
            running = tuple(assignment.ticket.job.title for assignment in self._scheduler.running)
            return Status(self.devices[0], self.cache.pools(), self.cache.residents(), self._scheduler.queued, running,
                          self._predict(None, None), share, count)

    def subscribe(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call `listener` with a fresh Status after changes, on a thread of its own; changes that come while it works
        are reported together. Returns the function that ends it."""
        return self._listeners.add(listener)

    def close(self) -> None:
        """Cancel everything, stop the workers, release the cache, close the journal. Idempotent."""
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
        self._scheduler.close()
        self._backend.close()
        self.cache.evict_idle()
        self._listeners.close()
        self.journal.close(self._clock.wall())

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What tickets ask (TicketHost)

    def place_of(self, ticket: Ticket) -> int:
        """See Ticket.place."""
        with self._scheduler.lock:
            return len(self._scheduler.ahead(ticket.job.user, ticket)) + 1 if ticket.state is State.QUEUED else 0

    def prediction_of(self, ticket: Ticket) -> Prediction:
        """See Ticket.predicted."""
        return self._predict(ticket.job, ticket)

    def cancel(self, ticket: Ticket) -> None:
        """See Ticket.cancel."""
        self._scheduler.cancel(ticket)

    def watch(self, ticket: Ticket, watching: bool) -> None:
        """See TicketHost."""
        self._scheduler.watch(ticket, watching)

    def now(self) -> float:
        """See TicketHost."""
        return self._clock.now()

    # Inside

    def _work(self, assignment: Assignment) -> None:
        try:
            self._execution.run(assignment)
        finally:
            self._scheduler.finished(assignment)

    def _predict(self, job: Job | None, ticket: Ticket | None) -> Prediction:
        now = self._clock.now()
        with self._scheduler.lock:
            ahead = self._scheduler.ahead(job.user if job is not None else "", ticket)
            running = [(item.ticket.job, now - item.started) for item in self._scheduler.running]
        model = job.model if job is not None else None
        cold = model is not None and not any(
            self.cache.is_warm(model.pool, model.key, device) for device in self.devices)
        slots = len(self.devices) * self.config.slots
        return predict(self.predictor, job, self.devices[0], cold, ahead, running, slots)

    def _room(self) -> None:
        self._scheduler.room()
        self._listeners.changed()

    def _state_changed(self, ticket: Ticket) -> None:
        """Every new state passes here, on its way to the journal and to whoever shows it."""
        if ticket.state is not State.DONE:
            job = ticket.job
            self.journal.record(self._clock.wall(), ticket.id, ticket.state, {
                "user": job.user, "method": job.method, "checkpoint": job.checkpoint, "label": job.label,
                "message": ticket.message} if ticket.state is State.QUEUED or ticket.state.terminal else {})
        self._listeners.changed()
