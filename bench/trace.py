"""A day of made-up users on one device, and three ways to serve them, with a clock that jumps from event to event."""

from __future__ import annotations

import statistics
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.runtime.cache import Cache
from models.runtime.config import RuntimeConfig
from models.runtime.fairness import FairQueue, Verdict, Waiting
from models.runtime.types import Loaded, ResourceSpec

DEFAULTS = RuntimeConfig()
DAY_S = 24 * 3600.0
LOAD = 0.85
# Seconds to load and gigabytes of each room's model; two or three fit at a time.
MODELS = {"segment": (2.0, 2), "avatar": (8.0, 5), "texture": (12.0, 6), "diffusion": (15.0, 8), "classify": (1.0, 1)}
BUDGET_GB = 14
BATCH = 40
BATCH_JOB_S = (4.0, 8.0)
LIGHT_JOB_S = (1.0, 4.0)
LIGHT_USERS = 8
LIGHT_SHARE = 0.15


@dataclass(frozen=True)
class Arrival:
    """A job that comes at `at`. seconds: its run time, unknown to the policies but for its mean."""

    at: float
    user: str
    model: str
    seconds: float
    expected_s: float
    light: bool


@dataclass(frozen=True)
class Outcome:
    """Means over one trace, in seconds from click to the start of the run. busy: share of the day the device worked."""

    light_mean_wait_s: float
    heavy_mean_wait_s: float
    loads: int
    busy: float


class TraceClock:
    """Time that only the simulation moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """Seconds since the trace began."""
        return self.time

    wall = now

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        """A hold's end is reached by jumping there."""
        if timeout is None:
            raise RuntimeError("one job at a time never waits for another")
        self.time += timeout

    def alarm(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        """Not needed: the simulation asks again by itself."""
        return lambda: None


def make_trace(seed: int) -> list[Arrival]:
    """A day at load 0.85 of run time (loads come on top): batches of 40 jobs by heavy users, single clicks by light."""
    generator = np.random.default_rng(seed)
    names = list(MODELS)
    arrivals: list[Arrival] = []
    batch_s = BATCH * sum(BATCH_JOB_S) / 2
    batches = int(DAY_S * LOAD * (1 - LIGHT_SHARE) / batch_s)
    for number, at in enumerate(np.sort(generator.uniform(0, DAY_S, batches))):
        model = names[generator.integers(len(names))]
        for seconds in generator.uniform(*BATCH_JOB_S, BATCH):
            arrivals.append(Arrival(float(at), f"heavy {number % 4}", model, float(seconds), 6.0, light=False))
    clicks = int(DAY_S * LOAD * LIGHT_SHARE / (sum(LIGHT_JOB_S) / 2))
    for at in generator.uniform(0, DAY_S, clicks):
        user = int(generator.integers(LIGHT_USERS))
        arrivals.append(Arrival(float(at), f"light {user}", names[user % len(names)],
                                float(generator.uniform(*LIGHT_JOB_S)), 2.5, light=True))
    return sorted(arrivals, key=lambda arrival: arrival.at)


class Policy(ABC):
    """Which queued job runs next."""

    @abstractmethod
    def add(self, arrival: Arrival, now: float) -> None:
        """A job comes."""

    @abstractmethod
    def pick(self, now: float, warm: Callable[[str], bool]) -> Arrival | None:
        """The next job, taken from the queue; None when nobody waits."""

    def finished(self, seconds: float) -> None:  # noqa: B027 - most policies do not care
        """The job picked last used so many device seconds, its load included."""


class Fifo(Policy):
    """First come, first served: what Gradio's queue does."""

    def __init__(self) -> None:
        self._queue: list[Arrival] = []

    def add(self, arrival: Arrival, now: float) -> None:
        """See Policy."""
        self._queue.append(arrival)

    def pick(self, now: float, warm: Callable[[str], bool]) -> Arrival | None:
        """See Policy."""
        return self._queue.pop(0) if self._queue else None


class RoundRobin(Policy):
    """Users in turn, and before that whoever needs what is already loaded, up to 8 jobs in a row."""

    def __init__(self) -> None:
        self._users: dict[str, list[Arrival]] = {}
        self._row = 0
        self._last = ""

    def add(self, arrival: Arrival, now: float) -> None:
        """See Policy."""
        self._users.setdefault(arrival.user, []).append(arrival)

    def pick(self, now: float, warm: Callable[[str], bool]) -> Arrival | None:
        """See Policy."""
        if not self._users:
            return None
        # The order of the dict is the ring: who is served goes to its end.
        same = [user for user, jobs in self._users.items() if jobs[0].model == self._last and warm(self._last)]
        user = same[0] if same and self._row < 8 else next(iter(self._users))
        jobs = self._users.pop(user)
        arrival = jobs.pop(0)
        if jobs:
            self._users[user] = jobs
        self._row = self._row + 1 if arrival.model == self._last else 1
        self._last = arrival.model
        return arrival


class Ours(Policy):
    """The runtime's own queue with its default settings."""

    def __init__(self) -> None:
        self._queue = FairQueue(DEFAULTS.warm_window_s, DEFAULTS.fresh_passes, DEFAULTS.hard_wait_s)
        self._running: Waiting | None = None

    def add(self, arrival: Arrival, now: float) -> None:
        """See Policy."""
        load_s = MODELS[arrival.model][0]
        self._queue.add(Waiting(arrival.user, arrival.expected_s, arrival.model, load_s, payload=arrival), now)

    def pick(self, now: float, warm: Callable[[str], bool]) -> Arrival | None:
        """See Policy."""
        self._running = self._queue.pick(now, lambda waiting, urgent: Verdict.STARTED, warm)
        return self._running.payload if self._running is not None else None

    def finished(self, seconds: float) -> None:
        """See Policy."""
        assert self._running is not None
        self._queue.finished(self._running, seconds)


def simulate(trace: list[Arrival], policy: Policy) -> Outcome:
    """Serve the whole trace on one slot with the real cache and its eviction."""
    clock, loads = TraceClock(), [0]
    cache = Cache({"cpu": BUDGET_GB, "host": 0}, clock, hold_s=0.5)

    def loader(seconds: float, size: int) -> Callable[[str], Loaded]:
        def load(device: str) -> Loaded:
            clock.time += seconds
            loads[0] += 1
            return Loaded(None, size)
        return load

    specs = {name: ResourceSpec(name, loader(seconds, size), size) for name, (seconds, size) in MODELS.items()}
    waits: dict[bool, list[float]] = {True: [], False: []}
    position, busy = 0, 0.0
    while True:
        while position < len(trace) and trace[position].at <= clock.time:
            policy.add(trace[position], trace[position].at)
            position += 1
        job = policy.pick(clock.time, lambda model: cache.is_warm("device", model, "cpu"))
        if job is None:
            if position == len(trace):
                break
            clock.time = trace[position].at
            continue
        start = clock.time
        with cache.lease(specs[job.model]):
            waits[job.light].append(clock.time - job.at)
            clock.time += job.seconds
        policy.finished(clock.time - start)
        busy += clock.time - start
    return Outcome(statistics.mean(waits[True]), statistics.mean(waits[False]), loads[0], busy / clock.time)
