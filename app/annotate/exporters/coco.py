"""COCO instance annotations: run lengths, or polygons that draw the same mask.

Polygons are drawn back before they are written. Where that does not give the mask again, to the pixel, run lengths
stand in their place and "segmentation_note" says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import polygons, rle
from app.annotate.exporters.documents import identifier, listed, parsed, size_of
from app.annotate.exporters.objects import (
    AnnotatedImage,
    Dataset,
    Imported,
    Mask,
    MaskObject,
    checked,
    described,
    plain,
    restored,
    to_json,
)
from app.annotate.exporters.spool import Spool
from app.guard.errors import BadInput

Form = Literal["rle", "polygon"]
_KIND = "a COCO annotation file"
_NOTE = "run lengths: drawing a polygon would not give this mask exactly"


class CocoDocument:
    """A COCO file that grows image by image; annotations wait on disk, so that its length costs no memory."""

    def __init__(self, receipt: Mapping[str, Any], labels: Sequence[str] = (), form: Form = "rle") -> None:
        self._info = {"description": "Vitrine masks", "version": "1.0", "vitrine_receipt": dict(receipt)}
        self._form: Form = form
        self._categories = {label: place + 1 for place, label in enumerate(dict.fromkeys(labels))}
        self._images: list[dict[str, Any]] = []
        self._spool = Spool()

    def add(self, image: AnnotatedImage) -> None:
        """Append `image` and its objects. Raises OSError when the disk is full; what was added before stays."""
        number = len(self._images) + 1
        items = plain(image.objects, image.size)
        for item in items:
            self._categories.setdefault(item.category, len(self._categories) + 1)
        entries = [_annotation(item, number, self._categories[item.category], self._form) for item in items]
        self._spool.add({"id": self._spool.count + place} | entry for place, entry in enumerate(entries, start=1))
        self._images.append({"id": number, "file_name": image.name, "width": image.width, "height": image.height})

    def pieces(self) -> Iterator[bytes]:
        """The file, in order."""
        yield b'{"annotations":['
        yield from self._spool.joined()
        categories = [{"id": n, "name": name, "supercategory": "object"} for name, n in self._categories.items()]
        rest = {"categories": categories, "images": self._images, "info": self._info, "licenses": []}
        yield b"]," + to_json(rest).encode("ascii")[1:]

    def close(self) -> None:
        """Let go of the disk space."""
        self._spool.close()


def export_coco(
    objects: Sequence[MaskObject],
    image: npt.NDArray[np.uint8],
    receipt: Mapping[str, Any],
    *,
    file_name: str = "image.png",
    segmentation: Form = "rle",
) -> bytes:
    """COCO JSON of one image, with the receipt under "info".

    Each annotation has area (pixels), bbox [x, y, width, height] and "segmentation": run lengths, or with
    segmentation="polygon" a list of polygons, holes included. Objects of one label (or name) share a category.
    """
    items, size = checked(objects, image)
    return export_coco_dataset(
        Dataset((AnnotatedImage(file_name, size[1], size[0], tuple(items)),), receipt=receipt), segmentation
    )


def export_coco_dataset(dataset: Dataset, segmentation: Form = "rle") -> bytes:
    """COCO JSON of many images; forms as for `export_coco`."""
    document = CocoDocument(dataset.receipt, dataset.labels, segmentation)
    try:
        for image in dataset.images:
            document.add(image)
        return b"".join(document.pieces())
    finally:
        document.close()


def import_coco(data: bytes, *, file_name: str | None = None, name: str = "The file") -> Imported:
    """Objects of one image of a COCO file: the one called `file_name`, else the first; see `import_coco_dataset`."""
    record = _record(data, name)
    images = [entry for entry in listed(record, "images") if file_name in (None, entry.get("file_name"))]
    if not images:
        raise BadInput(file_name or name, "is not among the images of the COCO file", "Choose the matching file")
    ids = [entry.get("id") for entry in listed(record, "images")]
    entries = [e for e in listed(record, "annotations") if _image_of(e, ids, name) == images[0].get("id")]
    size = size_of(images[0].get("width"), images[0].get("height"), name, "its image")
    objects = _objects(entries, _classes(record), size, name)
    return Imported(tuple(objects), _receipt(record), size)


def import_coco_dataset(data: bytes, *, name: str = "The file") -> Dataset:
    """All images of a COCO file: compressed and plain run lengths, crowd regions, and polygons.

    name: what messages call the file. Raises BadInput, naming the entry, for files that are not COCO, annotations of
    unknown images or categories, boxes without masks, and masks that do not fit their image.
    """
    record = _record(data, name)
    by_image: dict[Any, list[dict[str, Any]]] = {entry.get("id"): [] for entry in listed(record, "images")}
    for entry in listed(record, "annotations"):
        by_image[_image_of(entry, by_image, name)].append(entry)
    classes = _classes(record)
    images = []
    for place, entry in enumerate(listed(record, "images")):
        title = entry.get("file_name")
        title = title if isinstance(title, str) and title else f"image {entry.get('id', place + 1)}"
        height, width = size_of(entry.get("width"), entry.get("height"), name, f"the image {title[-60:]}")
        found = _objects(by_image[entry.get("id")], classes, (height, width), name)
        images.append(AnnotatedImage(title, width, height, tuple(found)))
    labels = tuple(dict.fromkeys(label for label in classes.values() if isinstance(label, str)))
    return Dataset(tuple(images), labels, _receipt(record))


def _annotation(item: MaskObject, image: int, category: int, form: Form) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "area": int(np.count_nonzero(item.mask)),
        "bbox": bbox(item.mask),
        **described(item),
    }
    if form == "rle":
        return entry | {"segmentation": rle.encode(item.mask)}
    outlines = polygons.from_mask(item.mask)
    if outlines and np.array_equal(polygons.to_mask(outlines, item.mask.shape), item.mask):
        return entry | {"segmentation": outlines}
    return entry | {"segmentation": rle.encode(item.mask), "segmentation_note": _NOTE}


def bbox(mask: Mask) -> list[float]:
    """[x, y, width, height] of the pixels of `mask`, zeros when it has none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0.0, 0.0, 0.0, 0.0]
    x, y = float(columns[0]), float(rows[0])
    return [x, y, float(columns[-1]) - x + 1.0, float(rows[-1]) - y + 1.0]


def _record(data: bytes, name: str) -> dict[str, Any]:
    record = parsed(data, name, _KIND)
    if not isinstance(record, dict) or not isinstance(record.get("images"), list):
        raise BadInput(name, 'is JSON without "images"', f"Choose {_KIND}")
    ids = [entry.get("id") for entry in listed(record, "images")]
    # The only image may go without an id, but what stands there must be one.
    named = all(identifier(i) for i in ids) or ids == [None]
    if not named or len(set(ids)) < len(ids):
        raise BadInput(name, "has images without an id, or two with the same one", "Give each image an id of its own")
    return record


def _classes(record: Mapping[str, Any]) -> dict[Any, Any]:
    return {entry["id"]: entry.get("name") for entry in listed(record, "categories") if identifier(entry.get("id"))}


def _image_of(entry: Mapping[str, Any], ids: Collection[Any], name: str) -> Any:
    """The id of the annotation's image; the only image may go without."""
    wanted = entry.get("image_id")
    if wanted is None and len(ids) == 1:
        return next(iter(ids))
    if not identifier(wanted) or wanted not in ids:
        raise BadInput(
            name,
            f"has {_title(entry)} for an image that is not in it (image_id {str(wanted)[:20]})",
            "Export images and annotations together",
        )
    return wanted


def _title(entry: Mapping[str, Any]) -> str:
    return f"the annotation {str(entry['id'])[:20]}" if "id" in entry else "an annotation without an id"


def _objects(
    entries: Sequence[dict[str, Any]], names: Mapping[Any, Any], size: tuple[int, int], name: str
) -> list[MaskObject]:
    objects: list[MaskObject] = []
    for entry in entries:
        category = entry.get("category_id")
        if not identifier(category) or category not in names:
            raise BadInput(
                name,
                f"has {_title(entry)} of a class that is not in it (category_id {str(category)[:20]})",
                'Add the class to "categories"',
            )
        told = {"name": names[category], "label": "" if "name" in entry else names[category]}
        objects.append(restored(told | entry, _mask(entry, size, name), len(objects)))
    return objects


def _mask(entry: Mapping[str, Any], size: tuple[int, int], name: str) -> Mask:
    form = entry.get("segmentation")
    title = f"{name}: {_title(entry)}"
    if not form:
        has = "has only a box, no mask" if entry.get("bbox") else "has no mask"
        raise BadInput(title, has, "Use the file as boxes in the Batch tab: it makes masks of them")
    return rle.decode(form, size, title) if isinstance(form, dict) else polygons.to_mask(form, size, title)


def _receipt(record: Mapping[str, Any]) -> dict[str, Any]:
    info = record.get("info")
    receipt = info.get("vitrine_receipt") if isinstance(info, dict) else None
    return receipt if isinstance(receipt, dict) else {}
