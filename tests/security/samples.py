"""Small images, and files made by hand whose header and data may disagree."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def picture(height: int = 24, width: int = 40, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth colours, so that lossy formats stay near the original."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin((seed + 1 + n) * (x / width + y / height)) for n in range(channels)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png_of(width: int, height: int, bits: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    """A PNG made by hand, so that header and data may disagree."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
