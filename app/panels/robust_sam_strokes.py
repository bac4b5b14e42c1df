"""The edit layer of an object as plain values: brush strokes, and pixels painted as a whole. No arrays here.

Coordinates are pixels of the original photo, so a stroke is exact at every size it is drawn at;
``robust_sam_paint`` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.panels.robust_sam_problem import BadPrompt

ERASE, PAINT = 0, 1
MOST_EDITS = 500
"""Strokes and patches of one object."""
MOST_STEPS = 4000
"""Points along one stroke."""
LONGEST_RUNS = 4_000_000


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush: all within ``radius`` of ``path`` (x0, y0, x1, y1, ...) is added (1) or erased (0)."""

    mode: int
    radius: float
    path: tuple[float, ...]


@dataclass(frozen=True)
class Patch:
    """Pixels added (1) or erased (0) as a whole, from a saved or imported mask.

    ``size``: (width, height) of that mask, which covers the whole photo; ``runs``: app.stage_encode.mask_runs of it.
    """

    mode: int
    size: tuple[int, int]
    runs: str


Edit = Stroke | Patch


def stroke_of(action: Mapping[str, Any], size: tuple[int, int]) -> Stroke:
    """A stroke drawn on a photo of ``size`` (width, height); raises BadPrompt. It may leave the photo."""
    mode, radius, path = action.get("mode"), action.get("radius"), action.get("path")
    if mode not in (PAINT, ERASE):
        raise BadPrompt("stroke", f"the mode {mode!r} is neither 1 (paint) nor 0 (erase)", "Use 1 or 0.")
    longest = math.hypot(*size)
    if not _number(radius) or not 0 < float(radius) <= longest:  # type: ignore[arg-type]
        raise BadPrompt(
            "stroke", f"the brush radius {radius!r} is not between 0 and {longest:.0f} px", "Choose another."
        )
    if not isinstance(path, list | tuple) or len(path) < 2 or len(path) % 2 or not all(_number(v) for v in path):
        raise BadPrompt("stroke", "its path is not a list x0, y0, x1, y1, ...", "Draw it again.")
    if len(path) > 2 * MOST_STEPS:
        raise BadPrompt("stroke", f"it has more than {MOST_STEPS} points", "Draw it in parts.")
    if any(abs(value) > 4 * longest for value in path):
        raise BadPrompt("stroke", "it lies far outside the photo", "Draw on the photo.")
    return Stroke(int(mode), round(float(radius), 2), tuple(round(float(v), 1) for v in path))  # type: ignore[arg-type]


def patch_of(value: Mapping[str, Any], size: tuple[int, int]) -> Patch:
    """A patch for a photo of ``size`` (width, height); raises BadPrompt."""
    mode, shape, runs = value.get("mode"), value.get("size"), value.get("runs")
    if mode not in (PAINT, ERASE) or not isinstance(runs, str) or len(runs) > LONGEST_RUNS:
        raise BadPrompt("painting", "it has the wrong form", "Paint it again.")
    if not isinstance(shape, list | tuple) or len(shape) != 2 or not all(_whole(v) and v > 0 for v in shape):
        raise BadPrompt("painting", f"{shape!r} is not a width and a height", "Paint it again.")
    width, height = int(shape[0]), int(shape[1])
    # Rounding of a smaller copy moves each side by at most half a pixel.
    if width > size[0] or height > size[1] or abs(width * size[1] - height * size[0]) > max(size):
        raise BadPrompt("painting", f"its size {width} x {height} is not that of the photo", "Paint it on this photo.")
    return Patch(int(mode), (width, height), runs)


def edit_of(value: Mapping[str, Any], size: tuple[int, int]) -> Edit:
    """What ``edit_value`` made, checked like fresh input; raises BadPrompt."""
    if not isinstance(value, Mapping):
        raise BadPrompt("painting", f"{value!r} is not a stroke", "Paint it again.")
    return patch_of(value, size) if "runs" in value else stroke_of(value, size)


def edit_value(edit: Edit) -> dict[str, Any]:
    """Plain JSON values of a stroke or patch."""
    if isinstance(edit, Stroke):
        return {"mode": edit.mode, "radius": edit.radius, "path": list(edit.path)}
    return {"mode": edit.mode, "size": list(edit.size), "runs": edit.runs}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
