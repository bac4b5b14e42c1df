"""From low-resolution logits to masks at the photo's size, made inside the object's window, kept as run lengths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from torch import Tensor
from torch.nn import functional as F

from models.robust_sam import frames
from models.robust_sam.frames import MASK_THRESHOLD, Size

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in original pixels, the far edges outside."""

Runs = dict[str, Any]
"""pycocotools' run lengths: {"size": [H, W], "counts": bytes}."""


@dataclass(frozen=True)
class Segment:
    """One mask of everything mode. Nothing of the photo's size is held: ``runs`` cover ``window`` alone.

    ``area``: pixels; ``bbox``: x, y, width, height; ``predicted_iou``, ``stability``: 0..1; ``point``: x, y of the
    prompt that made it; ``crop``: the part of the photo it was looked for in; ``candidate``: 0 the single answer, 1 to
    3 the alternatives; ``size``: the photo's (height, width). All in original pixels.
    """

    window: Window
    runs: Runs
    size: Size
    area: int
    bbox: Window
    predicted_iou: float
    stability: float
    point: tuple[float, float]
    crop: Window
    candidate: int

    @property
    def inside(self) -> np.ndarray:
        """The mask inside ``window``: (h, w) bool."""
        return np.asarray(coco.decode(self.runs), dtype=bool)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool."""
        whole = np.zeros(self.size, dtype=bool)
        x0, y0, x1, y1 = self.window
        whole[y0:y1, x0:x1] = self.inside
        return whole

    def rle(self) -> Runs:
        """COCO run lengths over the whole photo, with text counts so that JSON can hold them."""
        runs = coco.encode(np.asfortranarray(self.mask, dtype=np.uint8))
        return {"size": list(self.size), "counts": runs["counts"].decode("ascii")}


def runs_of(mask: np.ndarray) -> Runs:
    """mask: (h, w) bool -> run lengths."""
    runs: Runs = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return runs


@lru_cache(maxsize=16)
def _axis(cells: int, square: int, resized: int, output: int) -> Tensor:
    """(output, cells): both bilinear steps of ``frames.to_original_frame`` along one axis as a matrix."""
    step = F.interpolate(torch.eye(cells)[None], square, mode="linear", align_corners=False)[..., :resized]
    return F.interpolate(step, output, mode="linear", align_corners=False)[0].T.contiguous()


class Upscaler:
    """Makes masks of one photo or crop: the numbers of ``frames.to_original_frame``, in a window only.

    Bilinear resizing is linear and separable, so two small matrix products give any window of the large logits.
    """

    def __init__(self, crop: Window, model_side: int, low: int) -> None:
        """``crop``: the part of the photo that was segmented; ``low``: side of the low-resolution logits."""
        self.crop, self.model_side, self.low = crop, model_side, low
        self.size: Size = (crop[3] - crop[1], crop[2] - crop[0])
        self.resized = frames.resized_size(self.size, model_side)

    @property
    def valid(self) -> Size:
        """Rows and columns of the low-resolution logits that show the photo; the rest is padding."""
        ratio = self.model_side / self.low
        height, width = self.resized
        return min(self.low, -int(-height // ratio)), min(self.low, -int(-width // ratio))

    @cached_property
    def _axes(self) -> tuple[Tensor, Tensor]:
        rows, columns = (
            _axis(self.low, self.model_side, resized, output)
            for resized, output in zip(self.resized, self.size, strict=True)
        )
        return rows, columns

    def mask(self, logits: Tensor) -> tuple[Window, np.ndarray]:
        """logits: (low, low) -> where in the crop the mask can lie, and the mask there (bool)."""
        rows, columns = self._axes
        x0, y0, x1, y1 = self.window(logits)
        logits = logits.to("cpu", torch.float32)
        large = rows[y0:y1] @ logits @ columns[x0:x1].T
        return (x0, y0, x1, y1), (large > MASK_THRESHOLD).numpy()

    def window(self, logits: Tensor) -> Window:
        """The pixels of the crop that a cell above the threshold can reach: two cells further on each side."""
        height, width = self.valid
        positive = logits[:height, :width] > MASK_THRESHOLD
        if not positive.any():
            return (0, 0, 0, 0)
        edges = []
        for axis, (pixels, resized) in enumerate(zip(self.size, self.resized, strict=True)):
            hit = torch.nonzero(positive.any(1 - axis)).flatten()
            scale = self.model_side / self.low * pixels / resized
            low, high = (int(hit[0]) - 2) * scale, (int(hit[-1]) + 3) * scale
            edges.append((max(0, int(low)), min(pixels, int(high) + 1)))
        (y0, y1), (x0, x1) = edges
        return (x0, y0, x1, y1)


def tight(window: Window, inside: np.ndarray) -> tuple[Window, np.ndarray]:
    """The smallest window around the mask, and the mask there; an empty mask gives an empty window."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return (window[0], window[1], window[0], window[1]), inside[:0, :0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    x0, y0 = window[:2]
    box = (int(x0 + left), int(y0 + top), int(x0 + right), int(y0 + bottom))
    return box, inside[top:bottom, left:right]


def label_map(segments: tuple[Segment, ...], size: Size, output: Size | None = None) -> np.ndarray:
    """int32 (H, W): 0 where nothing lies, else the number of the segment, counted from 1; smaller ones lie on top.

    ``output``: (h, w) of a smaller map, sampled at the middle of its pixels.
    """
    height, width = output or size
    rows = ((np.arange(height) + 0.5) * size[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * size[1] / width).astype(int)
    labels = np.zeros((height, width), dtype=np.int32)
    order = sorted(range(len(segments)), key=lambda index: -segments[index].area)
    for index in order:
        x0, y0, x1, y1 = segments[index].window
        top, bottom = np.searchsorted(rows, (y0, y1))
        left, right = np.searchsorted(columns, (x0, x1))
        if top == bottom or left == right:
            continue
        inside = segments[index].inside[np.ix_(rows[top:bottom] - y0, columns[left:right] - x0)]
        labels[top:bottom, left:right][inside] = index + 1
    return labels
