"""The cache: budgets, leases, eviction order, failures; one thread, a clock that moves by command."""

from __future__ import annotations

import pytest

from models.runtime.cache import Cache
from models.runtime.errors import Cancelled, LoadFailed, NeverFits, OutOfMemory
from models.runtime.leases import Grant, Later
from models.runtime.types import Loaded, ResourceSpec
from tests.runtime.fakes import MB, FakeClock, WouldBlock, spec


def make(budget: int = 10 * MB, hold_s: float = 0.0) -> tuple[Cache, FakeClock]:
    clock = FakeClock()
    return Cache({"cpu": budget, "host": budget}, clock, hold_s), clock


def test_second_lease_does_not_load_again() -> None:
    cache, _ = make()
    log: list[str] = []
    for _ in range(3):
        with cache.lease(spec("a", log=log)) as value:
            assert value == "value of a"
    assert log == ["load a"]


def test_leased_model_is_never_evicted() -> None:
    cache, _ = make()
    log: list[str] = []
    with cache.lease(spec("a", 6 * MB, log=log)), pytest.raises(WouldBlock):
        cache.lease(spec("b", 6 * MB, log=log))
    assert log == ["load a"]


def test_idle_model_makes_room_for_another() -> None:
    cache, _ = make()
    log: list[str] = []
    cache.lease(spec("a", 6 * MB, log=log)).close()
    cache.lease(spec("b", 6 * MB, log=log)).close()
    assert log == ["load a", "release a", "load b"]


def test_cheapest_reload_per_byte_goes_first() -> None:
    cache, clock = make()
    log: list[str] = []

    def slow(key: str, seconds: float) -> ResourceSpec:
        def load(device: str) -> Loaded:
            clock.advance(seconds)
            return Loaded(key, 4 * MB, lambda: log.append(key))
        return ResourceSpec(key, load, 4 * MB)

    cache.lease(slow("dear", 9.0)).close()
    cache.lease(slow("cheap", 0.1)).close()
    cache.lease(slow("new", 1.0)).close()
    assert log == ["cheap"]


def test_unused_expensive_model_ages_and_goes_in_the_end() -> None:
    cache, clock = make(8 * MB)
    log: list[str] = []

    def timed(key: str, seconds: float) -> ResourceSpec:
        def load(device: str) -> Loaded:
            clock.advance(seconds)
            return Loaded(key, 4 * MB, lambda: log.append(key))
        return ResourceSpec(key, load, 4 * MB)

    cache.lease(timed("dear", 5.0)).close()
    for number in range(20):
        cache.lease(timed(f"cheap {number}", 1.0)).close()
    assert "dear" in log


def test_fresh_model_is_held_against_ping_pong() -> None:
    cache, clock = make(hold_s=2.0)
    cache.lease(spec("a", 6 * MB)).close()
    loaded_at = clock.now()
    cache.lease(spec("b", 6 * MB)).close()
    assert clock.now() == loaded_at + 2.0


def test_resource_larger_than_the_budget_is_refused() -> None:
    cache, _ = make()
    with pytest.raises(NeverFits, match=r"11 MB .* 10 MB"):
        cache.lease(spec("huge", 11 * MB))


def test_device_and_host_have_their_own_budgets() -> None:
    cache, _ = make()
    with cache.lease(spec("a", 8 * MB)), cache.lease(spec("b", 8 * MB, "host")):
        assert {(pool.name, pool.used) for pool in cache.pools()} == {("cpu", 8 * MB), ("host", 8 * MB)}


@pytest.mark.parametrize("problem", [ValueError("bad file"), MemoryError(), OutOfMemory("full", "cpu")])
def test_failed_load_leaves_no_trace_and_can_be_tried_again(problem: Exception) -> None:
    cache, _ = make()

    def fail(device: str) -> Loaded:
        raise problem

    with pytest.raises(LoadFailed if isinstance(problem, ValueError) else OutOfMemory, match="a"):
        cache.lease(ResourceSpec("a", fail, MB))
    assert cache.residents() == ()
    assert cache.pools()[0].used == 0
    with cache.lease(spec("a")) as value:
        assert value == "value of a"


def test_cancelled_loader_leaves_no_trace() -> None:
    cache, _ = make()

    def give_up(device: str) -> Loaded:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        cache.lease(ResourceSpec("a", give_up, MB))
    assert cache.residents() == ()


def test_actual_size_replaces_the_estimate() -> None:
    cache, _ = make()
    with cache.lease(ResourceSpec("a", lambda device: Loaded(1, 3 * MB), 5 * MB)):
        assert cache.pools()[0].used == 3 * MB


def test_load_larger_than_estimated_evicts_others_or_is_let_go() -> None:
    cache, _ = make()
    log: list[str] = []
    cache.lease(spec("idle", 6 * MB, log=log)).close()
    big = ResourceSpec("big", lambda device: Loaded("big", 8 * MB, lambda: log.append("release big")), 2 * MB)
    cache.lease(big).close()
    assert log == ["load idle", "release idle"]
    giant = ResourceSpec("giant", lambda device: Loaded("giant", 11 * MB, lambda: log.append("release giant")), MB)
    with pytest.raises(NeverFits):
        cache.lease(giant)
    assert log[-1] == "release giant"
    assert cache.pools()[0].used <= cache.pools()[0].budget


def test_grant_keeps_room_until_it_is_settled() -> None:
    cache, _ = make()
    grant = cache.try_grant("job", "cpu", spec("a", 6 * MB), {"device": 3 * MB})
    assert isinstance(grant, Grant)
    assert cache.try_grant("other", "cpu", spec("b", 2 * MB), {}) == Later(None)
    with cache.acquire(spec("a", 6 * MB), "cpu", "job", grant=grant):
        pass
    cache.settle(grant)
    cache.settle(grant)
    assert cache.pools()[0].used == 6 * MB
    assert isinstance(cache.try_grant("other", "cpu", spec("b", 2 * MB), {}), Grant)


def test_urgent_grant_does_not_stop_at_a_hold() -> None:
    cache, clock = make(hold_s=2.0)
    cache.lease(spec("a", 6 * MB)).close()
    assert cache.try_grant("job", "cpu", spec("b", 6 * MB), {}) == Later(clock.now() + 2.0)
    assert isinstance(cache.try_grant("job", "cpu", spec("b", 6 * MB), {}, holds=False), Grant)


def test_grant_does_not_evict_the_model_it_is_for() -> None:
    cache, _ = make()
    cache.lease(spec("a", 6 * MB)).close()
    assert cache.try_grant("job", "cpu", spec("a", 6 * MB), {"device": 4 * MB}) != Later(None)
    assert cache.is_warm("device", "a", "cpu")


def test_model_and_working_memory_that_never_fit_together_are_refused() -> None:
    cache, _ = make()
    with pytest.raises(NeverFits):
        cache.try_grant("job", "cpu", spec("a", 6 * MB), {"device": 5 * MB})
    assert cache.pools()[0].used == 0


def test_owners_that_wait_for_one_another_get_out_of_memory_instead_of_hanging() -> None:
    cache, _ = make()
    with cache.lease(spec("a", 6 * MB), owner="job"), pytest.raises(OutOfMemory, match="wait for room themselves"):
        cache.lease(spec("b", 6 * MB), owner="job")
    assert [resident.leases for resident in cache.residents()] == [0]


def test_failing_release_does_not_stop_the_next_load(caplog: pytest.LogCaptureFixture) -> None:
    cache, _ = make()

    def broken() -> None:
        raise RuntimeError("release")

    cache.lease(ResourceSpec("a", lambda device: Loaded(1, 6 * MB, broken), 6 * MB)).close()
    with cache.lease(spec("b", 6 * MB)) as value:
        assert value == "value of b"
    assert "release of 'a' failed" in caplog.text


def test_evict_idle_spares_what_is_leased() -> None:
    cache, _ = make()
    cache.lease(spec("idle", 2 * MB)).close()
    with cache.lease(spec("used", 2 * MB)):
        assert cache.evict_idle() == 2 * MB
        assert [resident.label for resident in cache.residents()] == ["used"]


def test_table_says_who_holds_what() -> None:
    cache, _ = make()
    with cache.lease(spec("sam", 2 * MB)):
        table = cache.table()
    assert "cpu: 2 MB of 10 MB" in table
    assert "in use  sam" in table


def test_unknown_pool_is_named() -> None:
    cache, _ = make()
    with pytest.raises(ValueError, match=r"cuda:0.*cpu"):
        cache.lease(spec("a"), "cuda:0")
