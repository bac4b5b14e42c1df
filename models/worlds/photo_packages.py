"""More real photographs for training: the animals, monuments and musicians of `gcompris-qt-data`, each under the
licence that the package's copyright file names for it; GPL and GFDL pictures are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import packages
from models.worlds.photos import photos, pixels
from models.worlds.qt_resources import entries
from models.worlds.splits import is_held_out

PACKAGE = "gcompris-qt-data"
SIDE = 1600
_ARCHIVES = (
    "categorization",
    "explore_world_animals",
)
_PICTURES = (".jpg", ".jpeg", ".webp")
_ALLOWED = re.compile(r"^(CC0|CC-BY(-SA)?-\d|public-domain)", re.IGNORECASE)
_WITHHELD = ("explore_world_animals", "volleyball.webp")
"""An archive and a file that training packs do without. What the evaluation shows now lies on the held-out side anyway;
the list stays so that packs on disk can be made again, byte by byte."""

_SMALLEST = 200
_MOST_PAPER = 0.25
"""Pictures with a larger share of one exact colour are drawings or cut-outs on paper."""


@dataclass(frozen=True)
class PackagePhoto:
    """One photograph: `name` is its file name, `licence` as the package states it, `image` uint8 (H, W, 3) RGB.
    `withheld`: kept from training on either side of the split."""

    name: str
    licence: str
    image: NDArray[np.uint8]
    withheld: bool


def package_photos(cache: Path | str | None = None) -> list[PackagePhoto]:
    """Every usable photograph of the package, in the order of its archives; fetches it when missing.

    Usable: at least 200 px a side, a licence of the CC-BY family or public domain, no drawing. Raises
    packages.PackageProblem and qt_resources.ResourceProblem.
    """
    folder = packages.fetch(PACKAGE, cache)
    notes = licences((folder / "usr/share/doc" / PACKAGE / "copyright").read_text(encoding="utf-8"))
    return list(_usable(folder / "usr/share/gcompris-qt/rcc", notes))


def _usable(folder: Path, notes: list[tuple[str, str]]) -> Iterator[PackagePhoto]:
    for archive in _ARCHIVES:
        for name, content in entries(folder / f"{archive}.rcc"):
            if not name.lower().endswith(_PICTURES):
                continue
            licence = licence_of(name.removeprefix("gcompris/"), notes)
            if licence is None or not _ALLOWED.match(licence):
                continue
            decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            if decoded is None or min(decoded.shape[:2]) < _SMALLEST:
                continue
            image = np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8)
            if not is_drawing(image):
                short = Path(name).name
                yield PackagePhoto(short, licence, image, archive in _WITHHELD or short in _WITHHELD)


def licences(notes: str) -> list[tuple[str, str]]:
    """(pattern, licence) pairs of a machine-readable Debian copyright file, in its order; the last match counts."""
    found = []
    for block in notes.split("\n\n"):
        files = re.search(r"^Files:((?:.*\n)(?:[ \t]+.*\n)*)", block + "\n", re.MULTILINE)
        licence = re.search(r"^License:\s*(\S+)", block, re.MULTILINE)
        if files and licence:
            found += [(pattern, licence.group(1)) for pattern in files.group(1).split()]
    return found


def licence_of(name: str, notes: list[tuple[str, str]]) -> str | None:
    """The licence of one file; the package ships as .webp what its notes call .jpg or .png."""
    stem = name.rsplit(".", 1)[0]
    names = [f"{stem}.{kind}" for kind in ("webp", "jpg", "jpeg", "png", "JPG")]
    for pattern, licence in reversed(notes):
        if any(fnmatchcase(each, pattern) for each in names):
            return licence
    return None


def is_drawing(image: NDArray[np.uint8]) -> bool:
    """Whether flat colour covers much of the picture (H, W, 3), as in clip art or objects on white paper."""
    small = image[::3, ::3].reshape(-1, 3).astype(np.int64)
    codes = (small[:, 0] << 16) + (small[:, 1] << 8) + small[:, 2]
    return bool(np.unique(codes, return_counts=True)[1].max() > _MOST_PAPER * len(codes))


@lru_cache(maxsize=4)
def real_photos(held_out: bool) -> tuple[NDArray[np.uint8], ...]:
    """All real photographs of one split, (H, W, 3) uint8, longer side at most 1600 px, in a fixed order.

    With held_out=False none of them is used in evaluation: its photos and backdrops are of the other split. Where a
    withheld picture would be, another of the split stands a second time, so that scenes of all others stay what they
    are. Raises packages.PackageProblem.
    """
    pictures = [(pixels(photo.path, SIDE), False) for photo in photos() if photo.real]
    pictures += [(photo.image, photo.withheld) for photo in package_photos()]
    split = [(picture, withheld) for picture, withheld in pictures if is_held_out(picture) == held_out]
    free = [picture for picture, withheld in split if not withheld]
    stand_ins = iter(free[::-1])
    return tuple(next(stand_ins) if withheld else picture for picture, withheld in split)
