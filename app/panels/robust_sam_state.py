"""What a user of the segmentation room has drawn: named objects with their prompts, and its undo history.

Pure values: no gradio, no arrays, no model. Coordinates are pixels of the original photo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.palette import OBJECT_COLORS
from app.panels.robust_sam_problem import BadPrompt
from app.panels.robust_sam_strokes import MOST_EDITS, PAINT, Edit, edit_of, edit_value, stroke_of

__all__ = ["ADD", "REMOVE", "BadPrompt", "Document", "History", "Outlined", "Point", "apply", "as_dict", "from_dict"]

ADD, REMOVE = 1, 0
MOST_OBJECTS = 100
MOST_POINTS = 200
LONGEST_NAME = 60
LONGEST_LABEL = 60
REFINES = True
"""Whether a new object gives its last mask back to the network with the next click, until the user says otherwise."""
HISTORY_LENGTH = 200
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Point:
    """A click: x, y in original pixels; label 1 adds, 0 removes."""

    x: float
    y: float
    label: int


@dataclass(frozen=True)
class Outlined:
    """One object to cut out: its name, class label, colour, prompts and painting.

    ``box``: x0, y0, x1, y1 with x0 < x1 and y0 < y1. ``edits``: strokes over the network's mask, oldest first.
    ``refine``: give the last mask back to the network with the next click. ``paint_prompt``: the painting is a prompt
    for the network instead of pixels of the result.
    """

    id: int
    name: str
    color: str
    hidden: bool = False
    points: tuple[Point, ...] = ()
    box: tuple[float, float, float, float] | None = None
    label: str = ""
    edits: tuple[Edit, ...] = ()
    refine: bool = REFINES
    paint_prompt: bool = False

    @property
    def prompted(self) -> bool:
        """True when there is something to segment: a box, an adding point, or a painting that is a prompt."""
        painted = self.paint_prompt and any(edit.mode == PAINT for edit in self.edits)
        return painted or self.box is not None or any(point.label == ADD for point in self.points)

    @property
    def drawn(self) -> bool:
        """True when it has a mask, from the network or painted by hand."""
        return self.prompted or any(edit.mode == PAINT for edit in self.edits)


@dataclass(frozen=True)
class Document:
    """All objects on one photo; ``active`` is the id of the object that clicks belong to."""

    objects: tuple[Outlined, ...] = (Outlined(1, "Object 1", OBJECT_COLORS[0]),)
    active: int = 1
    next_id: int = 2

    def object(self, identity: int) -> Outlined:
        """The object with this id; raises BadPrompt when there is none."""
        for candidate in self.objects:
            if candidate.id == identity:
                return candidate
        raise BadPrompt("object", f"no object has the number {identity}", "Choose one from the list of objects.")

    @property
    def current(self) -> Outlined:
        """The object that clicks belong to."""
        return self.object(self.active)

    def with_object(self, changed: Outlined) -> Document:
        """The same document with the object of that id replaced."""
        return replace(self, objects=tuple(changed if o.id == changed.id else o for o in self.objects))


@dataclass(frozen=True)
class History:
    """The document now, and what undo and redo would bring back. Selecting an object is not a step."""

    now: Document = field(default_factory=Document)
    past: tuple[Document, ...] = ()
    future: tuple[Document, ...] = ()

    def then(self, document: Document) -> History:
        """A new step: ``document`` becomes the present and the redo branch ends."""
        if document == self.now:
            return self
        return History(document, (*self.past, self.now)[-HISTORY_LENGTH:], ())

    def undo(self) -> History:
        """One step back; the same history when there is none."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (self.now, *self.future))

    def redo(self) -> History:
        """One step forward again; the same history when there is none."""
        if not self.future:
            return self
        return History(self.future[0], (*self.past, self.now), self.future[1:])


def apply(history: History, action: Mapping[str, Any], size: tuple[int, int]) -> History:
    """Carry out one action of the stage on a photo of ``size`` (width, height).

    Actions: point (x, y, label), box (x0, y0, x1, y1), stroke (mode, radius, path), clear, clear_edits, refine (on),
    paint_prompt (on), new, select (id), rename (id, name), label (id, label, color or none), color (id, color),
    hide (id, hidden), delete (id), undo, redo. Raises BadPrompt; the history is then unchanged.
    """
    verb = action.get("do")
    now = history.now
    if verb == "undo":
        return history.undo()
    if verb == "redo":
        return history.redo()
    if verb == "point":
        return history.then(_add_point(now, action, size))
    if verb == "box":
        return history.then(now.with_object(replace(now.current, box=_box(action, size))))
    if verb == "stroke":
        return history.then(_with_edit(now, stroke_of(action, size)))
    if verb == "clear":
        return history.then(now.with_object(replace(now.current, points=(), box=None, edits=())))
    if verb == "clear_edits":
        return history.then(now.with_object(replace(now.current, edits=())))
    if verb == "refine":
        return history.then(now.with_object(replace(now.current, refine=bool(action.get("on")))))
    if verb == "paint_prompt":
        return history.then(now.with_object(replace(now.current, paint_prompt=bool(action.get("on")))))
    if verb == "new":
        return history.then(_new_object(now))
    if verb == "select":
        return replace(history, now=replace(now, active=now.object(_identity(action)).id))
    if verb == "delete":
        return history.then(_without(now, _identity(action)))
    if verb in ("rename", "label", "color", "hide"):
        return history.then(now.with_object(_described(now.object(_identity(action)), str(verb), action)))
    raise BadPrompt("action", f"{verb!r} is not an action of the stage", "Reload the page if it is older than the app.")


def _add_point(document: Document, action: Mapping[str, Any], size: tuple[int, int]) -> Document:
    current = document.current
    if len(current.points) >= MOST_POINTS:
        raise BadPrompt("point", f"{current.name} already has {MOST_POINTS} points", "Clear it or start a new object.")
    x, y = _inside(action.get("x"), action.get("y"), size)
    label = action.get("label")
    if label not in (ADD, REMOVE):
        raise BadPrompt("point", f"the label {label!r} is neither 1 (add) nor 0 (remove)", "Use 1 or 0.")
    return document.with_object(replace(current, points=(*current.points, Point(x, y, int(label)))))


def _with_edit(document: Document, edit: Edit) -> Document:
    current = document.current
    if len(current.edits) >= MOST_EDITS:
        raise BadPrompt(
            "stroke", f"{current.name} already has {MOST_EDITS}", "Clear the painting or start a new object."
        )
    return document.with_object(replace(current, edits=(*current.edits, edit)))


def _box(action: Mapping[str, Any], size: tuple[int, int]) -> tuple[float, float, float, float]:
    # A box may end on the photo's far edge, where no pixel begins.
    edges = (size[0] + 1, size[1] + 1)
    ax, ay = _inside(action.get("x0"), action.get("y0"), edges)
    bx, by = _inside(action.get("x1"), action.get("y1"), edges)
    ax, ay, bx, by = min(ax, size[0]), min(ay, size[1]), min(bx, size[0]), min(by, size[1])
    if abs(ax - bx) < 1 or abs(ay - by) < 1:
        raise BadPrompt("box", "its corners lie in one row or column", "Set the second corner further away.")
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _inside(x: object, y: object, size: tuple[int, int]) -> tuple[float, float]:
    width, height = size
    if not (_finite(x) and _finite(y)):
        raise BadPrompt("point", f"({x!r}, {y!r}) is not a pair of numbers", "Click on the photo.")
    px, py = float(x), float(y)  # type: ignore[arg-type]
    if not (0 <= px < width and 0 <= py < height):
        raise BadPrompt(
            "point", f"({px:.0f}, {py:.0f}) lies outside the photo of {width} x {height} px", "Click inside the photo."
        )
    return px, py


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _identity(action: Mapping[str, Any]) -> int:
    identity = action.get("id")
    if not isinstance(identity, int) or isinstance(identity, bool):
        raise BadPrompt("object", f"{identity!r} is not an object's number", "Choose one from the list of objects.")
    return identity


def _new_object(document: Document) -> Document:
    if len(document.objects) >= MOST_OBJECTS:
        raise BadPrompt("objects", f"this photo already has {MOST_OBJECTS}", "Delete one that you do not need.")
    identity = document.next_id
    used = [o.color for o in document.objects]
    color = min(OBJECT_COLORS, key=used.count)
    refine = document.current.refine if document.objects else REFINES
    fresh = Outlined(identity, f"Object {identity}", color, refine=refine)
    return Document((*document.objects, fresh), identity, identity + 1)


def _without(document: Document, identity: int) -> Document:
    gone = document.object(identity)
    left = tuple(o for o in document.objects if o.id != gone.id)
    if not left:
        fresh = Outlined(document.next_id, f"Object {document.next_id}", gone.color)
        return Document((fresh,), fresh.id, document.next_id + 1)
    active = document.active if document.active != identity else left[-1].id
    return replace(document, objects=left, active=active)


def _described(thing: Outlined, verb: str, action: Mapping[str, Any]) -> Outlined:
    if verb == "hide":
        return replace(thing, hidden=bool(action.get("hidden")))
    if verb == "color":
        color = action.get("color")
        if not isinstance(color, str) or not _COLOR.fullmatch(color):
            raise BadPrompt("colour", f"{color!r} is not of the form #RRGGBB", "Choose one from the palette.")
        return replace(thing, color=color.upper())
    if verb == "label":
        color = action.get("color")
        named = replace(thing, label=" ".join(str(action.get("label") or "").split())[:LONGEST_LABEL])
        return replace(named, color=color.upper()) if isinstance(color, str) and _COLOR.fullmatch(color) else named
    name = " ".join(str(action.get("name", "")).split())[:LONGEST_NAME]
    if not name:
        raise BadPrompt("name", "it is empty", "Type at least one letter.")
    return replace(thing, name=name)


def as_dict(document: Document) -> dict[str, Any]:
    """Plain JSON values with everything; ``from_dict`` reads them back."""
    return {
        "active": document.active,
        "next_id": document.next_id,
        "objects": [
            {
                "id": o.id,
                "name": o.name,
                "color": o.color,
                "hidden": o.hidden,
                "points": [[p.x, p.y, p.label] for p in o.points],
                "box": list(o.box) if o.box else None,
                "label": o.label,
                "refine": o.refine,
                "paint_prompt": o.paint_prompt,
                "edits": [edit_value(edit) for edit in o.edits],
            }
            for o in document.objects
        ],
    }


def from_dict(value: Mapping[str, Any], size: tuple[int, int]) -> Document:
    """A document kept by the browser, checked like fresh input; raises BadPrompt when it does not fit the photo."""
    objects: Sequence[Mapping[str, Any]] = value.get("objects") or ()
    if not isinstance(objects, list) or not objects:
        raise BadPrompt("kept work", "it holds no objects", "Start anew.")
    history = History(Document((), 0, 1))
    for kept in objects[:MOST_OBJECTS]:
        history = history.then(_new_object(history.now))
        identity = history.now.active
        for verb in ("rename", "label", "color", "hide"):
            history = apply(history, {**kept, "do": verb, "id": identity}, size)
        history = apply(history, {"do": "refine", "on": kept.get("refine", REFINES)}, size)
        history = apply(history, {"do": "paint_prompt", "on": kept.get("paint_prompt", False)}, size)
        for x, y, label in (kept.get("points") or [])[:MOST_POINTS]:
            history = apply(history, {"do": "point", "x": x, "y": y, "label": label}, size)
        if kept.get("box"):
            x0, y0, x1, y1 = kept["box"]
            history = apply(history, {"do": "box", "x0": x0, "y0": y0, "x1": x1, "y1": y1}, size)
        for edit in (kept.get("edits") or [])[:MOST_EDITS]:
            history = History(_with_edit(history.now, edit_of(edit, size)))
    order = [o.get("id") for o in objects[:MOST_OBJECTS]]
    active = order.index(value.get("active")) + 1 if value.get("active") in order else 1
    return replace(history.now, active=active)
