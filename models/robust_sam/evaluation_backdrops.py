"""Photographs behind the held-out scenes: pictures that no training reads and no outline was drawn on.

Debian's `gcompris-qt-data` keeps freely licensed photos of Wikimedia Commons; scikit-image brings three surfaces. Only
files whose licence the package states are named here. Nothing of it is shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import packages
from models.worlds.photo_packages import PACKAGE, package_photos
from models.worlds.splits import is_held_out

PHOTOS = {
    "burj": "CC-BY-SA-3.0, Imre Solt",
    "leaningTowerOfPisa": "CC-BY-2.0, Dan Kamminga",
    "nailCutter": "public-domain, Tripy~commonswiki",
    "operaHouse": "CC-BY-SA-3.0, Mfield",
    "screwDriver2": "public-domain, Dezertscorpion",
    "tajMahal": "CC-BY-SA-4.0, Yann",
    "windmill5": "CC-BY-SA-3.0, Lion59",
}
"""Photo -> its licence and author, as the package's copyright file states them. Each lies, as a whole picture, on the
held-out side of models.worlds.splits, and none is a photo of the hand-drawn set.
"""

SURFACES = ("brick", "grass", "gravel")
"""scikit-image's CC0 surfaces."""

TILE, STRIDE = 448, 48
SHORT_SIDE = 560
"""The package's photos are 320 px wide; enlarged so that their shorter side has this many pixels they are as soft as
what lies behind a near object."""


def tiles() -> list[NDArray[np.uint8]]:
    """Windows (448, 448, 3) uint8 of all photographs that lie on the held-out side of models.worlds.splits.

    The flat generator takes its backdrops by that split, picture by picture; every window here is unseen, so the ones
    it would refuse are left out for both generators. Raises packages.PackageProblem when the package is missing.
    """
    found = [window for picture in pictures() for window in _windows(picture) if is_held_out(window)]
    assert found, "no window on the held-out side"
    return found


def pictures() -> Iterator[NDArray[np.uint8]]:
    """Every whole photograph, (H, W, 3) uint8, one at a time, enlarged where it is small.

    Raises packages.PackageProblem where the package is missing or one of its photos is on the training side.
    """
    found = {Path(photo.name).stem: photo.image for photo in package_photos()}
    for name in PHOTOS:
        image = found.get(name)
        if image is None or not is_held_out(image):
            raise packages.PackageProblem(
                f"{PACKAGE} has no held-out photo {name}. Delete {PACKAGE} in the cache and run again."
            )
        yield _enlarged(image)
    import skimage

    for name in SURFACES:
        yield _decoded(np.fromfile(Path(skimage.__file__).parent / "data" / f"{name}.png", np.uint8), name)


def _windows(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for top in range(0, picture.shape[0] - TILE + 1, STRIDE):
        for left in range(0, picture.shape[1] - TILE + 1, STRIDE):
            yield np.ascontiguousarray(picture[top : top + TILE, left : left + TILE])


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = SHORT_SIDE / min(picture.shape[:2])
    if scale <= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def _decoded(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if image is None:
        raise packages.PackageProblem(f"{name}.png of scikit-image is not a readable picture. Install it again.")
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
