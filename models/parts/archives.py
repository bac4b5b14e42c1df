"""Zip files from other people: every entry is checked before any is unpacked, none is written by its own name.

`entries` reads a whole archive once, `SafeArchive` keeps one open and reads its files by name.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from models.parts.problems import BadInput, readable_bytes, shown_name


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold."""

    max_entries: int = 5_000
    """Most entries, folders included."""
    max_entry_bytes: int = 1_000_000_000
    """Largest single entry, unpacked."""
    max_total_bytes: int = 2_000_000_000
    """Largest sum of all entries, unpacked."""
    max_ratio: float = 200.0
    """Largest unpacked / packed ratio of an entry over 1 MB. Photos reach 1.1, text 20; deflate allows 1032."""
    max_name: int = 240
    """Longest entry name, in characters."""
    max_depth: int = 16
    """Most folders above an entry."""


DEFAULT = ArchiveLimits()

_SMALL = 1_000_000
_CHUNK = 1 << 20
# What macOS and Windows put into archives without being asked.
_CLUTTER_FOLDERS = frozenset({"__MACOSX"})
_CLUTTER_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error, OverflowError)


def entries(
    source: str | Path | bytes, *, name: str | None = None, limits: ArchiveLimits = DEFAULT
) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of each file in a zip.

    Names are relative, with "/" and without "..", unique also when case is ignored. Nothing is yielded before the whole
    directory has been checked. Folders and system clutter are left out.
    Raises BadInput for what is no zip, is damaged or encrypted, leads outside, links elsewhere, or exceeds `limits`.
    """
    title = shown_name(
        name or (source.name if isinstance(source, Path) else "" if isinstance(source, bytes) else source)
    )
    with _file(source, title) as file, opened(file, title, limits) as archive:
        for safe, info in checked(archive.infolist(), title, limits):
            yield safe, content(archive, info, safe, title)


class SafeArchive:
    """An open zip whose whole directory has been checked; files are read by name, into memory only.

    Use as a context manager, or `close` it. Raises BadInput as `entries` does; so does `read` for a name it lacks.
    """

    def __init__(self, path: str | Path, limits: ArchiveLimits = DEFAULT, name: str | None = None) -> None:
        """name: what messages call it; the bare file name by default."""
        self.title = shown_name(name or str(path))
        self._file = _file(path, self.title)
        try:
            self._zip = opened(self._file, self.title, limits)
            self._members = dict(checked(self._zip.infolist(), self.title, limits))
        except BadInput:
            self._file.close()
            raise

    def names(self) -> tuple[str, ...]:
        """The files in it, in the archive's order, without folders and clutter."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """The bytes of the file `name`."""
        info = self._members.get(name)
        if info is None:
            raise BadInput(self.title, f"has no file {name[:60]!a}", "Choose the complete archive")
        return content(self._zip, info, name, self.title)

    def size(self, name: str) -> int:
        """The unpacked bytes of the file `name`, as the directory announces them."""
        return self._members[name].file_size

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._zip.close()
        self._file.close()

    def __enter__(self) -> SafeArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(file: BinaryIO, title: str, limits: ArchiveLimits = DEFAULT) -> zipfile.ZipFile:
    """The zip in `file`, once its directory is known to be small enough to be read."""
    _check_directory_size(file, title, limits)
    try:
        return zipfile.ZipFile(file)
    except (*_ZIP_ERRORS, NotImplementedError) as error:
        raise BadInput(title, "is not a zip archive, or it is damaged", "Pack the files into a zip again") from error


def safe_name(raw: str, title: str = "The archive", limits: ArchiveLimits = DEFAULT) -> str:
    """`raw` with "/" between its parts, or BadInput when it could lead outside a folder on any system."""
    problem = None
    spelled = raw.replace("\\", "/")
    parts = [part for part in spelled.rstrip("/").split("/") if part != "."]
    if any(ord(character) < 32 or ord(character) == 127 for character in raw):
        problem = "with control characters"
    elif spelled.startswith("/") or ":" in spelled:
        problem = "that starts at a drive or at the root"
    elif any(not part.strip(" .") for part in parts) or not parts:
        problem = "that leads outside its folder"
    elif len(raw) > limits.max_name or len(parts) > limits.max_depth + 1:
        problem = "that is too long or too deep"
    if problem:
        raise BadInput(title, f"has an entry named {raw[:60]!a}, a name {problem}", "Pack the files into a zip again")
    return "/".join(parts)


def _file(source: str | Path | bytes, title: str) -> BinaryIO:
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        return Path(source).open("rb")
    except (OSError, ValueError) as error:
        raise BadInput(title, "cannot be read", "Upload the archive again") from error


def _check_directory_size(file: BinaryIO, title: str, limits: ArchiveLimits) -> None:
    """Bounds the directory before zipfile builds an object per entry: a 60 MB file can list a million of them."""
    end = file.seek(0, 2)
    reach = min(end, 22 + 65535)
    file.seek(end - reach)
    tail = file.read(reach)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise BadInput(title, "is not a zip archive, or it is cut off", "Pack the files into a zip again")
    count, size = struct.unpack("<HI", tail[place + 10 : place + 16])
    locator = tail[place - 20 : place] if place >= 20 else b""
    if locator[:4] == b"PK\x06\x07":
        (offset,) = struct.unpack("<Q", locator[8:16])
        file.seek(min(offset, end))
        record = file.read(56)
        if len(record) == 56 and record[:4] == b"PK\x06\x06":
            count, size = struct.unpack("<QQ", record[32:48])
    file.seek(0)
    if count > limits.max_entries or size > limits.max_entries * (46 + limits.max_name * 4 + 64):
        raise BadInput(
            title,
            f"has {max(count, limits.max_entries + 1):,} entries or more",
            f"The limit is {limits.max_entries:,}: split it",
        )


def checked(infos: list[zipfile.ZipInfo], title: str, limits: ArchiveLimits) -> list[tuple[str, zipfile.ZipInfo]]:
    """(safe name, entry) of each file among `infos`; raises BadInput when any entry breaks a rule."""
    if len(infos) > limits.max_entries:
        raise BadInput(title, f"has {len(infos):,} entries", f"The limit is {limits.max_entries:,}: split it")
    wanted: list[tuple[str, zipfile.ZipInfo]] = []
    seen: set[str] = set()
    total = 0
    for info in infos:
        # orig_filename: zipfile cuts `filename` at a NUL, which would hide what follows.
        safe = safe_name(info.orig_filename, title, limits)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadInput(title, f"has {safe!a}, which is a link or a device", "Pack the files themselves")
        if info.flag_bits & 0x1:
            raise BadInput(title, "is protected by a password", "Pack it again without one")
        key = unicodedata.normalize("NFC", safe).casefold()
        if key in seen:
            raise BadInput(title, f"has {safe!a} twice", "Rename one of the two and pack it again")
        seen.add(key)
        if info.is_dir() or kind == stat.S_IFDIR:
            continue
        _check_sizes(info, safe, title, limits)
        total += info.file_size
        if total > limits.max_total_bytes:
            raise BadInput(
                title,
                f"unpacks to more than {readable_bytes(limits.max_total_bytes)}",
                "Split it into smaller archives",
            )
        parts = safe.split("/")
        if not _CLUTTER_FOLDERS.intersection(parts[:-1]) and parts[-1] not in _CLUTTER_FILES:
            wanted.append((safe, info))
    return wanted


def _check_sizes(info: zipfile.ZipInfo, safe: str, title: str, limits: ArchiveLimits) -> None:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(title, f"packs {safe!a} in an unusual way", "Pack it as an ordinary zip (deflate)")
    if info.file_size > limits.max_entry_bytes:
        raise BadInput(
            title,
            f"has {safe!a} with {readable_bytes(info.file_size)}",
            f"The limit for one file is {readable_bytes(limits.max_entry_bytes)}",
        )
    if info.file_size > _SMALL and info.file_size > limits.max_ratio * max(info.compress_size, 1):
        raise BadInput(
            title,
            f"has {safe!a}, which grows more than {limits.max_ratio:g}-fold when unpacked",
            "That is how zip bombs look: pack the files themselves",
        )


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, safe: str, title: str) -> bytes:
    """The bytes of one entry, never more than its directory entry announced."""
    chunks: list[bytes] = []
    left = info.file_size
    try:
        with archive.open(info) as file:
            while chunk := file.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("longer than announced")
                chunks.append(chunk)
    except (*_ZIP_ERRORS, NotImplementedError) as error:
        raise BadInput(title, f"is damaged at {safe!a}", "Pack the files into a zip again") from error
    if left:
        raise BadInput(title, f"is damaged at {safe!a}", "Pack the files into a zip again")
    return b"".join(chunks)
