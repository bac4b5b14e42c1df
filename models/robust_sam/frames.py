"""From original pixels to the model's frame and back (SAM's ResizeLongestSide conventions).

Original frame: pixels of the photo as given. Model frame: the photo resized so that its long side is
``config.image_size``, then zero-padded to a square at the right and bottom. Low-resolution frame: a quarter of the
model frame.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]
"""(height, width) in pixels."""

MASK_THRESHOLD = 0.0


def resized_size(size: Size, long_side: int) -> Size:
    """The size after scaling so that the longer side becomes ``long_side``, each rounded half up, at least 1."""
    scale = long_side / max(size)
    return max(int(size[0] * scale + 0.5), 1), max(int(size[1] * scale + 0.5), 1)


def resize_image(image: np.ndarray, long_side: int, kind: Literal["torch", "pillow"] = "torch") -> Tensor:
    """image: (H, W, 3) uint8 -> (1, 3, h, w) float32 in 0..255.

    ``torch`` is the path of the authors' evaluation (bilinear, antialiased, on floats); ``pillow`` that of SamPredictor
    (bilinear on uint8). They differ by rounding.
    """
    height, width = resized_size(image.shape[:2], long_side)
    if kind == "pillow":
        resized = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        return torch.from_numpy(resized).permute(2, 0, 1)[None].float()
    tensor = torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)[None].float()
    return F.interpolate(tensor, (height, width), mode="bilinear", align_corners=False, antialias=True)


def to_model_frame(coordinates: np.ndarray, size: Size, long_side: int) -> np.ndarray:
    """coordinates: (..., 2) x, y in original pixels -> the same in model pixels, scaled per axis (float64)."""
    height, width = resized_size(size, long_side)
    return np.asarray(coordinates, dtype=np.float64) * np.array([width / size[1], height / size[0]])


def to_original_frame(logits: Tensor, original: Size, output: Size, model_side: int) -> Tensor:
    """logits: (P, M, h, w) low-resolution -> (P, M, *output) logits.

    Bilinear to the padded square, crop to the resized photo, bilinear to ``output`` (the original size, or a smaller
    one for display). Above MASK_THRESHOLD is mask.
    """
    height, width = resized_size(original, model_side)
    square = F.interpolate(logits.float(), (model_side, model_side), mode="bilinear", align_corners=False)
    return F.interpolate(square[..., :height, :width], output, mode="bilinear", align_corners=False)
