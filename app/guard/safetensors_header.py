"""Structure of a safetensors file: header length, JSON, tensor bytes without gaps or overlaps. No tensor is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, NoReturn

from app.guard.errors import BadInput

# Bits per element, by the format's names.
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
_MOST_DIMENSIONS = 16
_LONGEST_NAME = 1_000


def looks_like_safetensors(start: bytes) -> bool:
    """True when the first 16 bytes can begin a safetensors file: a length, then a JSON object."""
    return len(start) >= 10 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] < 1 << 40


def check_safetensors(path: Path, name: str, *, max_header: int, max_tensors: int) -> dict[str, tuple[str, list[int]]]:
    """Reads the header of `path` and returns {tensor name: (dtype, shape)}; raises BadInput for any fault in it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            _refuse(name, "ends before its header")
        (length,) = struct.unpack("<Q", start)
        if length > max_header:
            raise BadInput(
                name,
                f"announces a header of {length:,} bytes",
                f"The limit is {max_header:,} bytes; real checkpoints need far less: download it again",
            )
        if length > size - 8:
            _refuse(name, "is cut off inside its header")
        raw = file.read(length)
    header = _parsed(raw, name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse(name, "has metadata that is not text")
    if not header:
        raise BadInput(name, "holds no weights", "Choose a checkpoint with tensors in it")
    if len(header) > max_tensors:
        raise BadInput(name, f"lists {len(header):,} tensors", f"The limit is {max_tensors:,}")
    spans = [_span(tensor, entry, name) for tensor, entry in header.items()]
    _check_cover(sorted(spans), size - 8 - length, name)
    return {tensor: (entry["dtype"], entry["shape"]) for tensor, entry in header.items()}


def _parsed(raw: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key appears twice")
        return result

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        _refuse(name, "has a header that is not valid JSON")
    if not isinstance(header, dict):
        _refuse(name, "has a header that is not a table")
    return header


def _span(tensor: str, entry: Any, name: str) -> tuple[int, int]:
    """The byte range of one tensor, once its dtype, shape and length agree."""
    label = ascii(tensor[:60])
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"} or len(tensor) > _LONGEST_NAME:
        _refuse(name, f"describes the tensor {label} in an unknown way")
    bits = _BITS.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if bits is None:
        _refuse(name, f"gives the tensor {label} an unknown number format")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > _MOST_DIMENSIONS:
        _refuse(name, f"gives the tensor {label} a shape or a place that is none")
    count = 1
    for side in shape:
        count *= side
    begin, end = offsets
    if (end - begin) * 8 != count * bits:
        _refuse(name, f"gives the tensor {label} {end - begin} bytes, its shape {shape} needs {count * bits / 8:g}")
    return begin, end


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _check_cover(spans: list[tuple[int, int]], total: int, name: str) -> None:
    place = 0
    for begin, end in spans:
        if begin < place:
            _refuse(name, "has tensors that overlap")
        if begin > place:
            _refuse(name, "has unexplained bytes between its tensors")
        place = end
    if place > total:
        _refuse(name, f"is cut off: {place - total:,} bytes of its tensors are missing")
    if place < total:
        _refuse(name, f"has {total - place:,} unexplained bytes at its end")


def _refuse(name: str, problem: str) -> NoReturn:
    raise BadInput(name, problem, "Download or export the checkpoint again")
