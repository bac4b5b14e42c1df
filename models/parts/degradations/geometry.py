"""Kinds that move pixels. Both return their sampling map, so that ground truth can be moved with the image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.parts.degradations.base import DegradationError, Degraded, Image, Warp

_BORDER = cv2.BORDER_REFLECT_101
_SMALLEST_ARM = 16.0

BENDING: tuple[str, ...] = ("elastic",)
"""Kinds whose warp is a coherent bend that the ground truth should follow; frosted glass only scatters pixels about
their place.
"""


def _grid(height: int, width: int) -> tuple[Warp, Warp]:
    x = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    return x, y


def _reflected(values: Warp, size: int) -> Warp:
    """Fold coordinates into [0, size - 1], so that the image and any mask see the same border."""
    if size == 1:
        return np.zeros_like(values)
    period = 2.0 * (size - 1)
    folded = np.abs(values) % period
    return np.minimum(folded, period - folded).astype(np.float32)


def elastic(image: Image, severity: float, rng: Generator) -> Degraded:
    """Smooth displacement: uniform noise blurred with sigma 10 px times 100, and an affine moved by up to 5 px at
    three points.
    """
    height, width = image.shape[:2]
    moves = rng.uniform(-5.0, 5.0, (3, 2))
    arm = max(min(height, width) / 3.0, _SMALLEST_ARM)
    x, y = _grid(height, width)
    along_x, along_y = (x - (width - 1) / 2.0) / arm, (y - (height - 1) / 2.0) / arm
    warp = np.empty((height, width, 2), np.float32)
    for axis, base in ((0, x), (1, y)):
        field = rng.random((height, width), dtype=np.float32)
        field *= 2.0
        field -= 1.0
        field = cv2.GaussianBlur(field, (0, 0), 10.0, borderType=cv2.BORDER_REFLECT)
        field *= 100.0
        # The affine that takes the points (0, 0), (1, 0), (0, 1) of the centred frame to their moved places.
        origin, right, down = moves[:, axis]
        field += np.float32(origin) + along_x * np.float32(right - origin) + along_y * np.float32(down - origin)
        field *= severity
        field += base
        warp[..., axis] = _reflected(field, width if axis == 0 else height)
    return Degraded(cv2.remap(image, warp, None, cv2.INTER_LINEAR, borderMode=_BORDER), warp)


def frosted_glass(image: Image, severity: float, rng: Generator) -> Degraded:
    """Every pixel is read from a source pixel up to 3 px away per axis (uniform, clamped at the border).

    Below severity 1 a shift is rounded by a coin fixed by the seed, so that small severities move a few pixels by one.
    """
    height, width = image.shape[:2]
    x, y = _grid(height, width)
    warp = np.empty((height, width, 2), np.float32)
    for axis, (base, size) in enumerate(((x, width), (y, height))):
        shift = rng.integers(-3, 4, (height, width)).astype(np.float32)
        shift *= severity
        shift += rng.random((height, width), dtype=np.float32)
        np.floor(shift, out=shift)
        shift += base
        np.clip(shift, 0, size - 1, out=warp[..., axis])
    return Degraded(cv2.remap(image, warp, None, cv2.INTER_NEAREST, borderMode=_BORDER), warp)


def warp_mask(mask: NDArray[Any], warp: Warp) -> NDArray[Any]:
    """Move a mask (bool), an id map (any integer) or a soft map (float) with a degradation's sampling map.

    mask: (H, W); warp: (H, W, 2). Nearest neighbour for bool and integers, bilinear for floats; same dtype back.
    Raises DegradationError when the sizes differ.
    """
    if mask.ndim != 2 or warp.shape != (*mask.shape, 2):
        raise DegradationError(
            f"mask {mask.shape} does not fit warp {warp.shape}; both must have the degraded image's size"
        )
    if np.issubdtype(mask.dtype, np.floating):
        return cv2.remap(mask.astype(np.float32), warp, None, cv2.INTER_LINEAR, borderMode=_BORDER).astype(mask.dtype)
    column = np.clip(np.rint(warp[..., 0]), 0, mask.shape[1] - 1).astype(np.intp)
    row = np.clip(np.rint(warp[..., 1]), 0, mask.shape[0] - 1).astype(np.intp)
    return mask[row, column]
