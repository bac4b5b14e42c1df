"""Label Studio's brush masks: a bit stream of runs over the RGBA bytes of the image, row by row.

Its documentation names the packing (thi.ng rle-pack): 32 bits number of words, 5 bits word size - 1, four times 4 bits
size - 1 of the run-length fields; then chunks of 1 bit (1 = one word repeated, 0 = words as they are), 2 bits which
length field, the length - 1, and the word or words. All most significant bit first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from app.annotate.exporters.objects import Mask
from app.guard.errors import BadInput

_CHANNELS = 4
_WORD = 8
_FIELDS = np.array([3, 4, 8, 16])
_LONGEST = 1 << 16
_MOST_BITS = 1 + 2 + 16 + _WORD


def encode(mask: Mask) -> list[int]:
    """The bytes for `mask` (H, W) as Label Studio keeps them in JSON; 255 inside, 0 outside, in all four channels."""
    flat = np.ascontiguousarray(mask).ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = _CHANNELS * np.diff(np.concatenate((starts, [flat.size])))
    whole = (lengths - 1) // _LONGEST
    pieces = np.repeat(np.arange(len(starts)), whole + 1)
    runs = np.full(len(pieces), _LONGEST, np.int64)
    runs[np.cumsum(whole + 1) - 1] = lengths - whole * _LONGEST
    words = np.where(flat[starts][pieces], 255, 0)
    field = np.searchsorted(1 << _FIELDS, runs)
    size = _FIELDS[field]
    codes = (((0b100 | field) << size | (runs - 1)) << _WORD) | words
    bits = _bits(codes, 3 + size + _WORD)
    head = [(_CHANNELS * flat.size, 32), (_WORD - 1, 5), *((int(part) - 1, 4) for part in _FIELDS)]
    start = "".join(f"{value:0{width}b}" for value, width in head)
    stream = np.concatenate((np.array([int(bit) for bit in start], np.uint8), bits))
    return np.packbits(stream).tolist()


def decode(values: Any, size: tuple[int, int], name: str = "The region") -> Mask:
    """The (H, W) bool mask of a brush region: what has any opacity (the fourth channel).

    Raises BadInput when the values are no such stream or do not fit `size`.
    """
    remedy = "Export it again from Label Studio, as JSON"
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value < 256 for value in values):
        raise BadInput(name, "has a brush mask that is not a list of bytes", remedy)
    stream = bytes(values)
    if len(stream) < 8:
        raise BadInput(name, "has a brush mask that is cut off", remedy)
    total = int.from_bytes(stream[:4], "big")
    if total != _CHANNELS * size[0] * size[1]:
        raise BadInput(
            name,
            f"has a brush mask of {total // _CHANNELS} pixels, its image has {size[1]} x {size[0]}",
            "Give the annotations that belong to this image",
        )
    head = int.from_bytes(stream[4:7], "big") >> 3
    if (head >> 16) + 1 != _WORD:
        raise BadInput(name, f"has a brush mask with {(head >> 16) + 1} bits for a value", remedy)
    fields = [(head >> shift & 15) + 1 for shift in (12, 8, 4, 0)]
    filled = _filled(stream, fields, total)
    if filled is None:
        raise BadInput(name, "has a brush mask that is cut off or damaged", remedy)
    return filled.reshape(size[0], size[1], _CHANNELS)[..., 3] > 0


def _filled(stream: bytes, fields: list[int], total: int) -> npt.NDArray[np.uint8] | None:
    """The `total` words; None when the stream ends before, or goes on beyond, the last one."""
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))
    out = np.zeros(total, np.uint8)
    place, done = 32 + 5 + 16, 0
    while done < total:
        # 1 + 2 + 16 + 8 bits at most, wherever they begin in a byte, lie in five bytes.
        window = int.from_bytes(stream[place >> 3 : (place >> 3) + 5].ljust(5, b"\0"), "big")
        window = window >> (40 - (place & 7) - _MOST_BITS) & ((1 << _MOST_BITS) - 1)
        field = fields[window >> (_MOST_BITS - 3) & 3]
        run = (window >> (_MOST_BITS - 3 - field) & ((1 << field) - 1)) + 1
        repeated = window >> (_MOST_BITS - 1)
        place += 3 + field
        needed = _WORD if repeated else _WORD * run
        if done + run > total or place + needed > len(bits):
            return None
        if repeated:
            out[done : done + run] = window >> (_MOST_BITS - 3 - field - _WORD) & 255
        else:
            out[done : done + run] = np.packbits(bits[place : place + needed])
        place += needed
        done += run
    return out


def _bits(codes: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The `widths` low bits of each code, one after the other, most significant first."""
    ends = np.cumsum(widths)
    owner = np.repeat(np.arange(len(codes)), widths)
    shift = np.repeat(ends, widths) - 1 - np.arange(int(ends[-1]))
    return (codes[owner] >> shift & 1).astype(np.uint8)
