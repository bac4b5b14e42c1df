"""What a running job sees of the runtime."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from models.runtime.types import ResourceSpec


class JobContext(Protocol):
    """First argument of every job call."""

    device: str

    @property
    def cancelled(self) -> bool:
        """True once the user has asked to stop."""

    def tick(self, fraction: float | None = None, message: str = "") -> None:
        """Report progress in [0, 1]; call at least every 50 ms of work. Raises Cancelled when asked to stop."""

    def resource(self, spec: ResourceSpec) -> AbstractContextManager[Any]:
        """Lease a further resource of the shared cache; the block sees its value."""
