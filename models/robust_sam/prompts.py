"""What a user asks for, in original pixels, checked before it reaches a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.robust_sam.frames import Size


class BadPrompt(ValueError):
    """A prompt that cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True)
class Prompts:
    """Clicks, a box and a former answer for one object, all in pixels of the original photo.

    ``points``: x, y; ``labels``: 1 adds, 0 removes, one for each point. ``box``: x0, y0, x1, y1. ``mask``: the
    ``low_res_logits`` of a former answer. ``painted``: (h, w) bool over the whole photo, a mask painted by hand; it
    takes the place of ``mask``. ``refine``: each click is answered with the mask before it as a prompt too; ``last``:
    ``low_res_logits`` by branch of the answer to all but the last click, where the caller has them.
    """

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: np.ndarray | None = None
    painted: np.ndarray | None = None
    refine: bool = False
    last: Mapping[Literal["sam", "robust"], np.ndarray] | None = None

    def steps(self) -> list[int]:
        """How many points each run of a refinement sees: the first ends with the first adding point, or has the box or
        painting alone; one more each time after it.
        """
        framed = self.box is not None or self.painted is not None or self.mask is not None
        first = 0 if framed else self.labels.index(1) + 1 if 1 in self.labels else len(self.labels)
        return list(range(first, len(self.points) + 1))

    def checked(self, size: Size) -> Prompts:
        """The same prompts, valid for a photo of ``size`` (height, width); raises BadPrompt. Boxes are put in order."""
        height, width = size
        if len(self.points) != len(self.labels):
            raise BadPrompt(f"{len(self.points)} points came with {len(self.labels)} labels; give one label a point")
        drawn = self.mask is not None or (self.painted is not None and bool(self.painted.any()))
        if not self.points and self.box is None and not drawn:
            raise BadPrompt("there is no prompt; click the object or draw a box around it")
        for index, (x, y) in enumerate(self.points):
            if not (np.isfinite(x) and np.isfinite(y)) or not (0 <= x < width and 0 <= y < height):
                raise BadPrompt(
                    f"point {index + 1} at ({x:g}, {y:g}) lies outside the photo of {width} x {height} pixels; "
                    "click inside the photo"
                )
        for label in self.labels:
            if label not in (0, 1):
                raise BadPrompt(f"label {label!r} is unknown; 1 adds to the object, 0 removes from it")
        return replace(self, box=self._ordered_box(width, height))

    def _ordered_box(self, width: int, height: int) -> tuple[float, float, float, float] | None:
        if self.box is None:
            return None
        if not all(np.isfinite(self.box)):
            raise BadPrompt(f"box {self.box} has a side that is no number; draw it again")
        x0, x1 = sorted((self.box[0], self.box[2]))
        y0, y1 = sorted((self.box[1], self.box[3]))
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            raise BadPrompt(
                f"box {self.box} covers no pixel of the photo of {width} x {height}; draw it over the object"
            )
        return box
