"""Sets of images in formats with one file per image: PNG, cut-outs, npy, npz.

The files lie in a zip beside vitrine.json, which says which image each belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from app.annotate.exporters.arrays import import_npy, import_npz, npy, npz
from app.annotate.exporters.bundle import Bundle
from app.annotate.exporters.documents import listed, parsed
from app.annotate.exporters.objects import AnnotatedImage, Dataset, Imported, MaskObject, plain, to_json
from app.annotate.exporters.png import cut_out, import_png_mask, import_rgba, png_mask
from app.annotate.exporters.spool import Spool
from app.guard.errors import BadInput
from models.parts.archives import ArchiveLimits, entries

INDEX = "vitrine.json"
SUFFIXES = {"png": "_mask.png", "rgba": "_cutout.png", "npy": "_masks.npy", "npz": "_masks.npz"}
_READERS: dict[str, Callable[[bytes], Imported]] = {
    "png": import_png_mask,
    "rgba": import_rgba,
    "npy": import_npy,
    "npz": import_npz,
}
# Stacks of bool masks compress a thousandfold and are no bombs: they are unpacked one at a time.
_LIMITS = ArchiveLimits(
    max_entries=20_000, max_entry_bytes=1_000_000_000, max_total_bytes=20_000_000_000, max_ratio=1100
)


class FilesWriter:
    """Writes each image's file into a bundle at once; the index waits on disk until `finish`."""

    def __init__(self, key: str, bundle: Bundle, receipt: Mapping[str, Any], labels: Sequence[str] = ()) -> None:
        """key: png, rgba, npy or npz."""
        self._key, self._bundle, self._receipt = key, bundle, dict(receipt)
        self._labels = list(dict.fromkeys(labels))
        self._spool = Spool()

    def add(self, image: AnnotatedImage) -> None:
        """Write the file of `image`; cut-outs need its picture. Raises BadInput, and OSError when the disk is full."""
        items = plain(image.objects, image.size)
        path = str(PurePosixPath(image.name).with_suffix("")) + SUFFIXES[self._key]
        if path in self._bundle:
            path = image.name + SUFFIXES[self._key]
        data = self._encoded(items, image)
        # The index first: a record without its file does no harm when the disk is full in between.
        self._spool.add([{"name": image.name, "file": path}])
        self._bundle.write(path, data)
        self._labels = list(dict.fromkeys([*self._labels, *(item.label for item in items if item.label)]))

    def finish(self) -> None:
        """Write the index."""
        rest = to_json({"labels": self._labels, "vitrine_receipt": self._receipt, "format": self._key})
        images = b"".join(self._spool.joined())
        self._bundle.write(INDEX, b'{"images":[' + images + b"]," + rest.encode("ascii")[1:])

    def close(self) -> None:
        """Let go of the disk space."""
        self._spool.close()

    def _encoded(self, items: Sequence[MaskObject], image: AnnotatedImage) -> bytes:
        receipt = self._receipt | {"image": image.name}
        if self._key == "png":
            return png_mask(items, image.size, receipt)
        if self._key == "npy":
            return npy(items, image.size, receipt)
        if self._key == "npz":
            return npz(items, image.size, receipt)
        if image.picture is None or image.picture.shape[:2] != image.size:
            raise BadInput(image.name, "has no photo to cut out of", "Choose another format, or give the photos")
        return cut_out(items, image.picture, receipt)


def import_files(key: str, data: bytes, *, name: str = "The file") -> Dataset:
    """Reads a zip of mask files; without our index each file is one image, named after it. Raises BadInput."""
    suffix, images, index = SUFFIXES[key], [], {}
    record: dict[str, Any] = {}
    for path, content in entries(data, name=name, limits=_LIMITS):
        if path == INDEX:
            found = parsed(content, f"{name}: {INDEX}", "a zip exported from here")
            record = found if isinstance(found, dict) else {}
            index = {entry.get("file"): entry.get("name") for entry in listed(record, "images")}
        elif path.endswith(PurePosixPath(suffix).suffix):
            images.append((path, _read(key, path, content)))
    if not images and not record:
        raise BadInput(name, f"has no files that end in {suffix}", "Choose a zip exported from here")
    made = []
    for path, back in images:
        title = index.get(path)
        title = title if isinstance(title, str) else path.removesuffix(suffix)
        made.append(AnnotatedImage(title, back.size[1], back.size[0], back.objects))
    written = record.get("labels")
    labels = [label for label in written if isinstance(label, str)] if isinstance(written, list) else []
    receipt = record.get("vitrine_receipt")
    return Dataset(tuple(made), tuple(labels), receipt if isinstance(receipt, dict) else {})


def _read(key: str, path: str, content: bytes) -> Imported:
    try:
        return _READERS[key](content)
    except BadInput as problem:
        raise BadInput(path, problem.problem, problem.remedy) from problem
