"""The class list as a table one edits: presets, remarks, import and export, generated descriptors."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import service
from app.guard.errors import BadInput

if TYPE_CHECKING:
    from models.ost.descriptors import ClassList

PRESETS = {
    "held_out": "24 rendered actions, never named in training",
    "seen": "24 rendered actions, named in training",
    "bank": "everyday actions, written by hand",
}
MOST_BYTES = 5_000_000
SHOWN_REMARKS = 8


def preset(key: str) -> ClassList:
    """A class list of ours. Raises BadInput for another key."""
    from models.ost import descriptor_bank

    if key == "bank":
        return descriptor_bank.bank()
    if key not in PRESETS:
        raise BadInput("The preset", f"{key!r} does not exist", f"Choose one of {', '.join(PRESETS)}")
    return descriptor_bank.class_list(descriptor_bank.rendered_names(key == "held_out"))


def of_rows(rows: Any) -> ClassList:
    """What the table holds, as typed. Raises BadInput."""
    from models.ost import descriptors

    return descriptors.from_rows(_cells(rows))


def _cells(rows: Any) -> Sequence[Sequence[Any]]:
    return rows.to_numpy().tolist() if hasattr(rows, "to_numpy") else list(rows or [])


def counted(classes: ClassList) -> str:
    """How large the table is."""
    return f'<p class="pk-under">{len(classes)} classes, {classes.count} descriptors of each kind, no remarks</p>'


def remarks(classes: ClassList) -> str:
    """The lint's remarks; empty rows of the table are none."""
    from models.ost.lint import lint

    found = lint(classes)
    if not found:
        return counted(classes)
    items = "".join(
        f"<li><b>{html.escape(one.rule)}</b> row {one.row + 1}, {html.escape(one.name or 'no name')}"
        f"{'' if one.kind == 'name' else f', {one.kind} {one.place + 1}'}: {html.escape(one.message)}</li>"
        for one in found[:SHOWN_REMARKS]
    )
    more = f"<li>and {len(found) - SHOWN_REMARKS} more</li>" if len(found) > SHOWN_REMARKS else ""
    return f'<ul class="os-remarks">{items}{more}</ul>'


def imported(files: Sequence[str]) -> ClassList:
    """A list from one merged JSON or CSV file, or from the official pair: two JSON files and the label CSV.

    The label CSV alone, or names in a text file, one a line, get descriptors of the bank. Raises BadInput.
    """
    from models.ost import descriptors

    given = {Path(name).name: _text(service.uploaded(name)) for name in files}
    if len(given) == 1:
        ((name, text),) = given.items()
        if name.lower().endswith(".txt") or text.lower().replace(" ", "").startswith("id,name"):
            return named("\n".join(descriptors.names_from_csv(text)))
        if name.lower().endswith(".csv"):
            return descriptors.from_csv(text)
        return descriptors.from_json(text)
    spatial = [text for name, text in given.items() if "spatial" in name.lower() and name.lower().endswith(".json")]
    temporal = [text for name, text in given.items() if "temporal" in name.lower() and name.lower().endswith(".json")]
    labels = [text for name, text in given.items() if name.lower().endswith(".csv")]
    if len(given) != 3 or not (len(spatial) == len(temporal) == len(labels) == 1):
        raise BadInput(
            "The files",
            "are neither one list nor the official three",
            "Give one JSON or CSV, or a JSON with spatial in its name, one with temporal, and the label CSV",
        )
    return descriptors.from_official(descriptors.names_from_csv(labels[0]), spatial[0], temporal[0])


def named(text: str, count: int = 4) -> ClassList:
    """Names, one a line (or separated by commas when there is one line), with descriptors of the bank or by rule.

    Raises BadInput when there are none or too many.
    """
    from models.ost import descriptor_bank
    from models.ost.descriptors import MOST_CLASSES

    lines = [line for line in text.splitlines() if line.strip()]
    pieces = lines if len(lines) > 1 else text.split(",")
    names = tuple(dict.fromkeys(name.strip() for name in pieces if name.strip()))
    if not names:
        raise BadInput("The class list", "is empty", "Write at least one class name")
    if len(names) > MOST_CLASSES:
        raise BadInput("The class list", f"has {len(names):,} classes", f"The limit is {MOST_CLASSES:,}")
    return descriptor_bank.class_list(names, max(count, 1))


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(path.name, "is larger than 5 MB", "Give a class list as JSON or CSV")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise BadInput(path.name, "is not text in UTF-8", "Save it as UTF-8") from problem


def exported(classes: ClassList, form: str) -> tuple[tuple[str, bytes], ...]:
    """(file name, bytes) of a class list as json, csv, or the official three files. Raises BadInput."""
    from models.ost import descriptors

    checked = classes.checked()
    if form == "json":
        return (("classes.json", descriptors.to_json(checked).encode()),)
    if form == "csv":
        return (("classes.csv", descriptors.to_csv(checked).encode()),)
    if form != "official":
        raise BadInput("The form", f"{form!r} is unknown", "Choose json, csv or official")
    labels, spatial, temporal = descriptors.to_official(checked)
    names = ("labels.csv", f"spatial_{checked.count}.json", f"temporal_{checked.count}.json")
    return tuple((name, text.encode()) for name, text in zip(names, (labels, spatial, temporal), strict=True))


def filled(classes: ClassList, source: str) -> tuple[ClassList, str]:
    """Every empty descriptor written: by the offline bank and rules, or by the text service. What is written stays.

    Returns the list and a sentence. Raises BadInput.
    """
    from models.ost import descriptor_bank, generation
    from models.ost.descriptors import ActionClass, ClassList

    if not classes.classes:
        raise BadInput("The class list", "is empty", "Write at least one class name")
    count, done = max(classes.count, 1), []
    changed = 0
    for item in classes.classes:
        missing = [not text.strip() for kind in ("spatial", "temporal") for text in item.of(kind)]
        if not any(missing) or not item.name.strip():
            done.append(item)
            continue
        made = (
            generation.ask_service(item.name, count)
            if source == "service"
            else descriptor_bank.generate(item.name, count).item
        )
        kinds = [
            tuple(old.strip() or new for old, new in zip(item.of(kind), made.of(kind), strict=True))
            for kind in ("spatial", "temporal")
        ]
        done.append(ActionClass(item.name, kinds[0], kinds[1]))
        changed += 1
    said = f"{changed} classes completed" if changed else "Nothing was empty"
    return ClassList(tuple(done)), said


def pasted(classes: ClassList, answer: str) -> ClassList:
    """The table with the classes of a pasted answer to `table_question` put in or replaced. Raises BadInput."""
    from models.ost import generation
    from models.ost.descriptors import ActionClass, ClassList

    count = classes.count or 4
    table = {item.name: item for item in classes.classes}
    for item in generation.parsed_table(answer):
        kinds = [(item.of(kind) + ("",) * count)[:count] for kind in ("spatial", "temporal")]
        table[item.name] = ActionClass(item.name, kinds[0], kinds[1])
    return ClassList(tuple(table.values()))


def question(classes: ClassList) -> str:
    """What to ask a language model for the classes that lack descriptors, or for all."""
    from models.ost import generation

    named = [item for item in classes.classes if item.name.strip()]
    lacking = [item.name for item in named if not all(t.strip() for k in ("spatial", "temporal") for t in item.of(k))]
    names = lacking or [item.name for item in named]
    if not names:
        raise BadInput("The class list", "is empty", "Write at least one class name")
    return generation.table_question(names, classes.count or 4)


def plain(classes: ClassList) -> list[dict[str, Any]]:
    """For JSON."""
    return [{"name": c.name, "spatial": list(c.spatial), "temporal": list(c.temporal)} for c in classes.classes]


def of_plain(given: Any) -> ClassList:
    """A class list as scripts give it: [{"name", "spatial": [...], "temporal": [...]}], or only names as strings.

    Names alone get descriptors of the offline bank. Raises BadInput.
    """
    from models.ost import descriptor_bank, descriptors

    if not isinstance(given, list):
        return descriptors.from_json(json.dumps(given))
    if given and all(isinstance(name, str) for name in given):
        return descriptor_bank.class_list(tuple(given))
    # One at a time, so that two classes of one name are told of and not merged.
    classes: list[descriptors.ActionClass] = []
    for item in given:
        if not isinstance(item, dict):
            raise BadInput("The class list", "mixes forms", "Give names alone, or an object with its lists for each")
        rest = {key: value for key, value in item.items() if key != "name"}
        classes += descriptors.from_json(json.dumps({str(item.get("name", "")): rest})).classes
    return descriptors.ClassList(tuple(classes))
