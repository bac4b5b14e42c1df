"""What goes in and out of the runtime: jobs, resources, states, predictions, events, receipts, status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

PoolKind = Literal["device", "host"]


class State(StrEnum):
    """A ticket's life: queued -> admitted -> loading -> running -> done | failed | cancelled | refused."""

    QUEUED = "queued"
    ADMITTED = "admitted"
    LOADING = "loading"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def terminal(self) -> bool:
        """True once nothing more can happen to the ticket."""
        return self in TERMINAL


TERMINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.REFUSED})


@dataclass(frozen=True)
class Loaded:
    """What a loader returns. bytes: actual resident size. release: called once when the cache lets go of it."""

    value: Any
    bytes: int
    release: Callable[[], None] | None = None


@dataclass(frozen=True)
class ResourceSpec:
    """Anything the shared cache can hold: a model, the features of an image, ...

    key: unique, includes the weights digest, device and dtype. load: called with a device name ("cpu", "cuda:0",
    "mps"), at most once at a time per key. bytes: estimate before loading. pool: the budget it counts against.
    label: what the status strip shows.
    """

    key: str
    load: Callable[[str], Loaded]
    bytes: int
    pool: PoolKind = "device"
    label: str = ""


@dataclass(frozen=True)
class Job:
    """One unit of work for one user.

    call(context, model, **arguments) returns a value, or is a generator that yields partial results and returns the
    final one. model is leased for the whole run. peak_bytes: declared working memory per pool ("device", "host")
    beyond the model and cached resources, used until it has been learned. shrink: argument overrides, largest first,
    tried in order when memory runs out. cost_hints: "run_s", "load_s" used until measured. priority orders a user's
    own jobs, and breaks near ties between users.
    """

    user: str
    method: str
    checkpoint: str
    call: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    model: ResourceSpec | None = None
    shape_bucket: str = ""
    priority: int = 0
    label: str = ""
    inputs_digest: str = ""
    weights_digest: str = ""
    seed: int | None = None
    peak_bytes: Mapping[str, int] = field(default_factory=dict)
    shrink: tuple[Mapping[str, Any], ...] = ()
    cost_hints: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.call):
            raise TypeError(f"Job.call must be a function or generator function, got {type(self.call).__name__}")
        unknown = set(self.peak_bytes) - {"device", "host"}
        if unknown:
            raise ValueError(f"Job.peak_bytes names pool {sorted(unknown)[0]!r}; the pools are 'device' and 'host'")

    @property
    def title(self) -> str:
        """What messages and the status strip call the job."""
        return self.label or self.method


@dataclass(frozen=True)
class Prediction:
    """Seconds from now until the result, as an interval, and why. ahead: jobs expected to start before it."""

    low_s: float
    high_s: float
    cause: str
    ahead: int = 0


@dataclass(frozen=True)
class Event:
    """One change of a ticket. kind: "state", "progress", "partial" (value holds it) or "queue" (place moved).
    eta_s: seconds left of a running job, from its own progress; None while unknown."""

    ticket: str
    state: State
    kind: Literal["state", "progress", "partial", "queue"]
    progress: float | None = None
    message: str = ""
    place: int = 0
    predicted: Prediction | None = None
    value: Any = None
    eta_s: float | None = None


@dataclass(frozen=True)
class Receipt:
    """How a result came about; written into exported files. Seconds and bytes; finished_at is ISO 8601 in UTC.

    shrunk: the argument overrides used when memory ran out, empty otherwise.
    """

    ticket: str
    method: str
    checkpoint: str
    inputs_digest: str
    seed: int | None
    weights_digest: str
    code_version: str
    device: str
    peak_bytes: Mapping[str, int]
    wait_s: float
    load_s: float
    run_s: float
    finished_at: str
    shrunk: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return {item.name: getattr(self, item.name) for item in fields(self)} | {"peak_bytes": dict(self.peak_bytes)}

    def as_text(self) -> str:
        """One "name: value" line per field, for PNG text chunks and people."""
        return "\n".join(f"{name}: {value}" for name, value in self.as_dict().items() if value not in ("", None))


def utc_text(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Resident:
    """One resource in the cache. bytes: resident size; leases: how many jobs use it now."""

    label: str
    bytes: int
    leases: int
    pool: str
    loading: bool = False

    @property
    def leased(self) -> bool:
        """True while at least one job uses it; it is then never evicted."""
        return self.leases > 0


@dataclass(frozen=True)
class PoolStatus:
    """A byte budget: used = residents + working memory of admitted jobs."""

    name: str
    budget: int
    used: int

    @property
    def free(self) -> int:
        """Bytes not accounted to anything."""
        return self.budget - self.used


@dataclass(frozen=True)
class Status:
    """What the status strip shows. predicted: the wait a new job of an unknown kind would see.
    calibration: share of past waits inside their predicted interval, None before the first."""

    device: str
    pools: tuple[PoolStatus, ...]
    residents: tuple[Resident, ...]
    queued: int
    running: tuple[str, ...]
    predicted: Prediction
    calibration: float | None
    calibration_count: int

    @property
    def memory_budget(self) -> int:
        """Bytes of the first device's budget."""
        return self.pools[0].budget

    @property
    def memory_free(self) -> int:
        """Bytes of the first device's budget that nothing occupies."""
        return self.pools[0].free
