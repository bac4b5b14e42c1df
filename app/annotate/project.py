"""What a project is, short of its annotations: name, labels, images. It lies in ``project.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.annotate.labels import Labels, labels_of, labels_value
from app.annotate.store_files import write_whole
from app.guard.errors import BadInput

FORMAT = 1
MANIFEST = "project.json"
IMAGES = "images"
LONGEST_NAME = 80


@dataclass(frozen=True)
class ImageEntry:
    """One image of a project.

    ``name``: unique in it, relative, "/" between folders. ``path``: where its pixels are, relative to the project's
    folder, or absolute for images that stay where they were. ``digest``: the first 32 hex digits of the file's SHA-256.
    ``width``, ``height``: pixels, upright.
    """

    id: str
    name: str
    path: str
    digest: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True)
class Manifest:
    """Everything in ``project.json``; ``created`` in seconds since 1970."""

    name: str
    created: float
    labels: Labels = field(default_factory=Labels)
    images: tuple[ImageEntry, ...] = ()

    def image(self, identity: str) -> ImageEntry:
        """The image with this id; raises BadInput."""
        for entry in self.images:
            if entry.id == identity:
                return entry
        raise BadInput("The image", "is not in this project", "Choose one from its list")

    def with_images(self, entries: tuple[ImageEntry, ...]) -> Manifest:
        """More images, at the end."""
        return replace(self, images=(*self.images, *entries))


def read_manifest(folder: Path) -> Manifest:
    """The project in ``folder``; raises BadInput when there is none or it cannot be read."""
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ValueError("another format")
        images = tuple(ImageEntry(**entry) for entry in value["images"])
        return Manifest(str(value["name"]), float(value["created"]), labels_of(value["labels"]), images)
    except FileNotFoundError as missing:
        raise BadInput(folder.name, "is not a project", "Choose a folder that holds project.json") from missing
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as damaged:
        raise BadInput(folder.name, "has a project.json that cannot be read", "Restore it from a backup") from damaged


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put ``manifest`` in the place of the one before; raises OSError."""
    value: Mapping[str, Any] = {
        "format": FORMAT,
        "name": manifest.name,
        "created": manifest.created,
        "labels": labels_value(manifest.labels),
        "images": [asdict(entry) for entry in manifest.images],
    }
    write_whole(folder / MANIFEST, json.dumps(value, ensure_ascii=True, indent=1).encode("ascii"))


def checked_title(name: str) -> str:
    """A project's name as typed, cleaned; raises BadInput."""
    name = " ".join("".join(c for c in name if c.isprintable()).split())
    if not name:
        raise BadInput("The project", "has no name", "Type one")
    if len(name) > LONGEST_NAME:
        raise BadInput("The project", f"has a name of {len(name)} letters", f"The limit is {LONGEST_NAME}")
    return name
