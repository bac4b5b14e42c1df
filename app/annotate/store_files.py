"""Files that survive a crash at any moment: whole files replaced at once, and a log that only grows, line by line."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.annotate.store_events import Event, event_of
from app.guard.errors import BadInput

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # Windows gives up after ten seconds; a project is never held that long.
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


_BLOCK = 1 << 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotSaved(BadInput):
    """A project could not be written. What was to be written is kept in memory and tried again."""

    @classmethod
    def because(cls, name: str, error: OSError) -> NotSaved:
        """The operating system's error in the words of someone who can do something about it."""
        kept = "what you did is kept and saved with the next change"
        if error.errno in _FULL:
            return cls(name, "could not be saved: the disk is full", f"Free some space; {kept}")
        if error.errno in _FORBIDDEN:
            return cls(name, "could not be saved: its folder may not be written", f"Make it writable; {kept}")
        return cls(name, f"could not be saved ({error.strerror or error})", f"See that its disk is there; {kept}")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` against all threads and processes; waits. It goes back when its holder dies.

    The file stays: removing it would let two holders lock two files of one name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of the file: a reader or a crash sees the old or the new content, no mixture."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def append(path: Path, data: bytes) -> int:
    """Add whole lines to the log and wait for the disk; returns where they begin. The caller holds the lock.

    A last line that a crash has torn is removed first. When writing fails the log is as it was before.
    """
    fresh = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end, prefix = _sound_end(descriptor)
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, end, os.SEEK_SET)
        try:
            _write_all(descriptor, prefix + data)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if fresh:
        _sync_folder(path.parent)
    return end + len(prefix)


def lines_from(path: Path, offset: int) -> tuple[list[tuple[int, int, Event | None]], int]:
    """([(offset, length, event)], end) of the log from ``offset`` on; event is None for a damaged line.

    A torn last line is left out and ``end`` lies before it.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], 0
    found: list[tuple[int, int, Event | None]] = []
    place = 0
    while place < len(data):
        stop = data.find(b"\n", place)
        whole = stop >= 0
        stop = stop if whole else len(data)
        event = event_of(data[place:stop])
        if not whole and event is None:
            break
        if stop > place:
            found.append((offset + place, stop - place, event))
        place = stop + 1 if whole else stop
    return found, offset + place


def line_at(path: Path, places: list[tuple[int, int]]) -> Iterator[Event]:
    """The events at (offset, length) of the log."""
    with path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            event = event_of(file.read(length))
            if event is not None:
                yield event


def _sound_end(descriptor: int) -> tuple[int, bytes]:
    """Where the next line may begin, and what must stand before it to end the last one."""
    size = os.fstat(descriptor).st_size
    tail, start = b"", size
    while start > 0 and b"\n" not in tail:
        stop, start = start, max(0, start - _BLOCK)
        os.lseek(descriptor, start, os.SEEK_SET)
        tail = os.read(descriptor, stop - start) + tail
    torn = tail.rpartition(b"\n")[2]
    if not torn:
        return size, b""
    return (size, b"\n") if event_of(torn) is not None else (size - len(torn), b"")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
