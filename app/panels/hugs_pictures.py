"""Photos, maps and overlays of the HuGS room as pictures for the page."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.palette import OBJECT_COLORS, OKABE_ITO, rgb

Image = npt.NDArray[np.uint8]
Map = npt.NDArray[np.bool_]

MOVES, STATIC = OKABE_ITO["vermillion"], OKABE_ITO["blue"]
"""What is masked, what a user set to static."""
FILL = 115
"""45 % of 255."""
LONG_TRACK = 20
"""Tracks of this many photos and more have the last colour."""


def jpeg(image: Image, quality: int = 88) -> str:
    """(H, W, 3) uint8 RGB as a data address."""
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def png(image: npt.NDArray[Any]) -> str:
    """(H, W) or (H, W, 3 or 4) uint8 RGB(A) as a data address."""
    if image.ndim == 3:
        order = [2, 1, 0, 3] if image.shape[2] == 4 else [2, 1, 0]
        image = image[..., order]
    data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def plain(mask: Map) -> str:
    """A map in black and white; white is static."""
    return png(np.asarray(mask, np.uint8) * 255)


def thumbnail(image: Image, static: Map | None, side: int = 88) -> str:
    """A small photo, with what is masked tinted."""
    scale = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    if static is not None:
        gone = cv2.resize((~static).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.6
        small = np.asarray(small * (1 - gone) + np.array(rgb(MOVES)) * gone, np.uint8)
    return jpeg(small, 80)


def tinted(mask: Map, color: str) -> Image:
    """(H, W, 4): ``mask`` filled at 45 % with a full outline, transparent elsewhere."""
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[..., :3] = rgb(color)
    picture[..., 3] = mask * np.uint8(FILL)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    picture[mask & ~inner, 3] = 255
    return picture


def segments(labels: npt.NDArray[np.int32]) -> Image:
    """(H, W, 4): every segment in a colour of its own, outlined where two meet."""
    colors = np.array([rgb(color) for color in OBJECT_COLORS], np.uint8)
    picture = np.zeros((*labels.shape, 4), np.uint8)
    picture[..., :3] = colors[(labels * 3) % len(colors)]
    picture[..., 3] = 70
    picture[edges(labels)] = (255, 255, 255, 150)
    return picture


def edges(labels: npt.NDArray[np.int32]) -> Map:
    """(H, W): where a segment ends to the right or below."""
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    found[:-1] |= labels[1:] != labels[:-1]
    return found


def label_map(labels: npt.NDArray[np.int32]) -> str:
    """Segment ids for the page: red + 256 green."""
    picture = np.zeros((*labels.shape, 3), np.uint8)
    picture[..., 0], picture[..., 1] = labels & 255, labels >> 8
    return png(picture)


def heat(values: npt.NDArray[np.float32], most: float) -> Image:
    """(H, W, 3): values from 0 to ``most`` in viridis."""
    level = np.clip(values / max(most, 1e-6) * 255, 0, 255).astype(np.uint8)
    return _viridis()[level]


def layers(base: Map, upper: Map) -> Image:
    """(H, W, 3): residual maps in one picture: base white, only upper grey, above it dark orange."""
    picture = np.empty((*base.shape, 3), np.uint8)
    picture[...] = rgb(MOVES)
    picture[upper] = 150
    picture[base] = 245
    return picture


def track_color(length: int) -> str:
    """ "#rrggbb" of a track length, viridis from 0 to LONG_TRACK photos."""
    red, green, blue = _viridis()[min(255, round(255 * length / LONG_TRACK))]
    return f"#{red:02x}{green:02x}{blue:02x}"


def track_ramp() -> list[str]:
    """The colours of track lengths 0 to LONG_TRACK."""
    return [track_color(length) for length in range(LONG_TRACK + 1)]


@lru_cache(maxsize=1)
def _viridis() -> npt.NDArray[np.uint8]:
    """(256, 3) RGB."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_VIRIDIS)[0, :, ::-1], np.uint8)
