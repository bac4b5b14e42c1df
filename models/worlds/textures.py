"""Pictures on surfaces: mip pyramids in one flat buffer, sampled for all pixels of an image in one go, and
procedural patterns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Pyramid:
    """One picture with its mip levels: `texels` (T,4) uint8 RGBA flattened level after level, `levels` (L,3) =
    offset, w, h."""

    texels: U8
    levels: NDArray[np.int64]
    cut_out: bool = False  # has texels that are see-through


def pyramid(image: U8) -> Pyramid:
    """Mip levels of a uint8 (H,W,3|4) picture, each half the size of the one before, down to one texel on the short
    side."""
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise ValueError(f"a texture has shape (H,W,3) or (H,W,4), not {image.shape}")
    if image.shape[2] == 3:
        image = np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)
    cut_out = bool(image[..., 3].min() < 128)
    flats, rows, at = [], [], 0
    while True:
        height, width = image.shape[:2]
        flats.append(image.reshape(-1, 4))
        rows.append((at, width, height))
        at += height * width
        if min(height, width) <= 1:
            break
        image = cv2.resize(image, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA).astype(
            np.uint8
        )
    return Pyramid(np.ascontiguousarray(np.concatenate(flats)), np.array(rows, dtype=np.int64), cut_out)


class TexturePool:
    """The pyramids of a scene side by side. Textures are numbered in the order given."""

    def __init__(self, pyramids: list[Pyramid]) -> None:
        offsets = np.cumsum([0] + [len(item.texels) for item in pyramids])
        first = np.cumsum([0] + [len(item.levels) for item in pyramids])
        self.texels = np.concatenate([item.texels for item in pyramids]) if pyramids else np.zeros((1, 4), np.uint8)
        shifted = [item.levels + np.array([at, 0, 0]) for item, at in zip(pyramids, offsets[:-1], strict=True)]
        self.levels = np.concatenate(shifted) if shifted else np.array([[0, 1, 1]], dtype=np.int64)
        self.first = first[:-1].astype(np.int64)
        self.count = np.diff(first).astype(np.int64)
        self.cut_out = np.array(
            [item.cut_out for item in pyramids] + [False], dtype=bool
        )  # the last is texture -1: none
        self.side = np.sqrt(np.array([item.levels[0, 1] * item.levels[0, 2] for item in pyramids], dtype=np.float32))

    def sample(self, texture: NDArray[np.int64], uv: F32, lod: F32) -> F32:
        """RGBA (N,4) in 0..1, bilinear and tiled, from the mip level nearest to `lod` (N,). v points up, as in OBJ
        files."""
        level = np.clip(np.rint(lod), 0, self.count[texture] - 1).astype(np.int64) + self.first[texture]
        row = self.levels[level]
        offset, width, height = row[:, 0], row[:, 1], row[:, 2]
        fraction = uv - np.floor(uv)
        x = fraction[:, 0] * width.astype(np.float32) - np.float32(0.5)
        y = (np.float32(1) - fraction[:, 1]) * height.astype(np.float32) - np.float32(0.5)
        x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
        xa, xb = np.where(x0 < 0, width - 1, x0), np.where(x0 + 1 >= width, 0, x0 + 1)
        ya, yb = np.where(y0 < 0, height - 1, y0), np.where(y0 + 1 >= height, 0, y0 + 1)
        xa, ya = np.minimum(xa, width - 1), np.minimum(ya, height - 1)
        upper, lower = offset + ya * width, offset + yb * width
        t = self.texels
        top = t[upper + xa] * (1 - fx) + t[upper + xb] * fx
        bottom = t[lower + xa] * (1 - fx) + t[lower + xb] * fx
        return ((top * (1 - fy) + bottom * fy) * np.float32(1 / 255)).astype(np.float32)


def to_linear(display: F32) -> F32:
    """Display values 0..1 to light (a plain 2.2 power: close to sRGB and cheap)."""
    return np.power(np.maximum(display, 0), np.float32(2.2), dtype=np.float32)


def to_display(light: F32) -> F32:
    return np.power(np.clip(light, 0, 1), np.float32(1 / 2.2), dtype=np.float32)
