"""Photos of a data set with the cameras that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.hugs.loading_photos import read_photo, resized
from models.hugs.loading_projects import thinned
from models.hugs.loading_sources import Files
from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput

Tick = Callable[[float, str], None]
Camera = tuple[Intrinsics, npt.NDArray[np.float64]]
Seen = tuple[View, Intrinsics]
_ANY_SIZE = 100_000


def located_in(files: Files, folder: str, names: Sequence[str], remedy: str) -> dict[str, str]:
    """Photo -> its path in `folder`, also under another ending. BadInput names the first that is not there."""
    there = {name for name in files.names() if name.startswith(f"{folder}/")}
    if not there:
        raise BadInput(files.title, f"has no folder {folder}", remedy)
    stems = {name.rsplit(".", 1)[0]: name for name in sorted(there)}
    found, missing = {}, []
    for name in names:
        path = f"{folder}/{name}"
        if path in there:
            found[name] = path
        elif path.rsplit(".", 1)[0] in stems or path in stems:
            found[name] = stems.get(path) or stems[path.rsplit(".", 1)[0]]
        else:
            missing.append(name)
    if missing:
        raise BadInput(files.title, f"lacks {len(missing)} photos in {folder}, such as {missing[0][:60]}", remedy)
    return found


def limited(names: list[str], limit: int | None, notes: list[str]) -> list[str]:
    """At most `limit` of the training photos `names`, evenly spread; what was left out goes into `notes`."""
    if limit is None or len(names) <= limit:
        return names
    notes.append(f"{limit} of {len(names)} training photos are used, evenly spread.")
    return thinned(names, limit)


def split_views(
    files: Files,
    paths: Mapping[str, str],
    cameras: Mapping[str, Camera],
    train: Sequence[str],
    test: Sequence[str],
    factor: int,
    tick: Tick,
) -> tuple[list[Seen], list[Seen]]:
    """(training, test): each a view, with the camera in the frame of the files (for features).

    factor: pictures are scaled down by it, rounding down; intrinsics are those of the scaled picture.
    """
    absent = [name for name in (*train, *test) if name not in cameras]
    if absent:
        raise BadInput(
            files.title, f"has no camera for {absent[0][:60]}", "Take the COLMAP model and the split of one release"
        )
    every = [*train, *test]
    seen: dict[str, Seen] = {}
    for place, name in enumerate(every):
        tick(place / len(every), f"Reading photo {place + 1} of {len(every)}")
        lens, pose = cameras[name]
        seen[name] = view_of(files, paths[name], name, lens, pose, factor), lens
    return [seen[name] for name in train], [seen[name] for name in test]


def view_of(files: Files, path: str, name: str, lens: Intrinsics, pose: npt.NDArray[np.float64], factor: int) -> View:
    """One photo as it is stored, scaled down by `factor`; its camera belongs to the full size."""
    photo = read_photo(files.read(path), path, _ANY_SIZE, lambda width, height: True)
    image = photo.image
    if factor > 1:
        image = resized(image, max(image.shape[1] // factor, 1), max(image.shape[0] // factor, 1))
    height, width = image.shape[:2]
    # Folders of scaled copies round differently, by up to a pixel.
    if abs(width / height / (lens.width / lens.height) - 1) > 0.01 + 1 / min(width, height):
        raise BadInput(
            path,
            f"has {photo.original[1]} x {photo.original[0]} pixels, its camera {lens.width} x {lens.height}",
            "Take photos and cameras of one release",
        )
    view = View(name, image, lens.scaled(width, height), pose)
    return view if (height, width) == photo.original else replace(view, original_size=photo.original)
