"""Who is served next: shares, the warm window, newcomers, the bound on waiting."""

from __future__ import annotations

import math
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from models.runtime.fairness import FairQueue, Verdict, Waiting

STARTED = Verdict.STARTED


def fair(window: float = 4.0, passes: int = 1, hard_wait: float = math.inf) -> FairQueue:
    return FairQueue(window, passes, hard_wait)


def serve(queue: FairQueue, now: float = 0.0, warm: frozenset[str] = frozenset()) -> Waiting:
    job = queue.pick(now, lambda job, urgent: STARTED, warm.__contains__)
    assert job is not None
    return job


def served_users(queue: FairQueue, count: int, warm: frozenset[str] = frozenset()) -> list[str]:
    users = []
    for _ in range(count):
        job = serve(queue, warm=warm)
        queue.finished(job, job.cost_s)
        users.append(job.user)
    return users


def test_user_behind_a_batch_is_served_second() -> None:
    queue = fair()
    for _ in range(40):
        queue.add(Waiting("batch", 1.0), 0.0)
    running = serve(queue)
    queue.add(Waiting("light", 1.0), 0.0)
    queue.finished(running, 1.0)
    assert serve(queue).user == "light"


def test_user_with_a_cold_model_behind_a_warm_batch_is_served_third_at_the_latest() -> None:
    queue = fair(window=1000.0)
    for _ in range(40):
        queue.add(Waiting("batch", 0.2, "warm"), 0.0)
    running = serve(queue, warm=frozenset({"warm"}))
    queue.add(Waiting("light", 0.2, "cold"), 0.0)
    queue.finished(running, 0.2)
    assert "light" in served_users(queue, 2, frozenset({"warm"}))


def test_resident_model_goes_first_among_users_nearly_equal() -> None:
    queue = fair()
    queue.add(Waiting("cold user", 1.0, "cold"), 0.0)
    queue.add(Waiting("warm user", 1.0, "warm"), 0.0)
    assert serve(queue, warm=frozenset({"warm"})).user == "warm user"


def test_job_passed_over_often_enough_is_urgent_and_a_cheap_load_is_not_waited_for() -> None:
    queue = fair(window=100.0)
    for _ in range(10):
        queue.add(Waiting("warm user", 1.0, "warm"), 0.0)
    urgent: list[tuple[str, bool]] = []

    def start(job: Waiting, pressing: bool) -> Verdict:
        urgent.append((job.user, pressing))
        return STARTED

    serve(queue)
    queue.add(Waiting("dear", 1.0, "cold", load_s=60.0), 0.0)
    for _ in range(2):
        queue.pick(0.0, start, {"warm"}.__contains__)
    assert urgent == [("warm user", False), ("dear", True)]
    queue.add(Waiting("cheap", 1.0, "cold", load_s=0.01), 0.0)
    assert serve(queue, warm=frozenset({"warm"})).user == "cheap"


def test_cost_counts_and_not_the_number_of_jobs() -> None:
    queue = fair(window=0.0)
    for _ in range(30):
        queue.add(Waiting("short", 1.0), 0.0)
        queue.add(Waiting("long", 3.0), 0.0)
    users = served_users(queue, 24)
    assert abs(users.count("short") - 3 * users.count("long")) <= 3


def test_idling_earns_no_credit() -> None:
    queue = fair(window=0.0)
    queue.add(Waiting("sleeper", 1.0), 0.0)
    for _ in range(100):
        queue.add(Waiting("worker", 1.0), 0.0)
    served_users(queue, 60)
    for _ in range(40):
        queue.add(Waiting("sleeper", 1.0), 0.0)
    users = served_users(queue, 20)
    assert 9 <= users.count("sleeper") <= 11


def test_overestimated_job_gives_its_charge_back_but_no_credit_for_the_time_it_ran() -> None:
    queue = fair(window=0.0)
    queue.add(Waiting("pessimist", 100.0), 0.0)
    running = serve(queue)
    for _ in range(40):
        queue.add(Waiting("worker", 1.0), 0.0)
    served_users(queue, 20)
    queue.finished(running, 1.0)
    for _ in range(20):
        queue.add(Waiting("pessimist", 1.0), 0.0)
    assert 4 <= served_users(queue, 10).count("pessimist") <= 6


def test_underestimated_job_is_charged_in_full() -> None:
    queue = fair(window=0.0)
    for _ in range(5):
        queue.add(Waiting("heavy", 1.0), 0.0)
        queue.add(Waiting("light", 1.0), 0.0)
    first = serve(queue)
    queue.finished(first, 3.5)
    other = "light" if first.user == "heavy" else "heavy"
    assert served_users(queue, 3) == [other] * 3


def test_priority_orders_a_users_own_jobs() -> None:
    queue = fair()
    queue.add(Waiting("ann", 1.0, payload="batch"), 0.0)
    queue.add(Waiting("ann", 1.0, priority=1, payload="click"), 0.0)
    assert serve(queue).payload == "click"


def test_small_job_passes_a_big_one_that_has_no_room_but_not_once_it_is_overdue() -> None:
    queue = fair(hard_wait=10.0)
    queue.add(Waiting("big", 1.0, payload="big"), 0.0)
    queue.add(Waiting("small", 1.0), 0.0)

    def start(job: Waiting, urgent: bool) -> Verdict:
        return Verdict.LATER if job.payload == "big" else STARTED

    first = queue.pick(0.0, start, lambda key: False)
    assert first is not None
    assert first.user == "small"
    queue.add(Waiting("small", 1.0), 9.0)
    assert queue.pick(11.0, start, lambda key: False) is None


def test_job_that_can_never_run_is_dropped_and_the_next_one_starts() -> None:
    queue = fair()
    queue.add(Waiting("ann", 1.0, payload="broken"), 0.0)
    queue.add(Waiting("ann", 1.0, payload="fine"), 0.0)
    job = queue.pick(0.0, lambda job, _: Verdict.DROPPED if job.payload == "broken" else STARTED, lambda key: False)
    assert job is not None
    assert job.payload == "fine"
    assert queue.count == 0


def test_idle_users_without_debt_are_forgotten() -> None:
    queue = fair()
    for number in range(1000):
        queue.add(Waiting(f"user {number}", 1.0), 0.0)
        served_users(queue, 1)
    assert len(queue._users) == 0


@settings(max_examples=60, deadline=None)
@given(
    costs=st.lists(st.lists(st.floats(0.1, 5.0), min_size=40, max_size=40), min_size=2, max_size=5),
    warmth=st.lists(st.sets(st.sampled_from("xyz")), min_size=1, max_size=10),
    window=st.floats(0.0, 6.0),
)
def test_backlogged_users_get_equal_device_seconds(
    costs: list[list[float]], warmth: list[set[str]], window: float
) -> None:
    """Start-time fair queueing with a window: shares differ by at most the window and one job each."""
    queue = fair(window)
    for number, user_costs in enumerate(costs):
        for index, cost in enumerate(user_costs):
            queue.add(Waiting(str(number), cost, "xyz"[(index + number) % 3]), 0.0)
    got: dict[str, float] = defaultdict(float)
    largest = max(map(max, costs))
    for step in range(30):
        job = serve(queue, warm=frozenset(warmth[step % len(warmth)]))
        queue.finished(job, job.cost_s)
        got[job.user] += job.cost_s
        shares = [got[str(number)] for number in range(len(costs))]
        assert max(shares) - min(shares) <= window + 2 * largest + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    schedule=st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.1, 5.0)), max_size=3), max_size=60),
    window=st.floats(0.0, 50.0),
)
def test_no_user_waits_longer_than_the_bound(schedule: list[list[tuple[str, float]]], window: float) -> None:
    """One slot: from arrival or last service to service at most the bound and one job for each other user."""
    hard_wait, largest, users, now = 20.0, 5.0, 4, 0.0
    queue = fair(window, passes=3, hard_wait=hard_wait)
    since: dict[str, float] = {}
    for arrivals in schedule + [[]] * 120:
        for user, cost in arrivals:
            queue.add(Waiting(user, cost, user), now)
            since.setdefault(user, now)
        job = queue.pick(now, lambda job, urgent: STARTED, lambda key: key == "a")
        if job is None:
            now += 0.5
            continue
        assert now - since.pop(job.user) <= hard_wait + users * largest
        now += job.cost_s
        queue.finished(job, job.cost_s)
        if any(other.user == job.user for other in queue.jobs()):
            since[job.user] = now
    assert queue.count == 0
