"""Rendered object scenes written as shards for training (see models.worlds.packs for the files and how to read
them)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.worlds.library import Library
from models.worlds.packs import Arrays, begun, write_packs
from models.worlds.scenes3d import sample_scene


def write_pack(
    path: Path | str,
    seed: int,
    count: int,
    size: int = 512,
    split: str = "train",
    library: Library | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write scenes 0..count-1 below `path` and return the shard names; shards that are complete are kept.

    Scene i depends on `seed`, i and the library alone. Floor and walls are parts whose instance is 0.
    `library` defaults to the Debian packages' models of that split ("train" or "held_out"). `report(done, count)` is
    called after each scene. Runs in this process; give parallel calls different folders and seeds. Raises PackError
    for a folder that was begun with other settings, packages.PackageProblem when an asset package is missing.
    """
    folder = begun(path, {"what": "objects", "seed": seed, "size": size, "split": split})
    stock = library

    def scene(index: int) -> Arrays:
        nonlocal stock
        stock = stock or Library.open(split)
        sample = sample_scene(np.random.default_rng([seed, index]), stock, size)
        if report is not None:
            report(index + 1, count)
        return sample.image, sample.instance, sample.part

    return write_packs(folder, count, size, scene)
