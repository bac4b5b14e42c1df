"""What the video room shows before the first action: a shipped clip with its answer, kept as mark-up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from app.panels.ost_controls import FOLDER

FILE = FOLDER / "first.json"
CLIP = "bowling.mp4"


@dataclass(frozen=True)
class First:
    """The clip's file name, the mark-up of rankings, map and timeline, the classes, the state line.

    ``rows``: the table of classes, so that the start need not write it anew.
    """

    clip: str = ""
    rankings: str = ""
    heat: str = ""
    line: str = ""
    names: tuple[str, ...] = ()
    sentence: str = "Choose an example clip or open a video"
    rows: tuple[tuple[str, ...], ...] = ()


def first(file: Path = FILE) -> First:
    """The kept first state; an empty one when the file is missing."""
    if not file.exists():
        return First()
    kept = json.loads(file.read_text(encoding="utf-8"))
    rows = tuple(tuple(row) for row in kept.get("rows", ()))
    return First(**{**kept, "names": tuple(kept["names"]), "rows": rows})


def write(kept: First, file: Path = FILE) -> None:
    """Keep a first state."""
    file.write_text(json.dumps(asdict(kept), ensure_ascii=False), encoding="utf-8")
