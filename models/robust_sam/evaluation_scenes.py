"""The held-out scenes: models, clip art, shape and pattern families, photographs and seeds that no training saw.

They are made once, in blocks of a few, and read memory-mapped, one scene at a time.
"""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import models.worlds
from models.robust_sam import evaluation_backdrops, real_photos
from models.robust_sam.dataset import CUTOUT_SEED, CUTOUT_SIDE, SIZE
from models.robust_sam.evaluation_config import EvaluationConfig, Part
from models.robust_sam.evaluation_measure import Scene
from models.robust_sam.protocol import seed_of
from models.worlds import objects, packages, scenes3d, shapes2d
from models.worlds.cutouts import read_cutout
from models.worlds.library import Library, fit_for_scenes
from models.worlds.packs import Arrays, read_packs, write_packs
from models.worlds.shapes2d_settings import HELD_OUT
from models.worlds.splits import is_held_out

PARTS: tuple[Part, ...] = ("rendered", "composed")
BLOCK = 8
"""Scenes a file holds: what a stopped run loses at most."""

CUTOUTS, LARGEST_CLIP = 300, 1200
STORE_BYTES = 1 << 28
"""Loaded models kept at once."""

Report = Callable[[str], None]
Generator = Callable[[int], Arrays]


def folder(config: EvaluationConfig) -> Path:
    """Where the scenes of a seed lie, by the code that makes them: other code makes other scenes."""
    return packages.cache_folder() / "robust_sam_evaluation" / f"scenes-{config.seed}-{code_digest()}"


def code_digest() -> str:
    """Eight hex digits over the sources of models.worlds and of the held-out stock."""
    content = hashlib.sha256()
    here = Path(__file__)
    for file in [*sorted(Path(models.worlds.__path__[0]).glob("*.py")), here, Path(evaluation_backdrops.__file__)]:
        content.update(file.read_bytes())
    return content.hexdigest()[:8]


def prepare(config: EvaluationConfig, report: Report = lambda line: None) -> Path:
    """Writes the scenes that are not there yet, block by block, and returns where they lie.

    Raises packages.PackageProblem without a package.
    """
    base = folder(config)
    backdrops: list[NDArray[np.uint8]] = []
    for part in PARTS:
        generator: Generator | None = None
        for block in range(-(-config.scenes // BLOCK)):
            place = base / f"{part}-{block:03d}"
            if (place / "00000-part.npy").exists():
                continue
            backdrops = backdrops or evaluation_backdrops.tiles()
            generator = generator or _GENERATORS[part](config.seed, backdrops)
            report(f"making held-out scenes, {part} {block * BLOCK} to {(block + 1) * BLOCK - 1}")
            write_packs(place, BLOCK, SIZE, _shifted(generator, block * BLOCK))
    return base


def _shifted(generator: Generator, first: int) -> Generator:
    return lambda index: generator(first + index)


def held_out_entries() -> list[objects.ObjectEntry]:
    """The 3-D models that are on the held-out side."""
    return [entry for entry in objects.catalogue() if fit_for_scenes(entry) and objects.split(entry) == "held_out"]


def held_out_cutouts() -> list[NDArray[np.uint8]]:
    """Clip art on the held-out side, RGBA (h, w, 4) uint8. The largest files are left out: they cost a gigabyte."""
    files = sorted(packages.fetch(packages.CLIPART).rglob("*.png"))
    found: list[NDArray[np.uint8]] = []
    for index in np.random.default_rng(CUTOUT_SEED).permutation(len(files)):
        image = read_cutout(files[index], CUTOUT_SIDE) if _longest_side(files[index]) <= LARGEST_CLIP else None
        if image is not None and is_held_out(image):
            found.append(image)
        if len(found) == CUTOUTS:
            break
    return found


def _longest_side(file: Path) -> float:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                return max(opened.size)
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return np.inf


def _rendered(seed: int, backdrops: list[NDArray[np.uint8]]) -> Generator:
    library = Library(held_out_entries(), backdrops, store_bytes=STORE_BYTES)

    def scene(index: int) -> Arrays:
        sample = scenes3d.sample_scene(np.random.default_rng([seed, index]), library, SIZE)
        return sample.image, sample.instance, sample.part

    return scene


def _composed(seed: int, backdrops: list[NDArray[np.uint8]]) -> Generator:
    cutouts = held_out_cutouts()
    settings = zlib.crc32(HELD_OUT.name.encode())

    def scene(index: int) -> Arrays:
        rng = np.random.default_rng([seed, settings, index])
        sample = shapes2d.sample_scene(rng, SIZE, photos=backdrops, cutouts=cutouts, settings=HELD_OUT)
        return sample.image, sample.instance, sample.part

    return scene


_GENERATORS: dict[Part, Callable[[int, list[NDArray[np.uint8]]], Generator]] = {
    "rendered": _rendered,
    "composed": _composed,
}


def names(config: EvaluationConfig) -> list[tuple[Part, int]]:
    """Every scene of the configuration, parts in turn, so that a run that is stopped has some of each."""
    return [(part, index) for index in range(config.scenes) for part in PARTS]


def load(base: Path, config: EvaluationConfig, part: Part, index: int) -> Scene | None:
    """One scene of those that ``prepare`` put into ``base``, or None where all its objects are too small."""
    block, row = divmod(index, BLOCK)
    shard = read_packs(base / f"{part}-{block:03d}")[0]
    name = f"{part}-{index}"
    masks = objects_of(np.asarray(shard.instance[row]), config, name)
    return Scene(name, part, index, np.array(shard.image[row]), masks) if masks else None


def objects_of(instance: np.ndarray, config: EvaluationConfig, name: str) -> list[np.ndarray]:
    """Up to ``config.objects`` visible objects of one scene, drawn by the scene's name."""
    ids, areas = np.unique(instance, return_counts=True)
    large = [i for i, area in zip(ids, areas, strict=True) if i and area >= config.least_share * instance.size]
    chosen = np.random.default_rng(seed_of(name)).permutation(len(large))[: config.objects]
    return [instance == large[index] for index in chosen]


def photos() -> Iterator[Scene]:
    """The real photos, each with all objects drawn on it."""
    listed = real_photos.load()
    for index, name in enumerate(dict.fromkeys(found.photo for found in listed)):
        of_photo = [found for found in listed if found.photo == name]
        yield Scene(f"real-{name}", "real", index, of_photo[0].image, [found.mask for found in of_photo])
