"""COCO instance annotations.

The run-length mask is the truth: exact, holes included. Polygons cannot express holes and are given only for masks
without any, so whoever prefers polygons still gets run lengths where a polygon would be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import polygons, rle
from app.annotate.exporters.objects import Imported, MaskObject, checked, restored, to_json
from app.guard.errors import BadInput
from app.guard.images import ImageLimits, check_size

_LIMITS = ImageLimits(min_side=1)
_MOST_BYTES = 256_000_000


def export_coco(
    objects: Sequence[MaskObject],
    image: npt.NDArray[np.uint8],
    receipt: Mapping[str, Any],
    *,
    file_name: str = "image.png",
    segmentation: Literal["rle", "polygon"] = "rle",
) -> bytes:
    """COCO JSON of one image, with the receipt under "info".

    Each annotation has area (pixels), bbox [x, y, width, height] and "segmentation": run lengths, or with
    segmentation="polygon" polygons where the mask has no hole. The other form stands beside it as
    "segmentation_polygons" or "segmentation_rle", keys that COCO readers ignore. Objects of one name share a category.
    """
    items, size = checked(objects, image)
    names = list(dict.fromkeys(item.name for item in items))
    record = {
        "info": {"description": "Vitrine masks", "version": "1.0", "vitrine_receipt": dict(receipt)},
        "licenses": [],
        "images": [{"id": 1, "file_name": file_name, "width": size[1], "height": size[0]}],
        "categories": [{"id": n + 1, "name": name, "supercategory": "object"} for n, name in enumerate(names)],
        "annotations": [
            _annotation(place + 1, item, names.index(item.name) + 1, segmentation) for place, item in enumerate(items)
        ],
    }
    return to_json(record).encode("ascii")


def import_coco(data: bytes, *, file_name: str | None = None) -> Imported:
    """Objects of one image of a COCO file: the one called `file_name`, else the first.

    Reads compressed and plain run lengths and polygons. Raises BadInput for files that are not COCO or do not fit
    their image.
    """
    record = _parsed(data)
    images = [entry for entry in _listed(record, "images") if file_name in (None, entry.get("file_name"))]
    if not images:
        raise BadInput(file_name or "The file", "is not among the images of the COCO file", "Choose the matching file")
    size = _size_of(images[0])
    categories = [entry for entry in _listed(record, "categories") if _hashable(entry.get("id"))]
    names = {entry["id"]: entry.get("name") for entry in categories}
    info = record.get("info")
    receipt = info.get("vitrine_receipt") if isinstance(info, dict) else None
    objects: list[MaskObject] = []
    for entry in _listed(record, "annotations"):
        if entry.get("image_id") != images[0].get("id"):
            continue
        category = entry.get("category_id")
        label = {**entry, "name": names.get(category) if _hashable(category) else None}
        objects.append(restored(label, _mask(entry, size), len(objects)))
    return Imported(tuple(objects), receipt if isinstance(receipt, dict) else {}, size)


def _annotation(place: int, item: MaskObject, category: int, form: Literal["rle", "polygon"]) -> dict[str, Any]:
    runs = rle.encode(item.mask)
    outlines = [] if polygons.has_holes(item.mask) else polygons.from_mask(item.mask)
    entry: dict[str, Any] = {
        "id": place,
        "image_id": 1,
        "category_id": category,
        "iscrowd": 0,
        "area": int(np.count_nonzero(item.mask)),
        "bbox": _bbox(item.mask),
        "color": list(item.color),
    }
    if item.score is not None:
        entry["score"] = item.score
    if form == "polygon" and outlines:
        return entry | {"segmentation": outlines, "segmentation_rle": runs}
    return entry | {"segmentation": runs} | ({"segmentation_polygons": outlines} if outlines else {})


def _bbox(mask: npt.NDArray[np.bool_]) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0.0, 0.0, 0.0, 0.0]
    x, y = float(columns[0]), float(rows[0])
    return [x, y, float(columns[-1]) - x + 1.0, float(rows[-1]) - y + 1.0]


def _mask(entry: Mapping[str, Any], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    form = entry.get("segmentation_rle") or entry.get("segmentation")
    return rle.decode(form, size) if isinstance(form, dict) else polygons.to_mask(form, size)


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > _MOST_BYTES:
        raise BadInput("The file", f"is larger than {_MOST_BYTES // 1_000_000} MB", "Split it by image")
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput("The file", "is not JSON", "Choose a COCO annotation file") from error
    if not isinstance(record, dict) or not isinstance(record.get("images"), list):
        raise BadInput("The file", 'is JSON without "images"', "Choose a COCO annotation file")
    return record


def _listed(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = record.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _size_of(entry: Mapping[str, Any]) -> tuple[int, int]:
    width, height = entry.get("width"), entry.get("height")
    if type(width) is not int or type(height) is not int:
        raise BadInput("The file", "gives no width and height for its image", "Choose a complete COCO annotation file")
    check_size(width, height, "The image of the COCO file", _LIMITS)
    return height, width


def _hashable(value: Any) -> bool:
    return isinstance(value, int | str)
