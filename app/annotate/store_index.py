"""Where each image's events lie in the log, and the little that lists and counts need; the rest is read when an image
is opened. A snapshot of it spares reading the whole log at the next start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from app.annotate.store_events import Event, Registers
from app.annotate.store_files import lines_from, write_whole

Status = Literal["todo", "work", "done"]
STATUSES: tuple[str, ...] = get_args(Status)
SNAPSHOT = "snapshot.json"
FORMAT = 1
_FINGERPRINT = 256


@dataclass
class Trail:
    """One image: ``places`` (offset, length) of its lines; ``light``: its registers without drawings and masks.

    ``pages`` and ``kinds``: of the events that arrived since this process started, in that order; ``before``: how many
    there were at its start.
    """

    places: list[tuple[int, int]] = field(default_factory=list)
    light: Registers = field(default_factory=Registers)
    before: int = 0
    pages: list[tuple[str, str]] = field(default_factory=list)

    @property
    def revision(self) -> int:
        """Grows with every event."""
        return self.before + len(self.pages)

    @property
    def status(self) -> Status:
        """As marked, else "work" once there is an object."""
        marked = self.light.value("status")
        if marked in STATUSES:
            return marked
        return "work" if self.light.values("object") else "todo"

    @property
    def objects(self) -> int:
        """How many there are."""
        return len(self.light.values("object"))

    @property
    def seconds(self) -> float:
        """Time spent on it."""
        return float(sum(self.light.values("visit").values()))

    def take(self, event: Event) -> None:
        """An event that has just come."""
        self.light.take(event, _light(event))
        self.pages.append((event.page, event.kind))


def _light(event: Event) -> Any:
    """What lists need of a value: an object's label, that there is a mask, and short values as they are."""
    if event.value is None:
        return None
    if event.kind == "object":
        return str(event.value.get("label", "")) if isinstance(event.value, Mapping) else ""
    if event.kind == "mask":
        return str(event.value.get("of", "")) if isinstance(event.value, Mapping) else ""
    if event.kind == "visit":
        return float(event.value) if isinstance(event.value, int | float) else 0.0
    return event.value


@dataclass
class Index:
    """All images of a log. ``end``: how far it has been read. ``damaged``: lines that cannot be read. ``fresh``: events
    that the last snapshot lacks.
    """

    trails: dict[str, Trail] = field(default_factory=dict)
    end: int = 0
    damaged: int = 0
    fresh: int = 0

    def trail(self, image: str) -> Trail:
        """The image's trail, made when it is new."""
        return self.trails.setdefault(image, Trail())

    def read(self, log: Path) -> list[Event]:
        """Take in what stands in the log behind ``end``; returns it."""
        lines, end = lines_from(log, self.end)
        fresh: list[Event] = []
        for offset, length, event in lines:
            if event is None:
                self.damaged += 1
                continue
            trail = self.trail(event.image)
            trail.places.append((offset, length))
            trail.take(event)
            fresh.append(event)
        self.end = max(end, self.end)
        self.fresh += len(fresh)
        return fresh

    def settle(self) -> None:
        """What was read so far counts as there from the start."""
        for trail in self.trails.values():
            trail.before += len(trail.pages)
            trail.pages.clear()


def save_snapshot(folder: Path, log: Path, index: Index) -> None:
    """Write the index as far as it agrees with the log; raises OSError."""
    trails = {
        image: {
            "places": trail.places,
            "clock": trail.light.clock,
            "held": [[kind, key, *stamp, value] for (kind, key), (stamp, value) in trail.light.held.items()],
        }
        for image, trail in index.trails.items()
    }
    value = {
        "format": FORMAT,
        "end": index.end,
        "damaged": index.damaged,
        "mark": _mark(log, index.end),
        "trails": trails,
    }
    write_whole(folder / SNAPSHOT, json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii"))


def load_index(folder: Path, log: Path) -> Index:
    """The index of the log: from the snapshot when it fits, and the lines behind it."""
    index = _snapshot(folder, log) or Index()
    index.read(log)
    index.settle()
    return index


def _snapshot(folder: Path, log: Path) -> Index | None:
    try:
        value = json.loads((folder / SNAPSHOT).read_bytes())
        if value["format"] != FORMAT or value["mark"] != _mark(log, value["end"]):
            return None
        index = Index(end=int(value["end"]), damaged=int(value["damaged"]))
        for image, kept in value["trails"].items():
            light = Registers(clock=int(kept["clock"]))
            for kind, key, clock, identity, held in kept["held"]:
                light.held[(kind, key)] = ((int(clock), str(identity)), held)
            places = [(int(offset), int(length)) for offset, length in kept["places"]]
            index.trails[image] = Trail(places, light, before=len(places))
        return index
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _mark(log: Path, end: int) -> str:
    """A fingerprint of the bytes before ``end``: another log, or a shorter one, has another."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, end - _FINGERPRINT))
            data = file.read(min(end, _FINGERPRINT))
    except OSError:
        data = b""
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}"
