"""What was measured on one picture, and the journal that keeps it so that a stopped run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.robust_sam.evaluation_config import Part, PromptKind, Row


@dataclass(frozen=True)
class Answer:
    """IoU of each row with one object's true mask, for one prompt under one degradation (``kind`` None: clean).

    ``share``: of the picture that the object covers. ``predicted``: the IoU that the plain branch expected of itself.
    """

    object: int
    share: float
    prompt: PromptKind
    kind: str | None
    severity: float
    iou: dict[Row, float]
    predicted: float


@dataclass(frozen=True)
class Clicks:
    """Clicks one row needed on one clean object until each goal of evaluation_config.GOALS."""

    object: int
    row: Row
    needed: list[int]


@dataclass(frozen=True)
class Found:
    """Best IoU that any mask of one row's everything mode has with one true object."""

    object: int
    row: Row
    iou: float


@dataclass(frozen=True)
class Record:
    """All of one picture. ``picture`` is its name, ``digest`` that of its pixels and masks."""

    picture: str
    part: Part
    digest: str
    answers: list[Answer] = field(default_factory=list)
    clicks: list[Clicks] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def from_json(parsed: Mapping[str, Any]) -> Record:
    """The record that ``asdict`` wrote. Raises KeyError or TypeError where it is of another form."""
    return Record(
        parsed["picture"],
        parsed["part"],
        parsed["digest"],
        [Answer(**answer) for answer in parsed["answers"]],
        [Clicks(**clicks) for clicks in parsed["clicks"]],
        [Found(**found) for found in parsed["found"]],
    )


class Journal:
    """Records on disk, one line a picture, written as they come. A line that was cut off by a stop is left out.

    ``path`` should name everything the records depend on; it is removed by ``finish``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Record]:
        """Picture -> record, of the run that was stopped; empty when there is none."""
        if not self.path.exists():
            return {}
        records = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = from_json(json.loads(line))
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
            records[record.picture] = record
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
