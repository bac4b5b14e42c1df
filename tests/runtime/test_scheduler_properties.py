"""No ticket is lost or run twice, cancel is idempotent, memory and leases come back, whatever the order of things."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.runtime import Cancelled, JobFailed, Refused, Runtime, RuntimeConfig, State, Ticket
from models.runtime.types import Job
from tests.runtime.fakes import FakeClock, ManualBackend, job, spec

BUDGET = 100
MODELS = {"small": 20, "middle": 45, "large": 80, "giant": 120}


class RuntimeMachine(RuleBasedStateMachine):
    """Two slots, three users, models that fit together or not; jobs end well, fail or are cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.backend = FakeClock(), ManualBackend()
        config = RuntimeConfig(slots=2, device_budget=BUDGET, host_budget=BUDGET, hard_wait_s=30.0)
        self.runtime = Runtime(config, self.clock, self.backend)
        self.tickets: list[Ticket] = []
        self.runs: dict[int, int] = {}

    @rule(user=st.sampled_from("abc"), model=st.sampled_from([None, *MODELS]), working=st.integers(0, 60),
          outcome=st.sampled_from(["ok", "ok", "fails", "exits", "partials"]), priority=st.integers(0, 1))
    def submit(self, user: str, model: str | None, working: int, outcome: str, priority: int) -> None:
        number = len(self.tickets)

        def call(context: Any, value: Any) -> int:
            self.runs[number] = self.runs.get(number, 0) + 1
            self.clock.advance(1.5)
            context.tick(0.5)
            if outcome == "fails":
                raise ValueError("bad")
            if outcome == "exits":
                raise SystemExit(3)
            return number

        def steps(context: Any, value: Any) -> Any:
            yield "half"
            return call(context, value)

        resource = spec(model, MODELS[model]) if model is not None else None
        work: Job = job(user, steps if outcome == "partials" else call, model=resource, priority=priority,
                        peak_bytes={"device": working})
        self.tickets.append(self.runtime.submit(work))

    @precondition(lambda self: self.backend.assigned)
    @rule(index=st.integers(0, 1))
    def run(self, index: int) -> None:
        self.backend.run_next(index % len(self.backend.assigned))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), twice=st.booleans())
    def cancel(self, data: st.DataObject, twice: bool) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        before = ticket.state
        ticket.cancel()
        if twice:
            ticket.cancel()
        if before is State.QUEUED:
            assert ticket.state is State.CANCELLED
        if before.terminal:
            assert ticket.state is before

    @rule(seconds=st.sampled_from([0.1, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def every_ticket_is_somewhere(self) -> None:
        assigned = {assignment.ticket.id for assignment in self.backend.assigned}
        queued = sum(ticket.state is State.QUEUED for ticket in self.tickets)
        assert queued == self.runtime.status().queued
        for ticket in self.tickets:
            assert ticket.state.terminal or ticket.state is State.QUEUED or ticket.id in assigned
            assert (ticket.state is State.QUEUED) == (ticket.place > 0)

    @invariant()
    def nothing_runs_twice(self) -> None:
        assert all(count == 1 for count in self.runs.values())

    @invariant()
    def budget_holds(self) -> None:
        for pool in self.runtime.cache.pools():
            assert 0 <= pool.used <= pool.budget

    @invariant()
    def something_runs_when_something_waits(self) -> None:
        status = self.runtime.status()
        if status.queued and not status.running:
            # Only a hold may delay the start; its alarm is set.
            assert self.clock._alarms

    def teardown(self) -> None:
        for _ in range(1000):
            if self.backend.assigned:
                self.backend.run_next()
            elif self.runtime.status().queued:
                self.clock.advance(1.0)
            else:
                break
        for number, ticket in enumerate(self.tickets):
            assert ticket.state.terminal
            if ticket.state is State.DONE:
                assert ticket.result() == number
                assert ticket.receipt is not None
                assert self.runs[number] == 1
            else:
                try:
                    ticket.result()
                    raise AssertionError("an unfinished job has no result")
                except (JobFailed, Cancelled, Refused):
                    pass
        assert all(resident.leases == 0 for resident in self.runtime.cache.residents())
        self.runtime.close()
        assert [pool.used for pool in self.runtime.cache.pools()] == [0, 0]


TestRuntimeMachine = RuntimeMachine.TestCase
TestRuntimeMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
