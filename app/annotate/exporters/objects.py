"""What is exported: named masks, images with such masks, sets of images, and the checks every format shares."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.guard.errors import BadInput

Mask = npt.NDArray[np.bool_]
Color = tuple[int, int, int]

# Okabe-Ito without black, in the order that keeps neighbours apart; for files that carry no colours.
PALETTE: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)


@dataclass(frozen=True, eq=False)
class MaskObject:
    """One annotated object.

    mask: (H, W) bool, original pixels; color: r, g, b from 0 to 255; score: 0 to 1, None when drawn by hand; label: its
    class, "" when it has none (its name then stands for the class where a format asks for one).
    """

    name: str
    mask: Mask
    color: Color = PALETTE[0]
    score: float | None = None
    label: str = ""

    @property
    def category(self) -> str:
        """The class under which formats with classes file it."""
        return self.label or self.name or "object"


@dataclass(frozen=True, eq=False)
class Imported:
    """What an importer reads back. size: (H, W); receipt: as exported, {} when the file comes from elsewhere."""

    objects: tuple[MaskObject, ...]
    receipt: dict[str, Any]
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """One image of a set and its objects, of which there may be none.

    name: its file, relative, with "/" between folders, unique in the set; width, height: pixels; picture: (H, W, 3)
    uint8, only needed for cut-outs.
    """

    name: str
    width: int
    height: int
    objects: tuple[MaskObject, ...] = ()
    picture: npt.NDArray[np.uint8] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.height, self.width


@dataclass(frozen=True, eq=False)
class Dataset:
    """Annotated images. labels: the classes in their order; classes that only objects name are added behind them."""

    images: tuple[AnnotatedImage, ...]
    labels: tuple[str, ...] = ()
    receipt: Mapping[str, Any] = field(default_factory=dict)


def checked(objects: Sequence[MaskObject], image: npt.NDArray[np.uint8]) -> tuple[list[MaskObject], tuple[int, int]]:
    """The objects with bool masks and plain values, and the size (H, W) they share with `image` (H, W[, C]).

    Raises BadInput when there is nothing to export or a mask has another size.
    """
    if not objects:
        raise BadInput("The export", "has no objects", "Click an object first, then download")
    size = (int(image.shape[0]), int(image.shape[1]))
    result = plain(objects, size)
    if not any(item.mask.any() for item in result):
        raise BadInput("The export", "has only empty masks", "Click an object first, then download")
    return result, size


def plain(objects: Sequence[MaskObject], size: tuple[int, int]) -> list[MaskObject]:
    """The objects with bool masks of `size` (H, W) and plain values; raises BadInput for a mask of another size."""
    result = []
    for item in objects:
        mask = np.asarray(item.mask)
        if mask.shape != size:
            raise BadInput(
                item.name or "An object",
                f"has a mask of shape {mask.shape}, the image is {size[0]} x {size[1]} (height x width)",
                "Segment the object again on this image",
            )
        red, green, blue = (int(value) & 255 for value in item.color)
        score = float(item.score) if item.score is not None and math.isfinite(item.score) else None
        color = (red, green, blue)
        result.append(MaskObject(str(item.name), mask.astype(np.bool_, copy=False), color, score, str(item.label)))
    return result


def described(item: MaskObject) -> dict[str, Any]:
    """Name, colour, score and label of `item`, for a file's metadata."""
    entry: dict[str, Any] = {"name": item.name, "color": list(item.color)}
    if item.score is not None:
        entry["score"] = item.score
    if item.label:
        entry["label"] = item.label
    return entry


def restored(entry: Mapping[str, Any], mask: Mask, place: int) -> MaskObject:
    """The object that `described` wrote; missing or odd values fall back to a name and a colour by `place`."""
    name, written, score, label = (entry.get(key) for key in ("name", "color", "score", "label"))
    color = PALETTE[place % len(PALETTE)]
    if isinstance(written, list) and len(written) == 3 and all(isinstance(part, int) for part in written):
        color = (written[0] & 255, written[1] & 255, written[2] & 255)
    return MaskObject(
        name if isinstance(name, str) else f"object {place + 1}",
        mask,
        color,
        float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None,
        label if isinstance(label, str) else "",
    )


def to_json(value: Any) -> str:
    """JSON with sorted keys and ASCII only, so equal input gives equal bytes.

    numpy values and paths become plain; NaN and infinities, which JSON does not have, become null.
    """
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
