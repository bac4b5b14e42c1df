"""Paths that stay where they belong."""

from __future__ import annotations

import os
from pathlib import Path

from app.guard.errors import BadInput
from models.parts.archives import safe_name


def inside(base: str | Path, path: str | Path) -> Path:
    """`path` resolved against the folder `base`, links followed, guaranteed to lie in it (or to be `base` itself).

    The file need not exist. Raises BadInput when it would lie elsewhere; the message names only the last part.
    """
    problem = BadInput(str(path), "lies outside the folder it should be in", "Choose a file from the list")
    text = os.fspath(path)
    if "\x00" in text:
        raise problem
    root = Path(base).resolve()
    try:
        resolved = (root / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise problem from error
    if resolved != root and root not in resolved.parents:
        raise problem
    return resolved


def download_name(name: str, suffix: str, fallback: str = "vitrine") -> str:
    """A file name for a download made from what a person typed: one part, letters, digits, "-", "_" and "." only.

    >>> download_name("my photo.JPG", "_mask.png")
    'my_photo_mask.png'
    """
    stem = Path(name.replace("\\", "/")).stem if name else ""
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem).strip("._")[:80]
    return safe_name(f"{kept or fallback}{suffix}")
