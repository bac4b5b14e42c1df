"""How soon a light user is served: behind a batch on the real runtime, and over a day's trace under three policies."""

from __future__ import annotations

import statistics
import threading

from bench.trace import LOAD, Fifo, Ours, Policy, RoundRobin, make_trace, simulate
from models.runtime import Job, JobContext, Loaded, ResourceSpec, Runtime, RuntimeConfig

BATCH = 40
STEP_S = 0.02
SEEDS = range(5)


def run() -> dict[str, object]:
    """`light_user_place`: the worst place among cases of warm and cold models (1 is the job that runs on arrival).
    The trace is simulated with the real cache and the real queue; waits run from the click to the start of the run,
    the load of a cold model included."""
    places = {
        "no model": _place(None, None),
        "same model": _place("a", "a"),
        "another model, cold": _place("a", "b"),
        "another model, no room for both": _place("a", "b", budget=15),
    }
    waits: dict[str, list[float]] = {}
    policies: dict[str, type[Policy]] = {"fifo": Fifo, "round robin with affinity": RoundRobin, "ours": Ours}
    for seed in SEEDS:
        trace = make_trace(seed)
        for name, policy in policies.items():
            waits.setdefault(name, []).append(simulate(trace, policy()).light_mean_wait_s)
    means = {name: round(statistics.mean(values), 1) for name, values in waits.items()}
    return {
        "figures": {
            "light_user_place": max(places.values()),
            "light_mean_wait_s": means["ours"],
            "light_mean_wait_s_fifo": means["fifo"],
            "light_mean_wait_s_round_robin": means["round robin with affinity"],
        },
        "config": {
            "batch": BATCH, "places": places, "place_first_come_first_served": BATCH + 1,
            "trace": {"load": LOAD, "hours": 24, "seeds": len(SEEDS)},
        },
    }


def _place(batch_model: str | None, light_model: str | None, budget: int = 100) -> int:
    """Place of a user who comes while the first of another user's 40 jobs runs."""
    order: list[str] = []
    started = threading.Event()
    everyone_in = threading.Event()

    def call(context: JobContext, model: object, name: str) -> None:
        order.append(name)
        started.set()
        everyone_in.wait()
        context.tick()

    def job(user: str, model: str | None) -> Job:
        spec = ResourceSpec(model, lambda device: Loaded(model, 10), 10) if model is not None else None
        return Job(user, "demo", "", call, {"name": user}, spec)

    with Runtime(RuntimeConfig(device_budget=budget, host_budget=budget, hold_s=STEP_S)) as runtime:
        tickets = [runtime.submit(job("batch", batch_model)) for _ in range(BATCH)]
        started.wait()
        tickets.append(runtime.submit(job("light", light_model)))
        everyone_in.set()
        for ticket in tickets:
            ticket.result()
    return order.index("light") + 1
