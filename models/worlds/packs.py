"""Scenes on disk: numbered shards of plain .npy files, written once, read memory-mapped.

A shard `00003` is three files: `00003-image.npy` uint8 (N, S, S, 3), `00003-instance.npy` int16 (N, S, S), visible
object ids with 0 for background, and `00003-part.npy` int16 (N, S, S), ids of parts with 0 where there is none. Part
ids are counted for themselves from 1 in each scene; the object a part belongs to is the instance id under its pixels.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARD = 250
_FIELDS = ("image", "instance", "part")

Arrays = tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.int16]]


class PackError(ValueError):
    """A pack folder that cannot be read or written as asked; the message names the file and the remedy."""


@dataclass(frozen=True)
class Shard:
    """One memory-mapped shard: image uint8 (N, S, S, 3), instance and part int16 (N, S, S)."""

    name: str
    image: NDArray[np.uint8]
    instance: NDArray[np.int16]
    part: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.image)


def _file(folder: Path, name: str, field: str) -> Path:
    return folder / f"{name}-{field}.npy"


def begun(path: str | os.PathLike[str], settings: Mapping[str, Any]) -> Path:
    """The folder of a pack, made when it is missing, with its settings noted. PackError where it has other ones."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "pack.json"
    if note.exists() and json.loads(note.read_text(encoding="utf-8")) != settings:
        raise PackError(f"{folder.name} holds a pack with other settings; choose another folder or delete it")
    note.write_text(json.dumps(settings), encoding="utf-8")
    return folder


def write_packs(path: str | os.PathLike[str], count: int, size: int, scene: Callable[[int], Arrays]) -> list[str]:
    """Write scenes 0..count-1 in shards of 250 and return the names of all shards.

    scene: index -> (image uint8 (S, S, 3), instance int16 (S, S), part int16 (S, S)); it must depend on the index
    alone, because shards that are already complete are skipped, so that an interrupted run goes on where it stopped.
    Raises PackError when a complete shard has another length or size than asked for.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for start in range(0, count, SHARD):
        name = f"{start // SHARD:05d}"
        names.append(name)
        length = min(SHARD, count - start)
        shapes = {"image": (length, size, size, 3), "instance": (length, size, size), "part": (length, size, size)}
        finished = [_file(folder, name, field) for field in _FIELDS]
        if all(file.exists() for file in finished):
            _check(finished, shapes)
            continue
        drafts: dict[str, NDArray[Any]] = {}
        for field in _FIELDS:
            dtype = np.uint8 if field == "image" else np.int16
            draft = _file(folder, name, field).with_suffix(".draft")
            drafts[field] = np.lib.format.open_memmap(draft, "w+", dtype, shapes[field])
        for row in range(length):
            for field, values in zip(_FIELDS, scene(start + row), strict=True):
                drafts[field][row] = values
        for field in _FIELDS:
            drafts[field].flush()  # type: ignore[attr-defined]
        drafts.clear()
        for file in finished:
            os.replace(file.with_suffix(".draft"), file)
    return names


def _check(files: list[Path], shapes: dict[str, tuple[int, ...]]) -> None:
    for file, field in zip(files, _FIELDS, strict=True):
        found = np.load(file, mmap_mode="r").shape
        if found != shapes[field]:
            raise PackError(f"{file.name} has shape {found}, asked for {shapes[field]}; choose an empty folder")


def read_packs(path: str | os.PathLike[str]) -> list[Shard]:
    """Memory-map every complete shard of a folder, in order. Raises PackError when there is none."""
    folder = Path(path)
    shards = []
    for image in sorted(folder.glob("*-image.npy")):
        name = image.name.removesuffix("-image.npy")
        files = [_file(folder, name, field) for field in _FIELDS]
        if all(file.exists() for file in files):
            shards.append(Shard(name, *(np.load(file, mmap_mode="r") for file in files)))
    if not shards:
        raise PackError(f"{folder.name}: no complete shard here; write one with write_pack first")
    return shards
