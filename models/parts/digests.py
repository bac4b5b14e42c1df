"""Names of files by their content."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def file_digest(file: Path) -> str:
    """The first 16 hex digits of the file's SHA-256, read once a version (time and size). Raises OSError."""
    stat = file.stat()
    return _digest(str(file), (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=64)
def _digest(path: str, version: tuple[int, int]) -> str:
    """``version`` is part of the cache's key alone: a file that changed is read again."""
    del version
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
