"""Learns what jobs cost: load seconds, run seconds, peak bytes, per method x checkpoint x shape bucket x device."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from models.runtime.types import Job

RUNS_KEPT = 32
SAFETY = 1.1
SAFETY_STEP = 1.5
UNKNOWN_RUN = (0.05, 10.0)
UNKNOWN_COST_S = 1.0
UNKNOWN_PEAK = 256 * 10**6
COVERAGE = 0.9
STEP = 1.08
CALIBRATION_KEY = "calibration"


@dataclass
class Cost:
    """What was measured for one key. peaks: largest working bytes seen per pool kind. factor: safety on the peaks,
    raised when memory ran out all the same. rung: first step of the shrink ladder to try next time."""

    runs: deque[float] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))
    loads: deque[float] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))
    peaks: dict[str, int] = field(default_factory=dict)
    factor: float = SAFETY
    rung: int = 0


class Predictor:
    """Thread-safe. saved: (key, text) pairs from an earlier process; save: called with each pair that changed."""

    def __init__(self, saved: Iterable[tuple[str, str]] = (), save: Callable[[str, str], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._costs: dict[tuple[str, ...], Cost] = {}
        self._intervals: dict[tuple[str, ...], tuple[float, float] | None] = {}
        self._save = save or (lambda key, text: None)
        self._spread = 1.0
        self._inside = 0
        self._count = 0
        for key, text in saved:
            self._restore(key, text)

    def run_seconds(self, job: Job, device: str) -> tuple[float, float] | None:
        """Interval that covers about nine in ten runs; None when nothing is known and nothing was hinted."""
        key = _key(job, device)
        # Asked for every queued job whenever somebody looks at a wait, so the answer is kept until the next run.
        kept = self._intervals
        if key in kept:
            interval = kept[key]
        else:
            with self._lock:
                interval = self._intervals[key] = self._measured(key)
        if interval is not None:
            return interval
        hint = job.cost_hints.get("run_s")
        return (hint / 2, hint * 2) if hint is not None else None

    def load_seconds(self, job: Job, device: str) -> float | None:
        """Median seconds to load the job's model; None when unknown."""
        with self._lock:
            cost = self._costs.get(_load_key(job, device))
            if cost is not None and cost.loads:
                return _quantile(sorted(cost.loads), 0.5)
        return job.cost_hints.get("load_s")

    def device_seconds(self, job: Job, device: str, cold: bool) -> float:
        """One number for fairness: the expected seconds on the device."""
        interval = self.run_seconds(job, device)
        run = (interval[0] + interval[1]) / 2 if interval is not None else UNKNOWN_COST_S
        return run + ((self.load_seconds(job, device) or 0.0) if cold and job.model is not None else 0.0)

    def working_bytes(self, job: Job, device: str) -> tuple[Mapping[str, int], bool]:
        """Certified peak per pool kind beyond cached resources, and whether it was learned (False: as declared)."""
        with self._lock:
            cost = self._costs.get(_key(job, device))
            if cost is None or not cost.peaks:
                return job.peak_bytes, False
            return {pool: int(peak * cost.factor) for pool, peak in cost.peaks.items()}, True

    def learn(self, job: Job, device: str, run_s: float, load_s: float | None, peaks: Mapping[str, int]) -> None:
        """A run that ended well. load_s: None when nothing was loaded. peaks: {} when not measured."""
        with self._lock:
            key = _key(job, device)
            cost = self._costs.setdefault(key, Cost())
            cost.runs.append(run_s)
            self._intervals = {}
            for pool, peak in peaks.items():
                cost.peaks[pool] = max(cost.peaks.get(pool, 0), peak)
            self._store(key)
            if load_s is not None:
                load_key = _load_key(job, device)
                self._costs.setdefault(load_key, Cost()).loads.append(load_s)
                self._store(load_key)

    def out_of_memory(self, job: Job, device: str, needed: int, retry: bool) -> int:
        """Memory ran out: raise the certificate. Returns the rung of the shrink ladder to try.

        retry: True when it was already the second try; later jobs then start one rung further down.
        """
        with self._lock:
            key = _key(job, device)
            cost = self._costs.setdefault(key, Cost())
            known = max(cost.peaks.get("device", 0), job.peak_bytes.get("device", 0))
            cost.peaks["device"] = max(known, needed) or UNKNOWN_PEAK
            cost.factor *= SAFETY_STEP
            if retry:
                cost.rung = min(cost.rung + 1, max(len(job.shrink) - 1, 0))
            self._store(key)
            return cost.rung

    # Calibration

    @property
    def spread(self) -> float:
        """Factor by which predicted intervals are widened so that nine in ten hold."""
        return self._spread

    @property
    def calibration(self) -> tuple[float | None, int]:
        """(share of waits inside their predicted interval, number of waits)."""
        return (self._inside / self._count if self._count else None), self._count

    def settle(self, low_s: float, high_s: float, actual_s: float) -> None:
        """Compare a prediction with what came; adapts the spread online (after adaptive conformal inference)."""
        with self._lock:
            inside = low_s <= actual_s <= high_s
            self._count += 1
            self._inside += inside
            # At the wanted coverage the steps up and down cancel out.
            power = -(1 - COVERAGE) / COVERAGE if inside else 1.0
            self._spread = min(max(self._spread * STEP**power, 1.0), 4.0)
            self._save(CALIBRATION_KEY, json.dumps([self._spread, self._inside, self._count]))

    def _measured(self, key: tuple[str, ...]) -> tuple[float, float] | None:
        cost = self._costs.get(key)
        if cost is not None and cost.runs:
            return _interval(cost.runs)
        related = [run for other, cost in self._costs.items()
                   if (other[0], other[1], other[3]) == (key[0], key[1], key[3]) for run in cost.runs]
        if not related:
            return None
        low, high = _interval(related)
        return low / 1.5, high * 1.5

    # Persistence

    def _store(self, key: tuple[str, ...]) -> None:
        cost = self._costs[key]
        self._save(json.dumps(key), json.dumps({
            "runs": [round(run, 6) for run in cost.runs], "loads": [round(load, 6) for load in cost.loads],
            "peaks": cost.peaks, "factor": cost.factor, "rung": cost.rung,
        }))

    def _restore(self, key: str, text: str) -> None:
        record = json.loads(text)
        if key == CALIBRATION_KEY:
            self._spread, self._inside, self._count = record
            return
        self._costs[tuple(json.loads(key))] = Cost(
            deque(record["runs"], RUNS_KEPT), deque(record["loads"], RUNS_KEPT), record["peaks"], record["factor"],
            record["rung"])


def kind_of(device: str) -> str:
    """"cuda:1" -> "cuda": devices of a kind are taken to be alike."""
    return device.partition(":")[0]


def _key(job: Job, device: str) -> tuple[str, ...]:
    return job.method, job.checkpoint, job.shape_bucket, kind_of(device)


def _load_key(job: Job, device: str) -> tuple[str, ...]:
    return job.method, job.checkpoint, "load", kind_of(device), "load"


def _interval(samples: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(samples)
    low, high = _quantile(ordered, 0.05), _quantile(ordered, 0.95)
    if len(ordered) < 5:
        # Few samples show too little of the spread.
        low, high = low / 1.5, high * 1.5
    return low * 0.95, high * 1.05


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between neighbours; ordered must not be empty."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
