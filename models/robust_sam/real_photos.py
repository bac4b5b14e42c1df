"""The hand-drawn evaluation set: real photos with masks of objects a user would click.

The outlines were drawn by eye over free photos (licences beside the files); no segmentation program took part, and
training never reads them. `assets/evaluation/robust_sam/real.json` holds the photos and, per object, polygons in
original pixels: (x, y) with (0, 0) the centre of the top left pixel. An object may have several outer rings (parts
cut apart by something in front) and holes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "evaluation" / "robust_sam"
_SHIFT = 4  # OpenCV takes polygon corners as fixed-point numbers with this many binary digits after the point


class RealPhotosProblem(ValueError):
    """The evaluation set cannot be read; the text names the entry and the remedy."""


@dataclass(frozen=True)
class RealObject:
    """One object of one photo: `image` uint8 (H, W, 3) RGB, `mask` bool (H, W), both in original pixels."""

    photo: str
    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def description(folder: Path = FOLDER) -> dict[str, Any]:
    """The parsed `real.json`. RealPhotosProblem where it is missing or not JSON."""
    path = folder / "real.json"
    try:
        parsed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as problem:
        raise RealPhotosProblem(f"{path.name}: {problem}. Restore assets/evaluation/robust_sam.") from problem
    return parsed


def rasterise(polygons: Sequence[Mapping[str, Any]], width: int, height: int) -> NDArray[np.bool_]:
    """Polygons ({"outer": ring, "holes": rings}, pixels) to a bool mask (height, width).

    A pixel on an outer ring belongs to the object and a pixel on the ring of a hole does not: rings follow the
    outermost pixels of what they surround.
    """
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        part = np.zeros_like(mask)
        cv2.fillPoly(part, [_corners(polygon["outer"])], 1, shift=_SHIFT)
        for hole in polygon["holes"]:
            cv2.fillPoly(part, [_corners(hole)], 0, shift=_SHIFT)
        mask |= part
    return mask.astype(bool)


def load(folder: Path = FOLDER) -> list[RealObject]:
    """Every object of the set, in the order of the file; objects of one photo share its image array.

    Raises RealPhotosProblem where a photo is missing, unreadable or not of the size its outlines were drawn at.
    """
    parsed = description(folder)
    images: dict[str, NDArray[np.uint8]] = {}
    for entry in parsed["photos"]:
        images[entry["name"]] = _read(folder / entry["file"], int(entry["width"]), int(entry["height"]))
    objects: list[RealObject] = []
    for entry in parsed["objects"]:
        if entry["photo"] not in images:
            raise RealPhotosProblem(f"real.json: {entry['name']!r} names no listed photo. Add it to the photos.")
        image = images[entry["photo"]]
        mask = rasterise(entry["polygons"], image.shape[1], image.shape[0])
        objects.append(RealObject(entry["photo"], entry["name"], image, mask))
    return objects


def _corners(ring: Sequence[Sequence[float]]) -> NDArray[np.int32]:
    return np.rint(np.asarray(ring, np.float64) * (1 << _SHIFT)).astype(np.int32)


def _read(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as opened:
            image = np.asarray(opened.convert("RGB"), np.uint8)
    except OSError as problem:
        raise RealPhotosProblem(f"{path.name}: {problem}. Restore assets/evaluation/robust_sam/photos.") from problem
    if image.shape[:2] != (height, width):
        found = f"{image.shape[1]} by {image.shape[0]}"
        raise RealPhotosProblem(f"{path.name} is {found}, its outlines are for {width} by {height}. Restore the file.")
    image.setflags(write=False)
    return image
