"""Typed problems of the runtime. Every message names the job or resource and says what to do about it."""

from __future__ import annotations


class RuntimeProblem(Exception):
    """Base of everything the runtime raises on purpose."""


class Cancelled(RuntimeProblem):
    """The job was cancelled by its user or by closing the runtime."""


class Closed(RuntimeProblem):
    """The runtime no longer takes work."""


class Refused(RuntimeProblem):
    """The job was not accepted: it can never run here as it is, or the queue is full."""


class NeverFits(Refused):
    """A resource or a job is larger than the whole budget of a pool."""

    def __init__(self, what: str, pool: str, needed: int, budget: int) -> None:
        super().__init__(
            f"{what} needs {megabytes(needed)} in pool '{pool}', which has {megabytes(budget)} in all. "
            "Use a smaller checkpoint or input, or raise the memory budget."
        )
        self.pool, self.needed, self.budget = pool, needed, budget


class LoadFailed(RuntimeProblem):
    """A loader raised; every waiter of that resource gets one of these."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(f"Could not load '{label}': {reason}")
        self.label, self.reason = label, reason


class OutOfMemory(RuntimeProblem):
    """A device or the machine ran out of memory while a job ran or a resource loaded.

    pool: device name or "host"; needed: bytes asked for when known, else 0.
    """

    def __init__(self, message: str, pool: str = "", needed: int = 0) -> None:
        super().__init__(message)
        self.pool, self.needed = pool, needed


class JobFailed(RuntimeProblem):
    """The job raised. `original` is its exception without frames (frames would keep models alive);
    `details` is the formatted traceback for a log."""

    def __init__(self, message: str, original: BaseException | None = None, details: str = "") -> None:
        super().__init__(message)
        self.original, self.details = original, details


class WrongCheckpoint(RuntimeProblem):
    """A weights file that does not belong to the module it was given to."""

    def __init__(self, message: str, missing: tuple[str, ...] = (), unexpected: tuple[str, ...] = (),
                 wrong_shape: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.missing, self.unexpected, self.wrong_shape = missing, unexpected, wrong_shape


def megabytes(count: int) -> str:
    """Bytes in words a person reads: "340 MB", "2.1 GB" (decimal)."""
    if count >= 10**9:
        return f"{count / 1e9:.1f} GB"
    if count >= 10**6:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e3:.0f} kB"
