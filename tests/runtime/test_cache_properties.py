"""Whatever happens in whatever order: budgets hold, leased resources stay, loads are single, leases return to zero."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from models.runtime.cache import Cache
from models.runtime.errors import LoadFailed, NeverFits, OutOfMemory
from models.runtime.leases import Grant, Later, Lease
from models.runtime.types import Loaded, ResourceSpec
from tests.runtime.fakes import FakeClock, WouldBlock

BUDGETS = {"cpu": 100, "host": 60}
KEYS = st.sampled_from("abcdef")
SIZES = {"a": 10, "b": 25, "c": 40, "d": 55, "e": 90, "f": 15}
POOLS = {"f": "host", "d": "host"}


class CacheMachine(RuleBasedStateMachine):
    """Jobs get grants, load, hold and give back; loads may fail or turn out larger or smaller than estimated."""

    grants = Bundle("grants")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.cache = Cache(BUDGETS, self.clock, hold_s=1.0)
        self.live: dict[str, int] = {}
        self.loading: set[str] = set()
        self.used: dict[str, int] = {}
        self.count = 0

    def spec(self, key: str, outcome: str = "ok") -> ResourceSpec:
        size = SIZES[key]
        actual = {"larger": size + 7, "smaller": size - 4}.get(outcome, size)

        def load(device: str) -> Loaded:
            assert key not in self.loading, "two loads of one key at once"
            assert key not in self.live, "loaded although resident"
            self.loading.add(key)
            self.clock.advance(size / 50)
            self.loading.discard(key)
            if outcome == "fails":
                raise ValueError("damaged")
            self.live[key] = actual

            def release() -> None:
                assert self.used.get(key, 0) == 0, "released while leased"
                del self.live[key]

            return Loaded(key, actual, release)

        return ResourceSpec(key, load, size, POOLS.get(key, "device"))  # type: ignore[arg-type]

    @rule(target=grants, key=KEYS, working=st.integers(0, 60), host=st.integers(0, 30))
    def grant(self, key: str, working: int, host: int) -> Any:
        self.count += 1
        try:
            answer = self.cache.try_grant(self.count, "cpu", self.spec(key), {"device": working, "host": host})
        except NeverFits:
            return multiple()
        return multiple() if isinstance(answer, Later) else (key, answer)

    @rule(target=leases, granted=consumes(grants), outcome=st.sampled_from(["ok", "ok", "larger", "smaller", "fails"]))
    def load(self, granted: tuple[str, Grant], outcome: str) -> Any:
        key, grant = granted
        return self.acquire(key, outcome, grant.owner, grant)

    @rule(target=leases, key=KEYS, outcome=st.sampled_from(["ok", "larger", "fails"]))
    def lease(self, key: str, outcome: str) -> Any:
        self.count += 1
        return self.acquire(key, outcome, self.count, None)

    def acquire(self, key: str, outcome: str, owner: Any, grant: Grant | None) -> Any:
        try:
            lease = self.cache.acquire(self.spec(key, outcome), "cpu", owner, grant=grant)
        except (WouldBlock, OutOfMemory, LoadFailed, NeverFits):
            if grant is not None:
                self.cache.settle(grant)
            return multiple()
        assert lease.value == key
        self.used[key] = self.used.get(key, 0) + 1
        return key, lease, grant

    @rule(held=consumes(leases))
    def give_back(self, held: tuple[str, Lease, Grant | None]) -> None:
        key, lease, grant = held
        self.used[key] -= 1
        lease.close()
        lease.close()
        if grant is not None:
            self.cache.settle(grant)

    @rule(granted=consumes(grants))
    def abandon(self, granted: tuple[str, Grant]) -> None:
        self.cache.settle(granted[1])

    @rule(seconds=st.sampled_from([0.1, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def evict_idle(self) -> None:
        self.cache.evict_idle()

    @invariant()
    def budget_is_never_exceeded(self) -> None:
        for pool in self.cache.pools():
            assert 0 <= pool.used <= pool.budget
        for name, kind in (("cpu", "device"), ("host", "host")):
            alive = sum(size for key, size in self.live.items() if POOLS.get(key, "device") == kind)
            assert alive <= BUDGETS[name]

    @invariant()
    def leased_resources_are_resident(self) -> None:
        for key, count in self.used.items():
            assert not count or key in self.live

    def teardown(self) -> None:
        # Whatever is still out belongs to bundles; after giving everything back nothing may remain accounted for.
        for values in self.bundles.values():
            for reference in values:
                held = self.names_to_values[reference.name]
                if len(held) == 3:
                    held[1].close()
                    if held[2] is not None:
                        self.cache.settle(held[2])
                else:
                    self.cache.settle(held[1])
        self.used.clear()
        assert all(resident.leases == 0 for resident in self.cache.residents())
        self.cache.evict_idle()
        assert self.live == {}
        assert [pool.used for pool in self.cache.pools()] == [0, 0]


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
