"""Zip archives from strangers, opened with limits: no path leaves the archive, nothing unpacks to more than was
agreed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


class ArchiveProblem(ValueError):
    """An archive that is not opened, or a member that is not read; the text names it and says what to do."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Byte and count bounds. Ratios are only judged above `ratio_floor` bytes: tiny members compress absurdly
    well."""

    members: int = 20_000
    member_bytes: int = 64 << 20
    total_bytes: int = 512 << 20
    ratio: float = 200.0
    ratio_floor: int = 1 << 20


def checked_name(name: str, archive: str) -> str:
    """The member name in one form (forward slashes, no leading slash). Raises ArchiveProblem for a name that climbs
    out."""
    flat = name.replace("\\", "/").lstrip("/")
    parts = PurePosixPath(flat).parts
    if not parts or ".." in parts or ":" in parts[0] or "\x00" in flat:
        raise ArchiveProblem(f"{archive}: member {name!r} points outside the archive. Do not use this file.")
    return "/".join(parts)


class SafeArchive:
    """A zip file whose directory was checked before anything is read.

    Raises ArchiveProblem when the file is no zip, has too many members, a member or the sum is too large, the ratio
    is that of a bomb, a name climbs out, or two names fall together. Members are read into memory only; nothing is
    written.
    """

    def __init__(self, path: Path, limits: ArchiveLimits | None = None) -> None:
        self.path = Path(path)
        self.limits = limits or ArchiveLimits()
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as problem:
            raise ArchiveProblem(
                f"{self.path.name}: not a readable zip archive ({problem}). Fetch it again."
            ) from problem
        try:
            self._members = self._check()
        except ArchiveProblem:
            self._zip.close()
            raise

    def _check(self) -> dict[str, zipfile.ZipInfo]:
        limits, name = self.limits, self.path.name
        entries = self._zip.infolist()
        if len(entries) > limits.members:
            raise ArchiveProblem(
                f"{name}: {len(entries)} members, at most {limits.members} are read. Split the archive."
            )
        members: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for entry in entries:
            member = checked_name(entry.filename, name)
            if entry.is_dir():
                continue
            if entry.file_size > limits.member_bytes:
                raise ArchiveProblem(
                    f"{name}: {member} unpacks to {entry.file_size} bytes, over {limits.member_bytes}."
                )
            packed = max(entry.compress_size, 1)
            if entry.file_size > limits.ratio_floor and entry.file_size / packed > limits.ratio:
                raise ArchiveProblem(f"{name}: {member} expands {entry.file_size // packed} times, as a zip bomb does.")
            if member in members:
                raise ArchiveProblem(f"{name}: {member} is listed twice. Repack the archive.")
            total += entry.file_size
            members[member] = entry
        if total > limits.total_bytes:
            raise ArchiveProblem(f"{name}: unpacks to {total} bytes, over {limits.total_bytes}. Split the archive.")
        return members

    def names(self) -> tuple[str, ...]:
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name.lstrip("/") in self._members

    def read(self, name: str) -> bytes:
        """The bytes of one member. Raises ArchiveProblem when it is missing, damaged, or longer than its directory
        says."""
        entry = self._members.get(checked_name(name, self.path.name))
        if entry is None:
            raise ArchiveProblem(
                f"{self.path.name}: no member {name!r}. The archive may be incomplete; fetch it again."
            )
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(entry.file_size + 1)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
            raise ArchiveProblem(
                f"{self.path.name}: {name} cannot be unpacked ({problem}). Fetch it again."
            ) from problem
        if len(data) != entry.file_size:
            raise ArchiveProblem(f"{self.path.name}: {name} is not as long as the directory says. Fetch it again.")
        return data

    def close(self) -> None:
        self._zip.close()

    def __enter__(self) -> SafeArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)
