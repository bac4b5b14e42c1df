"""One click through the runtime: states, events, results, errors, cancel, receipts, predictions, status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from models.runtime import (
    Cancelled,
    JobContext,
    JobFailed,
    Loaded,
    NeverFits,
    Refused,
    ResourceSpec,
    Runtime,
    RuntimeConfig,
    State,
)
from tests.runtime.fakes import MB, FakeClock, ManualBackend, job, spec


class Stage:
    """A runtime whose jobs run when the test says so."""

    def __init__(self, **config: Any) -> None:
        self.clock, self.backend = FakeClock(), ManualBackend()
        settings = {"device_budget": 100 * MB, "host_budget": 100 * MB, "hold_s": 0.0} | config
        self.runtime = Runtime(RuntimeConfig(**settings), self.clock, self.backend)

    def working(self, seconds: float, value: Any = "value") -> Any:
        def call(context: JobContext, model: Any) -> Any:
            self.clock.advance(seconds)
            return value
        return call


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.runtime.close()


def test_ticket_passes_through_every_state(stage: Stage) -> None:
    ticket = stage.runtime.submit(job(model=spec("sam")))
    stage.backend.run_next()
    states = [event.state for event in ticket.events() if event.kind == "state"]
    assert states == [State.QUEUED, State.ADMITTED, State.LOADING, State.RUNNING, State.DONE]


def test_job_sees_the_model_and_its_arguments(stage: Stage) -> None:
    ticket = stage.runtime.submit(job(call=lambda context, model, x: (context.device, model, x), arguments={"x": 3},
                                      model=spec("sam")))
    stage.backend.run_next()
    assert ticket.result() == ("cpu", "value of sam", 3)


def test_partial_results_and_progress_become_events(stage: Stage) -> None:
    def steps(context: JobContext, model: Any) -> Iterator[int]:
        for number in range(3):
            context.tick(number / 3, f"step {number}")
            yield number
        return "end"

    ticket = stage.runtime.submit(job(call=steps))
    stage.backend.run_next()
    events = list(ticket.events())
    assert [event.value for event in events if event.kind == "partial"] == [0, 1, 2]
    assert [event.message for event in events if event.kind == "progress"] == ["step 0", "step 1", "step 2"]
    assert ticket.result() == "end"
    assert ticket.progress == 1.0


def test_time_left_follows_from_progress(stage: Stage) -> None:
    def call(context: JobContext, model: Any) -> None:
        stage.clock.advance(3.0)
        context.tick(0.25)

    ticket = stage.runtime.submit(job(call=call))
    assert ticket.eta_s is None
    stage.backend.run_next()
    assert [event.eta_s for event in ticket.events() if event.kind == "progress"] == [9.0]
    assert ticket.eta_s is None


def test_only_the_newest_partials_are_kept(stage: Stage) -> None:
    ticket = stage.runtime.submit(job(call=lambda context, model: (number for number in range(200))))
    stage.backend.run_next()
    assert [event.value for event in ticket.events() if event.kind == "partial"] == list(range(136, 200))


def test_error_in_a_job_is_the_jobs_alone(stage: Stage) -> None:
    def fail(context: JobContext, model: Any) -> None:
        raise ValueError("the image has no pixels")

    ticket = stage.runtime.submit(job(call=fail, label="Segment", model=spec("sam")))
    stage.backend.run_next()
    with pytest.raises(JobFailed, match="'Segment' failed: the image has no pixels") as caught:
        ticket.result()
    assert isinstance(caught.value.original, ValueError)
    assert caught.value.original.__traceback__ is None
    assert "test_runtime" in caught.value.details
    assert not stage.runtime.status().residents[0].leased
    fine = stage.runtime.submit(job())
    stage.backend.run_next()
    assert fine.result() == "value"


def test_failed_load_fails_the_job_and_names_the_model(stage: Stage) -> None:
    def broken(device: str) -> Loaded:
        raise OSError("disk is gone")

    ticket = stage.runtime.submit(job(model=ResourceSpec("k", broken, MB, label="SAM nano")))
    stage.backend.run_next()
    with pytest.raises(JobFailed, match="Could not load 'SAM nano': disk is gone"):
        ticket.result()


def test_cancelled_while_queued_never_runs(stage: Stage) -> None:
    running, waiting = stage.runtime.submit(job()), stage.runtime.submit(job())
    waiting.cancel()
    waiting.cancel()
    assert waiting.state is State.CANCELLED
    stage.backend.run_next()
    assert stage.backend.assigned == []
    assert running.result() == "value"
    with pytest.raises(Cancelled):
        waiting.result()


def test_running_job_stops_at_its_next_tick_and_closes_its_generator(stage: Stage) -> None:
    closed = []

    def steps(context: JobContext, model: Any) -> Iterator[int]:
        try:
            for number in range(100):
                ticket.cancel()
                context.tick(number / 100)
                yield number
        finally:
            closed.append(True)

    ticket = stage.runtime.submit(job(call=steps))
    stage.backend.run_next()
    assert ticket.state is State.CANCELLED
    assert closed == [True]


def test_generator_that_never_ticks_stops_at_its_next_partial(stage: Stage) -> None:
    seen = []

    def steps(context: JobContext, model: Any) -> Iterator[int]:
        for number in range(100):
            seen.append(number)
            ticket.cancel()
            yield number

    ticket = stage.runtime.submit(job(call=steps))
    stage.backend.run_next()
    assert ticket.state is State.CANCELLED
    assert seen == [0]


def test_cancelling_a_finished_job_changes_nothing(stage: Stage) -> None:
    ticket = stage.runtime.submit(job())
    stage.backend.run_next()
    ticket.cancel()
    assert ticket.result() == "value"


def test_leaving_the_block_cancels_what_has_not_finished(stage: Stage) -> None:
    first = stage.runtime.submit(job())
    with stage.runtime.submit(job()) as ticket:
        assert ticket.place == 1
    assert ticket.state is State.CANCELLED
    assert first.state is State.ADMITTED


def test_job_that_can_never_fit_is_refused_with_a_remedy(stage: Stage) -> None:
    ticket = stage.runtime.submit(job(model=spec("huge", 200 * MB)))
    assert ticket.state is State.REFUSED
    with pytest.raises(NeverFits, match=r"200 MB .* 100 MB .*smaller checkpoint"):
        ticket.result()


def test_full_queue_refuses() -> None:
    stage = Stage(max_queued=2)
    tickets = [stage.runtime.submit(job()) for _ in range(4)]
    assert [ticket.state for ticket in tickets] == [State.ADMITTED, State.QUEUED, State.QUEUED, State.REFUSED]
    stage.runtime.close()


def test_big_job_waits_for_room_and_small_ones_run_side_by_side() -> None:
    stage = Stage(slots=3)
    small = [stage.runtime.submit(job("ann", peak_bytes={"device": 30 * MB})) for _ in range(2)]
    big = stage.runtime.submit(job("bob", peak_bytes={"device": 80 * MB}))
    assert [ticket.state for ticket in (*small, big)] == [State.ADMITTED, State.ADMITTED, State.QUEUED]
    stage.backend.run_next()
    assert big.state is State.QUEUED
    stage.backend.run_next()
    assert big.state is State.ADMITTED
    stage.runtime.close()


def test_further_resources_come_from_the_shared_cache(stage: Stage) -> None:
    log: list[str] = []

    def call(context: JobContext, model: Any) -> Any:
        with context.resource(spec("features", log=log)) as features:
            return features

    for _ in range(2):
        ticket = stage.runtime.submit(job(call=call))
        stage.backend.run_next()
        assert ticket.result() == "value of features"
    assert log == ["load features"]


def test_resource_a_job_leaves_open_is_given_back(stage: Stage) -> None:
    kept = []

    def call(context: JobContext, model: Any) -> None:
        held = context.resource(spec("features"))
        kept.append(held)
        held.__enter__()

    stage.runtime.submit(job(call=call))
    stage.backend.run_next()
    assert [resident.leases for resident in stage.runtime.status().residents] == [0]


def test_receipt_says_how_the_result_came_about(stage: Stage) -> None:
    stage.runtime.submit(job(call=stage.working(2.0)))
    ticket = stage.runtime.submit(job(call=stage.working(3.0), inputs_digest="abc", weights_digest="def", seed=7))
    assert ticket.receipt is None
    stage.backend.run_next()
    stage.backend.run_next()
    receipt = ticket.receipt
    assert receipt is not None
    assert (receipt.wait_s, receipt.run_s, receipt.device, receipt.seed) == (2.0, 3.0, "cpu", 7)
    assert receipt.code_version.startswith("git:") or receipt.code_version
    assert json.loads(json.dumps(receipt.as_dict()))["inputs_digest"] == "abc"
    assert "weights_digest: def" in receipt.as_text()


def test_prediction_before_the_click_names_its_cause(stage: Stage) -> None:
    work = job(model=spec("sam"), call=stage.working(4.0), shape_bucket="512")
    assert stage.runtime.predict(work).cause == "cold: first load, not measured yet"
    stage.runtime.submit(work)
    stage.backend.run_next()
    warm = stage.runtime.predict(work)
    assert warm.cause.startswith("warm: ")
    assert warm.low_s <= 4.0 <= warm.high_s
    stage.runtime.cache.evict_idle()
    assert stage.runtime.predict(work).cause.startswith("cold: 0.0 s load + ")
    for _ in range(3):
        stage.runtime.submit(work)
    behind = stage.runtime.predict(work)
    assert behind.ahead == 2
    assert behind.cause.endswith("2 ahead")
    assert behind.low_s <= 16.0 <= behind.high_s


def test_hints_serve_until_something_was_measured(stage: Stage) -> None:
    predicted = stage.runtime.predict(job(model=spec("sam"), cost_hints={"run_s": 5.0, "load_s": 3.1}))
    assert predicted.cause == "cold: 3.1 s load + 2.5-10.0 s run"


def test_place_and_wait_change_as_the_queue_moves(stage: Stage) -> None:
    tickets = [stage.runtime.submit(job(call=stage.working(1.0))) for _ in range(4)]
    assert [ticket.place for ticket in tickets] == [0, 1, 2, 3]
    last = tickets[3].predicted
    stage.backend.run_next()
    assert [ticket.place for ticket in tickets] == [0, 0, 1, 2]
    assert tickets[3].predicted.ahead < last.ahead


def test_status_shows_memory_residents_and_queue(stage: Stage) -> None:
    stage.runtime.submit(job(model=spec("sam", 20 * MB), label="Segment"))
    stage.runtime.submit(job())
    status = stage.runtime.status()
    assert (status.device, status.memory_budget, status.memory_free) == ("cpu", 100 * MB, 80 * MB)
    assert (status.queued, status.running) == (1, ("Segment",))
    stage.backend.run_next()
    assert [(r.label, r.bytes, r.leased) for r in stage.runtime.status().residents] == [("sam", 20 * MB, False)]


def test_calibration_counts_the_waits_that_came_as_predicted(stage: Stage) -> None:
    for seconds in (1.0, 1.0, 1.0, 60.0):
        stage.runtime.submit(job(call=stage.working(seconds)))
        stage.backend.run_next()
    status = stage.runtime.status()
    assert (status.calibration, status.calibration_count) == (0.75, 4)


def test_closed_runtime_refuses_and_has_cancelled_what_waited(stage: Stage) -> None:
    log: list[str] = []
    stage.runtime.submit(job(model=spec("sam", log=log)))
    stage.backend.run_next()
    tickets = [stage.runtime.submit(job()) for _ in range(3)]
    stage.runtime.close()
    stage.runtime.close()
    assert {ticket.state for ticket in tickets} == {State.CANCELLED}
    assert log == ["load sam", "release sam"]
    with pytest.raises(Refused, match="closing"):
        stage.runtime.submit(job()).result()


def test_finished_job_is_not_kept_alive_by_the_runtime(stage: Stage) -> None:
    import gc
    import weakref

    class Image:
        pass

    image = Image()
    gone = weakref.ref(image)
    ticket = stage.runtime.submit(job(call=lambda context, model, image: None, arguments={"image": image}))
    stage.backend.run_next()
    del ticket, image
    gc.collect()
    assert gone() is None


def test_job_checks_what_it_is_made_of() -> None:
    with pytest.raises(TypeError, match="must be a function"):
        job(call=3)
    with pytest.raises(ValueError, match="'gpu'"):
        job(peak_bytes={"gpu": 3})


def test_method_can_be_called_without_a_runtime() -> None:
    context = JobContext()
    with context.resource(spec("features")) as features:
        context.tick(0.5, "half")
        assert features == "value of features"
    assert not context.cancelled


def test_a_part_reports_into_its_share_and_keeps_what_it_opens_in_the_whole() -> None:
    told: list[tuple[float | None, str]] = []
    stopped: list[bool] = []
    whole = JobContext(report=lambda *said: told.append(said), is_cancelled=lambda: bool(stopped))
    inner = whole.part(0.5, 0.25)
    inner.tick(0.0)
    inner.tick(1.0, "done")
    inner.tick(None, "still")
    assert told == [(0.5, ""), (0.75, "done"), (None, "still")]
    opened = inner.resource(spec("features"))
    opened.__enter__()
    assert whole._open
    whole.close()
    assert not inner._open
    stopped.append(True)
    assert inner.cancelled
    with pytest.raises(Cancelled):
        inner.tick(0.5)
