"""The facade: submit jobs, predict waits, show status."""

from __future__ import annotations

from collections.abc import Callable

from models.runtime.config import RuntimeConfig
from models.runtime.ticket import Ticket
from models.runtime.types import Job, Prediction, Status


class Runtime:
    """One per process."""

    def __init__(self, config: RuntimeConfig | None = None) -> None:
        self.config = config or RuntimeConfig()

    def submit(self, job: Job) -> Ticket:
        """Queue a job."""
        raise NotImplementedError

    def predict(self, job: Job) -> Prediction:
        """The wait this job would see if it were submitted now."""
        raise NotImplementedError

    def status(self) -> Status:
        """Device, memory, residents, queue."""
        raise NotImplementedError

    def subscribe(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call `listener` with a fresh Status after changes; returns the function that ends it."""
        raise NotImplementedError

    def close(self) -> None:
        """Cancel everything, release the cache, stop the workers."""
        raise NotImplementedError
