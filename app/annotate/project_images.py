"""Images on their way into a project: which files are images, how large they are, and where they will lie.

No pixel is decoded here: size and orientation come from the files' headers.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image

from app.annotate.project import IMAGES, ImageEntry
from app.annotate.store import Project
from app.annotate.store_files import NotSaved, write_whole
from app.guard.errors import BadInput, shown_name
from app.guard.headers import foreign_kind, sniff
from app.guard.images import DEFAULT as IMAGE_LIMITS
from app.guard.images import check_size
from models.parts.archives import entries, safe_name

MOST_IMAGES = 20_000
_ORIENTATION = 274
_SIDEWAYS = (5, 6, 7, 8)
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error)


@dataclass(frozen=True)
class Found:
    """A file that may be an image. ``path``: where it stays; None for one that came as ``data`` and is to be copied."""

    name: str
    data: bytes
    path: Path | None = None


@dataclass(frozen=True)
class Added:
    """What became of the files: new images, and (name, reason) of those left out."""

    images: tuple[ImageEntry, ...]
    skipped: tuple[tuple[str, str], ...]


def in_zip(path: Path, name: str) -> Iterator[Found]:
    """The files of a zip, checked as a whole before the first is unpacked; raises BadInput."""
    for inner, data in entries(path, name=name):
        yield Found(inner, data)


def in_files(files: Iterable[tuple[Path, str]]) -> Iterator[Found]:
    """Uploaded files (path, name), zips among them opened; raises BadInput for one that is gone."""
    for path, name in files:
        try:
            data = path.read_bytes()
        except OSError as missing:
            raise BadInput(name, "is no longer there", "Upload it again") from missing
        if data.startswith(b"PK\x03\x04") or name.lower().endswith(".zip"):
            yield from in_zip(path, name)
        else:
            yield Found(name, data)


def in_folder(folder: Path) -> Iterator[Found]:
    """The files of a folder and those below it, hidden ones and links that lead elsewhere left out. They stay there."""
    root = folder.expanduser().resolve()
    if not root.is_dir():
        raise BadInput(folder.name, "is not a folder on this machine", "Give the path of a folder with images")
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != IMAGES_ASIDE)
        for name in sorted(name for name in files if not name.startswith(".")):
            path = Path(place) / name
            if root not in path.resolve().parents or not path.is_file():
                continue
            try:
                data = b"" if path.stat().st_size > IMAGE_LIMITS.max_bytes else path.read_bytes()
            except OSError:
                data = b""
            yield Found(path.relative_to(root).as_posix(), data, path)


IMAGES_ASIDE = "vitrine-project"
"""A project that lies beside the images it is about, in their folder."""


def add_images(
    project: Project, found: Iterable[Found], *, tell: Callable[[int, str], None] = lambda count, name: None
) -> Added:
    """Take the images among ``found`` into the project; ``tell(count, name)`` before each.

    Others are skipped and listed, as are images that it already has under that name; of two different images of one
    name the second is renamed. Raises BadInput for a bad archive, NotSaved when the disk is full; images added before
    that stay.
    """
    fresh: list[ImageEntry] = []
    skipped: list[tuple[str, str]] = []
    held = {entry.name.casefold(): entry for entry in project.images}
    ids = {entry.id for entry in project.images}
    try:
        for count, file in enumerate(found):
            name = _name(file.name)
            tell(count, name)
            if len(held) >= MOST_IMAGES:
                skipped.append((name, f"the project already has {MOST_IMAGES:,} images"))
                continue
            try:
                width, height = size_of(file.data, name)
            except BadInput as problem:
                skipped.append((name, problem.problem))
                continue
            digest = hashlib.sha256(file.data).hexdigest()[:32]
            twin = held.get(name.casefold())
            if twin is not None and twin.digest == digest:
                skipped.append((name, "is already in the project"))
                continue
            name = _free_name(name, held)
            identity = _free_id(digest, ids)
            path = str(file.path) if file.path is not None else _stored(project, name, file.data)
            entry = ImageEntry(identity, name, path, digest, len(file.data), width, height)
            fresh.append(entry)
            held[name.casefold()] = entry
            ids.add(identity)
    finally:
        if fresh:
            project.update(lambda manifest: manifest.with_images(tuple(fresh)))
    return Added(tuple(fresh), tuple(skipped))


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """(width, height) of an image file as it is seen, upright, from its header; raises BadInput for what is none."""
    if not data:
        raise BadInput(name, "is empty, too large or cannot be read", "Choose an image below 64 MB")
    header = sniff(data)
    if header is None:
        kind = foreign_kind(data)
        raise BadInput(name, f"is a {kind} file" if kind else "is not an image", "Choose PNG, JPEG, WebP or TIFF")
    if header.width is not None and header.height is not None:
        check_size(header.width, header.height, name, IMAGE_LIMITS)
    kinds = ["JPEG", "MPO"] if header.format == "JPEG" else [header.format]
    try:
        with Image.open(BytesIO(data), formats=kinds) as image:
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
    except (*_PILLOW_ERRORS, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(name, f"is a damaged {header.format} file", "Export or download it again") from error
    check_size(width, height, name, IMAGE_LIMITS)
    return (height, width) if turned else (width, height)


def _name(raw: str) -> str:
    """A relative name for lists and files; anything odd in it is dropped, not trusted."""
    try:
        return safe_name(raw)
    except BadInput:
        return shown_name(raw, "image")


def _free_name(name: str, held: dict[str, ImageEntry]) -> str:
    if name.casefold() not in held:
        return name
    path = PurePosixPath(name)
    number = 2
    while (tried := str(path.with_name(f"{path.stem} ({number}){path.suffix}"))).casefold() in held:
        number += 1
    return tried


def _free_id(digest: str, ids: set[str]) -> str:
    identity, number = digest[:12], 2
    while identity in ids:
        identity, number = f"{digest[:12]}-{number}", number + 1
    return identity


def _stored(project: Project, name: str, data: bytes) -> str:
    """Copy an image into the project; returns its path relative to the project's folder."""
    path = f"{IMAGES}/{name}"
    target = project.folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
    except OSError as error:
        raise NotSaved.because(name, error) from error
    return path


def gone(project: Project, entries_: Sequence[ImageEntry]) -> set[str]:
    """The ids of images whose files are not there any more."""
    return {entry.id for entry in entries_ if project.missing(entry)}
