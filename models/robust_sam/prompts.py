"""What a user asks for, in original pixels, checked before it reaches a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.robust_sam.frames import Size


class BadPrompt(ValueError):
    """A prompt that cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True)
class Prompts:
    """Clicks, a box and a former answer for one object, all in pixels of the original photo.

    ``points``: x, y; ``labels``: 1 adds, 0 removes, one for each point. ``box``: x0, y0, x1, y1. ``mask``: the
    ``low_res_logits`` of a former answer.
    """

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: np.ndarray | None = None

    def checked(self, size: Size) -> Prompts:
        """The same prompts, valid for a photo of ``size`` (height, width); raises BadPrompt. Boxes are put in order."""
        height, width = size
        if len(self.points) != len(self.labels):
            raise BadPrompt(f"{len(self.points)} points came with {len(self.labels)} labels; give one label a point")
        if not self.points and self.box is None and self.mask is None:
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
        return Prompts(self.points, self.labels, self._ordered_box(width, height), self.mask)

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
