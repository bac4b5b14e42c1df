"""True masks we have for shipped photos: outlines drawn by hand, and the objects our own generator painted.

``python -m app.panels.robust_sam_sweep_truth`` writes the generator's masks beside the example scenes. A truth belongs
to a photo by its content, so an uploaded copy of an example has one too and a changed example has none.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.guard import read_image
from app.guard.errors import BadInput
from app.panels import robust_sam_state as state
from app.panels.robust_sam_session import Photo
from models.method import ASSETS

FOLDER = ASSETS / "examples" / "robust_sam" / "truth"
LIST = "truth.json"
DRAWN = ASSETS / "evaluation" / "robust_sam"
SMALLEST_PX = 64
LARGEST_ERROR = 4.0
"""Grey levels between an example's JPEG and the scene painted again, above which they are not the same scene."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """One true mask, bool of the photo's size, and whose word it is."""

    title: str
    mask: Mask


def known(photo: Photo) -> tuple[Known, ...]:
    """Every true mask we have for this photo; empty for photos of others."""
    return _known(photo.digest)


def fitting(photo: Photo, thing: state.Outlined) -> tuple[Known, ...]:
    """The true masks an object's prompts may mean: they hold every adding click, no removing one, and fill the box."""
    return tuple(truth for truth in known(photo) if _fits(truth.mask, thing))


def _fits(mask: Mask, thing: state.Outlined) -> bool:
    height, width = mask.shape
    for point in thing.points:
        hit = bool(mask[min(int(point.y), height - 1), min(int(point.x), width - 1)])
        if hit != (point.label == state.ADD):
            return False
    if thing.box is None:
        return True
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    own = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return _box_overlap(own, thing.box) > 0.5


def _box_overlap(a: Sequence[float], b: Sequence[float]) -> float:
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared
    return shared / both if both > 0 else 0.0


def read_truth(path: Path, name: str, size: tuple[int, int]) -> Known:
    """A mask file of the user (any picture, brighter than half is object) for a photo of ``size`` (width, height).

    Raises BadInput when it is no picture, has another size, or is empty.
    """
    picture = read_image(path.read_bytes()).array
    if (picture.shape[1], picture.shape[0]) != size:
        found = f"has {picture.shape[1]} x {picture.shape[0]} pixels, the photo {size[0]} x {size[1]}"
        raise BadInput(name, found, "Give a mask of the photo's own size")
    mask = picture.max(axis=2) > 127
    if not mask.any() or mask.all():
        raise BadInput(name, "marks nothing, or everything", "Paint the object white and the rest black")
    return Known(f"mask file {name}, taken as true by the user", mask)


@functools.lru_cache(maxsize=8)
def _known(digest: str) -> tuple[Known, ...]:
    return (*_drawn(digest), *_painted(digest))


def _drawn(digest: str) -> list[Known]:
    """Outlines drawn by hand for the evaluation; the photo is found by its file's digest."""
    description: dict[str, Any] = json.loads((DRAWN / "real.json").read_text(encoding="utf-8"))
    for entry in description["photos"]:
        if _digest((DRAWN / entry["file"]).read_bytes()) != digest:
            continue
        # Read here and not at the top: the module belongs to the method and is needed by few pages.
        from models.robust_sam.real_photos import rasterise

        size = int(entry["width"]), int(entry["height"])
        objects = [o for o in description["objects"] if o["photo"] == entry["name"]]
        return [Known(f"{o['name']} (outline drawn by hand)", rasterise(o["polygons"], *size)) for o in objects]
    return []


def _painted(digest: str) -> list[Known]:
    """Objects and their parts of a generated example."""
    if not (FOLDER / LIST).exists():
        return []
    for entry in json.loads((FOLDER / LIST).read_text(encoding="utf-8")):
        if entry["digest"] != digest:
            continue
        found = []
        for layer in ("objects", "parts"):
            ids = np.asarray(Image.open(FOLDER / f"{entry['name']}_{layer}.png"))
            for number, title in enumerate(entry[layer], start=1):
                mask = ids == number
                if mask.sum() >= SMALLEST_PX:
                    found.append(Known(f"{title} (painted by the scene generator)", mask))
        return found
    return []


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def write() -> None:
    """Paint the example scenes again and keep their ids; a scene that no longer comes out the same is left out."""
    from app.panels import robust_sam_make_examples as made
    from models.worlds.shapes2d import sample_scene

    FOLDER.mkdir(exist_ok=True)
    entries: list[dict[str, Any]] = []
    for number, index in enumerate(made.SCENES, start=1):
        name = f"scene_{number}"
        data = (made.FOLDER / f"{name}.jpg").read_bytes()
        scene = sample_scene(np.random.default_rng([made.SCENE_SEED, index]), made.SCENE_PX)
        shown = read_image(data).array
        if np.abs(shown.astype(int) - scene.image).mean() > LARGEST_ERROR:
            continue
        for layer, ids in (("objects", scene.instance), ("parts", scene.part)):
            Image.fromarray(ids.astype(np.uint8)).save(FOLDER / f"{name}_{layer}.png", optimize=True)
        parts = [f"part of {scene.names[owner - 1]} {owner}" for _, owner in scene.owners]
        objects = [f"{title} {i}" for i, title in enumerate(scene.names, start=1)]
        entries.append({"name": name, "digest": _digest(data), "objects": objects, "parts": parts})
    (FOLDER / LIST).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
