"""What our layer costs: a no-op job over Gradio's own queue, one decision among 1,000, a lease, an idle process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.runtime import Job, Loaded, ResourceSpec, Runtime, RuntimeConfig
from models.runtime.cache import Cache
from models.runtime.fairness import FairQueue, Verdict, Waiting

ROOT = Path(__file__).resolve().parent.parent
CALLS = 300
WARM_UP = 20
IDLE_S = 10.0
QUEUED = 1000


def run() -> dict[str, object]:
    """All figures are medians. `idle_cpu_over_gradio`: CPU seconds per second of an idle app with our runtime (after
    jobs, with a status listener) less those of the same app without it; 0 is ideal."""
    plain, ours = _calls()
    idle_plain, idle_ours = _idle()
    decisions = _decisions()
    return {
        "figures": {
            "queue_overhead_ms_p50": statistics.median(b - a for a, b in zip(plain, ours, strict=True)),
            "decision_us_1000": max(statistics.median(times) for times in decisions.values()),
            "lease_hit_us": _lease_hit_us(),
            "idle_cpu_over_gradio": idle_ours - idle_plain,
        },
        "config": {
            "calls": CALLS, "queued": QUEUED, "idle_s": IDLE_S,
            "gradio_ms_p50": statistics.median(plain), "ours_ms_p50": statistics.median(ours),
            "decision_us_p50_by_case": {name: statistics.median(times) for name, times in decisions.items()},
            "idle_cpu_per_s": {"gradio": idle_plain, "ours": idle_ours},
        },
    }


def _no_op(context: object, model: object) -> str:
    return "done"


def _page(runtime: Runtime) -> Any:
    """A page with two buttons' worth of handlers: Gradio's own queue, and ours behind a handler without a limit."""
    import gradio as gr

    def ours() -> Any:
        return runtime.submit(Job("bench", "no-op", "", _no_op)).result()

    with gr.Blocks() as page:
        out = gr.Textbox()
        gr.Button().click(lambda: "done", None, out, api_name="plain")
        gr.Button().click(ours, None, out, api_name="ours", concurrency_limit=None)
    return page


def _calls() -> tuple[list[float], list[float]]:
    """Milliseconds of calls over loopback, interleaved, against one server in a process of its own."""
    from gradio_client import Client

    with subprocess.Popen([sys.executable, "-c", "from bench.queue import serve; serve()"], cwd=ROOT,
                          stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        client = Client(server.stdout.readline().strip(), verbose=False)
        times: dict[str, list[float]] = {"/plain": [], "/ours": []}
        for number in range(WARM_UP + CALLS):
            # Each goes first half of the time, so that drifts of a shared machine cancel out.
            for name in sorted(times, reverse=bool(number % 2)):
                start = time.perf_counter()
                client.predict(api_name=name)
                if number >= WARM_UP:
                    times[name].append((time.perf_counter() - start) * 1e3)
        server.stdin.close()
        server.wait(30)
    return times["/plain"], times["/ours"]


def serve() -> None:
    """Serve `_page` until standard input closes; prints the address first."""
    with tempfile.TemporaryDirectory() as folder, _runtime(Path(folder)) as runtime:
        _, address, _ = _page(runtime).launch(prevent_thread_lock=True, quiet=True)
        print(address, flush=True)
        sys.stdin.read()


def _runtime(folder: Path) -> Runtime:
    return Runtime(RuntimeConfig(journal=folder / "journal.sqlite"))


def idle(with_runtime: bool) -> None:
    """Serve, then print the CPU seconds per second of doing nothing."""
    import gradio as gr

    with tempfile.TemporaryDirectory() as folder, _runtime(Path(folder)) as runtime:
        if with_runtime:
            runtime.subscribe(lambda status: None)
            for _ in range(10):
                runtime.submit(Job("bench", "no-op", "", _no_op)).result()
            page = _page(runtime)
        else:
            with gr.Blocks() as page:
                out = gr.Textbox()
                for _ in range(2):
                    gr.Button().click(lambda: "done", None, out)
        page.launch(prevent_thread_lock=True, quiet=True)
        # The start's own after-work should be over before the measuring begins.
        nothing = threading.Event()
        nothing.wait(3.0)
        start = time.process_time()
        nothing.wait(IDLE_S)
        print((time.process_time() - start) / IDLE_S, flush=True)


def _idle() -> tuple[float, float]:
    commands = [[sys.executable, "-c", f"from bench.queue import idle; idle({flag})"] for flag in (False, True)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for command in commands]
    plain, ours = (float(process.communicate()[0].split()[-1]) for process in processes)
    return plain, ours


def _decisions() -> dict[str, list[float]]:
    """Microseconds of decisions with 1,000 queued jobs, for few and many users and models, with and without room."""
    times: dict[str, list[float]] = {}
    for users, models in ((1, 1), (30, 10), (1000, 1), (1000, 1000)):
        for verdict in (Verdict.STARTED, Verdict.LATER):
            queue = FairQueue(30.0, 1, 180.0)
            for number in range(QUEUED):
                queue.add(Waiting(f"user {number % users}", 1.0, f"model {number % models}"), 0.0)
            name = f"{users} users, {models} models, {'room' if verdict is Verdict.STARTED else 'no room'}"
            times[name] = [_decide(queue, verdict) for _ in range(300)]
    return times


def _decide(queue: FairQueue, verdict: Verdict) -> float:
    start = time.perf_counter()
    job = queue.pick(1.0, lambda waiting, urgent: verdict, lambda key: key == "model 1")
    seconds = time.perf_counter() - start
    if job is not None:
        queue.finished(job, 1.0)
        queue.add(Waiting(job.user, 1.0, job.warm_key), 1.0)
    return seconds * 1e6


def _lease_hit_us() -> float:
    cache = Cache({"cpu": 10**9, "host": 10**9})
    spec = ResourceSpec("model", lambda device: Loaded("model", 10**6), 10**6)
    cache.lease(spec).close()

    def hit() -> None:
        with cache.lease(spec):
            pass

    return statistics.median(_microseconds(hit) for _ in range(5000))


def _microseconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e6
