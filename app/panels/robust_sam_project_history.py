"""Between the stage's objects and the project's events: what is saved of an object, and a history made of events.

Saved of an object: everything ``robust_sam_state.as_dict`` gives but its number, with the label's id in place of its
name, ``place`` (its rank in the list) and ``branch`` (the one whose mask counts).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from app.annotate.labels import Labels
from app.annotate.store_events import Event, Registers
from app.panels import robust_sam_state as state

_GEOMETRY = ("points", "box", "edits", "refine", "paint_prompt")
Values = Mapping[str, Mapping[str, Any]]


@dataclass
class Numbers:
    """Which object of the stage is which of the project: the stage counts, the project names."""

    uids: dict[int, str] = field(default_factory=dict)

    def number(self, uid: str) -> int:
        """The stage's number for a project's object, a new one when it has none."""
        for number, known in self.uids.items():
            if known == uid:
                return number
        number = max(self.uids, default=0) + 1
        self.uids[number] = uid
        return number


@dataclass(frozen=True)
class Opened:
    """An image's objects for the stage. ``left_out``: how many do not fit it (too many, another photo's size)."""

    history: state.History
    left_out: int


def saved_objects(
    document: state.Document,
    numbers: Numbers,
    new_uid: Callable[[], str],
    label_id: Callable[[str, str], str],
    known: Values,
    branch: str,
) -> dict[str, dict[str, Any]]:
    """What is to be saved of each drawn object, by its id in the project; ``known``: what was saved before.

    ``label_id(name, before)`` gives the id to save for a label shown as ``name`` where ``before`` was saved.
    """
    told: dict[str, dict[str, Any]] = {}
    place = max((float(value.get("place", 0)) for value in known.values()), default=0.0)
    for thing, value in zip(document.objects, state.as_dict(document)["objects"], strict=True):
        if not thing.drawn:
            continue
        uid = numbers.uids.setdefault(thing.id, "") or new_uid()
        numbers.uids[thing.id] = uid
        before = known.get(uid, {})
        if "place" not in before:
            place += 1
        kept = {key: part for key, part in value.items() if key != "id"}
        kept |= {"label": label_id(thing.label, str(before.get("label", ""))), "place": before.get("place", place)}
        # The branch counts from when the drawing last changed; choosing another one alone rewrites nothing.
        same = geometry(before) == geometry(kept) if before else False
        told[uid] = kept | {"branch": before.get("branch", branch) if same else branch}
    return told


def geometry(value: Mapping[str, Any]) -> str:
    """Names what an object's mask depends on; equal drawings have equal ones."""
    parts = {key: value.get(key) for key in _GEOMETRY}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def opened(events: Iterable[Event], labels: Labels, numbers: Numbers, size: tuple[int, int]) -> Opened:
    """The objects of an image as they are now, with what undo takes back: one entry for each step of the past.

    A step that returns to the one before it was an undo, so the history it leads to has it ahead, as it was.
    """
    read = _Reader(labels, numbers, size)
    registers, history = Registers(), state.History()
    for _, step in groupby((e for e in events if e.kind == "object"), key=lambda event: event.step):
        for event in step:
            registers.take(event)
        history = _then(history, read.document(registers))
    return Opened(history, read.left_out)


def _then(history: state.History, document: state.Document) -> state.History:
    if history.past and document.objects == history.past[-1].objects:
        return history.undo()
    if history.future and document.objects == history.future[0].objects:
        return history.redo()
    return history.then(document)


class _Reader:
    """Makes documents of registers; an object that did not change is read once."""

    def __init__(self, labels: Labels, numbers: Numbers, size: tuple[int, int]) -> None:
        self._labels, self._numbers, self._size = labels, numbers, size
        self._read: dict[Any, state.Outlined | None] = {}
        self.left_out = 0

    def document(self, registers: Registers) -> state.Document:
        values = registers.values("object")
        order = sorted(values, key=lambda uid: (float(values[uid].get("place", 0)), uid))
        things = [self._object(uid, registers) for uid in order]
        fitting = [thing for thing in things if thing is not None][: state.MOST_OBJECTS]
        self.left_out = len(order) - len(fitting)
        if not fitting:
            return state.Document()
        following = max(*self._numbers.uids, 0) + 1
        return state.Document(tuple(fitting), fitting[-1].id, following)

    def _object(self, uid: str, registers: Registers) -> state.Outlined | None:
        stamp, value = registers.held[("object", uid)]
        if stamp not in self._read:
            named = {**value, "id": 1, "label": self._labels.name_of(str(value.get("label", "")))}
            try:
                thing = state.from_dict({"objects": [named], "active": 1}, self._size).objects[0]
                self._read[stamp] = replace(thing, id=self._numbers.number(uid))
            except (state.BadPrompt, KeyError, TypeError, ValueError):
                self._read[stamp] = None
        return self._read[stamp]


def relabelled(history: state.History, old: Sequence[str], new: str, color: str) -> state.History:
    """The history with a label renamed and recoloured in every step, so that undo does not bring the old name back."""
    names = {name.casefold() for name in old}

    def changed(thing: state.Outlined) -> state.Outlined:
        if not thing.label or thing.label.casefold() not in names:
            return thing
        return replace(thing, label=new, color=color or thing.color)

    return _everywhere(history, changed)


def returned(history: state.History, names: Mapping[int, str]) -> state.History:
    """The history with the labels ``names`` (by object) on objects that show none: a deleted label has come back."""
    return _everywhere(history, lambda o: o if o.label or o.id not in names else replace(o, label=names[o.id]))


def _everywhere(history: state.History, change: Callable[[state.Outlined], state.Outlined]) -> state.History:
    def changed(document: state.Document) -> state.Document:
        return replace(document, objects=tuple(map(change, document.objects)))

    return state.History(changed(history.now), tuple(map(changed, history.past)), tuple(map(changed, history.future)))
