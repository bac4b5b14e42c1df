"""Segments by colour alone, the last resort: Felzenszwalb's graph segmentation at several scales.

A coarse segment is kept whole where it has one colour, and split into its finer ones where it has not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.hugs.partition import Segments, partition

SCALES = (150.0, 60.0)
"""Coarse to fine, in Felzenszwalb's scale for colours in 0..1 times 255."""
SIGMA = 0.6
LEAST = 20
"""Pixels of the smallest segment at a photo of 192 x 192; it grows with the photo."""
ONE_COLOUR = 0.035
"""A coarse segment whose colours deviate less than this (root mean square, 0..1) is kept whole."""


def colour_segments(image: npt.NDArray[np.uint8], scales: tuple[float, ...] = SCALES) -> Segments:
    """image: (H, W, 3) uint8 -> (H, W) int32 segment ids 0..K-1 that cover the image."""
    from skimage.segmentation import felzenszwalb

    least = max(4, round(LEAST * image.shape[0] * image.shape[1] / 192**2))
    labels = np.zeros(image.shape[:2], np.int64)
    for scale in scales:
        finer = felzenszwalb(image, scale=scale, sigma=SIGMA, min_size=least, channel_axis=-1)
        if scale == scales[0]:
            labels = np.asarray(finer, np.int64)
            continue
        mixed = _deviation(image, labels) > ONE_COLOUR
        split = mixed[labels]
        labels = np.where(split, int(labels.max()) + 1 + finer, labels)
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    return np.asarray(labels, np.int32)


def colour_partition(masks: npt.NDArray[np.bool_], image: npt.NDArray[np.uint8]) -> Segments:
    """``partition`` with what no mask covers split by colour instead of by connection."""
    size = image.shape[:2]
    painted = partition(masks, size)
    covered = masks.any(0) if len(masks) else np.zeros(size, bool)
    if covered.all():
        return painted
    colours = colour_segments(image)
    joint = np.where(covered, painted, int(painted.max()) + 1 + colours)
    return np.asarray(np.unique(joint, return_inverse=True)[1].reshape(size), np.int32)


def _deviation(image: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(K,) root mean square deviation of the colours of each segment from their mean, 0..1."""
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat), 1)
    total = np.zeros(len(sizes))
    for channel in range(3):
        values = image[..., channel].ravel() / 255.0
        mean = np.bincount(flat, values) / sizes
        total += np.maximum(np.bincount(flat, values**2) / sizes - mean**2, 0.0)
    return np.sqrt(total / 3)
