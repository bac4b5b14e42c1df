"""Where one page of the room stands in a project: its image, what it saved of it, and what others did meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.annotate.labels import Labels
from app.annotate.project import ImageEntry
from app.annotate.project_folders import Shelf
from app.annotate.store import Project
from app.annotate.store_events import Change, new_id
from app.annotate.store_files import NotSaved
from app.annotate.store_index import STATUSES
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_examples import read_photo
from app.panels.robust_sam_project_history import Numbers, Opened, opened, relabelled, returned, saved_objects
from app.panels.robust_sam_session import Session

IDLE_S = 60.0
"""Of a longer pause only this much counts as time spent on an image."""
LONGEST_NOTE = 2000


class Desk:
    """Thread-safe: the stage's actions come from several threads. Changes of the session are saved by ``changed``."""

    def __init__(self, shelf: Shelf, *, author: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.shelf, self.author, self._clock = shelf, author, clock
        self.page = new_id()
        self.lock = threading.RLock()
        self.project_id = ""
        self.project: Project | None = None
        self.image: ImageEntry | None = None
        self.session: Session | None = None
        self.branch = "robust"
        self.filter, self.offset = "", 0
        self.missing: set[str] = set()
        """Ids of images whose files were not there when ``look`` was last called."""
        self.left_out = 0
        self.told = ""
        """What the last import or export had to say."""
        self.stop = threading.Event()
        """Set to end what is under way: an import, an export."""
        self._numbers = Numbers()
        self._saved: dict[str, dict[str, Any]] = {}
        self._base = 0
        self._visit, self._spent, self._active = "", 0.0, 0.0

    # ---- projects

    def open(self, identity: str) -> Project:
        """Work on this project from now on; raises BadInput."""
        project = self.shelf.open(identity)
        with self.lock:
            if project is not self.project:
                self.leave()
            self.project, self.project_id = project, identity
        self.look()
        return project

    def look(self) -> None:
        """See which images' files are there."""
        project = self.needed()
        self.missing = {entry.id for entry in project.images if project.missing(entry)}

    def close(self) -> None:
        """Put the project away; what is on the stage stays there and is not saved any more."""
        with self.lock:
            self.leave()
            self.project, self.project_id = None, ""

    def needed(self) -> Project:
        """The open project; raises BadInput when there is none."""
        if self.project is None:
            raise BadInput("The project", "is not open", "Open or create one first")
        return self.project

    def entry(self) -> ImageEntry:
        """The image on the stage; raises BadInput when none of the project is there."""
        if self.image is None:
            raise BadInput("The image", "is not open", "Choose one from the list")
        return self.image

    # ---- images

    def show(self, identity: str, session: Session) -> tuple[int, list[str]]:
        """Put an image with its saved objects on the session's stage; returns its revision and what to tell.

        Raises BadInput when its file is gone or unreadable; then nothing has changed.
        """
        project = self.needed()
        entry = project.manifest.image(identity)
        path = project.file(entry)
        if not path.is_file():
            self.missing.add(identity)
            raise BadInput(
                entry.name, "is not there any more", "Its labels are kept and exported; put the file back to go on"
            )
        photo = read_photo(path, entry.name, {"project": self.project_id, "image": identity, "name": entry.name})
        told = []
        if photo.size != (entry.width, entry.height):
            told.append(f"{entry.name} has another size than when it was added: objects that do not fit are hidden.")
        elif photo.digest != entry.digest:
            told.append(f"{entry.name} is not the picture it was when it was added.")
        self.missing.discard(identity)
        with self.lock:
            self.leave()
            found = self._read(entry, photo.size)
            revision = session.set_photo(photo, found.history.now)
            with session.lock:
                session.history = found.history
            self._settle(entry, session, found)
            if self.changed not in session.listeners:
                session.listeners.append(self.changed)
            self._visit, self._spent, self._active = new_id(), 0.0, self._clock()
        return revision, told

    def reload(self) -> int:
        """Show what is saved, other pages' work included, in place of what is on the stage; undo takes it back."""
        with self.lock:
            entry, session = self.entry(), self._present()
            size = session.photo.size if session.photo is not None else (entry.width, entry.height)
            self.needed().refresh()
            found = self._read(entry, size)
            self.image = None
            revision = session.load_objects(found.history.now)
            self._settle(entry, session, found)
            return revision

    def keep_mine(self) -> None:
        """What is on the stage holds: it is saved once more, after what other pages did, and what they added goes."""
        with self.lock:
            entry, project = self.entry(), self.needed()
            mine = self._drawn(self._present())
            shared = project.state(entry.id).values("object")
            changes = [Change("object", uid, value) for uid, value in mine.items()]
            changes += [Change("object", uid, None) for uid in shared if uid not in mine]
            self._base = project.record(entry.id, changes, page=self.page, author=self.author)
            self._saved = mine

    def leave(self) -> None:
        """The page turns to something else: the time spent is noted. Writing is left to ``flush``."""
        with self.lock:
            self._touch()
            if self.project is not None and self.image is not None and self._spent:
                visit = Change("visit", self._visit, round(self._spent, 1))
                self.project.record(self.image.id, [visit], page=self.page, author=self.author)
            self.image, self._saved, self._spent = None, {}, 0.0

    def flush(self) -> NotSaved | None:
        """Write everything; returns why that did not work. Nothing is lost then, and the next change tries again."""
        try:
            if self.project is not None:
                self.project.flush()
            return None
        except NotSaved as problem:
            return problem

    def _read(self, entry: ImageEntry, size: tuple[int, int]) -> Opened:
        self._numbers = Numbers()
        project = self.needed()
        return opened(project.events(entry.id), project.labels, self._numbers, size)

    def _settle(self, entry: ImageEntry, session: Session, found: Opened) -> None:
        project = self.needed()
        self.session, self.left_out = session, found.left_out
        values = project.state(entry.id).values("object")
        shown = {self._numbers.uids.get(thing.id, "") for thing in session.history.now.objects}
        self._saved = {uid: value for uid, value in values.items() if uid in shown}
        self._base = project.trail(entry.id).revision
        self.image = entry

    def _present(self) -> Session:
        if self.session is None:
            raise BadInput("The image", "is not open", "Choose one from the list")
        return self.session

    # ---- changes

    def changed(self, session: Session) -> None:
        """Save what the stage's objects have become; called after every change of the session."""
        with self.lock:
            if self.project is None or self.image is None or session is not self.session:
                return
            reference = session.photo.reference if session.photo is not None else {}
            if (reference.get("project"), reference.get("image")) != (self.project_id, self.image.id):
                self.leave()
                return
            self._touch()
            now = self._drawn(session)
            changes = [Change("object", uid, value) for uid, value in now.items() if self._saved.get(uid) != value]
            changes += [Change("object", uid, None) for uid in self._saved if uid not in now]
            if changes:
                self.project.record(self.image.id, changes, page=self.page, author=self.author)
                self._saved = now

    def mark(self, status: str) -> None:
        """Say how far the image is: todo, work or done."""
        if status not in STATUSES:
            raise BadInput("The status", f"{status!r} does not exist", f"Choose one of {', '.join(STATUSES)}")
        self._record(Change("status", "", status))

    def note(self, text: str) -> None:
        """Keep a note with the image."""
        self._record(Change("note", "", text.strip()[:LONGEST_NOTE] or None))

    def relabel(self, change: Callable[[Labels], Labels]) -> None:
        """Change the project's labels, and the names of the open image's objects with them. Raises NotSaved."""
        project = self.needed()
        before = project.labels
        project.update(lambda manifest: replace(manifest, labels=change(manifest.labels)))
        session = self.session
        with self.lock:
            if session is None or self.image is None:
                return
            with session.lock:
                for label in before.present:
                    now = project.labels.of(label.id)
                    if (now.name, now.color, now.gone) != (label.name, label.color, label.gone):
                        shown, color = ("", "") if now.gone else (now.name, now.color)
                        names = [label.name, *label.former]
                        session.history = relabelled(session.history, names, shown, color)
                back = {label.id for label in before.all if label.gone} & {label.id for label in project.labels.present}
                kept = {n: str(self._saved.get(uid, {}).get("label", "")) for n, uid in self._numbers.uids.items()}
                shown_again = {n: project.labels.name_of(label) for n, label in kept.items() if label in back}
                session.history = returned(session.history, shown_again)
                session.change()
            self.changed(session)

    def things(self) -> dict[str, state.Outlined]:
        """The drawn objects on the stage by their ids in the project; none when no image of it is there."""
        with self.lock:
            if self.session is None or self.image is None:
                return {}
            objects = self.session.history.now.objects
            return {uid: o for o in objects if o.drawn and (uid := self._numbers.uids.get(o.id))}

    def others(self) -> int:
        """How many changes others made to the open image since it was opened, reloaded or kept."""
        with self.lock:
            if self.project is None or self.image is None:
                return 0
            return self.project.others(self.image.id, self._base, self.page)

    def _record(self, change: Change) -> None:
        with self.lock:
            self._touch()
            self.needed().record(self.entry().id, [change], page=self.page, author=self.author)

    def _drawn(self, session: Session) -> dict[str, dict[str, Any]]:
        branch = self.branch if session.has_robust else "sam"
        return saved_objects(session.history.now, self._numbers, new_id, self._label_id, self._saved, branch)

    def _label_id(self, name: str, before: str) -> str:
        """The id of a label by its name; a name typed on the stage becomes a label of the project.

        An object whose label was deleted shows none and keeps the id, so that the label can come back.
        """
        project = self.needed()
        if not name:
            return before if any(label.id == before and label.gone for label in project.labels.all) else ""
        known = project.labels.named(name)
        if known is None:
            try:
                project.update(lambda manifest: replace(manifest, labels=_with(manifest.labels, name)))
            except NotSaved:
                return ""
            known = project.labels.named(name)
        return known.id if known is not None else ""

    def _touch(self) -> None:
        now = self._clock()
        if self.image is not None:
            self._spent += min(IDLE_S, now - self._active)
        self._active = now


def _with(labels: Labels, name: str) -> Labels:
    return labels if labels.named(name) is not None else labels.added(name)
