"""Label Studio's JSON: a list of tasks, each an image with brush regions, which hold a mask to the pixel.

Polygon regions of other people's files are read as well; boxes and ellipses are no masks and are refused.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import brush, polygons
from app.annotate.exporters.documents import listed, parsed, size_of
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
)
from app.annotate.exporters.spool import Spool
from app.guard.errors import BadInput

CONFIG_NAME = "label_config.xml"
_KIND = "a JSON export of Label Studio"
_CONTROL, _IMAGE = "label", "image"


class LabelStudioDocument:
    """The task list, growing image by image on disk."""

    def __init__(self, receipt: Mapping[str, Any], labels: Sequence[str] = ()) -> None:
        self._receipt = dict(receipt)
        self.labels = list(dict.fromkeys(labels))
        self._spool = Spool()

    def add(self, image: AnnotatedImage) -> None:
        """Append a task. Raises OSError when the disk is full; what was added before stays."""
        items = plain(image.objects, image.size)
        meta: dict[str, Any] = {"vitrine_labels": self.labels} if not self._spool.count else {}
        if self._receipt and not self._spool.count:
            meta["vitrine_receipt"] = self._receipt
        task: dict[str, Any] = {
            "data": {_IMAGE: image.name, "width": image.width, "height": image.height},
            "annotations": [{"result": [_region(item, n, image) for n, item in enumerate(items, start=1)]}],
        }
        self._spool.add([task | {"meta": meta} if meta else task])
        self.labels = list(dict.fromkeys([*self.labels, *(item.category for item in items)]))

    def pieces(self) -> Iterator[bytes]:
        """The file, in order."""
        yield b"["
        yield from self._spool.joined()
        yield b"]"

    def close(self) -> None:
        """Let go of the disk space."""
        self._spool.close()


def config(labels: Sequence[str]) -> str:
    """The labelling interface for these regions: paste it into the project's settings before the import."""
    entries = "".join(f'    <Label value="{html.escape(label)}"/>\n' for label in labels)
    return (
        f'<View>\n  <Image name="{_IMAGE}" value="${_IMAGE}" zoom="true"/>\n'
        f'  <BrushLabels name="{_CONTROL}" toName="{_IMAGE}">\n{entries}  </BrushLabels>\n</View>\n'
    )


def export_label_studio(
    objects: Sequence[MaskObject],
    image: npt.NDArray[np.uint8],
    receipt: Mapping[str, Any],
    *,
    file_name: str = "image.png",
) -> bytes:
    """One task with a brush region for each object; the receipt in the task's "meta"."""
    items, size = checked(objects, image)
    return export_label_studio_dataset(
        Dataset((AnnotatedImage(file_name, size[1], size[0], tuple(items)),), receipt=receipt)
    )


def export_label_studio_dataset(dataset: Dataset) -> bytes:
    """A task for each image."""
    document = LabelStudioDocument(dataset.receipt, dataset.labels)
    try:
        for image in dataset.images:
            document.add(image)
        return b"".join(document.pieces())
    finally:
        document.close()


def import_label_studio(data: bytes, *, name: str = "The file") -> Imported:
    """Objects of the first task; see `import_label_studio_dataset`."""
    dataset = import_label_studio_dataset(data, name=name)
    if not dataset.images:
        raise BadInput(name, "has no tasks", f"Choose {_KIND}")
    return Imported(dataset.images[0].objects, dict(dataset.receipt), dataset.images[0].size)


def import_label_studio_dataset(data: bytes, *, name: str = "The file") -> Dataset:
    """Brush and polygon regions of every task; of several annotations the first that was not cancelled, else the
    predictions. Raises BadInput, naming task and region, for anything that does not fit.
    """
    tasks = parsed(data, name, _KIND)
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks):
        raise BadInput(name, "is JSON, but not a list of tasks", f"Choose {_KIND} (not JSON-MIN)")
    images = [_image(task, place + 1, name) for place, task in enumerate(tasks)]
    meta = tasks[0].get("meta") if tasks else None
    meta = meta if isinstance(meta, dict) else {}
    receipt, labels = meta.get("vitrine_receipt"), meta.get("vitrine_labels")
    labels = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
    found = [item.label for image in images for item in image.objects if item.label]
    return Dataset(tuple(images), tuple(dict.fromkeys([*labels, *found])), receipt if isinstance(receipt, dict) else {})


def _region(item: MaskObject, number: int, image: AnnotatedImage) -> dict[str, Any]:
    region: dict[str, Any] = {
        "id": f"object_{number}",
        "type": "brushlabels",
        "from_name": _CONTROL,
        "to_name": _IMAGE,
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brush.encode(item.mask), "brushlabels": [item.category]},
        "meta": {"vitrine": described(item)},
    }
    return region if item.score is None else region | {"score": item.score}


def _image(task: Mapping[str, Any], number: int, name: str) -> AnnotatedImage:
    data = task["data"]
    source = data.get(_IMAGE) or next((v for v in data.values() if isinstance(v, str)), "")
    title = _title(source if isinstance(source, str) else "", number)
    done = [entry for entry in listed(task, "annotations") if not entry.get("was_cancelled")]
    chosen = (done or listed(task, "predictions") or [{}])[0]
    regions = [entry for entry in listed(chosen, "result") if "original_width" in entry]
    width, height = data.get("width"), data.get("height")
    if regions:
        width, height = regions[0]["original_width"], regions[0].get("original_height")
    size = size_of(width, height, name, f"the image of task {number}")
    objects = [_object(region, place, size, f"{name}: task {number}") for place, region in enumerate(regions)]
    return AnnotatedImage(title, size[1], size[0], tuple(objects))


def _title(source: str, number: int) -> str:
    """The image's name: as we wrote it, or the last part of an address."""
    if "://" in source or source.startswith(("/", "data:")) or "?" in source:
        source = PurePosixPath(unquote(source.rpartition("d=")[2] if "?d=" in source else source.split("?")[0])).name
    return source or f"task {number}"


def _object(region: Mapping[str, Any], place: int, size: tuple[int, int], name: str) -> MaskObject:
    title = f"{name}, region {str(region.get('id', place + 1))[:20]}"
    value, kind = region.get("value"), region.get("type")
    if not isinstance(value, dict):
        raise BadInput(title, "has no value", f"Choose {_KIND}")
    if (region.get("original_height"), region["original_width"]) != size:
        raise BadInput(title, "is of an image of another size than the first region", "Correct the task's annotation")
    if region.get("image_rotation"):
        raise BadInput(title, "is on a turned image", "Turn the image back in Label Studio and export again")
    labels = value.get(str(kind))
    label = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
    meta = region.get("meta")
    told = meta.get("vitrine") if isinstance(meta, dict) else None
    entry = told if isinstance(told, dict) else {"name": label or f"object {place + 1}", "label": label}
    score = {"score": region["score"]} if "score" in region else {}
    return restored(score | entry, _mask(value, kind, size, title), place)


def _mask(value: Mapping[str, Any], kind: Any, size: tuple[int, int], title: str) -> Mask:
    if "rle" in value:
        return brush.decode(value["rle"], size, title)
    points = value.get("points")
    if not isinstance(points, list):
        what = str(kind)[:30]
        raise BadInput(title, f"is of the kind {what}, which has no mask", "Draw it with the brush or as a polygon")
    flat: list[float] = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2 or not all(_number(part) for part in point):
            raise BadInput(title, "has a polygon point that is not two numbers", "Correct it in Label Studio")
        flat += [point[0] * size[1] / 100, point[1] * size[0] / 100]
    return polygons.to_mask([flat], size, title)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
