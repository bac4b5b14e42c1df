"""What a running job sees of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from models.runtime.cache import Cache, Lease
from models.runtime.errors import Cancelled
from models.runtime.types import ResourceSpec

UNLIMITED = 2**62


class JobContext:
    """First argument of every job call. device: "cpu", "cuda:0", "mps".

    `JobContext()` alone serves scripts and tests that call a method without a runtime: it keeps what it loads.
    """

    def __init__(self, device: str = "cpu", cache: Cache | None = None, owner: Any = None,
                 report: Callable[[float | None, str], None] = lambda fraction, message: None,
                 is_cancelled: Callable[[], bool] = lambda: False) -> None:
        self.device = device
        self._cache = cache if cache is not None else Cache({device: UNLIMITED, "host": UNLIMITED}, hold_s=0.0)
        self._owner = owner if owner is not None else self
        self._report = report
        self._is_cancelled = is_cancelled
        self._open: list[Lease] = []

    @property
    def cancelled(self) -> bool:
        """True once the user has asked to stop."""
        return self._is_cancelled()

    def tick(self, fraction: float | None = None, message: str = "") -> None:
        """Report progress in [0, 1]; call at least every 50 ms of work. Raises Cancelled when asked to stop."""
        self.check()
        if fraction is not None or message:
            self._report(fraction, message)

    def check(self) -> None:
        """Raise Cancelled when asked to stop."""
        if self._is_cancelled():
            raise Cancelled("The job was cancelled.")

    def part(self, start: float, share: float) -> JobContext:
        """For a piece of the work: its progress counts for `share` of this one's from `start` on."""
        def report(fraction: float | None, message: str) -> None:
            self._report(None if fraction is None else start + share * fraction, message)

        piece = JobContext(self.device, self._cache, self._owner, report, self._is_cancelled)
        piece._open = self._open
        return piece

    @contextmanager
    def resource(self, spec: ResourceSpec) -> Iterator[Any]:
        """Lease a further resource of the shared cache; the block sees its value. Errors as in Cache.acquire."""
        lease = self._cache.acquire(spec, self.device, self._owner, self.check)
        self._open.append(lease)
        try:
            yield lease.value
        finally:
            lease.close()
            if lease in self._open:
                self._open.remove(lease)

    def close(self) -> None:
        """Give back what the job left open."""
        for lease in self._open:
            lease.close()
        self._open.clear()
