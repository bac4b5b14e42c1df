"""COCO run-length encoding: runs down the columns, first run of zeros, counts packed into ASCII.

Encoding is pycocotools'. Decoding is our own, because its C code trusts the counts and other people's files may lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from app.annotate.exporters.objects import Mask
from app.guard.errors import BadInput


def encode(mask: Mask) -> dict[str, Any]:
    """{"size": [H, W], "counts": str}: pycocotools' bytes, as text so that JSON can hold them."""
    from pycocotools import mask as coco

    run = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in run["size"]], "counts": run["counts"].decode("ascii")}


def decode(run: Any, size: tuple[int, int], name: str = "The annotation") -> Mask:
    """The (H, W) bool mask of a compressed or plain COCO run-length record.

    Raises BadInput when the record does not fit `size`.
    """
    damaged = BadInput(name, "has a run-length mask that does not fit its image", "Export it again from its tool")
    if not isinstance(run, dict) or run.get("size") != list(size):
        raise damaged
    counts = run.get("counts")
    if isinstance(counts, str):
        runs = _unpacked(counts)
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        runs = counts
    else:
        raise damaged
    if runs is None or sum(runs) != size[0] * size[1] or min(runs, default=0) < 0:
        raise damaged
    values = np.zeros(len(runs), np.bool_)
    values[1::2] = True
    return np.ascontiguousarray(np.repeat(values, runs).reshape(size[1], size[0]).T)


def _unpacked(counts: str) -> list[int] | None:
    """Counts from COCO's text form: groups of 5 bits, low first, bit 5 continues, bit 4 of the last is the sign;
    from the fourth count on, differences to the count two before. None when the text is not of that form.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        runs.append(value)
        value = shift = 0
    return None if shift else runs
