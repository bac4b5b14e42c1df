"""The classes of a project: each has an id that annotations hold, so that renaming one changes no annotation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.guard.errors import BadInput
from app.palette import OBJECT_COLORS

MOST_LABELS = 500
LONGEST_NAME = 60
HOT_KEYS = tuple("123456789")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class Label:
    """A class. ``key``: its hot-key, "" for none. ``former``: names it had. ``gone``: deleted, kept for its objects."""

    id: str
    name: str
    color: str
    key: str = ""
    former: tuple[str, ...] = ()
    gone: bool = False


@dataclass(frozen=True)
class Labels:
    """All classes in their order; every change gives new ones. Raises BadInput for what a class cannot be."""

    all: tuple[Label, ...] = ()

    @property
    def present(self) -> tuple[Label, ...]:
        """Without the deleted ones."""
        return tuple(label for label in self.all if not label.gone)

    def of(self, identity: str) -> Label:
        """The class with this id, deleted ones included."""
        for label in self.all:
            if label.id == identity:
                return label
        raise BadInput("The label", "is no longer in the project", "Reload the page")

    def named(self, name: str) -> Label | None:
        """The present class called ``name``, now or formerly; a present name goes before a former one."""
        wanted = name.casefold()
        for label in self.present:
            if label.name.casefold() == wanted:
                return label
        return next((one for one in self.present if wanted in (n.casefold() for n in one.former)), None)

    def name_of(self, identity: str) -> str:
        """The name to show for an annotation's class; "" for none, unknown or deleted."""
        return next((label.name for label in self.present if label.id == identity), "")

    def with_key(self, key: str) -> Label | None:
        """The class of a hot-key."""
        return next((label for label in self.present if key and label.key == key), None)

    def added(self, name: str, color: str = "", key: str | None = None) -> Labels:
        """One class more, with the next free colour and hot-key unless given. A deleted class of that name returns."""
        name = _checked_name(name)
        if self._taken(name, ""):
            raise BadInput(name, "is already a label", "Choose another name")
        if len(self.present) >= MOST_LABELS:
            raise BadInput("The project", f"already has {MOST_LABELS} labels", "Delete one that is not used")
        used = [label.color for label in self.present]
        color = _checked_color(color) if color else min(OBJECT_COLORS, key=used.count)
        free = [k for k in HOT_KEYS if self.with_key(k) is None]
        key = _checked_key(key) if key is not None else (free[0] if free else "")
        back = next((label for label in self.all if label.gone and label.name.casefold() == name.casefold()), None)
        if back is not None:
            return self._with(replace(back, name=name, color=color, key=key, gone=False), key)
        fresh = Label(self._free_id(), name, color, key)
        return Labels((*self.without_key(key).all, fresh))

    def changed(
        self, identity: str, *, name: str | None = None, color: str | None = None, key: str | None = None
    ) -> Labels:
        """The class renamed, recoloured or given a hot-key, which another class then loses."""
        label = self.of(identity)
        if name is not None:
            name = _checked_name(name)
            if self._taken(name, identity):
                raise BadInput(name, "is already a label", "Choose another name")
            if name != label.name:
                former = tuple(dict.fromkeys((*label.former, label.name)))
                label = replace(label, name=name, former=tuple(n for n in former if n != name))
        if color is not None:
            label = replace(label, color=_checked_color(color))
        if key is not None:
            label = replace(label, key=_checked_key(key))
        return self._with(label, label.key)

    def deleted(self, identity: str) -> Labels:
        """Without the class; objects that have it keep its id and show no label, until one of that name is added."""
        return self._with(replace(self.of(identity), gone=True, key=""), "")

    def without_key(self, key: str) -> Labels:
        """The same classes, none with that hot-key."""
        return Labels(tuple(replace(one, key="") if key and one.key == key else one for one in self.all))

    def _with(self, changed: Label, key: str) -> Labels:
        return Labels(tuple(changed if one.id == changed.id else one for one in self.without_key(key).all))

    def _taken(self, name: str, but: str) -> bool:
        return any(one.name.casefold() == name.casefold() and one.id != but for one in self.present)

    def _free_id(self) -> str:
        numbers = [int(one.id[1:]) for one in self.all if one.id[1:].isdigit()]
        return f"L{max(numbers, default=0) + 1}"


def labels_from(names: Iterable[str]) -> Labels:
    """Classes for a list of names, empty and repeated ones left out."""
    labels = Labels()
    for name in names:
        if name.strip() and labels.named(" ".join(name.split())[:LONGEST_NAME]) is None:
            labels = labels.added(name)
    return labels


def labels_value(labels: Labels) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [{**vars(label), "former": list(label.former)} for label in labels.all]


def labels_of(value: Iterable[Mapping[str, Any]]) -> Labels:
    """What ``labels_value`` made; raises TypeError, KeyError or ValueError when it is something else."""
    return Labels(
        tuple(
            Label(
                str(one["id"]),
                str(one["name"]),
                str(one["color"]),
                str(one.get("key", "")),
                tuple(str(name) for name in one.get("former", ())),
                bool(one.get("gone", False)),
            )
            for one in value
        )
    )


def _checked_name(name: str) -> str:
    name = " ".join("".join(c for c in name if c.isprintable()).split())
    if not name:
        raise BadInput("The label", "has no name", "Type at least one letter")
    if len(name) > LONGEST_NAME:
        raise BadInput("The label", f"has a name of {len(name)} letters", f"The limit is {LONGEST_NAME}")
    return name


def _checked_color(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise BadInput("The colour", f"{color[:20]!r} is not of the form #RRGGBB", "Choose one from the palette")
    return color.upper()


def _checked_key(key: str) -> str:
    if key and key not in HOT_KEYS:
        raise BadInput("The hot-key", f"{key[:10]!r} is not a digit from 1 to 9", "Choose one of 1 to 9")
    return key
