"""Masks to polygons and back, in COCO's convention: pixel (x, y) covers the square from (x, y) to (x + 1, y + 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from app.annotate.exporters import rle
from app.annotate.exporters.objects import Mask
from app.guard.errors import BadInput

_MOST_POINTS = 200_000


def has_holes(mask: Mask) -> bool:
    """True when background is enclosed: COCO polygons are filled and cannot say so."""
    import cv2

    _, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return hierarchy is not None and bool((hierarchy[0, :, 3] >= 0).any())


def from_mask(mask: Mask) -> list[list[float]]:
    """Outer outlines of `mask`, each [x0, y0, x1, y1, ...]. Drawn back they give the mask with its holes filled.

    OpenCV's contours run through pixel centres and lose half a pixel all around. On a grid of twice the resolution
    they run a quarter pixel inside the true edge, outside every pixel centre they must contain.
    """
    import cv2

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    double = part.repeat(2, axis=0).repeat(2, axis=1)
    contours, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outlines = []
    for contour in contours:
        points = contour[:, 0, :].astype(np.float64) / 2 + (left + 0.25, top + 0.25)
        outlines.append(points.ravel().tolist())
    return sorted(outlines)


def to_mask(outlines: Any, size: tuple[int, int], name: str = "The annotation") -> Mask:
    """(H, W) bool inside any of the polygons, drawn by pycocotools; points far off the image are held beside it.

    Raises BadInput for lists that are no polygons.
    """
    from pycocotools import mask as coco

    height, width = size
    usable: list[list[float]] = []
    for outline in outlines if isinstance(outlines, list) else [None]:
        if not isinstance(outline, list) or len(outline) % 2 or not 6 <= len(outline) <= 2 * _MOST_POINTS:
            raise BadInput(name, "has a polygon with fewer than three points or an odd list", "Correct it in its tool")
        if not all(type(value) in (int, float) and math.isfinite(value) for value in outline):
            raise BadInput(name, "has a polygon with values that are not numbers", "Correct it in its tool")
        # The drawing code allocates by the length of the outline: points are held near the image.
        usable.append([min(max(float(v), -1.0), (height if n % 2 else width) + 1.0) for n, v in enumerate(outline)])
    if not usable:
        return np.zeros(size, np.bool_)
    drawn = coco.merge(coco.frPyObjects(usable, height, width))
    return rle.decode({"size": [height, width], "counts": drawn["counts"].decode("ascii")}, size, name)
