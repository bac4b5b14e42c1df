"""One line of a project's log, and how lines add up to a state. Pure values: no files, no arrays.

Each object, status and note of an image is a register: of two events for one register the later wins, by logical clock
and then by the event's id. So the state depends on which events there are, not on the order in which they are read, and
the logs of two pages or processes merge by putting them together.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["object", "mask", "status", "note", "visit"]
KINDS: tuple[str, ...] = get_args(Kind)
Stamp = tuple[int, str]


@dataclass(frozen=True)
class Change:
    """What happened to one register of an image; ``value`` None removes it.

    object: key is the object's id, value its drawing. mask: key is the object's id, value its final mask. status, note:
    key is "". visit: key names one stay on the image, value its seconds so far.
    """

    kind: Kind
    key: str = ""
    value: Any = None


@dataclass(frozen=True)
class Event:
    """A change with who and when. ``clock``: larger than that of all events its page had seen of this image.

    ``at``: seconds since 1970. ``step``: events of one user action share it. ``page``: the browser page; ``author``:
    the person, "" when nobody signed in.
    """

    id: str
    clock: int
    at: float
    page: str
    author: str
    image: str
    step: str
    kind: Kind
    key: str
    value: Any

    @property
    def stamp(self) -> Stamp:
        """Decides which of two events for one register is the later one; never equal for different events."""
        return self.clock, self.id


def new_id() -> str:
    """A name that no other page makes."""
    return uuid.uuid4().hex[:16]


def line_of(event: Event) -> bytes:
    """The event as one line of the log, newline included."""
    return json.dumps(asdict(event), ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def event_of(line: bytes) -> Event | None:
    """The event in a line; None when the line is damaged."""
    try:
        value = json.loads(line)
        event = Event(**value)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (event.id, event.page, event.author, event.image, event.step, event.kind, event.key)
    if not all(isinstance(text, str) for text in texts) or event.kind not in KINDS:
        return None
    if type(event.clock) is not int or type(event.at) not in (int, float):
        return None
    return event


@dataclass
class Registers:
    """The state of one image: for each (kind, key) the latest value and its stamp. Removed ones stay, as None."""

    held: dict[tuple[str, str], tuple[Stamp, Any]] = field(default_factory=dict)
    clock: int = 0

    def take(self, event: Event, value: Any = ...) -> bool:
        """Apply one event, in any order; True when it changed the state. ``value`` stands in for the event's own."""
        self.clock = max(self.clock, event.clock)
        place = (event.kind, event.key)
        known = self.held.get(place)
        if known is not None and known[0] >= event.stamp:
            return False
        self.held[place] = (event.stamp, event.value if value is ... else value)
        return True

    def value(self, kind: Kind, key: str = "") -> Any:
        """The present value; None when there is none or it was removed."""
        held = self.held.get((kind, key))
        return None if held is None else held[1]

    def values(self, kind: Kind) -> dict[str, Any]:
        """Present values of one kind by key, without removed ones."""
        # A copy first: other threads add registers while this one reads.
        held = list(self.held.items())
        return {key: value for (k, key), (_, value) in held if k == kind and value is not None}


def replayed(events: Iterable[Event]) -> Registers:
    """The state that ``events`` lead to."""
    registers = Registers()
    for event in events:
        registers.take(event)
    return registers
