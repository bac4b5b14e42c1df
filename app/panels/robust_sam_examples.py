"""The photos that ship with the room, and the result that is on screen before the first click.

``python -m app.panels.robust_sam_make_examples`` makes the files: photos from scikit-image, scenes from our own
generator, the result from the shipped weights.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.guard import read_image
from app.guard.errors import BadInput
from app.panels import robust_sam_results as results
from app.panels import robust_sam_state as state
from app.panels.robust_sam_jobs import described
from app.panels.robust_sam_session import Answer, Branch, Degradation, Photo, Session
from app.stage_encode import address
from models.method import ASSETS

FOLDER = ASSETS / "examples" / "robust_sam"
FIRST = "first.json"


@dataclass(frozen=True)
class Example:
    """A shipped photo."""

    name: str
    title: str
    file: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return FOLDER / self.file

    def thumbnail(self) -> str:
        """A square data address for the list of examples."""
        return address((FOLDER / "thumbnails" / f"{self.name}.jpg").read_bytes(), "image/jpeg")


@dataclass(frozen=True)
class First:
    """What is on screen before the first click: the session every page starts from, its message, one sentence."""

    session: Session
    message: dict[str, Any]
    sentence: str


@functools.lru_cache(maxsize=1)
def listed() -> tuple[Example, ...]:
    """All shipped photos, in the order of the list."""
    entries = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
    return tuple(Example(**entry) for entry in entries)


def path_of(name: str) -> Path:
    """The file of example ``name``; raises BadInput for any other name."""
    for example in listed():
        if example.name == name:
            return example.path
    raise BadInput(name, "is not an example", f"Choose one of {', '.join(e.name for e in listed())}")


def photo(name: str) -> Photo:
    """Example ``name`` as a photo."""
    return read_photo(path_of(name), name, {"example": name})


def read_photo(path: Path, name: str, reference: Mapping[str, str]) -> Photo:
    """The picture in the file ``path``, which people know as ``name``; raises BadInput."""
    try:
        data = path.read_bytes()
    except OSError as missing:
        raise BadInput(name, "is not on this server any more", "Open it again") from missing
    try:
        picture = read_image(data)
    except BadInput as problem:
        raise BadInput(name, problem.problem, problem.remedy) from problem
    return Photo(name, reference, picture.array, hashlib.sha256(data).hexdigest()[:32])


@functools.lru_cache(maxsize=1)
def first() -> First:
    """The example result, read from the files that robust_sam_make_examples made."""
    session = Session("example")
    if not (FOLDER / FIRST).exists():
        session.set_photo(photo(listed()[0].name))
        told = results.message(session, busy=False) | {"photo": session.photo_part(), "example": True, "keep": None}
        return First(session, told, "An example photo: click an object in it")
    kept = json.loads((FOLDER / FIRST).read_text(encoding="utf-8"))
    session.degradation = Degradation(**kept["degradation"])
    shown = photo(kept["example"])
    session.set_photo(shown, state.from_dict(kept["document"], shown.size))
    for thing, numbers in zip(session.history.now.objects, kept["answers"], strict=True):
        session.keep(session.key(thing), Answer({name: _branch(values) for name, values in numbers.items()}, 0.0))
    told = results.message(
        session, busy=False, masks=session.masks(list(session.answers)), degraded=described(session.degradation)
    )
    picture = address((FOLDER / kept["picture"]).read_bytes(), "image/jpeg")
    told |= {"photo": session.photo_part(picture), "example": True, "keep": None}
    return First(session, told, kept["sentence"])


def _branch(values: Mapping[str, Any]) -> Branch:
    with Image.open(FOLDER / values["mask"]) as picture:
        mask = np.asarray(picture.convert("1"), dtype=bool)
    return Branch(mask, **{name: value for name, value in values.items() if name != "mask"})
