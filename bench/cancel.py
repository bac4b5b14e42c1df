"""How long a cancel takes to reach whoever waits: of a queued job, and of a running one beyond its step."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

from models.runtime import Cancelled, Job, JobContext, Runtime, RuntimeConfig, Ticket

ROUNDS = 30
STEP_S = 0.05


def run() -> dict[str, object]:
    """Worst of 30 rounds, in ms. The running job works in steps of 50 ms and ticks after each."""
    with Runtime(RuntimeConfig()) as runtime:
        queued = [_cancel_queued(runtime) for _ in range(ROUNDS)]
        running = [_cancel_running(runtime, number / ROUNDS * STEP_S) for number in range(ROUNDS)]
    return {
        "figures": {
            "cancel_queued_ms": max(queued),
            "cancel_running_over_step_ms": max(max(running) - STEP_S * 1e3, 0.0),
        },
        "config": {"rounds": ROUNDS, "step_s": STEP_S, "cancel_queued_ms_p50": statistics.median(queued),
                   "cancel_running_ms_p50": statistics.median(running)},
    }


def _steps(started: threading.Event) -> Callable[[JobContext, object], None]:
    def call(context: JobContext, model: object) -> None:
        started.set()
        while True:
            end = time.perf_counter() + STEP_S
            while time.perf_counter() < end:
                # Stands for work that lets go of the interpreter, as tensor operations do.
                time.sleep(0.005)
            context.tick()

    return call


def _cancel_queued(runtime: Runtime) -> float:
    started = threading.Event()
    blocker = runtime.submit(Job("bench", "steps", "", _steps(started)))
    started.wait()
    milliseconds = _until_told(runtime.submit(Job("bench", "no-op", "", lambda context, model: None)))
    blocker.cancel()
    _told(blocker, lambda: None)
    return milliseconds


def _cancel_running(runtime: Runtime, offset_s: float) -> float:
    started = threading.Event()
    ticket = runtime.submit(Job("bench", "steps", "", _steps(started)))
    started.wait()
    time.sleep(offset_s)
    return _until_told(ticket)


def _until_told(ticket: Ticket) -> float:
    """Milliseconds from the cancel to a listener on another thread knowing of it."""
    told: list[float] = []
    listener = threading.Thread(target=_told, args=(ticket, lambda: told.append(time.perf_counter())))
    listener.start()
    start = time.perf_counter()
    ticket.cancel()
    listener.join()
    return (told[0] - start) * 1e3


def _told(ticket: Ticket, note: Callable[[], None]) -> None:
    try:
        ticket.result()
    except Cancelled:
        note()
