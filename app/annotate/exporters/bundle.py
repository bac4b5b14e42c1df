"""A zip written entry by entry, of which every finished entry stays readable when the disk runs full."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Iterable
from typing import IO

from models.parts.archives import safe_name

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PACKED = (".png", ".jpg", ".npz", ".zip")


class Bundle:
    """Use as a context manager, or call `close`. Fixed dates, so that equal content gives equal bytes.

    Nothing but the directory (about 100 bytes an entry) is kept in memory.
    """

    def __init__(self, target: IO[bytes]) -> None:
        """target: a file open for writing and seeking, without a buffer (WholeFile, BytesIO); it stays open."""
        self._target = target
        self._zip = zipfile.ZipFile(target, "w", allowZip64=True)
        self._keys: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Also for a name that differs in case or in the spelling of accents only: some systems hold both for one."""
        return _key(name) in self._keys

    def __len__(self) -> int:
        return len(self._zip.filelist)

    def write(self, name: str, data: bytes) -> None:
        """One entry. Raises OSError when it cannot be written whole; the entries before it are not harmed."""
        self.stream(name, (data,), large=len(data) >= 1 << 30)

    def stream(self, name: str, pieces: Iterable[bytes], *, large: bool = True) -> None:
        """The same for content that comes in pieces; large: it may have more than 2 GB."""
        info = zipfile.ZipInfo(safe_name(name, "The export"), _EPOCH)
        info.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
        count, end = len(self._zip.filelist), self._zip.start_dir
        try:
            with self._zip.open(info, "w", force_zip64=large) as entry:
                for piece in pieces:
                    entry.write(piece)
            self._target.flush()
        except BaseException:
            # zipfile would list the torn entry; we go back to where the last whole one ended.
            del self._zip.filelist[count:]
            self._zip.NameToInfo.pop(info.filename, None)
            self._zip.start_dir = end
            self._target.seek(end)
            self._target.truncate()
            raise
        self._keys.add(_key(info.filename))

    def close(self) -> None:
        """Write the directory; a second call does nothing."""
        self._zip.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
