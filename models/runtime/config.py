"""Settings of a Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RuntimeConfig:
    """Budgets left at None are taken from the memory probes when the runtime starts.

    devices: "cpu", "cuda:0", "mps", ...; "auto" stands for the best there is. slots: jobs side by side per device.
    device_budget, host_budget: bytes; the device budget holds for each device.
    journal: SQLite file; None keeps the record in memory.
    warm_window_s: users whose device seconds differ by at most this count as nearly equal, and the one whose model is
    resident goes first. fresh_passes: how often a user who just came may be passed over that way.
    hard_wait_s: a user not served for this long goes before everyone, and room is kept free for the job.
    hold_s: a loaded resource stays at least this long, against ping-pong.
    max_queued: jobs that may wait; more are refused.
    """

    devices: tuple[str, ...] = ("cpu",)
    slots: int = 1
    device_budget: int | None = None
    host_budget: int | None = None
    journal: Path | None = None
    warm_window_s: float = 30.0
    fresh_passes: int = 1
    hard_wait_s: float = 180.0
    hold_s: float = 0.5
    max_queued: int = 10_000

    def __post_init__(self) -> None:
        if not self.devices:
            raise ValueError("RuntimeConfig.devices is empty; name at least one device, such as 'cpu'")
        if self.slots < 1:
            raise ValueError(f"RuntimeConfig.slots must be at least 1, got {self.slots}")
