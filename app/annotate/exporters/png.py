"""PNG masks and cut-outs, with the receipt and the objects in text chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from app.annotate.exporters import rle
from app.annotate.exporters.objects import (
    PALETTE,
    Imported,
    Mask,
    MaskObject,
    checked,
    described,
    restored,
    to_json,
)
from app.guard.errors import BadInput
from app.guard.headers import sniff
from app.guard.images import ImageLimits, check_size

RECEIPT = "vitrine_receipt"
OBJECTS = "vitrine_objects"
_CROP = "vitrine_crop"
_LIMITS = ImageLimits(min_side=1)


def export_png_mask(objects: Sequence[MaskObject], image: npt.NDArray[np.uint8], receipt: Mapping[str, Any]) -> bytes:
    """A mask at the size of `image` (H, W[, C]): one object is 0/255 grey; 2 to 255 are an indexed image with the
    objects' colours, index = place + 1, 0 the background; more are 16-bit grey with the same numbers.

    Where objects overlap the later one shows, as in a painting; what it hides of the earlier ones is kept run-length
    encoded in the text chunk "vitrine_objects", so that reading back loses nothing. Raises BadInput for no objects.
    """
    items, size = checked(objects, image)
    return png_mask(items, size, receipt)


def png_mask(items: Sequence[MaskObject], size: tuple[int, int], receipt: Mapping[str, Any]) -> bytes:
    """The same for objects that are known to fit `size` (H, W); there may be none."""
    entries = [described(item) for item in items]
    if len(items) == 1:
        picture = Image.fromarray(items[0].mask.astype(np.uint8) * np.uint8(255), "L")
        return _saved(picture, {RECEIPT: receipt, OBJECTS: entries})
    if len(items) > 65535:
        raise BadInput("The export", f"has {len(items)} objects", "A PNG mask holds 65,535: export COCO or npy instead")
    ids = _painted(items, size)
    for place, (item, entry) in enumerate(zip(items, entries, strict=True)):
        hidden = item.mask & (ids != place + 1)
        if hidden.any():
            entry["hidden"] = rle.encode(hidden)
    if len(items) <= 255:
        picture = Image.fromarray(ids.astype(np.uint8), "P")
        picture.putpalette([0, 0, 0] + [part for item in items for part in item.color])
    else:
        picture = Image.fromarray(ids)
    return _saved(picture, {RECEIPT: receipt, OBJECTS: entries})


def export_rgba(
    objects: Sequence[MaskObject], image: npt.NDArray[np.uint8], receipt: Mapping[str, Any], *, cropped: bool = False
) -> bytes:
    """The objects cut out of `image` (H, W, 3) uint8: RGBA PNG, alpha 255 inside any mask, 0 and black outside.

    cropped: keep only the box around the objects; its place in the original is in the text chunk "vitrine_crop".
    """
    items, _ = checked(objects, image)
    return cut_out(items, image, receipt, cropped=cropped)


def cut_out(
    items: Sequence[MaskObject], image: npt.NDArray[np.uint8], receipt: Mapping[str, Any], *, cropped: bool = False
) -> bytes:
    """The same for objects that are known to fit `image`; there may be none, then all is transparent."""
    size = (image.shape[0], image.shape[1])
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise BadInput("The image", f"has shape {image.shape} and {image.dtype} values", "Give (H, W, 3) uint8")
    union = np.logical_or.reduce([np.zeros(size, np.bool_), *(item.mask for item in items)])
    rgba = np.zeros((*size, 4), np.uint8)
    np.multiply(image, union[..., None], out=rgba[..., :3])
    np.multiply(union, np.uint8(255), out=rgba[..., 3])
    entries = [described(item) for item in items]
    if len(items) > 1:
        for item, entry in zip(items, entries, strict=True):
            entry["mask"] = rle.encode(item.mask)
    x, y, width, height = _box(union) if cropped and union.any() else (0, 0, size[1], size[0])
    crop = {"x": x, "y": y, "width": size[1], "height": size[0]}
    picture = Image.fromarray(np.ascontiguousarray(rgba[y : y + height, x : x + width]), "RGBA")
    return _saved(picture, {RECEIPT: receipt, OBJECTS: entries, _CROP: crop})


def import_png_mask(data: bytes) -> Imported:
    """Reads `export_png_mask`'s file, or an id mask from elsewhere, where each value above 0 is one object."""
    picture, texts = _opened(data)
    size = (picture.height, picture.width)
    entries = texts.get(OBJECTS)
    if picture.mode not in ("1", "L", "P") and not picture.mode.startswith("I"):
        raise BadInput("The mask", f"is a {picture.mode} image", "Give a grey or indexed PNG, one number per object")
    ids = np.asarray(picture)
    receipt = _receipt(texts)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        palette = picture.getpalette() if picture.mode == "P" else None
        found = []
        for place, value in enumerate(int(value) for value in np.unique(ids) if value > 0):
            color = palette[3 * value : 3 * value + 3] if palette else list(PALETTE[place % len(PALETTE)])
            found.append(restored({"name": f"object {value}", "color": color}, ids == value, place))
        return Imported(tuple(found), receipt, size)
    if len(entries) == 1:
        return Imported((restored(entries[0], ids > 0, 0),), receipt, size)
    objects = []
    for place, entry in enumerate(entries):
        mask = ids == place + 1
        if "hidden" in entry:
            mask = mask | rle.decode(entry["hidden"], size, "The mask")
        objects.append(restored(entry, mask, place))
    return Imported(tuple(objects), receipt, size)


def import_rgba(data: bytes) -> Imported:
    """Reads a cut-out back: masks at the original size. A cut-out from elsewhere is one object, alpha from 128 up."""
    picture, texts = _opened(data)
    if picture.mode not in ("RGBA", "LA"):
        raise BadInput("The cut-out", "has no transparency", "Give an RGBA PNG")
    alpha = np.asarray(picture.getchannel("A")) >= 128
    size, union = _placed(alpha, texts.get(_CROP))
    entries = texts.get(OBJECTS)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        entries = [{}]
    if len(entries) == 1:
        return Imported((restored(entries[0], union, 0),), _receipt(texts), size)
    masks = [rle.decode(entry.get("mask"), size, "The cut-out") for entry in entries]
    objects = [restored(entry, mask, place) for place, (entry, mask) in enumerate(zip(entries, masks, strict=True))]
    return Imported(tuple(objects), _receipt(texts), size)


def _painted(items: Sequence[MaskObject], size: tuple[int, int]) -> npt.NDArray[np.uint16]:
    ids = np.zeros(size, np.uint16)
    for place, item in enumerate(items):
        ids[item.mask] = place + 1
    return ids


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """x, y, width, height of the pixels of `mask`, which has some."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def _saved(picture: Image.Image, texts: Mapping[str, Any]) -> bytes:
    """PNG bytes. Uncompressed tEXt chunks: any tool shows them, and readers do not limit their inflated size."""
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, to_json(dict(value) if isinstance(value, Mapping) else value))
    target = BytesIO()
    picture.save(target, "PNG", pnginfo=info)
    return target.getvalue()


def _opened(data: bytes) -> tuple[Image.Image, dict[str, Any]]:
    """The decoded picture and the JSON of our text chunks; other chunks and unreadable JSON are left out."""
    header = sniff(data)
    if header is None or header.format != "PNG" or header.width is None or header.height is None:
        raise BadInput("The mask", "is not a PNG image", "Choose a PNG exported from here or from another tool")
    check_size(header.width, header.height, "The mask", _LIMITS)
    try:
        picture = Image.open(BytesIO(data), formats=["PNG"])
        picture.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadInput("The mask", "is a damaged PNG file", "Export it again") from error
    texts = {}
    for key in (RECEIPT, OBJECTS, _CROP):
        try:
            texts[key] = json.loads(picture.info.get(key, "null"))
        except (ValueError, TypeError, RecursionError):
            texts[key] = None
    return picture, texts


def _receipt(texts: Mapping[str, Any]) -> dict[str, Any]:
    receipt = texts.get(RECEIPT)
    return receipt if isinstance(receipt, dict) else {}


def _placed(alpha: Mask, crop: Any) -> tuple[tuple[int, int], Mask]:
    """The size of the original and `alpha` at its place in it."""
    height, width = alpha.shape
    if crop is None:
        return (height, width), alpha
    values = [crop.get(key) for key in ("x", "y", "width", "height")] if isinstance(crop, dict) else []
    numbers = [value for value in values if isinstance(value, int) and value >= 0]
    if len(numbers) != 4:
        raise BadInput("The cut-out", "says nothing usable about its place in the original", "Export it again")
    x, y, full_width, full_height = numbers
    check_size(full_width, full_height, "The cut-out", _LIMITS)
    if x + width > full_width or y + height > full_height:
        raise BadInput("The cut-out", "does not fit into the original it names", "Export it again")
    union = np.zeros((full_height, full_width), np.bool_)
    union[y : y + height, x : x + width] = alpha
    return (full_height, full_width), union
