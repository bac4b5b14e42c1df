"""The masks of a project's objects, ready to be written to a file: those saved with it, the others made now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import MaskObject, rle
from app.annotate.project import ImageEntry
from app.annotate.store import Project
from app.annotate.store_events import Change, Registers, new_id
from app.guard.errors import BadInput
from app.palette import rgb
from app.panels import robust_sam_state as state
from app.panels.robust_sam_examples import read_photo
from app.panels.robust_sam_paint import patch_from
from app.panels.robust_sam_project_history import Numbers, opened
from app.panels.robust_sam_project_masks import due, fresh, make, recipe
from app.panels.robust_sam_session import Photo, Session, Weights
from app.panels.robust_sam_strokes import edit_value
from models.runtime import RuntimeProblem

Notes = list[tuple[str, str]]


class Masks:
    """Gives an image's objects with masks; ``user`` is who waits for those that the model has to make."""

    def __init__(self, project: Project, user: str, weights: Weights | None = None) -> None:
        self.project, self.page = project, new_id()
        self._session = Session(user)
        self._session.weights = weights or Weights()

    def of(self, entry: ImageEntry, notes: Notes) -> Iterator[MaskObject]:
        """All objects of an image; what cannot be given, and masks older than their drawing, are noted."""
        registers = self.project.state(entry.id)
        values = registers.values("object")
        if any(fresh(registers, uid) is None for uid in values):
            self._complete(entry, registers, notes)
            registers = self.project.state(entry.id)
        labels = self.project.labels
        for uid in sorted(values, key=lambda one: (float(values[one].get("place", 0)), one)):
            value, mask = values[uid], registers.value("mask", uid)
            name = str(value.get("name", ""))
            if not isinstance(mask, Mapping):
                notes.append((entry.name, f"{name} has no mask"))
                continue
            if fresh(registers, uid) is None:
                notes.append((entry.name, f"{name} has the mask of an earlier version"))
            try:
                pixels = rle.decode(mask.get("rle"), (entry.height, entry.width), name)
            except BadInput as problem:
                notes.append((entry.name, f"{name} {problem.problem}"))
                continue
            score = mask.get("score")
            color = rgb(str(value.get("color", "#0072B2")))
            label = labels.name_of(str(value.get("label", "")))
            yield MaskObject(name, pixels, color, float(score) if isinstance(score, int | float) else None, label)

    def picture(self, entry: ImageEntry) -> npt.NDArray[np.uint8] | None:
        """The photo's pixels, None when its file is gone or no image any more."""
        photo = self._photo(entry)
        return photo.image if photo is not None else None

    def _photo(self, entry: ImageEntry) -> Photo | None:
        try:
            return read_photo(self.project.file(entry), entry.name, {})
        except BadInput:
            return None

    def _complete(self, entry: ImageEntry, registers: Registers, notes: Notes) -> None:
        """Make and keep the masks that are missing."""
        photo = self._photo(entry)
        if photo is None:
            notes.append((entry.name, "its file is gone, so missing masks were not made"))
            return
        numbers = Numbers()
        found = opened(self.project.events(entry.id), self.project.labels, numbers, photo.size)
        self._session.set_photo(photo, found.history.now)
        things = {uid: o for o in found.history.now.objects if o.drawn and (uid := numbers.uids.get(o.id))}
        for uid, thing in due(registers, things).items():
            try:
                mask = make(self._session, thing, registers.value("object", uid))
            except (BadInput, state.BadPrompt, RuntimeProblem) as problem:
                notes.append((entry.name, f"{thing.name} was not segmented ({problem})"))
                continue
            self.project.record(entry.id, [Change("mask", uid, mask)], page=self.page)


def imported(item: MaskObject, label: str, place: float) -> list[Change]:
    """What to record for an object that comes from a file: its mask painted by hand, and as it is."""
    color = "#{:02X}{:02X}{:02X}".format(*item.color)
    value: dict[str, Any] = {
        "name": (item.name or "Object")[: state.LONGEST_NAME],
        "color": color,
        "hidden": False,
        "points": [],
        "box": None,
        "label": label,
        "refine": state.REFINES,
        "paint_prompt": False,
        "edits": [edit_value(patch_from(item.mask))],
        "place": place,
        "branch": "sam",
    }
    uid = new_id()
    mask = {"of": recipe(value), "rle": rle.encode(item.mask), "branch": "sam", "score": item.score}
    return [Change("object", uid, value), Change("mask", uid, mask | {"about": {"imported": True}})]
