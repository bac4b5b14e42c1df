"""The stock a scene generator draws from: models of one side of the split, pictures for the surroundings, surface
textures."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import objects, photos
from models.worlds.assemble import Look
from models.worlds.objects import ObjectEntry, ObjectModel
from models.worlds.surfaces import procedural
from models.worlds.textures import Pyramid, pyramid

# Whole rooms, markings on streets, pools and switches: no single thing a person would click.
_UNFIT = (
    "stationnement",
    "fleche",
    "passage",
    "swimming",
    "rails",
    "dining_room",
    "contemp_living_room",
    "parque",
    "shadows",
    "elevator",
    "rj-45",
    "plug",
    "switch",
    "dimmer",
    "antenna",
    "diving-board",
    "box_room",
    "parking",
    "billet",
)


_ALIVE = frozenset(
    [
        "cat",
        "dog",
        "horse",
        "rabbit",
        "deer",
        "chicken",
        "bulldog",
        "teddybear",
        "doll",
        "plant",
        "plants",
        "orchids",
        "flowers",
        "tulip",
        "tulips",
        "bread",
        "apples",
        "fruit",
        "fruits",
        "hamburger",
        "cup",
        "bear",
    ]
)


def fit_for_scenes(entry: ObjectEntry) -> bool:
    """Whether a model is one clickable thing (no doors, stairs, street markings, whole rooms)."""
    if entry.door_or_window or entry.category in ("Staircases", "Doors and windows"):
        return False
    if any(word in entry.key.lower().split("/", 1)[-1] for word in _UNFIT):
        return False
    return max(entry.size_m) < 8 and sorted(entry.size_m)[1] > 0.01


def _weight(entry: ObjectEntry) -> float:
    """How often a model is drawn: people, animals, plants and food are few among much furniture, yet common in
    photos."""
    words = set(re.split(r"[^a-z]+", f"{entry.name} {entry.key}".lower()))
    if entry.category == "Characters" or words & _ALIVE:
        return 3.0
    return 2.0 if entry.category in ("Miscellaneous", "Kitchen", "Vehicles") else 1.0


class Library:
    """Entries with a bounded store of loaded models, and pictures. Loading more than `max_faces` faces is never
    done."""

    def __init__(
        self,
        entries: Sequence[ObjectEntry],
        pictures: Sequence[NDArray[np.uint8]] = (),
        patterns: Sequence[NDArray[np.uint8]] = (),
        cache: Path | str | None = None,
        max_faces: int = 60_000,
        store_bytes: int = 1 << 30,
    ) -> None:
        if not entries:
            raise ValueError(
                "a scene library needs at least one model. Fetch sweethome3d-furniture or widen the selection."
            )
        self.entries = list(entries)
        self._ladder = np.cumsum([_weight(entry) for entry in entries])
        self.pictures, self.patterns = list(pictures), list(patterns)
        self._cache, self._max_faces, self._store_bytes = cache, max_faces, store_bytes
        self._store: OrderedDict[str, ObjectModel] = OrderedDict()
        self._too_large: set[str] = set()
        self._held = 0

    @staticmethod
    def open(side: str = "train", cache: Path | str | None = None) -> Library:
        """The Debian packages' models on one side of the split ("train", "held_out") and the wallpapers' pictures.

        Pictures are split too: every sixth is kept for "held_out". Raises packages.PackageProblem when a package is
        missing.
        """
        if side not in ("train", "held_out"):
            raise ValueError(f"the split is 'train' or 'held_out', not {side!r}")
        entries = [e for e in objects.catalogue(cache) if fit_for_scenes(e) and objects.split(e) == side]
        real: list[NDArray[np.uint8]] = []
        drawn: list[NDArray[np.uint8]] = []
        for number, photo in enumerate(photos.photos(cache)):
            if (number % 6 == 5) == (side == "held_out"):
                (real if photo.real else drawn).append(photos.pixels(photo.path))
        return Library(entries, real, drawn, cache)

    def model(self, entry: ObjectEntry) -> ObjectModel | None:
        """The loaded model, or None where it has too many faces."""
        if entry.key in self._too_large:
            return None
        found = self._store.get(entry.key)
        if found is not None:
            self._store.move_to_end(entry.key)
            return found
        found = objects.load(entry, self._cache)
        if len(found.faces) > self._max_faces:
            self._too_large.add(entry.key)
            return None
        self._store[entry.key] = found
        self._held += found.bytes
        while self._held > self._store_bytes and len(self._store) > 1:
            _, dropped = self._store.popitem(last=False)
            self._held -= dropped.bytes
        return found

    def pick(
        self, rng: np.random.Generator, smallest: float = 0.0, largest: float = 8.0, faces_left: int = 10**9
    ) -> tuple[ObjectEntry, ObjectModel] | None:
        """A random model whose longest side is within metres; None after a few tries that met only too large ones."""
        for _ in range(24):
            entry = self.entries[int(np.searchsorted(self._ladder, rng.random() * self._ladder[-1], side="right"))]
            if not smallest <= max(entry.size_m) <= largest:
                continue
            model = self.model(entry)
            if model is not None and len(model.faces) <= faces_left:
                return entry, model
        return None

    def picture(self, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """One photograph, or None in a library without any."""
        return self.pictures[int(rng.integers(len(self.pictures)))] if self.pictures else None

    def crop(self, rng: np.random.Generator, size: int, drawn: float = 0.2) -> NDArray[np.uint8] | None:
        """A random crop of a picture, uint8 (size,size,3), mirrored at random."""
        stock = self.patterns if self.patterns and rng.random() < drawn else self.pictures
        if not stock:
            return None
        image = stock[int(rng.integers(len(stock)))]
        side = int(min(image.shape[:2]) * rng.uniform(0.25, 1.0))
        y, x = int(rng.integers(image.shape[0] - side + 1)), int(rng.integers(image.shape[1] - side + 1))
        piece = image[y : y + side, x : x + side]
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        mode = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(piece), (size, size), interpolation=mode).astype(np.uint8)

    def _borrowed(self, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """A texture of some model that is laid on in repeats (wood, cloth, stone). Independent of what is loaded by
        now."""
        for _ in range(6):
            model = self.model(self.entries[int(rng.integers(len(self.entries)))])
            if model is None:
                continue
            for index, material in enumerate(model.materials):
                if material.texture is None or min(material.texture.shape[:2]) < 64 or material.texture.shape[2] != 3:
                    continue
                uv = model.uv[model.face_material == index]
                if len(uv) and float(np.ptp(uv.reshape(-1, 2), axis=0).min()) > 1.2:
                    return material.texture
        return None

    def surface(self, rng: np.random.Generator, tile_m: tuple[float, float] = (0.2, 2.5)) -> Look:
        """A look for floors, walls, tables or repainted parts: plain, procedural, borrowed from a model, or a photo
        crop."""
        kind = rng.random()
        tile = float(np.exp(rng.uniform(np.log(tile_m[0]), np.log(tile_m[1]))))
        tint = _tint(rng)
        specular, shininess = float(rng.choice([0.0, 0.02, 0.05, 0.12])), float(np.exp(rng.uniform(1.6, 5)))
        texture: Pyramid | None = None
        if kind < 0.12:
            return Look(random_colour(rng), None, tile, specular, shininess)
        if kind < 0.55:
            texture = pyramid(procedural(rng, 256))
        elif kind < 0.75:
            borrowed = self._borrowed(rng)
            texture = pyramid(borrowed if borrowed is not None else procedural(rng, 256))
        else:
            piece = self.crop(rng, 256, drawn=0.3)
            texture = pyramid(_seamless(piece) if piece is not None else procedural(rng, 256))
        return Look(tint, texture, tile, specular, shininess)


def random_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """A display colour, muted more often than loud."""
    base = rng.uniform(0.08, 0.95)
    spread = rng.uniform(0, 0.12) if rng.random() < 0.6 else rng.uniform(0.1, 0.6)
    r, g, b = np.clip(base + rng.uniform(-spread, spread, 3), 0.02, 0.98)
    return float(r), float(g), float(b)


def _tint(rng: np.random.Generator) -> tuple[float, float, float]:
    level = rng.uniform(0.75, 1.0)
    r, g, b = np.clip(level + rng.normal(0, 0.03, 3), 0, 1)
    return float(r), float(g), float(b)


def _seamless(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirrored in both directions, so repeats have no seam."""
    wide = np.concatenate([image, image[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([wide, wide[::-1]], axis=0))
