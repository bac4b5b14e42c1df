"""Photographs behind the held-out scenes, from packages that no training reads.

Debian's `gcompris-qt-data` keeps freely licensed photos of Wikimedia Commons in Qt resource files; scikit-image brings
three surfaces. Only files whose licence the package states are named here. Nothing of it is shipped.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import packages
from models.worlds.splits import is_held_out

PACKAGE = "gcompris-qt-data"
_RESOURCE = Path("usr/share/gcompris-qt/rcc/explore_world_animals.rcc")
PHOTOS = {
    "chameleon": "CC-BY-SA-2.0, Laika ac",
    "crocodile": "CC-BY-3.0, Kmanoj",
    "dragon": "CC-BY-SA-3.0, Raul654",
    "koala": "CC-BY-SA-3.0, David Iliff",
    "lemur": "CC-BY-SA-3.0, Sannse",
    "scarlet_macaw": "CC-BY-SA-2.0, Jar0d",
}
"""Photo -> its licence and author, as the package's copyright file states them. The package's moose, panda and polar
bear are photos of the hand-drawn set, so they stand behind nothing.
"""

SURFACES = ("brick", "grass", "gravel")
"""scikit-image's CC0 surfaces."""

TILE, STRIDE = 448, 96
_QT_COMPRESSED, _QT_FOLDER = 1, 2


def tiles() -> list[NDArray[np.uint8]]:
    """Windows (448, 448, 3) uint8 of all photographs that lie on the held-out side of models.worlds.splits.

    The flat generator takes its backdrops by that split, picture by picture; every window here is unseen, so the ones
    it would refuse are left out for both generators. Raises packages.PackageProblem when the package is missing.
    """
    found = [window for picture in pictures() for window in _windows(picture) if is_held_out(window)]
    assert found, "no window on the held-out side"
    return found


def pictures() -> Iterator[NDArray[np.uint8]]:
    """Every whole photograph, (H, W, 3) uint8, one at a time."""
    resource = packages.fetch(PACKAGE) / _RESOURCE
    for name, content in sorted(qt_files(resource).items()):
        stem, _, suffix = name.rpartition(".")
        if stem in PHOTOS and suffix in ("webp", "jpg", "png"):
            yield _decoded(np.frombuffer(content, np.uint8), name)
    import skimage

    for name in SURFACES:
        yield _decoded(np.fromfile(Path(skimage.__file__).parent / "data" / f"{name}.png", np.uint8), name)


def _windows(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for top in range(0, picture.shape[0] - TILE + 1, STRIDE):
        for left in range(0, picture.shape[1] - TILE + 1, STRIDE):
            yield np.ascontiguousarray(picture[top : top + TILE, left : left + TILE])


def _decoded(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if image is None:
        raise packages.PackageProblem(f"{name} is not a readable picture. Delete {PACKAGE} in the cache and run again.")
    return np.ascontiguousarray(image[..., ::-1])


def qt_files(resource: Path) -> dict[str, bytes]:
    """The files of a binary Qt resource by their bare name (Qt's rcc format, versions 1 to 3, plain or zlib).

    Raises packages.PackageProblem where the file is missing or not of that form.
    """
    try:
        content = resource.read_bytes()
        magic, version, tree, data, names = struct.unpack(">4sIIII", content[:20])
        if magic != b"qres" or not 1 <= version <= 3:
            raise ValueError(f"version {version}")
        return dict(_walk(content, 0, (tree, data, names), 14 if version == 1 else 22))
    except (OSError, ValueError, struct.error, zlib.error, IndexError) as problem:
        raise packages.PackageProblem(
            f"{resource.name} of {PACKAGE} cannot be read ({problem}). Delete the package in the cache and run again."
        ) from problem


def _walk(content: bytes, node: int, offsets: tuple[int, int, int], size: int) -> Iterator[tuple[str, bytes]]:
    tree, data, names = offsets
    name, flags = struct.unpack_from(">IH", content, tree + node * size)
    if flags & _QT_FOLDER:
        count, first = struct.unpack_from(">II", content, tree + node * size + 6)
        for child in range(first, first + count):
            if child <= node:
                raise ValueError("a folder that holds itself")
            yield from _walk(content, child, offsets, size)
        return
    (start,) = struct.unpack_from(">I", content, tree + node * size + 10)
    (length,) = struct.unpack_from(">I", content, data + start)
    body = content[data + start + 4 : data + start + 4 + length]
    (letters,) = struct.unpack_from(">H", content, names + name)
    text = content[names + name + 6 : names + name + 6 + 2 * letters].decode("utf-16-be")
    yield text, zlib.decompress(body[4:]) if flags & _QT_COMPRESSED else body
