"""A contact sheet: small pictures of evenly chosen photos of a batch with their masks drawn on them."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from app.annotate.exporters.objects import AnnotatedImage

MOST = 24
COLUMNS = 6
WIDTH, HEIGHT, GAP = 200, 150, 6
_GROUND = 40
_OPACITY = 0.45
_LINE = 2


class ContactSheet:
    """Keeps at most MOST small pictures, whatever the number of photos."""

    def __init__(self, total: int) -> None:
        """total: photos to come, numbered from 1."""
        count = min(MOST, total)
        self._wanted = {round(place) for place in np.linspace(1, total, count)} if total else set()
        self._tiles: list[npt.NDArray[np.uint8]] = []

    @property
    def count(self) -> int:
        """Pictures on the sheet so far."""
        return len(self._tiles)

    def add(self, number: int, image: AnnotatedImage) -> None:
        """Draw `image` when it is among the chosen ones and has its picture."""
        if number in self._wanted and image.picture is not None:
            self._tiles.append(tile(image))

    def jpeg(self) -> bytes:
        """The sheet so far, which has at least one picture."""
        rows = -(-len(self._tiles) // COLUMNS)
        columns = min(COLUMNS, len(self._tiles))
        sheet = np.full((rows * (HEIGHT + GAP) + GAP, columns * (WIDTH + GAP) + GAP, 3), _GROUND, np.uint8)
        for place, picture in enumerate(self._tiles):
            top = GAP + place // COLUMNS * (HEIGHT + GAP)
            left = GAP + place % COLUMNS * (WIDTH + GAP)
            height, width = picture.shape[:2]
            y, x = top + (HEIGHT - height) // 2, left + (WIDTH - width) // 2
            sheet[y : y + height, x : x + width] = picture
        data = BytesIO()
        Image.fromarray(sheet).save(data, "JPEG", quality=85)
        return data.getvalue()


def tile(image: AnnotatedImage) -> npt.NDArray[np.uint8]:
    """(h, w, 3) uint8 within WIDTH x HEIGHT: the picture with its masks, 45 % opaque and outlined."""
    assert image.picture is not None
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = cv2.resize(image.picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    for item in sorted(image.objects, key=lambda thing: -np.count_nonzero(thing.mask)):
        mask = cv2.resize(item.mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) >= 128
        color = np.array(item.color, np.float32)
        small[mask] = ((1 - _OPACITY) * small[mask] + _OPACITY * color).astype(np.uint8)
        lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, lines, -1, item.color, _LINE)
    return np.asarray(small, np.uint8)
