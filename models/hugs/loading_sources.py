"""Where the files of a capture come from: a folder, a zip or a list of uploads, all read by relative name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from models.parts.problems import BadInput, readable_bytes, shown_name

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".mpeg", ".3gp", ".gif"})
_MOST_FILES = 20_000
_MOST_BYTES = 1_000_000_000


class Files(Protocol):
    """Files by relative name with "/" between folders; a SafeArchive is one too."""

    title: str

    def names(self) -> tuple[str, ...]:
        """All names."""

    def read(self, name: str) -> bytes:
        """The content of one; BadInput when it cannot be read."""


class Folder:
    """The files below a folder. Links are not followed: they could lead anywhere."""

    def __init__(self, path: str | Path, title: str | None = None) -> None:
        """Raises BadInput when the folder cannot be read or has too many files."""
        self.title = shown_name(title or str(path), "The folder")
        self._root = Path(path)
        names = []
        if not self._root.is_dir():
            raise BadInput(self.title, "is not a folder that can be read", "Choose the folder again")
        for folder, folders, files in os.walk(self._root, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                path = Path(folder) / name
                if not name.startswith(".") and not path.is_symlink():
                    names.append(path.relative_to(self._root).as_posix())
            if len(names) > _MOST_FILES:
                raise BadInput(self.title, f"holds more than {_MOST_FILES:,} files", "Choose the capture's own folder")
        self._names = tuple(sorted(names))

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return self._names

    def read(self, name: str) -> bytes:
        """The content of the file `name`."""
        return _content(self._root / name, name)


class FileList:
    """Single files, such as uploads, by their bare names; equal names are told apart by a number."""

    def __init__(self, paths: Sequence[str | Path], title: str = "The photos") -> None:
        self.title = title
        self._paths: dict[str, Path] = {}
        for given in paths:
            path = Path(given)
            name, count = path.name, 2
            while name in self._paths:
                name, count = f"{path.stem}_{count}{path.suffix}", count + 1
            self._paths[name] = path

    def names(self) -> tuple[str, ...]:
        """All names, in the order given."""
        return tuple(self._paths)

    def read(self, name: str) -> bytes:
        """The content of the file `name`."""
        return _content(self._paths[name], name)


def pictures(files: Files) -> list[str]:
    """The names that end like pictures, numbers in them counted as numbers (frame_9 before frame_10)."""
    return sorted((name for name in files.names() if suffix(name) in PICTURES), key=in_order)


def suffix(name: str) -> str:
    """The ending of a name in small letters, with its dot."""
    return PurePosixPath(name).suffix.lower()


def in_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which numbers inside names count as numbers."""
    return tuple(
        (1, int(part), part) if part.isdecimal() and part.isascii() else (0, 0, part.casefold())
        for part in re.split(r"(\d{1,18})", name)
    )


def _content(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise BadInput(name, f"has {readable_bytes(size)}", f"The limit is {readable_bytes(_MOST_BYTES)}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(name, "cannot be read", "Choose the files again") from error
