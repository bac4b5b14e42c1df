"""What the HuGS room shows before the first action, kept beside the shipped capture: the start reads no photo."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.method import ASSETS

FILE = ASSETS / "examples" / "hugs" / "first.json"


@dataclass(frozen=True)
class First:
    """The first message of the stage, film strip and scores as mark-up, the state line, photos of the capture."""

    message: dict[str, Any] = field(default_factory=lambda: {"panes": [], "side": "", "index": 0, "total": 0})
    film: str = ""
    scores: str = ""
    sentence: str = "Load a capture"
    images: int = 36


def first(file: Path = FILE) -> First:
    """The kept first state; an empty stage when the file is missing."""
    try:
        return First(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return First()


def write_first(file: Path = FILE) -> First:
    """Makes the file from the shipped capture."""
    from app.panels import hugs_view as view
    from app.panels.hugs_session import Session

    session = Session("example")
    names = session.work.names
    fused = session.work.fused(session.frame)
    made = First(
        view.message(session),
        view.film(session),
        view.scores_html(session),
        f"{len(names)} photos of a rendered room, computed earlier; {100 * fused.masked:.0f} % of this one is masked",
        len(names),
    )
    file.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made
