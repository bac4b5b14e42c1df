"""Classes with their descriptors: what the editor holds, and every form in which such a table is read and written."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.parts.problems import BadInput

MOST_CLASSES = 2000
MOST_DESCRIPTORS = 32
MOST_CHARACTERS = 5000
_KINDS = ("spatial", "temporal")


@dataclass(frozen=True)
class ActionClass:
    """One class: its name and N descriptors of each kind."""

    name: str
    spatial: tuple[str, ...]
    temporal: tuple[str, ...]

    def of(self, kind: str) -> tuple[str, ...]:
        """Its descriptors of the kind "spatial" or "temporal"."""
        return self.spatial if kind == "spatial" else self.temporal


@dataclass(frozen=True)
class ClassList:
    """The classes among which a video is recognised, in the order of the table."""

    classes: tuple[ActionClass, ...]

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in order."""
        return tuple(item.name for item in self.classes)

    @property
    def count(self) -> int:
        """N, descriptors of each kind; 0 for an empty list."""
        return len(self.classes[0].spatial) if self.classes else 0

    @property
    def digest(self) -> str:
        """16 hex digits over all texts."""
        content = [[item.name, item.spatial, item.temporal] for item in self.classes]
        return hashlib.blake2b(json.dumps(content).encode("utf-8", "replace"), digest_size=8).hexdigest()

    def checked(self) -> ClassList:
        """Itself with blanks around texts removed; raises BadInput, naming the row, for what cannot be scored."""
        if not self.classes:
            raise BadInput("The class list", "is empty", "Write at least one class with its descriptors")
        if len(self.classes) > MOST_CLASSES:
            raise BadInput("The class list", f"has {len(self.classes):,} classes", f"The limit is {MOST_CLASSES:,}")
        rows: dict[str, int] = {}
        classes = []
        for row, item in enumerate(self.classes, start=1):
            name = item.name.strip()
            if not name:
                raise BadInput(f"Row {row}", "has no class name", "Write one, or remove the row")
            if name in rows:
                raise BadInput(
                    f"Class {name!r}", f"stands in rows {rows[name]} and {row}", "Rename one of them or remove it"
                )
            rows[name] = row
            _check_length(f"Class {name!r}", "a name", name)
            kinds = [tuple(text.strip() for text in item.of(kind)) for kind in _KINDS]
            for kind, texts in zip(_KINDS, kinds, strict=True):
                _check_texts(name, kind, texts, self.count)
            classes.append(ActionClass(name, kinds[0], kinds[1]))
        return ClassList(tuple(classes))

    def replaced(self, name: str, item: ActionClass) -> ClassList:
        """The list with the class called ``name`` replaced; raises BadInput when there is none."""
        if name not in self.names:
            raise BadInput(f"Class {name!r}", "is not in the list", f"It has: {', '.join(self.names[:10])}")
        return ClassList(tuple(item if old.name == name else old for old in self.classes))


def _check_texts(name: str, kind: str, texts: Sequence[str], count: int) -> None:
    if not texts:
        raise BadInput(f"Class {name!r}", f"has no {kind} descriptor", "Write some or generate them")
    if len(texts) > MOST_DESCRIPTORS:
        raise BadInput(f"Class {name!r}", f"has {len(texts)} {kind} descriptors", f"The limit is {MOST_DESCRIPTORS}")
    if len(texts) != count:
        raise BadInput(
            f"Class {name!r}",
            f"has {len(texts)} {kind} descriptors where the first class has {count}",
            f"Give every class {count} of each kind",
        )
    for text in texts:
        _check_length(f"Class {name!r}", f"a {kind} descriptor", text)
    if not all(texts):
        place = next(place for place, text in enumerate(texts, start=1) if not text)
        raise BadInput(f"Class {name!r}", f"has an empty {kind} descriptor {place}", "Write it or generate it")


def _check_length(name: str, what: str, text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise BadInput(name, f"has {what} of {len(text):,} characters", f"The limit is {MOST_CHARACTERS:,}")


def from_rows(rows: Sequence[Sequence[Any]]) -> ClassList:
    """A table: name, N spatial, N temporal in each row. Wholly empty rows are left out; cells may be None or numbers.

    Nothing is judged here, so that what a person typed is kept: ``checked`` and the lint do that. Raises BadInput
    when a row has an even number of cells.
    """
    classes = []
    for row, cells in enumerate(rows, start=1):
        texts = ["" if cell is None or cell != cell else str(cell).strip() for cell in cells]
        if not any(texts):
            continue
        if len(texts) % 2 == 0:
            raise BadInput(f"Row {row}", f"has {len(texts)} cells", "Give the name, N spatial and N temporal texts")
        count = len(texts) // 2
        classes.append(ActionClass(texts[0], tuple(texts[1 : 1 + count]), tuple(texts[1 + count :])))
    return ClassList(tuple(classes))


def to_rows(classes: ClassList) -> list[list[str]]:
    """The table that ``from_rows`` reads."""
    return [[item.name, *item.spatial, *item.temporal] for item in classes.classes]


def header(count: int) -> list[str]:
    """Column names of a table with N = ``count``."""
    return ["class", *(f"{kind} {place}" for kind in _KINDS for place in range(1, count + 1))]


def from_official(names: Sequence[str], spatial: str, temporal: str) -> ClassList:
    """The authors' form: class names in order (their label CSV) and two JSON texts, "0", "1", ... -> N strings.

    The spatial file's order is that of the classes; the temporal file is looked up with its keys. Raises BadInput for
    other content, missing keys or lists of different lengths.
    """
    first, second = _table(spatial, "The spatial file"), _table(temporal, "The temporal file")
    if len(first) != len(names):
        raise BadInput("The spatial file", f"has {len(first)} classes, the names {len(names)}", "Give files that match")
    classes = []
    for name, (key, texts) in zip(names, first.items(), strict=True):
        if key not in second:
            raise BadInput("The temporal file", f"has no entry {key!r}", "Give the file made with the spatial one")
        classes.append(ActionClass(name, texts, second[key]))
    return _even(ClassList(tuple(classes)))


def to_official(classes: ClassList) -> tuple[str, str, str]:
    """(label CSV, spatial JSON, temporal JSON) as the authors' code reads them."""
    labels = io.StringIO()
    table = csv.writer(labels, lineterminator="\n")
    table.writerows([["id", "name"], *([place, item.name] for place, item in enumerate(classes.classes))])
    parts = [
        json.dumps({str(place): item.of(kind) for place, item in enumerate(classes.classes)}, ensure_ascii=False)
        for kind in _KINDS
    ]
    return labels.getvalue(), parts[0], parts[1]


def names_from_csv(text: str) -> tuple[str, ...]:
    """Class names of the authors' label CSV (header "id,name"), or one name a line when there is no such header."""
    lines = [line for line in csv.reader(io.StringIO(text.lstrip("\ufeff"))) if line]
    if lines and [cell.strip().lower() for cell in lines[0]][:2] == ["id", "name"]:
        if any(len(line) < 2 for line in lines):
            raise BadInput("The label file", "has a line without a name", "Give two columns: id, name")
        return tuple(line[1].strip() for line in lines[1:])
    return tuple(",".join(line).strip() for line in lines)


def from_json(text: str) -> ClassList:
    """Our merged form: {"class name": {"spatial": [...], "temporal": [...]}, ...}. Raises BadInput."""
    content = _json(text, "The descriptor file")
    if not isinstance(content, dict):
        raise BadInput("The descriptor file", "is no table of classes", "Give {name: {spatial: [], temporal: []}}")
    classes = []
    for name, parts in content.items():
        if not isinstance(parts, dict) or set(parts) != set(_KINDS):
            raise BadInput(f"Class {name!r}", "lacks its two lists", 'Give {"spatial": [...], "temporal": [...]}')
        classes.append(ActionClass(name, *(_strings(parts[kind], f"Class {name!r}") for kind in _KINDS)))
    return _even(ClassList(tuple(classes)))


def to_json(classes: ClassList) -> str:
    """What ``from_json`` reads."""
    content = {item.name: {kind: list(item.of(kind)) for kind in _KINDS} for item in classes.classes}
    return json.dumps(content, ensure_ascii=False, indent=1)


def from_csv(text: str) -> ClassList:
    """A CSV whose first line is ``header``; raises BadInput."""
    lines = [line for line in csv.reader(io.StringIO(text.lstrip("\ufeff"))) if any(cell.strip() for cell in line)]
    if not lines or lines[0] != header(len(lines[0]) // 2):
        wanted = ",".join(header(2))
        raise BadInput("The table", "has no line of column names", f"Begin with {wanted} (for two of each kind)")
    for place, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            raise BadInput("The table", f"has {len(line)} cells in line {place}", f"Give {len(lines[0])} in each")
    return _even(from_rows(lines[1:]))


def to_csv(classes: ClassList) -> str:
    """What ``from_csv`` reads."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header(classes.count), *to_rows(classes)])
    return out.getvalue()


def _even(classes: ClassList) -> ClassList:
    """Itself; raises BadInput when N differs between classes or kinds."""
    for item in classes.classes:
        for kind in _KINDS:
            if len(item.of(kind)) != classes.count:
                raise BadInput(
                    f"Class {item.name!r}",
                    f"has {len(item.of(kind))} {kind} descriptors where the first class has {classes.count}",
                    "Give every class equally many of each kind",
                )
    return classes


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise BadInput(name, f"is not JSON ({str(error)[:80]})", "Export it again") from error


def _table(text: str, name: str) -> Mapping[str, tuple[str, ...]]:
    content = _json(text, name)
    if not isinstance(content, dict) or not content:
        raise BadInput(name, "is no table of lists", 'Give {"0": ["...", ...], "1": [...], ...}')
    return {key: _strings(texts, f"{name}, entry {key!r},") for key, texts in content.items()}


def _strings(texts: Any, name: str) -> tuple[str, ...]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadInput(name, "is not a list of texts", 'Give ["...", "..."]')
    return tuple(texts)
