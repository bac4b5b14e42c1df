"""One picture of a sweep: the degraded copy, the model's two masks of it, and the reference that follows a bend."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from models.parts.degradations import BENDING, degrade, warp_mask
from models.parts.degradations.base import Warp
from models.robust_sam import frames
from models.robust_sam.clicks import ImageFeatures, click_by_click
from models.robust_sam.decoder import Branch
from models.robust_sam.frames import Size
from models.robust_sam.network import RobustSam
from models.robust_sam.prompts import Prompts
from models.robust_sam.sweep_types import Mask, Picture

DEGRADE_SIDE = 1024
"""The degradations have lengths in pixels made for about this size; larger photos are degraded at this size."""
MASK_SIDE = 1024
"""Masks are compared with their long side at most this long, as on the click stage."""


def shrunk(size: Size, longest: int) -> Size:
    """(height, width) scaled so that the longer side is at most ``longest``; never enlarged, at least one pixel."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def degraded_copy(image: Picture, kind: str, severity: float, seed: int) -> tuple[Picture, Warp | None]:
    """image: (H, W, 3) uint8 -> the copy the click stage shows at these settings, and the warp it was bent with.

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


def resized(mask: Mask, size: Size) -> Mask:
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


def thumbnail(picture: Picture, longest: int) -> Picture:
    """picture: (H, W, 3) uint8 -> the same with its long side at most ``longest``."""
    height, width = shrunk((picture.shape[0], picture.shape[1]), longest)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@torch.inference_mode()
def look_at(
    model: RobustSam, picture: Picture, device: str, tick: Callable[[float], None]
) -> tuple[ImageFeatures, Tensor]:
    """picture: (H, W, 3) uint8 -> its features, which nobody keeps, and the early feature (1, e, h, w).

    ``tick`` takes the share of the encoder that is done.
    """
    start = time.perf_counter()
    pixels = frames.resize_image(picture, model.config.image_size).to(device)
    embedding, early = model.encode(pixels, tick)
    robust = model.mask_decoder.image_features(early, embedding, clean=False) if "robust" in model.branches else None
    size = (picture.shape[0], picture.shape[1])
    return ImageFeatures(embedding, robust, size, 1000 * (time.perf_counter() - start)), early


def masks_of(model: RobustSam, features: ImageFeatures, prompts: Prompts, size: Size) -> dict[Branch, Mask]:
    """The single mask of each branch for one checked prompt, bool ``size``."""
    found: dict[Branch, Mask] = {}
    for branch, answer in click_by_click(model, features, prompts).items():
        logits = frames.to_original_frame(answer.logits[:1, :1], features.size, size, model.config.image_size)
        found[branch] = (logits[0, 0] > frames.MASK_THRESHOLD).cpu().numpy()
    return found
