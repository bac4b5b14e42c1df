"""Clip art with transparency as stickers: read from a folder of PNG files, poor ones left out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds.splits import is_held_out

_SMALLEST_SIDE = 48
_LARGEST_SIDE = 4000
_LEAST_COVER, _MOST_COVER = 0.04, 0.97


def read_cutout(path: Path, max_side: int) -> NDArray[np.uint8] | None:
    """One PNG as RGBA uint8 (h, w, 4), trimmed to what is visible, its longer side at most `max_side`.

    None for files that are broken, tiny, huge, without transparency, nearly empty or a filled rectangle.
    """
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        return None
    if max(image.shape[:2]) > _LARGEST_SIDE:
        return None
    solid = image[..., 3] > 127
    if not solid.any():
        return None
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cover = float(solid.mean() * solid.size / (image.shape[0] * image.shape[1]))
    if min(image.shape[:2]) < _SMALLEST_SIDE or not _LEAST_COVER < cover < _MOST_COVER:
        return None
    scale = max_side / max(image.shape[:2])
    if scale < 1:
        # Premultiplied, so that colours under transparent pixels do not bleed into the rim.
        weight = image[..., 3:].astype(np.float32) / 255
        whole = np.dstack([image[..., :3] * weight, weight * 255])
        whole = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        whole[..., :3] /= np.maximum(whole[..., 3:] / 255, 1e-3)
        image = np.clip(np.rint(whole), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image[..., [2, 1, 0, 3]])


def load_cutouts(
    folder: str | Path, rng: Generator, count: int, max_side: int, held_out: bool | None = False
) -> list[NDArray[np.uint8]]:
    """Up to `count` RGBA cut-outs from the PNG files under `folder`, in random order.

    held_out: False for the training split, True for the held-out one, None for both (see splits.is_held_out).
    Raises FileNotFoundError when the folder has no PNG file.
    """
    files = sorted(Path(folder).rglob("*.png"))
    if not files:
        raise FileNotFoundError(f"no PNG file under {folder}; give the folder of the unpacked openclipart-png package")
    found: list[NDArray[np.uint8]] = []
    for index in rng.permutation(len(files)):
        if len(found) == count:
            break
        image = read_cutout(files[index], max_side)
        if image is not None and (held_out is None or is_held_out(image) == held_out):
            found.append(image)
    return found
