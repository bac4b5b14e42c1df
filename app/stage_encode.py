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


def mask_runs(mask: npt.NDArray[np.bool_]) -> str:
    """``mask``: (h, w) bool -> base64 of its run lengths, row by row, outside first, each as little-endian base 128.

    Quicker to make than a PNG, and the browser unpacks it without an image decoder.
    """
    flat = np.asarray(mask, dtype=bool).reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]]) if flat.size else np.zeros(1, np.int64)
    runs = np.diff(edges).astype(np.uint64)
    if flat.size and flat[0]:
        runs = np.concatenate([np.zeros(1, np.uint64), runs])
    return base64.b64encode(_base_128(runs)).decode("ascii")


def mask_from_runs(text: str, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The (height, width) mask that ``mask_runs`` packed; raises ValueError when the text is not one of that size."""
    data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    last = data < 128
    if not data.size or not last[-1]:
        raise ValueError("the runs end in the middle of a number")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if int((ends - starts).max()) > 4:
        raise ValueError("a run is longer than any mask")
    place = np.arange(data.size) - np.repeat(starts, ends - starts + 1)
    runs = np.add.reduceat((data & 127).astype(np.int64) << (7 * place), starts)
    if int(runs.sum()) != width * height:
        raise ValueError(f"the runs cover {int(runs.sum())} pixels, not {width} x {height}")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(height, width)


def _base_128(values: npt.NDArray[np.uint64]) -> bytes:
    """Each value in groups of seven bits, lowest first, the high bit set on all but its last group."""
    groups = np.stack([(values >> np.uint64(7 * k)) & np.uint64(127) for k in range(5)], axis=1)
    count = 1 + sum((values >= np.uint64(1) << np.uint64(7 * k)).astype(np.int64) for k in range(1, 5))
    used = np.arange(5)[None, :] < np.asarray(count)[:, None]
    more = np.arange(5)[None, :] < np.asarray(count)[:, None] - 1
    return bytes((groups + more.astype(np.uint64) * np.uint64(128)).astype(np.uint8)[used].tobytes())
