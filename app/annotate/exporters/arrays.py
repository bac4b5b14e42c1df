"""numpy files. `.npy` is what this field passes around; `.npz` names its parts.

A `.npy` file may hold several arrays one after the other (numpy documents repeated `save` to one file); `np.load(path)`
returns the first, here the masks, and our importer reads the second, the JSON with names, colours and the receipt.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from app.annotate.exporters.objects import Imported, MaskObject, checked, described, restored, to_json
from app.guard.errors import BadInput

_MOST_BYTES = 1_000_000_000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LONGEST_JSON = 16_000_000


def export_npy(objects: Sequence[MaskObject], image: npt.NDArray[np.uint8], receipt: Mapping[str, Any]) -> bytes:
    """One `.npy` file: (N, H, W) bool masks, then a 0-d string array with the JSON of names, colours and receipt."""
    items, size = checked(objects, image)
    return npy(items, size, receipt)


def npy(items: Sequence[MaskObject], size: tuple[int, int], receipt: Mapping[str, Any]) -> bytes:
    """The same for objects that are known to fit `size` (H, W); there may be none."""
    target = BytesIO()
    np.save(target, _stack(items, size), allow_pickle=False)
    np.save(target, np.array(_meta(items, receipt)), allow_pickle=False)
    return target.getvalue()


def export_npz(objects: Sequence[MaskObject], image: npt.NDArray[np.uint8], receipt: Mapping[str, Any]) -> bytes:
    """One compressed `.npz` file: masks (N, H, W) bool, names (N,) str, colors (N, 3) uint8, scores (N,) float32 with
    NaN for none, meta: JSON with the receipt. No pickled objects; fixed dates, so equal input gives equal bytes.
    """
    items, size = checked(objects, image)
    return npz(items, size, receipt)


def npz(items: Sequence[MaskObject], size: tuple[int, int], receipt: Mapping[str, Any]) -> bytes:
    """The same for objects that are known to fit `size` (H, W); there may be none."""
    scores = [np.nan if item.score is None else item.score for item in items]
    arrays = {
        "masks": _stack(items, size),
        "names": np.array([item.name for item in items], np.str_),
        "colors": np.array([item.color for item in items], np.uint8).reshape(-1, 3),
        "scores": np.array(scores, np.float32),
        "meta": np.array(_meta(items, receipt)),
    }
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in arrays.items():
            part = BytesIO()
            np.save(part, value, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{key}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, part.getvalue())
    return target.getvalue()


def import_npy(data: bytes) -> Imported:
    """Reads `export_npy`'s file, or any (N, H, W) or (H, W) array of bool or numbers (non-zero is inside)."""
    source = BytesIO(data)
    masks = _masks(_array(source, len(data)))
    if source.tell() >= len(data):
        return _imported(masks, "")
    return _imported(masks, str(_array(source, len(data), text=True)))


def import_npz(data: bytes) -> Imported:
    """Reads `export_npz`'s file, or any .npz with an array called masks."""
    from models.parts.archives import ArchiveLimits, entries

    limits = ArchiveLimits(max_entries=64, max_total_bytes=_MOST_BYTES, max_ratio=2000.0)
    unpacked = entries(data, name="The masks", limits=limits)
    parts = {name: part for name, part in unpacked if name in ("masks.npy", "meta.npy")}
    if "masks.npy" not in parts:
        raise BadInput("The file", 'has no array called "masks"', "Choose an .npz exported from here")
    masks = _masks(_array(BytesIO(parts["masks.npy"]), len(parts["masks.npy"])))
    meta = parts.get("meta.npy")
    return _imported(masks, "" if meta is None else str(_array(BytesIO(meta), len(meta), text=True)))


def _stack(items: Sequence[MaskObject], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    return np.array([item.mask for item in items], np.bool_).reshape(-1, *size)


def _meta(items: Sequence[MaskObject], receipt: Mapping[str, Any]) -> str:
    return to_json({"vitrine_receipt": dict(receipt), "vitrine_objects": [described(item) for item in items]})


def _array(source: IO[bytes], total: int, text: bool = False) -> npt.NDArray[np.generic]:
    """One array, read only when the bytes its header announces are there: a header alone cannot make us allocate."""
    damaged = BadInput("The file", "is not a readable .npy array", "Choose a file written by numpy.save, not pickled")
    try:
        version = npy_format.read_magic(source)
        read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(source)
    except (ValueError, KeyError, EOFError, OSError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise damaged from error
    count = 1
    for side in shape:
        count *= int(side)
    length = count * dtype.itemsize
    if dtype.hasobject or dtype.kind not in ("U" if text else "biuf") or min(shape, default=0) < 0:
        raise damaged
    if length > total - source.tell() or (text and length > 4 * _LONGEST_JSON):
        raise damaged
    values = np.frombuffer(source.read(length), dtype=dtype, count=count)
    return values.reshape(shape, order="F" if fortran else "C")


def _masks(values: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or 0 in values.shape[1:]:
        raise BadInput("The file", f"has an array of shape {values.shape}", "Masks have (N, height, width)")
    return values != 0


def _imported(masks: npt.NDArray[np.bool_], meta: str) -> Imported:
    try:
        record = json.loads(meta) if meta else {}
    except (ValueError, RecursionError):
        record = {}
    record = record if isinstance(record, dict) else {}
    entries, receipt = record.get("vitrine_objects"), record.get("vitrine_receipt")
    if not isinstance(entries, list) or len(entries) != len(masks) or not all(isinstance(e, dict) for e in entries):
        entries = [{} for _ in masks]
    objects = [restored(entries[place], mask, place) for place, mask in enumerate(masks)]
    return Imported(tuple(objects), receipt if isinstance(receipt, dict) else {}, (masks.shape[1], masks.shape[2]))
