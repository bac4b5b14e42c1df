"""COCO run-length encoding: runs down the columns, first run of zeros, counts packed into ASCII.

Encoding is pycocotools'. Decoding is our own, because its C code trusts the counts and other people's files may lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from app.annotate.exporters.objects import Mask
from app.guard.errors import BadInput

_LONGEST_GROUP = 7
"""Characters of one count: 35 bits, far more than any image has pixels."""


def encode(mask: Mask, *, plain: bool = False) -> dict[str, Any]:
    """{"size": [H, W], "counts": str}: pycocotools' bytes, as text so that JSON can hold them.

    plain: counts as a list of numbers, the form of COCO's crowd annotations.
    """
    from pycocotools import mask as coco

    run = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    counts: Any = run["counts"].decode("ascii")
    if plain:
        runs = _unpacked(counts)
        counts = [] if runs is None else runs.tolist()
    return {"size": [int(side) for side in run["size"]], "counts": counts}


def decode(run: Any, size: tuple[int, int], name: str = "The annotation") -> Mask:
    """The (H, W) bool mask of a compressed or plain COCO run-length record.

    Raises BadInput when the record does not fit `size`.
    """
    remedy = "Export it again from its tool"
    written = run.get("size") if isinstance(run, dict) else None
    if not isinstance(run, dict) or not isinstance(written, list) or "counts" not in run:
        raise BadInput(name, "has a run-length mask without size and counts", remedy)
    if written != list(size):
        told = " x ".join(str(side)[:12] for side in written[:2])
        raise BadInput(
            name,
            f"has a run-length mask of {told} (height x width), its image is {size[0]} x {size[1]}",
            "Give the annotations that belong to this image",
        )
    counts = run["counts"]
    runs: npt.NDArray[np.int64] | None = None
    if isinstance(counts, str):
        runs = _unpacked(counts)
    elif isinstance(counts, list) and all(type(count) is int and 0 <= count < 1 << 32 for count in counts):
        runs = np.array(counts, np.int64)
    if runs is None or (runs < 0).any():
        raise BadInput(name, "has run-length counts that cannot be read", remedy)
    total = int(runs.sum())
    if total != size[0] * size[1]:
        cut = "is cut off" if total < size[0] * size[1] else "is too long"
        raise BadInput(name, f"has a run-length mask that {cut}: {total} of {size[0] * size[1]} pixels", remedy)
    values = np.zeros(len(runs), np.bool_)
    values[1::2] = True
    return np.ascontiguousarray(np.repeat(values, runs).reshape(size[1], size[0]).T)


def _unpacked(counts: str) -> npt.NDArray[np.int64] | None:
    """Counts from COCO's text form: groups of 5 bits, low first, bit 5 continues, bit 4 of the last is the sign;
    from the fourth count on, differences to the count two before. None when the text is not of that form.
    """
    if not counts.isascii() or not counts:
        return None
    bits = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(bits & 32 == 0)
    if bits.min() < 0 or bits.max() >= 64 or not len(ends) or ends[-1] != len(bits) - 1:
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_GROUP:
        return None
    shifts = 5 * (np.arange(len(bits)) - np.repeat(starts, lengths))
    values = np.add.reduceat((bits & 31) << shifts, starts)
    values -= (bits[ends] >> 4 & 1) << (5 * lengths)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
