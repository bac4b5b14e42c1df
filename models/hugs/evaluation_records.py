"""What was measured on one capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from models.parts.measuring import Journal


@dataclass(frozen=True)
class MapScore:
    """Agreement of static maps with the truth over all frames of a capture.

    miou: mean of the IoU of static and of moving pixels; moving: the latter; f1, recall: of moving pixels.
    """

    miou: float
    moving: float
    f1: float
    recall: float


@dataclass(frozen=True)
class FieldScore:
    """Means over the clean held-out views, in decibels and without unit, at the photos' own size.

    corrected: PSNR after colour correction; small: PSNR at the size that the field learns at.
    """

    psnr: float
    ssim: float
    corrected: float
    small: float


@dataclass(frozen=True)
class Record:
    """All of one capture. scene: setting; digest: of the capture; seconds: stage -> time it took here."""

    scene: str
    seed: int
    digest: str
    moving_share: float
    placed: int
    points: int
    segments: str
    maps: dict[str, MapScore] = field(default_factory=dict)
    fields: dict[str, FieldScore] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique in a run."""
        return f"{self.scene} {self.seed}"


def from_json(parsed: Mapping[str, Any]) -> Record:
    """The record that ``asdict`` wrote. Raises KeyError or TypeError where it is of another form."""
    plain = {key: parsed[key] for key in ("scene", "seed", "digest", "moving_share", "placed", "points", "segments")}
    return Record(
        **plain,
        maps={name: MapScore(**score) for name, score in parsed["maps"].items()},
        fields={name: FieldScore(**score) for name, score in parsed["fields"].items()},
        seconds=dict(parsed["seconds"]),
    )


def journal(path: Path) -> Journal[Record]:
    """The journal at ``path``, by the records' names."""
    return Journal(path, attrgetter("name"), from_json)
