"""The folders of the paper's protocol: what must lie where, checked in full before anything is measured.

    PATH/{clear,<kind>}/*.jpg          pictures, the same names in every folder
    PATH/masks/*.npy                   bool (N, H, W), one file for each picture's name

or several such folders, the splits, below PATH (method document section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

CLEAR, MASKS = "clear", "masks"
SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_PIXELS = 100_000_000


class FolderProblem(ValueError):
    """A folder that is not as the protocol needs it; the text names the file and the remedy."""


@dataclass(frozen=True)
class Picture:
    """One picture file and its name, which seeds its points, with the file of its masks."""

    file: Path
    masks: Path

    @property
    def name(self) -> str:
        """The file's name with its suffix."""
        return self.file.name

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 and (N, H, W) bool. Raises FolderProblem where a file is broken behind its header."""
        try:
            with Image.open(self.file) as opened:
                image = np.asarray(opened.convert("RGB"), np.uint8)
            return image, np.load(self.masks, allow_pickle=False)
        except (OSError, ValueError, Image.DecompressionBombError) as problem:
            raise FolderProblem(f"{self.file.name}: {problem}. Save the picture and its masks again.") from problem


@dataclass(frozen=True)
class Split:
    """One split: the pictures of each kind, ``clear`` first, then kinds by name."""

    name: str
    kinds: dict[str, list[Picture]]

    @property
    def degraded(self) -> list[str]:
        """The names of the kinds."""
        return [kind for kind in self.kinds if kind != CLEAR]


def read(folder: Path) -> list[Split]:
    """The splits at or below ``folder``. Raises FolderProblem for the first thing that is not as it must be."""
    if not folder.is_dir():
        raise FolderProblem(f"{folder} is not a folder. Give the folder that holds {CLEAR}/ and {MASKS}/.")
    if (folder / CLEAR).is_dir():
        return [_split(folder)]
    below = [child for child in _children(folder) if (child / CLEAR).is_dir()]
    if not below:
        raise FolderProblem(
            f"{folder.name} has no folder {CLEAR}, nor has any folder in it. The protocol reads "
            f"SPLIT/{CLEAR}/*.jpg, SPLIT/KIND/*.jpg and SPLIT/{MASKS}/*.npy; name SPLIT or the folder above it."
        )
    return [_split(child) for child in below]


def _split(folder: Path) -> Split:
    if not (folder / MASKS).is_dir():
        raise FolderProblem(f"{folder.name} has no folder {MASKS}. Put one .npy file for each picture there.")
    names = [child.name for child in _children(folder) if child.is_dir() and child.name not in (CLEAR, MASKS)]
    kinds = {name: _pictures(folder, name) for name in (CLEAR, *names)}
    empty = [name for name, pictures in kinds.items() if not pictures]
    if empty:
        raise FolderProblem(f"{folder.name}/{empty[0]} holds no {', '.join(SUFFIXES)} file. Add some or delete it.")
    return Split(folder.name, kinds)


def _pictures(split: Path, kind: str) -> list[Picture]:
    found: dict[str, Picture] = {}
    for file in _children(split / kind):
        if file.suffix.lower() not in SUFFIXES:
            continue
        if file.stem in found:
            other = found[file.stem].name
            raise FolderProblem(f"{split.name}/{kind}: {other} and {file.name} share their masks. Keep one of them.")
        picture = Picture(file, split / MASKS / f"{file.stem}.npy")
        _check(picture, f"{split.name}/{kind}/{file.name}")
        found[file.stem] = picture
    return list(found.values())


def _children(folder: Path) -> list[Path]:
    children = sorted(folder.iterdir())
    for child in children:
        try:
            child.name.encode()
        except UnicodeEncodeError:
            raise FolderProblem(
                f"{folder.name} holds a file whose name is not UTF-8: {child.name!r}. Rename it; names seed the points."
            ) from None
    return children


def _check(picture: Picture, name: str) -> None:
    """Headers alone: the size of the picture, the shape and type of the masks."""
    where = f"{MASKS}/{picture.masks.name}"
    if not picture.masks.exists():
        raise FolderProblem(f"{name} has no masks. Add {where}, a bool array (N, H, W).")
    try:
        with Image.open(picture.file) as opened:
            width, height = opened.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as problem:
        raise FolderProblem(f"{name} is not a readable picture ({problem}). Save it again.") from problem
    if width * height > MOST_PIXELS:
        raise FolderProblem(f"{name} has {width * height / 1e6:.0f} megapixels. The limit is {MOST_PIXELS / 1e6:.0f}.")
    try:
        masks = np.load(picture.masks, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise FolderProblem(f"{where} is not a .npy file ({problem}). Save it again.") from problem
    if not isinstance(masks, np.ndarray) or masks.dtype != np.bool_:
        kind = masks.dtype if isinstance(masks, np.ndarray) else "an archive of arrays"
        raise FolderProblem(f"{where} is {kind}, not bool. Save masks.astype(bool) of shape (N, H, W).")
    if masks.ndim != 3 or not len(masks):
        raise FolderProblem(f"{where} has shape {masks.shape}. Save (N, H, W) with N of 1 or more.")
    if masks.shape[1:] != (height, width):
        sizes = f"{height} by {width} (H, W), its masks are {masks.shape[1]} by {masks.shape[2]}"
        raise FolderProblem(f"{name} is {sizes}. Make them one size.")
    missing = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(missing):
        raise FolderProblem(f"{where}: mask {missing[0]} is empty. Remove it; it cannot be pointed at.")
