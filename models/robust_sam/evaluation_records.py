"""What was measured on one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from models.parts.measuring import Journal
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


def journal(path: Path) -> Journal[Record]:
    """The journal at ``path``, by the records' names."""
    return Journal(path, attrgetter("picture"), from_json)
