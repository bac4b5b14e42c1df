"""What to segment in each photo of a batch: boxes or points from a CSV file, or the boxes of a COCO file.

Boxes: columns image, x0, y0, x1, y1 and if wanted label; a line is an object. Points: columns image, object, x, y and
if wanted add (1 adds, 0 removes; 1 when missing) and label; lines of one image with the same object belong together.
Everything in pixels of the photo as it is seen, from its upper left corner. A photo is named as in the zip or folder,
or by its bare file name where only one has it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.parts.problems import BadInput

BOXES = ("image", "x0", "y0", "x1", "y1")
POINTS = ("image", "object", "x", "y")
MOST_BYTES = 64_000_000
MOST_PER_IMAGE = 500
BOXES_TEMPLATE = "image,x0,y0,x1,y1,label\nstreet.jpg,120,80,420,360,car\nstreet.jpg,500,90,610,300,person\n"
POINTS_TEMPLATE = "image,object,x,y,add,label\nstreet.jpg,1,270,220,1,car\nstreet.jpg,1,430,380,0,car\n"
_REMEDY = "Download a template: image,x0,y0,x1,y1,label or image,object,x,y,add,label"


@dataclass(frozen=True)
class ObjectPrompt:
    """One object to segment: a box x0, y0, x1, y1, or points (x, y) with 1 (adds) or 0 (removes) for each."""

    label: str = ""
    box: tuple[float, float, float, float] | None = None
    points: tuple[tuple[float, float], ...] = ()
    adds: tuple[int, ...] = ()


@dataclass(frozen=True)
class PromptTable:
    """The prompts of every photo, by the name that the file gives it."""

    by_image: Mapping[str, tuple[ObjectPrompt, ...]] = field(default_factory=dict)

    def matched(self, names: Sequence[str]) -> tuple[dict[str, tuple[ObjectPrompt, ...]], list[str]]:
        """(prompts by photo, names of the file that fit no photo). names: the photos there are."""
        known = {_spelled(name): name for name in names}
        bare: dict[str, list[str]] = {}
        for name in names:
            bare.setdefault(_spelled(name).rpartition("/")[2], []).append(name)
        found: dict[str, tuple[ObjectPrompt, ...]] = {}
        unknown = []
        for written, prompts in self.by_image.items():
            key = _spelled(written)
            same = bare.get(key.rpartition("/")[2], [])
            photo = known.get(key) or (same[0] if len(same) == 1 else "")
            if photo:
                found[photo] = found.get(photo, ()) + prompts
            else:
                unknown.append(written)
        return found, unknown


def read_prompts(data: bytes, name: str) -> PromptTable:
    """The table in a CSV or COCO JSON file called `name`; raises BadInput naming the line or entry."""
    if len(data) > MOST_BYTES:
        raise BadInput(name, f"is larger than {MOST_BYTES // 1_000_000} MB", "Split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(name, "is not a text file in UTF-8", _REMEDY) from error
    table = _coco(text, name) if text.lstrip()[:1] in ("{", "[") else _csv(text, name)
    if not table.by_image:
        raise BadInput(name, "names no photo", _REMEDY)
    for image, prompts in table.by_image.items():
        if len(prompts) > MOST_PER_IMAGE:
            raise BadInput(name, f"has {len(prompts)} objects for {image[-60:]}", f"The limit is {MOST_PER_IMAGE}")
    return table


def _csv(text: str, name: str) -> PromptTable:
    first = text.partition("\n")[0]
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ","))
    except csv.Error as error:
        raise BadInput(name, f"is not a CSV file ({error})", _REMEDY) from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if all(column in head for column in BOXES):
        return PromptTable(_boxes(_cells(rows, head, name), name))
    if all(column in head for column in POINTS):
        return PromptTable(_points(_cells(rows, head, name), name))
    raise BadInput(name, f"begins with {first.strip()[:60]!a}, not with the names of its columns", _REMEDY)


def _cells(rows: Sequence[Sequence[str]], head: Sequence[str], name: str) -> Iterable[tuple[int, dict[str, str]]]:
    """(line number, cells by column) of every line that is not empty."""
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(head, (cell.strip() for cell in row), strict=False))
        if not cells.get("image"):
            raise BadInput(name, f"names no image in line {number}", _REMEDY)
        yield number, cells


def _boxes(lines: Iterable[tuple[int, dict[str, str]]], name: str) -> dict[str, tuple[ObjectPrompt, ...]]:
    found: dict[str, list[ObjectPrompt]] = {}
    for number, cells in lines:
        x0, y0, x1, y1 = (_number(cells, column, number, name) for column in BOXES[1:])
        prompt = ObjectPrompt(cells.get("label", ""), box=(x0, y0, x1, y1))
        found.setdefault(cells["image"], []).append(prompt)
    return {image: tuple(prompts) for image, prompts in found.items()}


def _points(lines: Iterable[tuple[int, dict[str, str]]], name: str) -> dict[str, tuple[ObjectPrompt, ...]]:
    found: dict[str, dict[str, ObjectPrompt]] = {}
    for number, cells in lines:
        point = (_number(cells, "x", number, name), _number(cells, "y", number, name))
        add = cells.get("add") or "1"
        if add not in ("0", "1"):
            raise BadInput(
                name, f"has add = {add[:20]!a} in line {number}", "Write 1 to add to the object, 0 to remove"
            )
        things = found.setdefault(cells["image"], {})
        old = things.get(cells["object"], ObjectPrompt(cells.get("label", "")))
        label = old.label or cells.get("label", "")
        things[cells["object"]] = ObjectPrompt(label, None, (*old.points, point), (*old.adds, int(add)))
    for image, things in found.items():
        for key, prompt in things.items():
            if 1 not in prompt.adds:
                raise BadInput(
                    name,
                    f"only removes points from object {key[:20]!a} of {image[-60:]}",
                    "Give it a point with add = 1",
                )
    return {image: tuple(things.values()) for image, things in found.items()}


def _number(cells: Mapping[str, str], column: str, line: int, name: str) -> float:
    try:
        value = float(cells.get(column, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        written = cells.get(column, "")[:20]
        raise BadInput(
            name, f"has {column} = {written!a} in line {line}", "Write pixels as a number, as in 120 or 80.5"
        )
    return value


def _coco(text: str, name: str) -> PromptTable:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(name, "is not JSON, or it is cut off", "Choose a COCO annotation file, or a CSV file") from error
    images, classes = _named(record, "images", "file_name"), _named(record, "categories", "name")
    entries = record.get("annotations") if isinstance(record, dict) else None
    if not images or not isinstance(entries, list):
        raise BadInput(name, 'is JSON without "images" and "annotations"', "Choose a COCO annotation file")
    found: dict[str, list[ObjectPrompt]] = {}
    for place, entry in enumerate(entries):
        entry = entry if isinstance(entry, dict) else {}
        box, image = entry.get("bbox"), images.get(str(entry.get("image_id")))
        title = f"annotation {str(entry.get('id', f'number {place + 1}'))[:20]}"
        if image is None:
            raise BadInput(
                name, f"has {title} for an image that is not in it", "Export images and annotations together"
            )
        if not isinstance(box, list) or len(box) != 4 or not all(_finite(v) for v in box):
            raise BadInput(name, f"has {title} without a box", 'Give "bbox": [x, y, width, height]')
        x, y, width, height = (float(v) for v in box)
        label = classes.get(str(entry.get("category_id")), "")
        found.setdefault(image, []).append(ObjectPrompt(label, box=(x, y, x + width, y + height)))
    return PromptTable({image: tuple(prompts) for image, prompts in found.items()})


def _named(record: Any, key: str, value: str) -> dict[str, str]:
    """Names by id, as text, of a list of COCO entries."""
    entries = record.get(key) if isinstance(record, dict) else None
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {str(entry.get("id")): entry[value] for entry in entries if isinstance(entry.get(value), str)}


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _spelled(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").casefold()
