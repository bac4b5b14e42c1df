"""Kernels and fields as pictures: viridis for magnitude, blue to vermillion for signed values, Okabe-Ito for bins."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from models.pelk.designer import Design

Colors = npt.NDArray[np.uint8]
RINGS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66))
"""Okabe and Ito's colours, from the centre outwards, again and again."""
_ENDS = ((0, 114, 178), (247, 247, 247), (213, 94, 0))
TILE, GAP, TEXT = 302, 18, 40
INK, PAPER = (27, 31, 36), (255, 255, 255)


@lru_cache(maxsize=1)
def viridis() -> Colors:
    """(256, 3) uint8."""
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)
    return np.ascontiguousarray(ramp[:, 0, ::-1])


@lru_cache(maxsize=1)
def diverging() -> Colors:
    """(256, 3) uint8: blue, white in the middle, vermillion."""
    at = np.linspace(0, 2, 256)
    return np.stack([np.interp(at, (0, 1, 2), [end[c] for end in _ENDS]) for c in range(3)], axis=1).astype(np.uint8)


def painted(values: npt.NDArray[np.floating], low: float, high: float, table: Colors) -> Colors:
    """values: (h, w) -> (h, w, 3) uint8; values outside low ... high take the end colours."""
    span = max(high - low, 1e-12)
    return table[np.clip(np.rint(255 * (values - low) / span), 0, 255).astype(np.uint8)]


def ring_picture(design: Design) -> Colors:
    """(K, K, 3): every cell in the colour of its bin, counted from the centre; neighbours in one ring alternate."""
    rings = design.rings()
    base = np.array(RINGS)[rings % len(RINGS)]
    index = design.spread(np.add.outer(np.arange(design.bins), np.arange(design.bins)) % 2)
    return np.clip(base + 26 * index[..., None], 0, 255).astype(np.uint8)


def weight_picture(design: Design) -> Colors:
    """(K, K, 3): the drawn weights, zero in white."""
    dense = design.dense()
    reach = float(np.abs(dense).max()) or 1.0
    return painted(dense, -reach, reach, diverging())


def size_picture(design: Design) -> Colors:
    """(K, K, 3): log2 of the cell sizes, viridis from 1 tap to the largest cell."""
    sizes = np.log2(design.cell_sizes())
    return painted(sizes, 0.0, max(float(sizes.max()), 1.0), viridis())


def kernel_sheet(design: Design) -> Image.Image:
    """The three pictures under their titles, with the design's figures in a last line."""
    parts = (("Bins", ring_picture), ("Weights", weight_picture), ("log2 cell size", size_picture))
    sheet = Image.new("RGB", (GAP + len(parts) * (TILE + GAP), TILE + 2 * TEXT), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (title, picture) in enumerate(parts):
        left = GAP + index * (TILE + GAP)
        draw.text((left, 14), title, INK)
        tile = Image.fromarray(picture(design)).resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(tile, (left, TEXT))
    figures = (
        f"K = {design.spec.kernel}, {design.bins} x {design.bins} weights instead of {design.dense_parameters} "
        f"({100 * design.ratio:.1f} %), grid {list(design.grid)}"
    )
    draw.text((GAP, TILE + TEXT + 12), figures[:150], INK)
    return sheet


def png_bytes(picture: Image.Image, about: Mapping[str, str] | None = None) -> bytes:
    """A PNG with ``about`` in its text chunks."""
    data, chunks = io.BytesIO(), PngInfo()
    for name, value in (about or {}).items():
        chunks.add_itxt(name, value)
    picture.save(data, "PNG", pnginfo=chunks)
    return data.getvalue()
