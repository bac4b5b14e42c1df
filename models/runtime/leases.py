"""What the cache hands out: leases of residents, and room granted to jobs that are about to start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.runtime.errors import Cancelled, LoadFailed, OutOfMemory
from models.runtime.pool import Entry, Pool
from models.runtime.types import ResourceSpec


@dataclass
class Grant:
    """Room kept for one owner: a place for its resource, its working memory, and evictions still to be carried out.

    fresh: the place was made by this grant, and whoever loads into it must wait for these evictions.
    """

    owner: Any
    device: str
    entry: Entry | None
    working: dict[str, int]
    evictions: list[tuple[Pool, list[Entry], int]] = field(default_factory=list)
    fresh: bool = False


@dataclass(frozen=True)
class Later:
    """No room now. retry_at: when a hold ends, None when somebody must give something back first."""

    retry_at: float | None


class Lease:
    """The right to use a resident resource until `close`. load_s: seconds its owner spent loading or waiting;
    reload_s: seconds the load itself took, whoever did it."""

    __slots__ = ("_entry", "_give_back", "_owner", "load_s", "reload_s", "value")

    def __init__(self, give_back: Callable[[Entry, Any], None], entry: Entry, owner: Any, load_s: float) -> None:
        self._give_back, self._owner = give_back, owner
        self._entry: Entry | None = entry
        self.value, self.load_s, self.reload_s = entry.value, load_s, entry.reload_s

    def close(self) -> None:
        """Give the lease back; a second call does nothing."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self.value = None
            self._give_back(entry, self._owner)

    def __enter__(self) -> Any:
        return self.value

    def __exit__(self, *_: object) -> None:
        self.close()


def plain_shortage(problem: BaseException, device: str) -> OutOfMemory | None:
    """Python's own running out of memory as our typed error; None for anything else."""
    if isinstance(problem, OutOfMemory):
        return problem
    return OutOfMemory(f"Out of main memory: {problem or 'no detail given'}", "host") if isinstance(
        problem, MemoryError) else None


def failure_for(spec: ResourceSpec, problem: BaseException,
                shortage: OutOfMemory | None) -> Callable[[], Exception] | None:
    """Builds the error for each waiter; None when the loader was merely cancelled."""
    label = spec.label or spec.key
    if isinstance(problem, Cancelled) or not isinstance(problem, Exception):
        return None
    if shortage is not None:
        pool, needed = shortage.pool, shortage.needed or spec.bytes
        text = f"Out of memory while loading '{label}': {shortage}"
        return lambda: OutOfMemory(text, pool, needed)
    reason = str(problem) or type(problem).__name__
    return lambda: LoadFailed(label, reason)
