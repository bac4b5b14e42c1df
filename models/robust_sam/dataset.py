"""The training data on disk: rendered scenes of real 3-D models and layered 2-D composites, written once and memory-
mapped.

Everything is fetched by package name (models.worlds.packages); scenes depend on their seed alone, so a folder can be
made again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.robust_sam import photo_regions
from models.worlds import objects_pack, packages, people_scenes, shapes2d, shapes2d_photo
from models.worlds.cutouts import load_cutouts
from models.worlds.packs import read_packs
from models.worlds.photo_packages import real_photos
from models.worlds.photos import photos, pixels
from models.worlds.shapes2d_settings import HELD_OUT, TRAIN
from models.worlds.sprites import collect

SIZE = 512
OBJECT_SCENES = {1: 1000, 2: 250}
SHAPE_SCENES = {2: 3000}
PHOTO_REGIONS = {1: 750}
PHOTO_COMPOSITES = {1: 1500}
PEOPLE_SCENES = {1: 100}
"""Seed -> number of scenes, what the shipped weights were trained on."""

RENDERED_SPRITES, LIFTED_SPRITES = 450, 300
CUTOUTS, CUTOUT_SIDE = 1500, 384
CUTOUT_SEED = 11
PHOTO_SIDE = 1600


def pictures(held_out: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Photographs (H, W, 3), which the scenes split, and clip-art cut-outs (H, W, 4) of one split; uint8."""
    clips = packages.fetch("openclipart-png")
    rng = np.random.default_rng(CUTOUT_SEED)
    return [pixels(photo.path, PHOTO_SIDE) for photo in photos()], load_cutouts(
        clips, rng, CUTOUTS, CUTOUT_SIDE, held_out
    )


def write_objects(folder: Path, count: int, seed: int, split: str = "train") -> None:
    """Rendered scenes, ``count`` of them, below ``folder``; what is there already is kept."""
    objects_pack.write_pack(folder, seed, count, SIZE, split)


def write_shapes(folder: Path, count: int, seed: int, split: str = "train") -> None:
    """2-D composites, ``count`` of them, below ``folder``; what is there already is kept."""
    held_out = split == "held_out"
    backdrops, cutouts = pictures(held_out)
    settings = HELD_OUT if held_out else TRAIN
    shapes2d.write_pack(folder, seed, count, SIZE, settings, backdrops, cutouts)


def write_photo_regions(folder: Path, count: int, seed: int) -> None:
    """Crops of training photographs with the regions that stand out in them, ``count`` of them, below ``folder``."""
    photo_regions.write_pack(folder, seed, count, SIZE, real_photos(held_out=False))


def write_photo_composites(folder: Path, count: int, seed: int) -> None:
    """Photographs with things pasted in, ``count`` of them, below ``folder``; what is there already is kept.

    The things come from the packs objects/1 and photo_regions/1 two folders up, which have to be written first.
    """
    packs = folder.parent.parent
    rng = np.random.default_rng([seed, CUTOUT_SEED])
    clips = load_cutouts(packages.fetch("openclipart-png"), rng, CUTOUTS // 3, CUTOUT_SIDE)
    stock = shapes2d_photo.PhotoStock(
        real_photos(held_out=False),
        collect(read_packs(packs / "objects" / "1")[:4], rng, RENDERED_SPRITES),
        collect(read_packs(packs / "photo_regions" / "1"), rng, LIFTED_SPRITES),
        clips,
    )
    shapes2d_photo.write_pack(folder, seed, count, SIZE, stock)


def write_people(folder: Path, count: int, seed: int) -> None:
    """Rendered scenes with people among the models, ``count`` of them, below ``folder``."""
    people_scenes.write_pack(folder, seed, count, SIZE)


def write_sample(folder: Path, count: int = 24) -> None:
    """A few small composites that need no package, for smoke runs and tests."""
    shapes2d.write_pack(folder, 3, count, 128, TRAIN)


PACKS: dict[str, tuple[Callable[[Path, int, int], None], dict[int, int], float]] = {
    "objects": (write_objects, OBJECT_SCENES, 2.0),
    "shapes": (write_shapes, SHAPE_SCENES, 1.0),
    "photo_regions": (write_photo_regions, PHOTO_REGIONS, 3.0),
    "photo_composites": (write_photo_composites, PHOTO_COMPOSITES, 1.5),
    "people": (write_people, PEOPLE_SCENES, 2.0),
}
"""Folder name -> how a pack is written, its seeds and counts, and the weight each of its scenes is drawn with.

Rendered scenes of real models and regions of photographs are drawn more often than flat composites: the photographs
that people bring look more like them.
"""
