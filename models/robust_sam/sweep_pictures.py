"""One picture of a sweep: what the model sees in it, and its two masks."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from models.parts.sizes import shrunk
from models.robust_sam import frames
from models.robust_sam.clicks import ImageFeatures, click_by_click
from models.robust_sam.decoder import Branch
from models.robust_sam.frames import Size
from models.robust_sam.network import RobustSam
from models.robust_sam.prompts import Prompts
from models.robust_sam.sweep_types import Mask, Picture

MASK_SIDE = 1024
"""Masks are compared with their long side at most this long, as on the click stage."""


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
