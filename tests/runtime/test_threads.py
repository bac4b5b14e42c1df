"""The same promises with real threads: single flight, no lost tickets, wake-ups without polling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models.runtime import Cancelled, JobContext, LoadFailed, Runtime, RuntimeConfig, State, Status
from models.runtime.cache import Cache
from models.runtime.types import Loaded, ResourceSpec
from tests.runtime.fakes import MB, job, spec

PATIENCE = 20.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime(RuntimeConfig(slots=2, device_budget=100 * MB, host_budget=100 * MB, hold_s=0.0)) as runtime:
        yield runtime


def test_four_simultaneous_misses_load_once() -> None:
    cache = Cache({"cpu": 10 * MB, "host": MB})
    started, go, loads = threading.Event(), threading.Event(), []

    def load(device: str) -> Loaded:
        loads.append(device)
        started.set()
        assert go.wait(PATIENCE)
        return Loaded("model", MB)

    def use() -> Any:
        with cache.lease(ResourceSpec("m", load, MB)) as value:
            return value

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(use) for _ in range(4)]
        assert started.wait(PATIENCE)
        go.set()
        assert [result.result(PATIENCE) for result in results] == ["model"] * 4
    assert loads == ["cpu"]
    assert cache.residents()[0].leases == 0


def test_different_keys_load_in_parallel() -> None:
    cache = Cache({"cpu": 10 * MB, "host": MB})
    both = threading.Barrier(2)

    def load(device: str) -> Loaded:
        both.wait(PATIENCE)
        return Loaded("model", MB)

    with ThreadPoolExecutor(2) as pool:
        leases = list(pool.map(lambda key: cache.lease(ResourceSpec(key, load, MB)), "ab"))
    assert len(leases) == 2


def test_failing_loader_reports_to_every_waiter() -> None:
    cache = Cache({"cpu": 10 * MB, "host": MB})
    go = threading.Event()

    def load(device: str) -> Loaded:
        assert go.wait(PATIENCE)
        raise ValueError("damaged file")

    def use() -> str:
        try:
            cache.lease(ResourceSpec("m", load, MB))
        except LoadFailed as problem:
            return str(problem)
        return "loaded"

    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(use) for _ in range(3)]
        go.set()
        assert {result.result(PATIENCE) for result in results} == {"Could not load 'm': damaged file"}
    assert cache.residents() == ()


def test_waiter_takes_over_when_the_loading_user_cancels() -> None:
    cache = Cache({"cpu": 10 * MB, "host": MB})
    loading, give_up = threading.Event(), threading.Event()

    def abandoned(device: str) -> Loaded:
        loading.set()
        assert give_up.wait(PATIENCE)
        raise Cancelled("enough")

    def first() -> None:
        with pytest.raises(Cancelled):
            cache.lease(ResourceSpec("m", abandoned, MB))

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert loading.wait(PATIENCE)
        two = pool.submit(lambda: cache.lease(spec("m")).value)
        give_up.set()
        one.result(PATIENCE)
        assert two.result(PATIENCE) == "value of m"


def test_waiting_for_room_ends_when_a_lease_returns() -> None:
    cache = Cache({"cpu": 10 * MB, "host": MB}, hold_s=0.0)
    held = cache.lease(spec("a", 8 * MB))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: cache.lease(spec("b", 8 * MB)).value)
        held.close()
        assert waiting.result(PATIENCE) == "value of b"


def test_events_arrive_while_the_job_runs(runtime: Runtime) -> None:
    seen = threading.Event()

    def steps(context: JobContext, model: Any) -> Iterator[str]:
        yield "first"
        assert seen.wait(PATIENCE), "nobody saw the partial result while the job ran"

    for event in runtime.submit(job(call=steps)).events():
        if event.kind == "partial":
            seen.set()
    assert seen.is_set()


def test_listener_in_the_queue_hears_that_it_moved(runtime: Runtime) -> None:
    go = threading.Event()
    blocking = [runtime.submit(job(call=lambda context, model: go.wait(PATIENCE))) for _ in range(2)]
    ahead = runtime.submit(job())
    events = runtime.submit(job()).events()
    assert next(events).place == 2
    ahead.cancel()
    moved = next(events)
    assert (moved.kind, moved.place) == ("queue", 1)
    go.set()
    assert [event.state for event in events][-1] is State.DONE
    assert all(ticket.result(PATIENCE) for ticket in blocking)


def test_running_job_waiting_for_room_can_be_cancelled(runtime: Runtime) -> None:
    inside = threading.Event()
    lease = runtime.cache.lease(spec("blocker", 95 * MB), owner="somebody")

    def call(context: JobContext, model: Any) -> None:
        inside.set()
        with context.resource(spec("features", 50 * MB)):
            pass

    ticket = runtime.submit(job(call=call))
    assert inside.wait(PATIENCE)
    ticket.cancel()
    with pytest.raises(Cancelled):
        ticket.result(PATIENCE)
    lease.close()


def test_result_times_out_with_the_state_named(runtime: Runtime) -> None:
    go = threading.Event()
    ticket = runtime.submit(job(call=lambda context, model: go.wait(PATIENCE), label="Slow"))
    with pytest.raises(TimeoutError, match="'Slow' is still"):
        ticket.result(0.01)
    go.set()
    assert ticket.result(PATIENCE)


def test_listeners_get_a_status_and_a_broken_one_does_not_silence_the_others(runtime: Runtime) -> None:
    heard = threading.Event()

    def broken(status: Status) -> None:
        raise RuntimeError("page is gone")

    def listen(status: Status) -> None:
        if status.residents:
            heard.set()

    ends = [runtime.subscribe(broken), runtime.subscribe(listen)]
    runtime.submit(job(model=spec("sam"))).result(PATIENCE)
    assert heard.wait(PATIENCE)
    for end in ends:
        end()
        end()


def test_many_threads_and_little_memory_lose_nothing() -> None:
    config = RuntimeConfig(slots=3, device_budget=10 * MB, host_budget=10 * MB, hold_s=0.001, hard_wait_s=1.0)
    live: list[str] = []
    lock = threading.Lock()

    def model(key: str) -> ResourceSpec:
        def load(device: str) -> Loaded:
            with lock:
                live.append(key)
                assert len(live) <= 3, "more models than the budget holds"

            def release() -> None:
                with lock:
                    live.remove(key)

            return Loaded(key, 3 * MB, release)

        return ResourceSpec(key, load, 3 * MB)

    def call(context: JobContext, value: str, number: int) -> tuple[str, int]:
        context.tick(0.5)
        return value, number

    with Runtime(config) as runtime:
        def user(name: str) -> int:
            done = 0
            tickets = [runtime.submit(job(name, call, model=model("mnopq"[number % 5]), arguments={"number": number},
                                          shape_bucket=str(number % 3))) for number in range(60)]
            for number, ticket in enumerate(tickets):
                if number % 7 == 0:
                    ticket.cancel()
                try:
                    assert ticket.result(PATIENCE) == ("mnopq"[number % 5], number)
                    done += 1
                except Cancelled:
                    assert number % 7 == 0
            return done

        with ThreadPoolExecutor(6) as pool:
            done = list(pool.map(user, [f"user {number}" for number in range(6)]))
        assert all(count >= 51 for count in done)
        assert all(resident.leases == 0 for resident in runtime.cache.residents())
        assert len(runtime.journal.finished()) == sum(done)
    assert live == []
