"""YOLO segmentation: a zip with labels/<image>.txt, one line "class x1 y1 x2 y2 ..." per object, and data.yaml.

A line is one polygon, in shares of width and height. Parts and holes of an object hang together by bridges that enclose
nothing. Corners lie on a grid of a quarter pixel of the original image: drawn at its size the mask comes back to the
pixel; at any other size edges move by less than a pixel of that size. What a line cannot say (names, colours, scores,
image sizes, objects without a pixel) is in vitrine.json, which other tools do not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import polygons, rle
from app.annotate.exporters.bundle import Bundle
from app.annotate.exporters.documents import identifier, listed, parsed, size_of
from app.annotate.exporters.objects import (
    AnnotatedImage,
    Dataset,
    Imported,
    MaskObject,
    checked,
    described,
    plain,
    restored,
    to_json,
)
from app.annotate.exporters.spool import Spool
from app.guard.errors import BadInput
from app.guard.headers import sniff
from models.parts.archives import ArchiveLimits, entries

INDEX = "vitrine.json"
_LABELS, _IMAGES = "labels/", "images/"
_YAML_BYTES = 4_000_000
_LIMITS = ArchiveLimits(max_entries=20_000, max_entry_bytes=256_000_000)
_REMEDY = "Choose a zip with labels/*.txt and data.yaml"


class YoloWriter:
    """Writes label files into a bundle at once; the index waits on disk until `finish`."""

    def __init__(self, bundle: Bundle, receipt: Mapping[str, Any], labels: Sequence[str] = ()) -> None:
        self._bundle, self._receipt = bundle, dict(receipt)
        self._classes = {label: place for place, label in enumerate(dict.fromkeys(labels))}
        self._spool = Spool()

    def add(self, image: AnnotatedImage) -> None:
        """Write `image`'s label file. Raises BadInput when another image has the same name but for its ending."""
        items = plain(image.objects, image.size)
        path = _LABELS + str(PurePosixPath(image.name).with_suffix(".txt"))
        if path in self._bundle:
            raise BadInput(
                image.name, "has the same name as another image but for its ending, so YOLO cannot tell them apart",
                "Rename one of the two",
            )  # fmt: skip
        lines, told = [], []
        for item in items:
            number = self._classes.setdefault(item.category, len(self._classes))
            outline = polygons.one_outline(item.mask)
            entry = described(item) | {"line": bool(outline)}
            if outline:
                lines.append(_line(number, outline, image.size))
                if not np.array_equal(polygons.to_mask([outline], image.size), item.mask):
                    entry["mask"] = rle.encode(item.mask)
            else:
                entry["class"] = number
            told.append(entry)
        # The index first: a record without its file does no harm when the disk is full in between.
        self._spool.add([{"name": image.name, "width": image.width, "height": image.height, "objects": told}])
        self._bundle.write(path, "".join(lines).encode("ascii"))

    def finish(self) -> None:
        """Write data.yaml and the index."""
        import yaml

        names = {number: label for label, number in self._classes.items()}
        settings = {"path": ".", "train": "images", "val": "images", "nc": len(names), "names": names}
        note = "# Polygons lie on a quarter-pixel grid of the original images: exact at their own size.\n"
        text = note + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        self._bundle.write("data.yaml", text.encode("utf-8"))
        rest = to_json({"vitrine_receipt": self._receipt}).encode("ascii")
        self._bundle.stream(INDEX, _chain(b'{"images":[', self._spool.joined(), b"]," + rest[1:]))

    def close(self) -> None:
        """Let go of the disk space."""
        self._spool.close()


def export_yolo(
    objects: Sequence[MaskObject],
    image: npt.NDArray[np.uint8],
    receipt: Mapping[str, Any],
    *,
    file_name: str = "image.png",
) -> bytes:
    """The zip for one image; put the photo beside it as images/<file_name>."""
    items, size = checked(objects, image)
    return export_yolo_dataset(Dataset((AnnotatedImage(file_name, size[1], size[0], tuple(items)),), receipt=receipt))


def export_yolo_dataset(dataset: Dataset) -> bytes:
    """The zip for many images."""
    target = BytesIO()
    with Bundle(target) as bundle:
        writer = YoloWriter(bundle, dataset.receipt, dataset.labels)
        try:
            for image in dataset.images:
                writer.add(image)
            writer.finish()
        finally:
            writer.close()
    return target.getvalue()


def import_yolo(data: bytes, *, name: str = "The file") -> Imported:
    """Objects of the first image of the zip; see `import_yolo_dataset`."""
    dataset = import_yolo_dataset(data, name=name)
    if not dataset.images:
        raise BadInput(name, "has no label files", _REMEDY)
    return Imported(dataset.images[0].objects, dict(dataset.receipt), dataset.images[0].size)


def import_yolo_dataset(
    data: bytes, *, sizes: Mapping[str, tuple[int, int]] | None = None, name: str = "The file"
) -> Dataset:
    """Reads our zip, or any with labels/*.txt and data.yaml.

    sizes: (H, W) by image name without ending, for zips that hold neither our index nor the images themselves; YOLO
    files do not say how large their images are. Raises BadInput, naming file and line.
    """
    texts: dict[str, bytes] = {}
    pictures: dict[str, tuple[str, tuple[int, int]]] = {}
    for entry, content in entries(data, name=name, limits=_LIMITS):
        stem = str(PurePosixPath(entry).with_suffix(""))
        if entry.endswith((".txt", ".yaml", ".yml")) or entry == INDEX:
            texts[entry] = content
        elif _IMAGES in f"/{entry}" and (header := sniff(content)) and header.width and header.height:
            key = stem.partition(_IMAGES)[2]
            pictures[key] = (entry.partition(_IMAGES)[2], (header.height, header.width))
    for key, size in (sizes or {}).items():
        pictures.setdefault(key, (key, size))
    classes = _class_names(texts, name)
    index, receipt = _index(texts, name)
    images = []
    for path, content in texts.items():
        if not path.endswith(".txt") or _LABELS not in f"/{path}":
            continue
        key = str(PurePosixPath(path.partition(_LABELS)[2]).with_suffix(""))
        record = index.get(key)
        if record is not None:
            size = size_of(record.get("width"), record.get("height"), name, f"the image {key[-60:]}")
            images.append(_image(str(record["name"]), size, content, listed(record, "objects"), classes, path))
        elif key in pictures:
            images.append(_image(*pictures[key], content, None, classes, path))
        else:
            raise BadInput(
                name, f"does not say how large the image of {path[-80:]!a} is", "Put the images into it, under images/"
            )
    order = {key: place for place, key in enumerate(index)}
    images.sort(key=lambda image: order.get(str(PurePosixPath(image.name).with_suffix("")), len(order)))
    return Dataset(tuple(images), tuple(classes.values()), receipt)


def _line(number: int, outline: Sequence[float], size: tuple[int, int]) -> str:
    shares = np.array(outline).reshape(-1, 2) / (size[1], size[0])
    return f"{number} " + " ".join(f"{value:.8f}" for value in shares.ravel().tolist()) + "\n"


def _class_names(texts: Mapping[str, bytes], name: str) -> dict[int, str]:
    import yaml

    found = next(
        (path for path in texts if PurePosixPath(path).name in ("data.yaml", "data.yml", "dataset.yaml")), None
    )
    if found is None:
        raise BadInput(name, "has no data.yaml with the names of the classes", _REMEDY)
    try:
        if len(texts[found]) > _YAML_BYTES:
            raise ValueError("too long")
        settings = yaml.safe_load(texts[found])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(name, f"has a {found!a} that is not YAML", _REMEDY) from error
    names = settings.get("names") if isinstance(settings, dict) else None
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(names, dict):
        pairs = names.items()
    elif isinstance(names, list):
        pairs = enumerate(names)
    classes = {key: str(value) for key, value in pairs if type(key) is int and identifier(value)}
    if names is None or len(classes) < len(names):
        raise BadInput(name, f'has a {found!a} without a list "names"', _REMEDY)
    return classes


def _index(texts: Mapping[str, bytes], name: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Our records by image name without ending, and the receipt."""
    if INDEX not in texts:
        return {}, {}
    record = parsed(texts[INDEX], f"{name}: {INDEX}", "a zip exported from here")
    record = record if isinstance(record, dict) else {}
    receipt = record.get("vitrine_receipt")
    images = [entry for entry in listed(record, "images") if isinstance(entry.get("name"), str)]
    by_key = {str(PurePosixPath(entry["name"]).with_suffix("")): entry for entry in images}
    return by_key, receipt if isinstance(receipt, dict) else {}


def _image(
    title: str,
    size: tuple[int, int],
    content: bytes,
    told: Sequence[Mapping[str, Any]] | None,
    classes: Mapping[int, str],
    path: str,
) -> AnnotatedImage:
    """Joins the lines of a label file with our record of its objects; without one each line is an object."""
    lines = [line.split() for line in content.decode("ascii", "replace").splitlines() if line.strip()]
    masks = []
    for number, words in enumerate(lines, start=1):
        masks.append(_parsed_line(words, size, classes, f"{PurePosixPath(path).name}, line {number}"))
    if told is None:
        told = [{"name": label, "label": label, "line": True} for label, _ in masks]
    if sum(bool(entry.get("line")) for entry in told) != len(masks):
        raise BadInput(
            PurePosixPath(path).name,
            f"has {len(masks)} objects, {INDEX} says otherwise",
            f"Remove {INDEX} from the zip if the label files were changed",
        )
    objects: list[MaskObject] = []
    following = iter(masks)
    for entry in told:
        mask = next(following)[1] if entry.get("line") else np.zeros(size, np.bool_)
        if "mask" in entry:
            mask = rle.decode(entry["mask"], size, PurePosixPath(path).name)
        objects.append(restored(entry, mask, len(objects)))
    return AnnotatedImage(title, size[1], size[0], tuple(objects))


def _parsed_line(
    words: Sequence[str], size: tuple[int, int], classes: Mapping[int, str], title: str
) -> tuple[str, npt.NDArray[np.bool_]]:
    try:
        number, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise BadInput(title, "is not a class number and coordinates", _REMEDY) from error
    if number not in classes:
        raise BadInput(title, f"is of class {number}, which data.yaml does not name", 'Add it to "names"')
    if len(values) == 4:
        raise BadInput(title, "is a box, not an outline", "Use boxes in the Batch tab: it makes masks of them")
    if not all(math.isfinite(value) for value in values):
        raise BadInput(title, "has values that are not numbers", _REMEDY)
    pixels = [value * size[1 - place % 2] for place, value in enumerate(values)]
    return classes[number], polygons.to_mask([pixels], size, title)


def _chain(first: bytes, middle: Iterable[bytes], last: bytes) -> Iterable[bytes]:
    yield first
    yield from middle
    yield last
