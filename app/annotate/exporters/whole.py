"""Writing to a file without a buffer: all of it, or OSError.

A buffer would keep what a full disk refused and fail again at the next seek, when we want to go back and save the rest.
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any


class WholeFile(io.FileIO):
    """A raw file for reading and writing. A raw write may take only a part when the disk is nearly full; ours never."""

    def __init__(self, path: Path | int) -> None:
        """path: a file to create, or the number of an open one."""
        super().__init__(path, "w+")

    def write(self, data: Any) -> int:
        """Write all of `data` and return its length in bytes."""
        view = memoryview(data).cast("B")
        left = view
        while len(left):
            written = super().write(left) or 0
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left = left[written:]
        return len(view)
