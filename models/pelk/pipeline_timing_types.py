"""What a timing of one kernel found, as data; no torch is needed to read or draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.pelk.designer import KernelSpec

TITLES = {
    "fft": "FFT, minimal size",
    "boxes": "Boxes, three products",
    "taps": "Boxes, corner taps",
    "cropped": "Direct, cropped",
    "direct": "Direct (torch)",
}


@dataclass(frozen=True)
class Timed:
    """One form. milliseconds: best call, None when it was not run; skipped says why. error: largest error over the
    largest value, against a float64 sum over the taps. chosen: the dispatcher takes this one."""

    name: str
    title: str
    milliseconds: float | None = None
    median: float | None = None
    error: float | None = None
    rounds: int = 0
    skipped: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Timing:
    """All forms of one design. checked: output pixels of the first channel that the errors are of. steady: the two best
    times of the fastest form agree."""

    spec: KernelSpec
    rows: tuple[Timed, ...]
    threads: int
    device: str
    torch_version: str
    checked: int
    steady: bool
    seconds: float

    @property
    def fastest(self) -> Timed | None:
        """The best of those that ran."""
        ran = [row for row in self.rows if row.milliseconds is not None]
        return min(ran, key=lambda row: row.milliseconds or 0.0) if ran else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Timing:
        """What ``as_dict`` made."""
        rows = tuple(Timed(**row) for row in values["rows"])
        return cls(**{**values, "spec": KernelSpec(**values["spec"]), "rows": rows})
