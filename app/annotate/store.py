"""An annotation project that many pages and processes may work on at once, and that no crash takes anything from.

A project is a folder: ``project.json`` (labels, images), ``images/``, ``events.jsonl`` (every change, only ever added
to), ``snapshot.json`` (a short cut for opening). A change is in memory at once and on disk a moment later, or with the
next ``flush``; when the disk refuses, it is kept and tried again with the next change.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.annotate.labels import Labels
from app.annotate.project import IMAGES, ImageEntry, Manifest, checked_title, read_manifest, write_manifest
from app.annotate.store_events import Change, Event, Registers, line_of, new_id, replayed
from app.annotate.store_files import NotSaved, append, line_at, locked
from app.annotate.store_index import Trail, load_index, save_snapshot

log = logging.getLogger("vitrine.annotate")

EVENTS = "events.jsonl"
LOCK = "lock"
LINGER_S = 0.15
"""Changes of this time are written together."""
SNAPSHOT_EVERY = 2000
"""Events after which the short cut for opening is renewed."""
_SHARED = ("object", "status", "note")


@dataclass(frozen=True)
class Saving:
    """How far the disk has come. ``at``: the last success, seconds since 1970; ``problem``: why the last try failed."""

    at: float | None
    pending: int
    problem: NotSaved | None


class Project:
    """An open project; thread-safe. Pages name themselves, so that each can be told what the others did."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open the project in ``folder``; raises BadInput when there is none."""
        self.folder, self._now = folder, now
        self._memory = threading.RLock()
        self._disk = threading.Lock()
        self._wanted = threading.Condition(self._memory)
        self._pending: list[Event] = []
        self._saved_at: float | None = None
        self._problem: NotSaved | None = None
        self._due = self._closed = False
        self._writer: threading.Thread | None = None
        self.manifest = read_manifest(folder)
        try:
            with locked(folder / LOCK):
                self._index = load_index(folder, folder / EVENTS)
        except OSError as error:
            raise NotSaved.because(self.manifest.name, error) from error
        self._read = self._version()
        if self._index.fresh >= SNAPSHOT_EVERY:
            self.snapshot()

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def labels(self) -> Labels:
        """Its classes now."""
        return self.manifest.labels

    @property
    def images(self) -> tuple[ImageEntry, ...]:
        """Its images in their order."""
        return self.manifest.images

    @property
    def damaged(self) -> int:
        """Lines of the log that cannot be read."""
        return self._index.damaged

    def file(self, entry: ImageEntry) -> Path:
        """Where the pixels of an image are; they need not be there any more."""
        return self.folder / entry.path

    def missing(self, entry: ImageEntry) -> bool:
        """True when the image's file is gone."""
        return not self.file(entry).is_file()

    def trail(self, image: str) -> Trail:
        """Status, counts and revision of an image, as they are at this moment."""
        with self._memory:
            return self._index.trail(image)

    def state(self, image: str) -> Registers:
        """Everything about an image: drawings, masks, status, note, visits."""
        return replayed(self.events(image))

    def events(self, image: str) -> list[Event]:
        """All events of an image, as they came in."""
        with self._memory:
            places = list(self._index.trail(image).places)
            pending = [event for event in self._pending if event.image == image]
        return [*line_at(self.folder / EVENTS, places), *pending] if places else pending

    def record(self, image: str, changes: Sequence[Change], *, page: str, author: str = "") -> int:
        """Take in what a page did, as one step, and have it written soon; returns the image's new revision."""
        with self._memory:
            trail, step, at = self._index.trail(image), new_id(), self._now()
            for change in changes:
                clock = trail.light.clock + 1
                event = Event(new_id(), clock, at, page, author, image, step, change.kind, change.key, change.value)
                trail.take(event)
                self._pending.append(event)
            if changes:
                self._due = True
                self._wake()
            return trail.revision

    def others(self, image: str, since: int, page: str) -> int:
        """How many changes other pages made to an image after revision ``since``."""
        with self._memory:
            trail = self._index.trail(image)
            fresh = trail.pages[max(0, since - trail.before) :]
            return sum(1 for who, kind in fresh if who != page and kind in _SHARED)

    @property
    def saving(self) -> Saving:
        """For the line that says whether the work is safe."""
        with self._memory:
            return Saving(self._saved_at, len(self._pending), self._problem)

    def flush(self) -> None:
        """Write everything and take in what other processes wrote; on return it is on disk. Raises NotSaved."""
        with self._disk:
            with self._memory:
                batch = list(self._pending)
            try:
                with locked(self.folder / LOCK):
                    with self._memory:
                        self._index.read(self.folder / EVENTS)
                    if batch:
                        self._write(batch)
            except OSError as error:
                with self._memory:
                    self._problem = NotSaved.because(self.manifest.name, error)
                raise self._problem from error
            with self._memory:
                self._problem = None
                if batch:
                    self._saved_at = self._now()
        if self._index.fresh >= SNAPSHOT_EVERY:
            self.snapshot()

    def _write(self, batch: list[Event]) -> None:
        lines = [line_of(event) for event in batch]
        place = append(self.folder / EVENTS, b"".join(lines))
        with self._memory:
            for event, line in zip(batch, lines, strict=True):
                self._index.trail(event.image).places.append((place, len(line) - 1))
                place += len(line)
            self._index.end = place
            del self._pending[: len(batch)]
            self._index.fresh += len(batch)

    def refresh(self) -> None:
        """Take in what other processes wrote, and a project.json they replaced. Raises NotSaved."""
        self.flush()
        with self._memory:
            version = self._version()
            if version != self._read:
                self.manifest, self._read = read_manifest(self.folder), version

    def update(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Change labels or images: ``change`` gets the newest ones, from whichever process. Raises NotSaved."""
        with self._disk:
            try:
                with locked(self.folder / LOCK):
                    manifest = change(read_manifest(self.folder))
                    write_manifest(self.folder, manifest)
                    version = self._version()
            except OSError as error:
                raise NotSaved.because(self.manifest.name, error) from error
            with self._memory:
                self.manifest, self._read = manifest, version
        return manifest

    def snapshot(self) -> None:
        """Renew the short cut for opening; without it opening is slower, nothing else."""
        with self._disk, self._memory:
            if self._pending:
                return
            try:
                with locked(self.folder / LOCK):
                    save_snapshot(self.folder, self.folder / EVENTS, self._index)
                self._index.fresh = 0
            except OSError as error:
                log.warning("no snapshot of %s: %s", self.folder.name, error)

    def close(self) -> None:
        """Write the rest and stop the writer; a second call does nothing. Raises NotSaved."""
        with self._memory:
            if self._closed:
                return
            self._closed = True
            self._wanted.notify_all()
            writer = self._writer
        if writer is not None:
            writer.join()
        self.flush()
        if self._index.fresh:
            self.snapshot()

    def _version(self) -> tuple[int, int]:
        try:
            stat = os.stat(self.folder / "project.json")
        except OSError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_ino

    def _wake(self) -> None:
        if self._writer is None and not self._closed:
            self._writer = threading.Thread(target=self._write_behind, name=f"vitrine-{self.id}", daemon=True)
            self._writer.start()
        self._wanted.notify_all()

    def _write_behind(self) -> None:
        while True:
            with self._memory:
                self._wanted.wait_for(lambda: self._due or self._closed)
                if self._closed:
                    return
                self._wanted.wait_for(lambda: self._closed, LINGER_S)
                self._due = False
            try:
                self.flush()
            except NotSaved as problem:
                log.warning("%s", problem)


def create(folder: Path, name: str, *, labels: Labels | None = None, now: Callable[[], float] = time.time) -> Project:
    """A new, empty project in ``folder``, which must not exist yet or be empty. Raises BadInput, NotSaved."""
    manifest = Manifest(checked_title(name), now(), labels or Labels())
    try:
        (folder / IMAGES).mkdir(parents=True)
        write_manifest(folder, manifest)
    except OSError as error:
        raise NotSaved.because(manifest.name, error) from error
    return Project(folder, now=now)
