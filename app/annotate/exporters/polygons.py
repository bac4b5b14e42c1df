"""Masks to polygons and back, in COCO's convention: pixel (x, y) covers the square from (x, y) to (x + 1, y + 1).

Outlines run a quarter pixel inside the true edge: outside every pixel centre they must contain, so that drawing them by
pycocotools, by a test of pixel centres, or truncated to whole pixels and filled, gives the same mask again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import rle
from app.annotate.exporters.keyholes import Loop, chained
from app.annotate.exporters.objects import Mask
from app.guard.errors import BadInput

_MOST_POINTS = 2_000_000
_MARGIN = 2.0
"""Pixels by which a polygon may leave its image: tools that place points by hand or round overshoot this far."""


def from_mask(mask: Mask) -> list[list[float]]:
    """One polygon [x0, y0, x1, y1, ...] for each 8-connected part of `mask`, sorted; together they draw the mask.

    A part with holes is one closed line that goes around every hole, to and from it over one and the same bridge
    (a "keyhole"); the bridge encloses nothing.
    """
    return sorted(np.round(chained(part), 2).ravel().tolist() for part in parts(mask))


def one_outline(mask: Mask) -> list[float]:
    """All of `mask` as one polygon [x0, y0, x1, y1, ...]: parts, like holes, hang together by bridges. [] if empty."""
    loops = [loop for part in parts(mask) for loop in part]
    return np.round(chained(loops), 2).ravel().tolist() if loops else []


def parts(mask: Mask) -> list[list[Loop]]:
    """For each 8-connected part its loops (N, 2) float64 x, y in pixels: the outline first, then the holes'.

    OpenCV's contours run through pixel centres and lose half a pixel all around. On a grid of twice the resolution
    they run a quarter pixel inside the true edge.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    crop = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    double = crop.repeat(2, axis=0).repeat(2, axis=1)
    import cv2

    contours, hierarchy = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    loops = [contour[:, 0, :].astype(np.float64) / 2 + (left + 0.25, top + 0.25) for contour in contours]
    found: dict[int, list[Loop]] = {}
    for place, (_, _, _, parent) in enumerate(hierarchy[0]):
        if parent < 0:
            found.setdefault(place, []).insert(0, loops[place])
        else:
            found.setdefault(int(parent), []).append(loops[place])
    return list(found.values())


def has_holes(mask: Mask) -> bool:
    """True when background is enclosed by 8-connected pixels."""
    return any(len(loops) > 1 for loops in parts(mask))


def to_mask(outlines: Any, size: tuple[int, int], name: str = "The annotation") -> Mask:
    """(H, W) bool inside any of the polygons, drawn by pycocotools; where one crosses itself, inside is what lies an
    odd number of lines deep.

    Raises BadInput for lists that are no polygons and for polygons that leave the image.
    """
    from pycocotools import mask as coco

    height, width = size
    usable: list[list[float]] = []
    for place, outline in enumerate(outlines if isinstance(outlines, list) else [None]):
        points = _points(outline, name)
        over = np.maximum(points - (width, height), -points).max()
        if over > _MARGIN:
            at = points[np.maximum(points - (width, height), -points).max(axis=1).argmax()]
            raise BadInput(
                name,
                f"has a polygon ({place + 1}) that leaves its image of {width} x {height} pixels "
                f"at ({at[0]:.6g}, {at[1]:.6g})",
                "Give the annotations that belong to this image, in pixels",
            )
        usable.append(np.clip(points, -1.0, (width + 1.0, height + 1.0)).ravel().tolist())
    if not usable:
        return np.zeros(size, np.bool_)
    drawn = coco.merge(coco.frPyObjects(usable, height, width))
    return rle.decode({"size": [height, width], "counts": drawn["counts"].decode("ascii")}, size, name)


def _points(outline: Any, name: str) -> npt.NDArray[np.float64]:
    if not isinstance(outline, list) or len(outline) % 2 or not 6 <= len(outline) <= 2 * _MOST_POINTS:
        raise BadInput(name, "has a polygon with fewer than three points or an odd list", "Correct it in its tool")
    if not all(type(value) in (int, float) and math.isfinite(value) for value in outline):
        raise BadInput(name, "has a polygon with values that are not numbers", "Correct it in its tool")
    return np.array(outline, np.float64).reshape(-1, 2)
