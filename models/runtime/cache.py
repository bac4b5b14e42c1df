"""The shared cache: byte budgets, leases, single-flight loads. Models, image features and anything else live here."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

from models.runtime.clock import Clock, SystemClock
from models.runtime.errors import NeverFits, OutOfMemory, megabytes
from models.runtime.leases import Grant, Later, Lease, failure_for, plain_shortage
from models.runtime.pool import Entry, Phase, Pool
from models.runtime.types import Loaded, PoolStatus, Resident, ResourceSpec

log = logging.getLogger(__name__)
HOST = "host"
SIZES_KEPT = 4096


class Cache:
    """Thread-safe. Invariants, each with a property test: no pool exceeds its budget; what is leased is not evicted;
    one load at a time per key; a failed load leaves no trace.

    budgets: pool name -> bytes; a pool per device and "host". on_room: called, without any lock held, whenever
    something was given back. translate: (problem, device) -> our OutOfMemory when that is what a loader ran into.
    """

    def __init__(self, budgets: Mapping[str, int], clock: Clock | None = None, hold_s: float = 0.5,
                 on_room: Callable[[], None] = lambda: None,
                 translate: Callable[[BaseException, str], OutOfMemory | None] = plain_shortage) -> None:
        self._pools = {name: Pool(name, budget) for name, budget in budgets.items()}
        self._clock = clock or SystemClock()
        self._hold_s = hold_s
        self._on_room = on_room
        self._translate = translate
        # Guards every pool and entry. Loaders, releases and on_room run outside it.
        self._changed = threading.Condition()
        self._holdings: dict[Any, int] = {}
        self._stuck: set[Any] = set()
        self._true_bytes: dict[tuple[str, str], int] = {}

    # Questions

    def is_warm(self, kind: str, key: str, device: str) -> bool:
        """True when a lease of that key in pool "device" or "host" would need no load. Takes no lock."""
        entry = self._pools[self._kind_pool(kind, device)].entries.get(key)
        return entry is not None and entry.phase is Phase.READY

    def budget(self, kind: str, device: str) -> int:
        """Bytes of a device's pool or of the host's."""
        return self._pools[self._kind_pool(kind, device)].budget

    def size(self, spec: ResourceSpec, device: str) -> int:
        """Bytes the resource takes: as measured once it has been loaded, as estimated before."""
        return self._size(spec, self._pool_name(spec, device))

    def residents(self) -> tuple[Resident, ...]:
        """Everything loaded or loading."""
        with self._changed:
            return tuple(
                Resident(entry.label, entry.bytes, entry.leases, pool.name, entry.phase is not Phase.READY)
                for pool in self._pools.values() for entry in pool.entries.values()
            )

    def pools(self) -> tuple[PoolStatus, ...]:
        """Budgets and what is used of them."""
        with self._changed:
            return tuple(PoolStatus(pool.name, pool.budget, pool.used) for pool in self._pools.values())

    def table(self) -> str:
        """Who holds what, for out-of-memory messages."""
        lines = [f"{pool.name}: {megabytes(pool.used)} of {megabytes(pool.budget)}" for pool in self.pools()]
        lines += [f"  {r.pool}  {megabytes(r.bytes):>8}  {'in use' if r.leased else 'idle'}  {r.label}"
                  for r in self.residents()]
        lines += [f"  {pool.name}  {megabytes(pool.working):>8}  working memory of running jobs"
                  for pool in self._pools.values() if pool.working]
        return "\n".join(lines)

    # Leases

    def lease(self, spec: ResourceSpec, device: str = "cpu", owner: Any = None) -> Lease:
        """Use a resource: `with cache.lease(spec) as model:`. Loads it when absent; see `acquire`."""
        return self.acquire(spec, device, owner if owner is not None else object())

    def acquire(self, spec: ResourceSpec, device: str, owner: Any, check: Callable[[], None] = lambda: None,
                grant: Grant | None = None, loading: Callable[[], None] = lambda: None) -> Lease:
        """A lease; waits for room, loads when absent, or joins a load that is under way.

        owner: who holds it, hashable. check: called around waits, may raise Cancelled. grant: room from `try_grant`.
        loading: called before a load or a wait for one. Raises NeverFits, OutOfMemory (also when all owners wait for
        one another), LoadFailed or what `check` raises.
        """
        start = self._clock.now()
        entry = None
        if grant is not None:
            self.clear(grant)
            entry, grant.entry = grant.entry, None
        while True:
            if entry is None:
                entry = self._pin_or_wait(spec, device, owner, check)
            try:
                if entry.phase is not Phase.READY:
                    loading()
                self._make_ready(entry, spec, device, check)
            except BaseException:
                self._unpin(entry, owner)
                raise
            if entry.phase is Phase.READY:
                return Lease(self._unpin, entry, owner, self._clock.now() - start)
            # It turned out larger than its estimate; ask again for the true size.
            self._unpin(entry, owner)
            entry = None

    def try_grant(self, owner: Any, device: str, spec: ResourceSpec | None,
                  working: Mapping[str, int], holds: bool = True) -> Grant | Later:
        """Keep room for a job without waiting: its resource is pinned, or a place for it kept, beside working memory.

        working: pool kind ("device", "host") -> bytes. holds: whether fresh residents are spared. Raises NeverFits
        when no eviction could ever make room.
        The grant must be passed to `acquire` and then `settle`d, or only settled.
        """
        now = self._clock.now() if holds else math.inf
        amounts = {self._kind_pool(kind, device): size for kind, size in working.items() if size > 0}
        with self._changed:
            name = self._pool_name(spec, device) if spec is not None else ""
            entry = self._pools[name].entries.get(spec.key) if spec is not None else None
            needs = dict(amounts)
            if spec is not None:
                size = entry.bytes if entry is not None else self._size(spec, name)
                self._refuse_oversize(spec.label or spec.key, name, amounts.get(name, 0) + size)
                if entry is None:
                    needs[name] = needs.get(name, 0) + size
            for pool_name, size in amounts.items():
                self._refuse_oversize("The job's working memory", pool_name, size)
            if entry is not None:
                # Pinned first, so that it cannot be chosen as a victim for its own job's working memory.
                self._pin(entry, owner)
            plan = self._plan(needs, now)
            if isinstance(plan, Later):
                if entry is not None:
                    self._drop_pin(entry, owner)
                return plan
            evictions = self._evict(plan, needs)
            fresh = False
            if spec is not None and entry is None:
                entry = self._new_entry(spec, name, owner)
                entry.clearing = fresh = bool(evictions)
            for pool_name, size in amounts.items():
                self._pools[pool_name].working += size
                self._hold(owner, +1)
            return Grant(owner, device, entry, amounts, evictions, fresh)

    def clear(self, grant: Grant) -> None:
        """Carry out the evictions a grant needs; to be called before its memory is used. `acquire` does it itself."""
        evictions, grant.evictions = grant.evictions, []
        self._release(evictions, grant.entry if grant.fresh else None)

    def settle(self, grant: Grant) -> None:
        """Give back everything a grant still holds; a second call does nothing."""
        self.clear(grant)
        entry, grant.entry = grant.entry, None
        if entry is not None:
            self._unpin(entry, grant.owner)
        with self._changed:
            for name, size in grant.working.items():
                self._pools[name].working -= size
                self._hold(grant.owner, -1)
            gave = bool(grant.working)
            grant.working = {}
            self._changed.notify_all()
        if gave:
            self._on_room()

    def evict_idle(self, device: str | None = None) -> int:
        """Release every idle resource, holds or not, of one device's pools or of all; returns the bytes given back."""
        with self._changed:
            names = self._pools if device is None else {device, HOST} & set(self._pools)
            work = [(pool, list(pool.idle), 0) for name in names if (pool := self._pools[name]).idle]
            evictions = [(pool, entries, pool.evict(entries, 0)) for pool, entries, _ in work]
        self._release(evictions)
        return sum(excess for _, _, excess in evictions)

    def wake(self) -> None:
        """Let waiters look at their `check` again."""
        with self._changed:
            self._changed.notify_all()

    # Inside. Down to `_pin` everything is called with the lock held.

    def _kind_pool(self, kind: str, device: str) -> str:
        return HOST if kind == HOST else device

    def _pool_name(self, spec: ResourceSpec, device: str) -> str:
        name = self._kind_pool(spec.pool, device)
        if name not in self._pools:
            raise ValueError(f"'{spec.label or spec.key}' wants pool '{name}'; there are {sorted(self._pools)}")
        return name

    def _size(self, spec: ResourceSpec, pool_name: str) -> int:
        return self._true_bytes.get((pool_name, spec.key), spec.bytes)

    def _refuse_oversize(self, what: str, name: str, size: int) -> None:
        if size > self._pools[name].budget:
            raise NeverFits(f"'{what}'", name, size, self._pools[name].budget)

    def _plan(self, needs: Mapping[str, int], now: float) -> dict[str, list[Entry]] | Later:
        plan: dict[str, list[Entry]] = {}
        retry_at: float | None = None
        blocked = False
        for name, size in needs.items():
            victims = self._pools[name].victims(size, now)
            if isinstance(victims, list):
                plan[name] = victims
            elif victims is None:
                return Later(None)
            else:
                blocked, retry_at = True, max(victims, retry_at or victims)
        return Later(retry_at) if blocked else plan

    def _evict(self, plan: Mapping[str, list[Entry]], needs: Mapping[str, int]) -> list[tuple[Pool, list[Entry], int]]:
        return [(self._pools[name], entries, self._pools[name].evict(entries, needs[name]))
                for name, entries in plan.items() if entries]

    def _new_entry(self, spec: ResourceSpec, name: str, owner: Any) -> Entry:
        pool = self._pools[name]
        entry = Entry(pool, spec.key, spec.label or spec.key, self._size(spec, name))
        pool.add(entry)
        self._pin(entry, owner)
        return entry

    def _hold(self, owner: Any, change: int) -> None:
        count = self._holdings.get(owner, 0) + change
        if count:
            self._holdings[owner] = count
        else:
            self._holdings.pop(owner, None)

    def _pin(self, entry: Entry, owner: Any) -> None:
        entry.pool.rouse(entry)
        entry.leases += 1
        self._hold(owner, +1)

    def _drop_pin(self, entry: Entry, owner: Any) -> None:
        entry.leases -= 1
        self._hold(owner, -1)
        if entry.leases == 0:
            if entry.phase is Phase.READY:
                entry.pool.rest(entry)
            elif entry.phase is Phase.RESERVED:
                entry.pool.remove(entry)

    def _unpin(self, entry: Entry, owner: Any) -> None:
        with self._changed:
            self._drop_pin(entry, owner)
            idle = entry.leases == 0
            if idle:
                self._changed.notify_all()
        if idle:
            self._on_room()

    def _pin_or_wait(self, spec: ResourceSpec, device: str, owner: Any, check: Callable[[], None]) -> Entry:
        """Pin the entry, creating it when there is room; otherwise wait until leases or holds end."""
        name = self._pool_name(spec, device)
        while True:
            check()
            with self._changed:
                entry = self._pools[name].entries.get(spec.key)
                if entry is not None:
                    self._pin(entry, owner)
                    return entry
                size = self._size(spec, name)
                self._refuse_oversize(spec.label or spec.key, name, size)
                plan = self._plan({name: size}, self._clock.now())
                if isinstance(plan, Later):
                    self._wait_for_room(owner, spec, name, plan)
                    continue
                evictions = self._evict(plan, {name: size})
                entry = self._new_entry(spec, name, owner)
                entry.clearing = bool(evictions)
            self._release(evictions, entry)
            return entry

    def _wait_for_room(self, owner: Any, spec: ResourceSpec, name: str, later: Later) -> None:
        if later.retry_at is not None:
            self._clock.wait(self._changed, max(later.retry_at - self._clock.now(), 0.0))
            return
        self._stuck.add(owner)
        try:
            if self._pools[name].draining == 0 and all(holder in self._stuck for holder in self._holdings):
                # Every holder waits for room that only holders could give back: one of them has to yield.
                raise OutOfMemory(
                    f"No room for '{spec.label or spec.key}' ({megabytes(self._size(spec, name))}) in pool '{name}': "
                    "everything there is in use by jobs that wait for room themselves.", name, spec.bytes)
            self._clock.wait(self._changed, None)
        finally:
            self._stuck.discard(owner)

    def _make_ready(self, entry: Entry, spec: ResourceSpec, device: str, check: Callable[[], None]) -> None:
        """Load the entry, or wait while another owner does. It is then READY, or GONE: to be asked for anew."""
        with self._changed:
            # Another owner of the same key may come here first; it must not load into room still being cleared.
            while entry.phase is Phase.LOADING or (entry.phase is Phase.RESERVED and entry.clearing):
                check()
                self._clock.wait(self._changed, None)
            if entry.phase is Phase.GONE and entry.failure is not None:
                raise entry.failure()
            if entry.phase is not Phase.RESERVED:
                return
            entry.phase = Phase.LOADING
        start = self._clock.now()
        try:
            loaded = spec.load(device)
        except BaseException as problem:
            failure = failure_for(spec, problem, self._translate(problem, device))
            with self._changed:
                if failure is None:
                    # Its user gave up, not the load itself: whoever waits takes over.
                    entry.phase = Phase.RESERVED
                else:
                    entry.failure = failure
                    entry.pool.remove(entry)
                self._changed.notify_all()
            if failure is None:
                raise
            self._on_room()
            raise failure() from problem
        self._install(entry, spec, loaded, self._clock.now() - start)

    def _install(self, entry: Entry, spec: ResourceSpec, loaded: Loaded, seconds: float) -> None:
        pool = entry.pool
        with self._changed:
            extra = loaded.bytes - entry.bytes
            plan = self._plan({pool.name: max(extra, 0)}, self._clock.now())
            evictions = self._evict(plan, {pool.name: extra}) if isinstance(plan, dict) else []
            fits = isinstance(plan, dict)
            if extra:
                self._true_bytes[pool.name, spec.key] = loaded.bytes
                if len(self._true_bytes) > SIZES_KEPT:
                    del self._true_bytes[next(iter(self._true_bytes))]
            if fits:
                pool.occupied += extra
                entry.bytes, entry.value, entry.release = loaded.bytes, loaded.value, loaded.release
                entry.reload_s = seconds
                entry.held_until = self._clock.now() + self._hold_s
                entry.phase = Phase.READY
            else:
                pool.remove(entry)
            self._changed.notify_all()
        self._release(evictions)
        if not fits and loaded.release is not None:
            loaded.release()
        if extra < 0 or not fits:
            self._on_room()

    def _release(self, evictions: list[tuple[Pool, list[Entry], int]], cleared_for: Entry | None = None) -> None:
        """Run the releases of evicted entries, then let others have what was freed beyond the need."""
        for pool, entries, excess in evictions:
            for entry in entries:
                release, entry.value, entry.release = entry.release, None, None
                if release is not None:
                    try:
                        release()
                    except Exception:
                        # The resource is gone from the books either way; its owner's mistake must not stop the job.
                        log.exception("release of '%s' failed", entry.label)
            with self._changed:
                pool.drained(excess)
                self._changed.notify_all()
        if evictions and cleared_for is not None:
            with self._changed:
                cleared_for.clearing = False
                self._changed.notify_all()
        if any(excess for _, _, excess in evictions):
            self._on_room()
