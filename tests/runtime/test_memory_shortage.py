"""When memory runs out: make room, shrink, try once more, remember; else say who held what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from models.runtime import JobFailed, Loaded, OutOfMemory, ResourceSpec, Runtime, RuntimeConfig, State
from models.runtime.backends.memory import DeviceMemory
from tests.runtime.fakes import MB, FakeClock, ManualBackend, job, spec


class FakeMemory(DeviceMemory):
    """Measures what the test says and counts how often caches were freed."""

    def __init__(self) -> None:
        self.peak = 0
        self.freed: list[str] = []

    def meter(self, device: str) -> Callable[[], Mapping[str, int]]:
        return lambda: {"device": self.peak}

    def free_caches(self, device: str) -> None:
        self.freed.append(device)


class Stage:
    """A runtime with a device whose memory the test controls."""

    def __init__(self) -> None:
        self.backend, self.memory = ManualBackend(), FakeMemory()
        config = RuntimeConfig(slots=2, device_budget=100 * MB, host_budget=100 * MB, hold_s=0.0)
        self.runtime = Runtime(config, FakeClock(), self.backend, self.memory)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.runtime.close()


def greedy(limit: int) -> Any:
    """A job that runs out of memory above `limit` pixels."""
    def call(context: Any, model: Any, size: int) -> int:
        if size > limit:
            raise OutOfMemory(f"{size} pixels are too many", "cpu", 30 * MB)
        return size
    return call


def test_second_try_uses_the_shrink_ladder_and_the_receipt_says_so(stage: Stage) -> None:
    stage.runtime.submit(job(model=spec("idle", 10 * MB)))
    stage.backend.run_next()
    ticket = stage.runtime.submit(job(call=greedy(600), arguments={"size": 1024}, model=spec("sam", 10 * MB),
                                      shrink=({"size": 512}, {"size": 256})))
    stage.backend.run_next()
    assert ticket.result() == 512
    assert ticket.receipt is not None
    assert ticket.receipt.shrunk == "size=512"
    assert stage.memory.freed == ["cpu"]
    assert [resident.label for resident in stage.runtime.status().residents] == ["sam"]


def test_without_a_ladder_it_is_tried_once_more_as_it_was(stage: Stage) -> None:
    calls = []

    def call(context: Any, model: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError
        return "fine"

    ticket = stage.runtime.submit(job(call=call))
    stage.backend.run_next()
    assert ticket.result() == "fine"


def test_after_the_second_time_it_fails_with_a_table_of_who_held_what(stage: Stage) -> None:
    work = job(call=greedy(100), arguments={"size": 1024}, model=spec("sam", 10 * MB), label="Segment",
               shrink=({"size": 512}, {"size": 64}))
    ticket = stage.runtime.submit(work)
    stage.backend.run_next()
    with pytest.raises(JobFailed, match=r"'Segment' ran out of memory twice[\s\S]*in use  sam") as caught:
        ticket.result()
    assert isinstance(caught.value.original, OutOfMemory)
    assert not stage.runtime.status().residents[0].leased
    again = stage.runtime.submit(work)
    stage.backend.run_next()
    assert again.result() == 64, "the next job steps further down"


def test_certificate_rises_so_that_the_next_job_waits_for_more_room(stage: Stage) -> None:
    work = job(call=greedy(600), arguments={"size": 1024}, shrink=({"size": 512},), peak_bytes={"device": 10 * MB})
    stage.runtime.submit(work)
    stage.backend.run_next()
    needs, learned = stage.runtime.predictor.working_bytes(work, "cpu")
    assert learned
    assert needs["device"] > 30 * MB


def test_certificate_beyond_the_budget_lets_the_job_run_alone_instead_of_never(stage: Stage) -> None:
    work = job(call=greedy(0), arguments={"size": 1})
    for _ in range(4):
        stage.runtime.submit(work)
        stage.backend.run_next()
    assert stage.runtime.predictor.working_bytes(work, "cpu")[0]["device"] > 100 * MB
    ticket = stage.runtime.submit(work)
    assert ticket.state is State.ADMITTED
    beside = stage.runtime.submit(job("bob", peak_bytes={"device": MB}))
    assert beside.state is State.QUEUED


def test_measured_peak_replaces_the_declared_one_only_when_the_job_was_alone(stage: Stage) -> None:
    work = job(peak_bytes={"device": 20 * MB})
    stage.memory.peak = 50 * MB
    for _ in range(2):
        stage.runtime.submit(work)
    stage.backend.run_next()
    stage.backend.run_next()
    assert stage.runtime.predictor.working_bytes(work, "cpu") == ({"device": 20 * MB}, False)
    stage.runtime.submit(work)
    stage.backend.run_next()
    assert stage.runtime.predictor.working_bytes(work, "cpu")[0]["device"] == int(50 * MB * 1.1)


def test_load_that_runs_out_of_memory_is_tried_again_after_idle_models_went(stage: Stage) -> None:
    stage.runtime.submit(job(model=spec("idle", 10 * MB)))
    stage.backend.run_next()

    def load(device: str) -> Loaded:
        if len(stage.runtime.status().residents) > 1:
            raise MemoryError
        return Loaded("model", 10 * MB)

    ticket = stage.runtime.submit(job(call=lambda context, model: model, model=ResourceSpec("k", load, 10 * MB)))
    stage.backend.run_next()
    assert ticket.result() == "model"
