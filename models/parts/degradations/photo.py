"""Degrading a photo of any size, and letting a mask follow what bent it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.parts.degradations.apply import degrade
from models.parts.degradations.base import Warp
from models.parts.degradations.geometry import BENDING, warp_mask
from models.parts.sizes import shrunk

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

DEGRADE_SIDE = 1024
"""The degradations have lengths in pixels made for about this size; larger photos are degraded at this size."""


def degraded_copy(image: Picture, kind: str, severity: float, seed: int) -> tuple[Picture, Warp | None]:
    """image: (H, W, 3) uint8 -> a copy of the same size, and the warp it was bent with.

    The warp (h, w, 2) is that of the size the degradation ran at. Raises DegradationError.
    """
    height, width = image.shape[:2]
    small_height, small_width = shrunk((height, width), DEGRADE_SIDE)
    if (small_height, small_width) == (height, width):
        done = degrade(image, kind, severity, seed)
        return done.image, done.warp
    small = cv2.resize(image, (small_width, small_height), interpolation=cv2.INTER_AREA)
    done = degrade(np.asarray(small, np.uint8), kind, severity, seed)
    large = cv2.resize(done.image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8), done.warp


def resized(mask: Mask, size: tuple[int, int]) -> Mask:
    """mask: bool (H, W) -> bool ``size``, nearest neighbour."""
    if mask.shape == size:
        return mask
    values = cv2.resize(mask.astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(values, bool)


def followed(reference: Mask, kind: str, warp: Warp | None) -> Mask:
    """The reference as the picture moved: bent with it for the kinds in BENDING, unchanged for all others."""
    if warp is None or kind not in BENDING:
        return reference
    moved = warp_mask(resized(reference, (warp.shape[0], warp.shape[1])), warp)
    return resized(moved, (reference.shape[0], reference.shape[1]))
