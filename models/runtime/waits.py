"""Predicted waits: an interval in seconds and its cause in words."""

from __future__ import annotations

from collections.abc import Iterable

from models.runtime.predictor import UNKNOWN_RUN, Predictor
from models.runtime.types import Job, Prediction

OVERHEAD_S = 0.02


def predict(predictor: Predictor, job: Job | None, device: str, cold: bool, ahead: Iterable[Job],
            running: Iterable[tuple[Job, float]], slots: int) -> Prediction:
    """Seconds from now until the result of `job` (None: until a new job of an unknown kind could start).

    cold: its model must be loaded. ahead: queued jobs before it. running: (job, seconds it has run). slots: how many
    run side by side; the work before is taken to spread evenly over them.
    """
    low = high = 0.0
    count = 0
    for other in ahead:
        run_low, run_high = predictor.run_seconds(other, device) or UNKNOWN_RUN
        low, high, count = low + run_low, high + run_high, count + 1
    busy = 0
    for other, elapsed in running:
        run_low, run_high = predictor.run_seconds(other, device) or UNKNOWN_RUN
        low, high = low + max(run_low - elapsed, 0.0), high + max(run_high - elapsed, 0.1 * run_high)
        busy += 1
    if busy < slots and not count:
        low = high = 0.0
    low, high = low / slots, high / slots
    if job is None:
        return Prediction(low, high, f"{count} waiting, {busy} running" if count or busy else "free", count)
    run = predictor.run_seconds(job, device)
    load = predictor.load_seconds(job, device) if cold else 0.0
    spread = predictor.spread
    run_low, run_high = run or UNKNOWN_RUN
    low += run_low + (load or 0.0) * 0.8
    high += run_high + (load if load is not None else UNKNOWN_RUN[1]) * 1.25
    return Prediction(low / spread, high * spread + OVERHEAD_S, _cause(cold, load, run, count, busy >= slots), count)


def _cause(cold: bool, load: float | None, run: tuple[float, float] | None, ahead: int, busy: bool) -> str:
    running = f"{_seconds(run)} run" if run is not None else "not measured yet"
    if cold:
        start = f"cold: {load:.1f} s load + {running}" if load is not None else f"cold: first load, {running}"
    else:
        start = f"warm: {running}"
    if ahead:
        return f"{start}, {ahead} ahead"
    return f"{start}, next" if busy else start


def _seconds(interval: tuple[float, float]) -> str:
    low, high = interval
    if high < 1.0:
        return f"{low * 1000:.0f}-{high * 1000:.0f} ms"
    digits = 0 if low >= 3 else 1
    return f"{low:.{digits}f}-{high:.{digits}f} s"
