"""Pictures on their way to the browser: photos at display size, masks as one-bit PNG, both as data addresses."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

LONGEST_SIDE = 1280
"""A photo travels at most this large; coordinates stay those of the original."""
_JPEG_QUALITY = 86


def display_size(width: int, height: int, longest: int = LONGEST_SIDE) -> tuple[int, int]:
    """(width, height) of the picture as it travels; never enlarged, never below one pixel."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def photo_address(image: npt.NDArray[np.uint8], longest: int = LONGEST_SIDE) -> str:
    """``image``: (H, W, 3) uint8 RGB of any size -> a JPEG data address at display size."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    size = display_size(width, height, longest)
    if size != (width, height):
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    data = BytesIO()
    picture.save(data, "JPEG", quality=_JPEG_QUALITY)
    return address(data.getvalue(), "image/jpeg")


def mask_address(mask: npt.NDArray[np.bool_]) -> str:
    """``mask``: (h, w) bool -> a one-bit PNG data address, white where the object is."""
    data = BytesIO()
    Image.fromarray(np.asarray(mask, dtype=bool)).save(data, "PNG")
    return address(data.getvalue(), "image/png")


def address(data: bytes, kind: str) -> str:
    """Bytes as a data address of the media type ``kind``."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
