"""Rendered scenes with people in them: standing and sitting in rooms, before photographs, small on tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.worlds import objects, photos
from models.worlds.library import Library, fit_for_scenes
from models.worlds.objects import ObjectEntry, ObjectModel
from models.worlds.packs import Arrays, begun, write_packs
from models.worlds.people import NAME, bodies, dress
from models.worlds.people_poses import LYING, POSTURES, between, run, walk
from models.worlds.photo_packages import real_photos
from models.worlds.scenes3d import sample_scene

_SEED = 0x9E0
_SMALLEST_M = 1.2
_SHARE = 0.45
_KINDS = ("room", "photo", "table")
_KIND_CHANCE = (0.55, 0.4, 0.05)


class PeopleLibrary(Library):
    """A library whose larger picks are often people: new ones each time, from the generator alone.

    `people_left` bounds how many one scene holds; set it before each scene.
    """

    people_left: int = 0

    @staticmethod
    def open(side: str = "train", cache: Path | str | None = None) -> PeopleLibrary:
        """The models and photographs of one split, and the people, who have none: bodies are few and all alike.

        Raises packages.PackageProblem when a package is missing, people.PeopleProblem without bodies.
        """
        entries = [e for e in objects.catalogue(cache) if fit_for_scenes(e) and objects.split(e) == side]
        drawn = [photos.pixels(photo.path) for photo in photos.photos(cache) if not photo.real]
        return PeopleLibrary(entries, real_photos(side == "held_out"), drawn, cache)

    def pick(
        self, rng: np.random.Generator, smallest: float = 0.0, largest: float = 8.0, faces_left: int = 10**9
    ) -> tuple[ObjectEntry, ObjectModel] | None:
        """A person where one fits and chance has it, else a model as in Library."""
        if self.people_left > 0 and largest > _SMALLEST_M and rng.random() < _SHARE:
            model = somebody(rng)
            if len(model.faces) <= faces_left:
                self.people_left -= 1
                width, height, depth = (float(extent) for extent in model.size_m)
                entry = ObjectEntry(NAME, NAME, "Characters", "CC0-1.0", Path(), "", (width, height, depth))
                return entry, model
        return super().pick(rng, smallest, largest, faces_left)


def somebody(rng: np.random.Generator) -> ObjectModel:
    """A person with random looks in a random posture, mostly upright, sometimes on the way from one to another."""
    stock = bodies()
    person = dress(rng, stock[int(rng.integers(len(stock)))])
    kind = rng.random()
    if kind < 0.3:
        angles = walk(rng.random(), rng.uniform(0.6, 1.2))
    elif kind < 0.38:
        angles = run(rng.random(), rng.uniform(0.8, 1.1))
    else:
        names = [name for name in POSTURES if name not in LYING or kind > 0.95]
        first, second = (POSTURES[names[int(rng.integers(len(names)))]] for _ in range(2))
        angles = between(first, second, rng.uniform(0.2, 0.8)) if kind < 0.5 else first
    return person.model(angles + rng.normal(0, 2.5, len(angles)) * (angles != 0))


def write_pack(
    path: Path | str,
    seed: int,
    count: int,
    size: int = 512,
    split: str = "train",
    library: PeopleLibrary | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write scenes 0..count-1 below `path` and return the shard names; see objects_pack.write_pack.

    Scene i depends on `seed`, i and the library alone; nearly every scene shows at least one person.
    """
    folder = begun(path, {"what": "people", "seed": seed, "size": size, "split": split})
    stock = library

    def scene(index: int) -> Arrays:
        nonlocal stock
        stock = stock or PeopleLibrary.open(split)
        image, instance, part = with_people(np.random.default_rng([seed, _SEED, index]), stock, size)
        if report is not None:
            report(index + 1, count)
        return image, instance, part

    return write_packs(folder, count, size, scene)


def with_people(
    rng: np.random.Generator, library: PeopleLibrary, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.int16]]:
    """One scene (image, instance, part), drawn again a few times until somebody is in the picture."""
    for _ in range(4):
        library.people_left = int(rng.integers(1, 6))
        sample = sample_scene(rng, library, size, str(rng.choice(_KINDS, p=_KIND_CHANCE)))
        shown = np.bincount(sample.instance.ravel(), minlength=len(sample.names) + 1)[1:]
        if any(name == NAME and pixels > 0.004 * size**2 for name, pixels in zip(sample.names, shown, strict=False)):
            break
    return sample.image, sample.instance, sample.part
