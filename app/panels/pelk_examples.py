"""What the PeLK room shows before the first action: results kept in assets/examples/pelk, and its example pictures.

``python -m app.panels.pelk_make_examples`` makes the files.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.guard import read_image
from app.guard.errors import BadInput
from app.panels import pelk_speed_view
from app.panels.pelk_session import Saved
from models.method import ASSETS
from models.pelk.designer import KernelSpec
from models.pelk.pipeline_timing_types import Timing

FOLDER = ASSETS / "examples" / "pelk"
PICTURES = {"cat": "Cat", "astronaut": "Astronaut", "coffee": "Coffee", "curves": "Dashed curves", "room": "Room"}
FORMS = ("csv", "json", "png")


@dataclass(frozen=True)
class Picture:
    """An opened picture: (H, W, 3) uint8, the digest of its file, the name people know it by."""

    image: NDArray[np.uint8]
    digest: str
    name: str


def opened(path: Path, name: str) -> Picture:
    """The picture in a file. Raises BadInput when it is none or its content is hostile."""
    try:
        data = path.read_bytes()
    except OSError as missing:
        raise BadInput(name, "is not on this server any more", "Open it again") from missing
    try:
        image = read_image(data).array
    except BadInput as problem:
        raise BadInput(name, problem.problem, problem.remedy) from problem
    return Picture(image, hashlib.sha256(data).hexdigest()[:32], name)


def example_picture(key: str) -> Picture:
    """A shipped picture. Raises BadInput for another key."""
    if key not in PICTURES:
        raise BadInput("The example", f"{key!r} does not exist", f"Choose one of {', '.join(PICTURES)}")
    return opened(FOLDER / f"{key}.png", PICTURES[key])


class Examples:
    """The kept results; each is there or not on its own."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.spec = KernelSpec()

    def speed(self) -> str:
        """The speed tab's mark-up."""
        kept = self._json("speed")
        if kept is None:
            return pelk_speed_view.first()
        timing = Timing.from_dict({k: v for k, v in kept.items() if k not in ("receipt", "machine")})
        return pelk_speed_view.drawn(timing, where=f"measured earlier on {kept.get('machine', 'another machine')}")

    def message(self, tab: str) -> dict[str, Any] | None:
        """What the browser side of a tab opens with, or None."""
        kept = self._json(f"{tab}_message")
        return None if kept is None else dict(kept)

    def saved(self, tab: str) -> Saved | None:
        """The files of a tab's example."""
        files = {form: path.read_bytes() for form in FORMS if (path := self.folder / f"{tab}.{form}").exists()}
        return Saved(f"pelk_{tab}_example", files) if files else None

    def _json(self, name: str) -> dict[str, Any] | None:
        return _read(self.folder / f"{name}.json")


@functools.lru_cache(maxsize=16)
def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
