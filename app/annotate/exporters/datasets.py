"""Every format for sets of images: written image by image into a zip, or exported and read back at once.

| format | in the zip | on its own |
|---|---|---|
| COCO (run lengths or polygons) | annotations.json | JSON |
| Label Studio | tasks.json, label_config.xml | JSON |
| YOLO-seg | labels/*.txt, data.yaml, vitrine.json | zip |
| PNG, RGBA, npy, npz | a file per image, vitrine.json | zip |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

from app.annotate.exporters import files, label_studio, yolo
from app.annotate.exporters.bundle import Bundle
from app.annotate.exporters.coco import CocoDocument, export_coco_dataset, import_coco_dataset
from app.annotate.exporters.objects import AnnotatedImage, Dataset
from app.guard.errors import BadInput
from models.parts.archives import ArchiveLimits, entries

_LIMITS = ArchiveLimits(max_entries=20_000, max_entry_bytes=256_000_000)


class Writer(Protocol):
    """Takes images one after the other; `finish` makes the set complete, `close` lets go of disk space."""

    def add(self, image: AnnotatedImage) -> None:
        """Append `image`. BadInput: only this image cannot be written. OSError: the disk is full; the rest stays."""

    def finish(self) -> None:
        """Write what belongs at the end."""

    def close(self) -> None:
        """Can be called at any time, also twice."""


@dataclass(frozen=True)
class DatasetFormat:
    """One entry of a menu. writer(bundle, receipt, labels); export(dataset) -> bytes; read(bytes, name=) -> Dataset."""

    key: str
    title: str
    suffix: str
    writer: Callable[[Bundle, Mapping[str, Any], Sequence[str]], Writer]
    export: Callable[[Dataset], bytes]
    read: Callable[..., Dataset]


class DocumentWriter:
    """Puts a JSON file that grows on disk, and what goes with it, into a bundle at the end."""

    def __init__(
        self,
        bundle: Bundle,
        name: str,
        document: CocoDocument | label_studio.LabelStudioDocument,
    ) -> None:
        self._bundle, self._name, self._document = bundle, name, document
        self.add, self.close = document.add, document.close

    def finish(self) -> None:
        """Write the JSON file, and for Label Studio the interface that goes with it."""
        self._bundle.stream(self._name, self._document.pieces())
        if isinstance(self._document, label_studio.LabelStudioDocument):
            text = label_studio.config(self._document.labels)
            self._bundle.write(label_studio.CONFIG_NAME, text.encode("utf-8"))


def export_bundle(key: str, dataset: Dataset) -> bytes:
    """The zip that the writer of format `key` makes of all images."""
    target = BytesIO()
    with Bundle(target) as bundle:
        writer = DATASET_FORMATS[key].writer(bundle, dataset.receipt, dataset.labels)
        try:
            for image in dataset.images:
                writer.add(image)
            writer.finish()
        finally:
            writer.close()
    return target.getvalue()


def _json_inside(data: bytes, entry: str, name: str) -> bytes:
    """The JSON file itself, or the one called `entry` in a zip; other files of the zip are let alone."""
    if not data.startswith(b"PK"):
        return data
    for path, content in entries(data, name=name, limits=_LIMITS):
        if path == entry or path.endswith("/" + entry):
            return content
    raise BadInput(name, f"has no {entry}", "Choose the JSON file itself, or a zip exported from here")


def _coco(form: Any, title: str) -> DatasetFormat:
    return DatasetFormat(
        "coco" if form == "rle" else "coco_polygon",
        title,
        "_coco.json",
        lambda bundle, receipt, labels: DocumentWriter(bundle, "annotations.json", CocoDocument(receipt, labels, form)),
        lambda dataset: export_coco_dataset(dataset, form),
        lambda data, name="The file": import_coco_dataset(_json_inside(data, "annotations.json", name), name=name),
    )


def _files(key: str, title: str) -> DatasetFormat:
    return DatasetFormat(
        key,
        title,
        f"_{key}.zip",
        lambda bundle, receipt, labels: files.FilesWriter(key, bundle, receipt, labels),
        lambda dataset: export_bundle(key, dataset),
        lambda data, name="The file": files.import_files(key, data, name=name),
    )


DATASET_FORMATS: dict[str, DatasetFormat] = {
    entry.key: entry
    for entry in (
        _coco("rle", "COCO JSON, run lengths"),
        _coco("polygon", "COCO JSON, polygons"),
        DatasetFormat(
            "yolo", "YOLO-seg", "_yolo.zip", yolo.YoloWriter, yolo.export_yolo_dataset, yolo.import_yolo_dataset
        ),
        DatasetFormat(
            "label_studio",
            "Label Studio JSON",
            "_label_studio.json",
            lambda bundle, receipt, labels: DocumentWriter(
                bundle, "tasks.json", label_studio.LabelStudioDocument(receipt, labels)
            ),
            label_studio.export_label_studio_dataset,
            lambda data, name="The file": label_studio.import_label_studio_dataset(
                _json_inside(data, "tasks.json", name), name=name
            ),
        ),
        _files("png", "PNG masks"),
        _files("rgba", "Cut-outs (RGBA)"),
        _files("npy", "NumPy masks (npy)"),
        _files("npz", "NumPy archives (npz)"),
    )
}
