"""One byte budget: who occupies it, and which idle resident goes first when room is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from models.runtime.ranked import Ranked


class Phase(Enum):
    """RESERVED: room is kept, nobody loads yet. LOADING, READY: as named. GONE: evicted or failed."""

    RESERVED = 1
    LOADING = 2
    READY = 3
    GONE = 4


@dataclass(eq=False)
class Entry:
    """A resource in the cache. leases counts users and those waiting for the load: while above 0 it stays.

    reload_s: measured seconds to load. held_until: before this moment it is not evicted. failure: builds the error
    its waiters raise once the load has failed. clearing: what was evicted for it is not yet released.
    """

    pool: Pool
    key: str
    label: str
    bytes: int
    phase: Phase = Phase.RESERVED
    leases: int = 0
    value: Any = None
    release: Callable[[], None] | None = None
    reload_s: float = 0.0
    held_until: float = 0.0
    clearing: bool = False
    failure: Callable[[], Exception] | None = None


@dataclass
class Pool:
    """Invariant: entries + working + draining <= budget, always.

    working: memory promised to admitted jobs. draining: evicted bytes that are not yet given back and that nobody
    has been promised. age: GreedyDual-Size clock; it rises to the rank of each victim, so that what is not
    used grows relatively cheaper.
    """

    name: str
    budget: int
    entries: dict[str, Entry] = field(default_factory=dict)
    occupied: int = 0
    working: int = 0
    draining: int = 0
    age: float = 0.0
    idle: Ranked[Entry] = field(default_factory=Ranked)
    idle_bytes: int = 0

    @property
    def used(self) -> int:
        """Bytes accounted to residents, loads, working memory and unfinished evictions."""
        return self.occupied + self.working + self.draining

    def rest(self, entry: Entry) -> None:
        """The last lease came back: rank the entry by reload seconds per byte on top of the pool's age."""
        cost_per_gigabyte = max(entry.reload_s, 1e-6) * 1e9 / max(entry.bytes, 1)
        self.idle.put(entry, self.age + cost_per_gigabyte)
        self.idle_bytes += entry.bytes

    def rouse(self, entry: Entry) -> None:
        """The entry is leased again and no candidate any more."""
        if entry in self.idle:
            self.idle.drop(entry)
            self.idle_bytes -= entry.bytes

    def add(self, entry: Entry) -> None:
        """Account for a new entry."""
        self.entries[entry.key] = entry
        self.occupied += entry.bytes

    def remove(self, entry: Entry) -> None:
        """Forget an entry; its bytes are free again."""
        self.rouse(entry)
        if self.entries.get(entry.key) is entry:
            del self.entries[entry.key]
            self.occupied -= entry.bytes
        entry.phase = Phase.GONE

    def victims(self, needed: int, now: float) -> list[Entry] | float | None:
        """Idle entries, cheapest to reload first, that make room for `needed` bytes; [] when there is room.

        Without enough: the moment at which enough holds have ended, or None when leases must return first.
        """
        missing = self.used + needed - self.budget
        if missing <= 0:
            return []
        if self.idle_bytes < missing:
            return None
        chosen, freed = [], 0
        held: list[Entry] = []
        for entry in self.idle:
            if entry.held_until > now:
                held.append(entry)
                continue
            chosen.append(entry)
            freed += entry.bytes
            if freed >= missing:
                return chosen
        for entry in sorted(held, key=lambda entry: entry.held_until):
            freed += entry.bytes
            if freed >= missing:
                return entry.held_until
        return None

    def evict(self, entries: list[Entry], needed: int) -> int:
        """Remove the entries to make room for `needed` bytes; returns the bytes to pass to `drained` once released."""
        freed = sum(entry.bytes for entry in entries)
        for entry in entries:
            self.age = max(self.age, self.idle.rank(entry) or 0.0)
            self.remove(entry)
        # What exceeds the need may not be promised to others before it is really free.
        excess = max(0, freed - needed)
        self.draining += excess
        return excess

    def drained(self, excess: int) -> None:
        """The evicted resources of one `evict` have been released."""
        self.draining -= excess
