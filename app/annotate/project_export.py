"""Project to file and file to project, in every format of app.annotate.exporters, one image in memory at a time."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from app.annotate.exporters import AnnotatedImage, Dataset, MaskObject
from app.annotate.exporters.bundle import Bundle
from app.annotate.exporters.datasets import DATASET_FORMATS, DatasetFormat
from app.annotate.exporters.whole import WholeFile
from app.annotate.labels import LONGEST_NAME, Labels
from app.annotate.project import ImageEntry
from app.annotate.store import Project
from app.annotate.store_files import NotSaved
from app.guard.errors import BadInput
from models.parts.archives import SafeArchive

_ALONE = "annotations.json"
"""A zip that holds this alone is better given as the file itself."""


@dataclass
class Written:
    """What an export came to: images and objects in the file, and (name, reason) of what is not as it should be."""

    images: int = 0
    objects: int = 0
    notes: list[tuple[str, str]] = field(default_factory=list)


def form_of(key: str) -> DatasetFormat:
    """The format called ``key``; raises BadInput."""
    if key not in DATASET_FORMATS:
        raise BadInput("The format", f"{key[:20]!r} does not exist", f"Choose one of {', '.join(DATASET_FORMATS)}")
    return DATASET_FORMATS[key]


def worth_exporting(project: Project, scope: str = "") -> list[ImageEntry]:
    """Images with objects or marked done; ``scope`` "done": only those marked done.

    An image that nobody has looked at is left out: without objects it would say that there is nothing on it.
    """
    found = [(entry, project.trail(entry.id)) for entry in project.images]
    if scope == "done":
        return [entry for entry, trail in found if trail.status == "done"]
    return [entry for entry, trail in found if trail.objects or trail.status == "done"]


def write_project(
    project: Project, key: str, target: Path, images: Iterable[AnnotatedImage], notes: list[tuple[str, str]]
) -> Written:
    """Write ``images`` in format ``key`` into the file ``target``; raises NotSaved when the disk is full.

    An image that a format cannot take is left out and noted in ``notes``, where others may already stand.
    """
    form, told = form_of(key), Written(notes=notes)
    receipt = {"project": project.manifest.name, "tool": "Vitrine"}
    labels = [label.name for label in project.labels.present]
    try:
        with WholeFile(target) as file, Bundle(file) as bundle:
            writer = form.writer(bundle, receipt, labels)
            try:
                for image in images:
                    try:
                        writer.add(image)
                    except BadInput as problem:
                        notes.append((image.name, problem.problem))
                        continue
                    told.images += 1
                    told.objects += len(image.objects)
                writer.finish()
            finally:
                writer.close()
        _unwrapped(target)
    except OSError as error:
        raise NotSaved.because("The export", error) from error
    return told


def suffix_of(key: str) -> str:
    """How the file of ``write_project`` ends."""
    return "_coco.json" if form_of(key).suffix == "_coco.json" else f"_{key}.zip"


def _unwrapped(target: Path) -> None:
    with zipfile.ZipFile(target) as archive:
        if archive.namelist() != [_ALONE]:
            return
        bare = target.with_name(f".{target.name}.json")
        with archive.open(_ALONE) as source, bare.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    bare.replace(target)


def read_dataset(path: Path, name: str) -> Dataset:
    """The annotations in a file of any format, told from its content; raises BadInput."""
    key = _sniffed(path, name)
    try:
        data = path.read_bytes()
    except OSError as missing:
        raise BadInput(name, "is no longer there", "Upload it again") from missing
    return DATASET_FORMATS[key].read(data, name=name)


def _sniffed(path: Path, name: str) -> str:
    unknown = BadInput(
        name, "is not a file of annotations", "Choose COCO or Label Studio JSON, or a zip of YOLO, PNG or npy files"
    )
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as missing:
        raise BadInput(name, "is no longer there", "Upload it again") from missing
    if not start.startswith(b"PK"):
        first = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if first not in (b"{", b"["):
            raise unknown
        return "coco" if first == b"{" else "label_studio"
    with SafeArchive(path, name=name) as archive:
        names = [PurePosixPath(inner) for inner in archive.names()]
    if any(inner.name == _ALONE for inner in names):
        return "coco"
    if any(inner.name == "tasks.json" for inner in names):
        return "label_studio"
    for key, ending in (("rgba", "_cutout.png"), ("npz", ".npz"), ("npy", ".npy"), ("png", "_mask.png")):
        if any(str(inner).endswith(ending) for inner in names):
            return key
    if any(inner.suffix == ".txt" for inner in names):
        return "yolo"
    raise unknown


@dataclass(frozen=True)
class Match:
    """Imported objects and the image of the project that they belong to."""

    entry: ImageEntry
    objects: tuple[MaskObject, ...]


def matched(project: Project, dataset: Dataset, notes: list[tuple[str, str]]) -> Iterator[Match]:
    """Which images of the project a set's images are: by name, or by the file's name where that is unique.

    Those that are none, or have another size, are noted.
    """
    names = {entry.name.casefold(): entry for entry in project.images}
    bare: dict[str, list[ImageEntry]] = {}
    for entry in project.images:
        bare.setdefault(PurePosixPath(entry.name).name.casefold(), []).append(entry)
    for image in dataset.images:
        name = image.name.replace("\\", "/").casefold()
        alike = bare.get(PurePosixPath(name).name, [])
        entry_ = names.get(name) or (alike[0] if len(alike) == 1 else None)
        if entry_ is None:
            reason = "fits several images of the project" if alike else "is not in the project"
            notes.append((image.name, reason))
        elif (entry_.width, entry_.height) != (image.width, image.height):
            sizes = f"{image.width} x {image.height}, not {entry_.width} x {entry_.height}"
            notes.append((image.name, f"has another size ({sizes})"))
        else:
            yield Match(entry_, image.objects)


def label_ids(project: Project, names: Iterable[str]) -> Mapping[str, str]:
    """The id of a label for each name; names that are new become labels of the project. Raises NotSaved."""
    wanted = {name: _short(name) for name in dict.fromkeys(names) if _short(name)}

    def grown(labels: Labels) -> Labels:
        for name in wanted.values():
            labels = labels if labels.named(name) is not None else labels.added(name)
        return labels

    if any(project.labels.named(name) is None for name in wanted.values()):
        project.update(lambda manifest: replace(manifest, labels=grown(manifest.labels)))
    ids: dict[str, str] = {}
    for name, short in wanted.items():
        label = project.labels.named(short)
        ids[name] = label.id if label is not None else ""
    return ids


def _short(name: str) -> str:
    return " ".join("".join(c for c in name if c.isprintable()).split())[:LONGEST_NAME]


Maskmaker = Callable[[ImageEntry, list[tuple[str, str]]], Iterable[MaskObject]]


def annotated(
    project: Project,
    entries: Iterable[ImageEntry],
    masks: Maskmaker,
    picture: Callable[[ImageEntry], Any],
    notes: list[tuple[str, str]],
) -> Iterator[AnnotatedImage]:
    """The images with their objects, one after the other; ``picture`` gives the pixels or None."""
    for entry in entries:
        objects = tuple(masks(entry, notes))
        yield AnnotatedImage(entry.name, entry.width, entry.height, objects, picture(entry))
