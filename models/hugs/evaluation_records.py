"""What was measured on one capture, and the journal that keeps it so that a stopped run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


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


class Journal:
    """Records on disk, one line a capture, written as they come. A line that was cut off by a stop is left out.

    ``path`` should name everything the records depend on; ``finish`` removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Record]:
        """Name -> record, of the run that was stopped; empty when there is none."""
        records = {}
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        for line in lines:
            try:
                record = from_json(json.loads(line))
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
            records[record.name] = record
        return records

    def add(self, record: Record) -> None:
        """Append one record; it is on the disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # A line cut off by a stop must not swallow this one.
            file.write(("\n" if file.tell() else "") + json.dumps(asdict(record)))
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> None:
        """The run is complete: the next one measures anew."""
        self.path.unlink(missing_ok=True)
