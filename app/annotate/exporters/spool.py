"""JSON entries that wait on disk until their file is complete."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from app.annotate.exporters.objects import to_json
from app.annotate.exporters.whole import WholeFile

_LENGTH = struct.Struct("<I")


class Spool:
    """Grows by `add`, is read by `joined`. Packed and on disk, so its length costs no memory."""

    def __init__(self) -> None:
        self.count = 0
        number, path = tempfile.mkstemp(prefix="vitrine-")
        self._file = WholeFile(number)
        os.unlink(path)
        self._end = 0

    def add(self, entries: Iterable[Any]) -> None:
        """Append `entries`, all or none: when the disk is full (OSError) what was there before is still readable."""
        told = [to_json(entry) for entry in entries]
        if not told:
            return
        packed = zlib.compress(",".join(told).encode("ascii"), 6)
        self._file.seek(self._end)
        try:
            self._file.write(_LENGTH.pack(len(packed)) + packed)
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += _LENGTH.size + len(packed)
        self.count += len(told)

    def joined(self) -> Iterator[bytes]:
        """The entries with commas between them, in pieces."""
        place = 0
        while place < self._end:
            self._file.seek(place)
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            yield (b"," if place else b"") + zlib.decompress(self._file.read(length))
            place += _LENGTH.size + length

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()
