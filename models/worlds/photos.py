"""Real photographs for backdrops, reflections and textures in training, each with its licence. GPL and LGPL artwork
is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import packages

_IMAGES = {".jpg", ".jpeg", ".png", ".webp"}
_ALLOWED = re.compile(r"^(CC0|CC-BY(-SA)?-\d)", re.IGNORECASE)
# Wallpapers that show drawn shapes: good as patterns on walls and floors, wrong as the world behind an object.
_DRAWN = (
    "analogpattern",
    "umang",
    "Fossa",
    "Infinite-Sea",
    "Painting-Colors",
    "adwaita",
    "grid",
    "licorice",
    "symbolic",
    "truchet",
    "wood",
    "5120x2880",
)
_SKIPPED = ("vnc", "pixels")


@dataclass(frozen=True)
class Photo:
    """One picture file. `real` is False for drawn wallpapers. `licence` is that of the file, `source` its package."""

    path: Path
    licence: str
    source: str
    real: bool


def photos(cache: Path | str | None = None, names: Sequence[str] = packages.PHOTO_PACKAGES) -> list[Photo]:
    """Every usable picture of the packages, sorted by path; fetches what is missing. Raises
    packages.PackageProblem."""
    found: list[Photo] = []
    for name in names:
        folder = packages.fetch(name, cache)
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in _IMAGES or path.name.startswith("screenshot"):
                continue
            if any(path.stem.startswith(word) for word in _SKIPPED):
                continue
            licence = _licence(name, folder, path)
            if licence is None or not _ALLOWED.match(licence):
                continue
            if name.startswith("plasma") and path.stem != "5120x2880":
                continue
            real = not any(path.stem.startswith(word) for word in _DRAWN)
            found.append(Photo(path, licence, name, real))
    return found


def _licence(name: str, folder: Path, path: Path) -> str | None:
    """The licence of one file, from the package's own notes; None when they do not name one for it."""
    if name.startswith("lomiri"):
        return _debian_notes(folder).get(path.name)
    if name.startswith("plasma"):
        for parent in path.parents:
            note = parent / "metadata.json"
            if note.exists():
                found = re.search(r'"License":\s*"([^"]+)"', note.read_text(encoding="utf-8"))
                return found.group(1) if found else None
        return None
    return "CC-BY-SA-3.0"  # gnome-backgrounds: its README and AUTHORS name this licence for what it ships


@lru_cache(maxsize=8)
def _debian_notes(folder: Path) -> dict[str, str]:
    notes: dict[str, str] = {}
    for copyright_file in folder.rglob("copyright"):
        for block in copyright_file.read_text(encoding="utf-8", errors="replace").split("\n\n"):
            files = re.search(r"^Files:\s*(\S+)", block, re.MULTILINE)
            licence = re.search(r"^License:\s*(\S+)", block, re.MULTILINE)
            if files and licence:
                notes[Path(files.group(1)).name] = licence.group(1)
    return notes


@lru_cache(maxsize=64)
def pixels(path: Path, longest: int = 1600) -> NDArray[np.uint8]:
    """The picture as uint8 RGB (H, W, 3), its longer side at most `longest` pixels. Raises ValueError for no
    picture."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(
            f"{path.name}: not a readable picture. Delete the package's folder in the cache and run again."
        )
    scale = longest / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[:, :, ::-1]).astype(np.uint8)
