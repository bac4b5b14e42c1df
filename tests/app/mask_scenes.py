"""A photo and three objects on it: a ring, a disc over it, and a second ring at the border."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.annotate.exporters import (
    MaskObject,
)

RECEIPT = {"ticket": "t-1", "method": "robust_sam", "seed": 7, "run_s": 0.31, "note": 'quote " and umlaut ü'}


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def disc(height: int, width: int, x: float, y: float, radius: float, hole: float = 0) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot(columns - x, rows - y)
    return (distance <= radius) & (distance >= hole)


def scene(height: int = 60, width: int = 90) -> tuple[list[MaskObject], np.ndarray]:
    """Three objects: a ring, a disc that overlaps it, and a second disc of the same name at the border."""
    objects = [
        MaskObject("ring", disc(height, width, 30, 30, 22, 9), (230, 159, 0), 0.875),
        MaskObject("tasse à café", disc(height, width, 45, 30, 15), (86, 180, 233)),
        MaskObject("ring", disc(height, width, 89, 59, 12), (0, 158, 115), 0.5),
    ]
    return objects, photo(height, width)


shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
masks = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
stacks = shapes.flatmap(lambda shape: st.lists(hnp.arrays(np.bool_, shape), min_size=1, max_size=5))
