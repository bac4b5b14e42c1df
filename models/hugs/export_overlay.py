"""Photos with their static maps drawn over them, as pictures and as a video."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.export_masks import Static, Statics, checked_statics
from models.parts.capture import Capture
from models.parts.video_write import write_video

Picture = npt.NDArray[np.uint8]
COLOUR = (214, 63, 63)
_SHARE = 0.55
_SHORTEST = 240


def overlay(image: Picture, static: Static, colour: tuple[int, int, int] = COLOUR) -> Picture:
    """`image` (H, W, 3) with what is ignored tinted and outlined; the rest is untouched."""
    if static.shape != image.shape[:2]:
        raise ValueError(f"The map is {static.shape}, the image {image.shape[:2]}")
    moving = ~static
    mixed = image.copy()
    mixed[moving] = np.round((1 - _SHARE) * image[moving] + _SHARE * np.array(colour)).astype(np.uint8)
    inner = cv2.erode(moving.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    mixed[moving & ~inner] = colour
    return mixed


def overlay_video(capture: Capture, statics: Statics, path: str | Path, fps: float = 6.0) -> Path:
    """Writes the overlays of all views with a map, in their order, as mp4; returns `path`.

    Small pictures are enlarged by a whole factor so that they can be seen; views of another size than the first are
    placed in its frame.
    """
    maps = checked_statics(capture, statics)
    return write_video(path, _frames(capture, maps), fps)


def overlay_bytes(capture: Capture, statics: Statics, fps: float = 6.0) -> bytes:
    """The same as the content of a file, for archives."""
    with tempfile.TemporaryDirectory(prefix="vitrine-overlay-") as folder:
        return overlay_video(capture, statics, Path(folder) / "overlay.mp4", fps).read_bytes()


def _frames(capture: Capture, maps: Statics) -> Iterator[Picture]:
    first: tuple[int, int] | None = None
    for name, static in maps.items():
        picture = overlay(capture.view(name).image, static)
        factor = max(1, -(-_SHORTEST // min(picture.shape[:2])))
        picture = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
        first = first or (picture.shape[0], picture.shape[1])
        yield picture if picture.shape[:2] == first else _placed(picture, *first)


def _placed(picture: Picture, height: int, width: int) -> Picture:
    """`picture` scaled to fit, in the middle of a black frame."""
    factor = min(height / picture.shape[0], width / picture.shape[1])
    rows, columns = max(round(picture.shape[0] * factor), 1), max(round(picture.shape[1] * factor), 1)
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    frame[top : top + rows, left : left + columns] = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    return frame
