"""The projects of this machine: made, found, opened once per process, deleted."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import re
import shutil
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from app.annotate.labels import Labels
from app.annotate.project import MANIFEST, read_manifest
from app.annotate.store import Project, create
from app.annotate.store_files import NotSaved, write_whole
from app.guard.errors import BadInput

log = logging.getLogger("vitrine.annotate")
ELSEWHERE = "elsewhere.json"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


@dataclass(frozen=True)
class Listed:
    """One line of the list of projects; ``problem`` when it cannot be opened."""

    id: str
    name: str
    images: int
    created: float
    problem: str = ""


class Shelf:
    """The projects under one folder, and those elsewhere that were opened by path. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.RLock()
        self._open: dict[Path, Project] = {}
        atexit.register(self.close)

    def listed(self) -> list[Listed]:
        """All projects, the newest first."""
        places = [path.parent for path in self.root.glob(f"[!.]*/{MANIFEST}")]
        places += [folder for folder in self._elsewhere().values() if folder not in places]
        return sorted((self._line(folder) for folder in places), key=lambda one: (-one.created, one.name))

    def make(self, name: str, *, labels: Labels | None = None, at: Path | None = None) -> Project:
        """A new project; ``at``: the folder for it, by default one under the root. Raises BadInput, NotSaved."""
        folder = at or self.root / f"{_slug(name)}-{uuid.uuid4().hex[:6]}"
        if (folder / MANIFEST).exists():
            raise BadInput(folder.name, "already is a project", "Open it, or choose another folder")
        with self._lock:
            project = create(folder, name, labels=labels)
            self._open[folder.resolve()] = project
            if at is not None:
                self._remember(folder.resolve())
            return project

    def open(self, identity: str) -> Project:
        """The project with this id, one object for all its pages; raises BadInput."""
        with self._lock:
            folder = self.folder(identity).resolve()
            known = self._open.get(folder)
            if known is None or not (folder / MANIFEST).exists():
                self._open.pop(folder, None)
                known = self._open[folder] = Project(folder)
            return known

    def open_folder(self, folder: Path) -> Project:
        """The project in any folder, which is remembered; the caller decides whether paths are allowed."""
        folder = folder.expanduser().resolve()
        read_manifest(folder)
        with self._lock:
            if folder.parent != self.root.resolve():
                self._remember(folder)
            return self.open(self.id_of(folder))

    def id_of(self, folder: Path) -> str:
        """The id of a project by its folder."""
        folder = folder.resolve()
        if folder.parent == self.root.resolve():
            return folder.name
        return next((known for known, place in self._elsewhere().items() if place == folder), folder.name)

    def folder(self, identity: str) -> Path:
        """Where a project lies; raises BadInput for an id that is none."""
        if isinstance(identity, str) and _ID.fullmatch(identity):
            folder = self._elsewhere().get(identity, self.root / identity)
            if (folder / MANIFEST).exists():
                return folder
        raise BadInput("The project", "is not on this machine any more", "Choose one from the list")

    def delete(self, identity: str) -> None:
        """Remove a project for good; of one that lies elsewhere only the entry in the list goes. Raises NotSaved."""
        with self._lock:
            folder = self.folder(identity)
            project = self._open.pop(folder.resolve(), None)
            if project is not None:
                with contextlib.suppress(NotSaved):
                    project.close()
            elsewhere = self._elsewhere()
            try:
                if identity in elsewhere:
                    self._write_elsewhere({k: v for k, v in elsewhere.items() if k != identity})
                    return
                # Out of the list at once; a crash in the middle leaves no half project in it.
                aside = folder.with_name(f".deleted-{folder.name}")
                folder.replace(aside)
                shutil.rmtree(aside, ignore_errors=True)
            except OSError as error:
                raise NotSaved.because(folder.name, error) from error

    def close(self) -> None:
        """Write out what open projects still hold."""
        with self._lock:
            for project in self._open.values():
                try:
                    project.close()
                except NotSaved as problem:
                    log.error("%s", problem)
            self._open.clear()

    def _line(self, folder: Path) -> Listed:
        identity = self.id_of(folder)
        try:
            manifest = read_manifest(folder)
        except BadInput as problem:
            return Listed(identity, folder.name, 0, 0.0, problem.problem)
        return Listed(identity, manifest.name, len(manifest.images), manifest.created)

    def _elsewhere(self) -> dict[str, Path]:
        try:
            kept = json.loads((self.root / ELSEWHERE).read_bytes())
            return {str(identity): Path(path) for identity, path in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _remember(self, folder: Path) -> None:
        known = self._elsewhere()
        if folder not in known.values():
            self._write_elsewhere(known | {f"at-{_slug(folder.parent.name)}-{uuid.uuid4().hex[:6]}": folder})

    def _write_elsewhere(self, known: dict[str, Path]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        text = json.dumps({identity: str(path) for identity, path in known.items()}, indent=1)
        write_whole(self.root / ELSEWHERE, text.encode())


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:40] or "project"
