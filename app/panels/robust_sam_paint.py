"""Draws the edit layer of an object: strokes and patches over a mask of any size that covers the whole photo."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from app.panels.robust_sam_problem import BadPrompt
from app.panels.robust_sam_strokes import PAINT, Edit, Patch, Stroke
from app.stage_encode import mask_from_runs, mask_runs

Mask = npt.NDArray[np.bool_]


def painted_over(mask: Mask, edits: Sequence[Edit], size: tuple[int, int]) -> Mask:
    """``mask``: (h, w) bool -> a copy with ``edits`` applied in order; ``size``: the photo's (width, height).

    A pixel belongs to a stroke when its centre lies within the radius of the path, so the same strokes on a larger mask
    give the same shape with a finer edge.
    """
    done = mask.copy()
    for edit in edits:
        if isinstance(edit, Stroke):
            _stroke(done, edit, size)
        else:
            done[_patch(edit, mask.shape)] = edit.mode == PAINT
    return done


def touched(edits: Sequence[Edit], shape: tuple[int, int], size: tuple[int, int]) -> Mask:
    """(h, w) bool: pixels that some edit of ``edits`` adds or erases."""
    done = np.zeros(shape, bool)
    for edit in edits:
        if isinstance(edit, Stroke):
            _stroke(done, Stroke(PAINT, edit.radius, edit.path), size)
        else:
            done |= _patch(edit, shape)
    return done


def patch_from(mask: Mask, mode: int = PAINT) -> Patch:
    """A whole mask (h, w) as one edit."""
    return Patch(mode, (mask.shape[1], mask.shape[0]), mask_runs(mask))


def _stroke(mask: Mask, stroke: Stroke, size: tuple[int, int]) -> None:
    height, width = mask.shape
    scale = np.array([width / size[0], height / size[1]])
    # A brush narrower than a pixel still marks the pixels it goes through.
    radius = max(stroke.radius, 0.71 / float(scale.min()))
    path = np.array(stroke.path).reshape(-1, 2)
    starts, ends = (path[:1], path[:1]) if len(path) == 1 else (path[:-1], path[1:])
    for a, b in zip(starts, ends, strict=True):
        low = np.floor((np.minimum(a, b) - radius) * scale).astype(int).clip(0, (width, height))
        high = (np.ceil((np.maximum(a, b) + radius) * scale).astype(int) + 1).clip(0, (width, height))
        if (low >= high).any():
            continue
        x = (np.arange(low[0], high[0]) + 0.5) / scale[0] - a[0]
        y = (np.arange(low[1], high[1])[:, None] + 0.5) / scale[1] - a[1]
        along = b - a
        length, reach = float(along @ along), radius**2
        # Multiplied out, not divided: what lies on the very edge is decided by exact numbers, not by rounding.
        passed = x * along[0] + y * along[1]
        beside = (passed > 0) & (passed < length) & ((x * along[1] - y * along[0]) ** 2 <= reach * length)
        near = beside | (x**2 + y**2 <= reach) | ((x - along[0]) ** 2 + (y - along[1]) ** 2 <= reach)
        mask[low[1] : high[1], low[0] : high[0]][near] = stroke.mode == PAINT


@functools.lru_cache(maxsize=32)
def _unpacked(patch: Patch) -> Mask:
    try:
        return mask_from_runs(patch.runs, *patch.size)
    except ValueError as problem:
        raise BadPrompt("painting", f"it cannot be read ({problem})", "Paint it again.") from problem


def _patch(patch: Patch, shape: tuple[int, ...]) -> Mask:
    mask = _unpacked(patch)
    if mask.shape == shape:
        return mask
    enlarged = cv2.resize(mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return enlarged.astype(bool)
