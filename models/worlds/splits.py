"""Which picture is for training and which is held out: decided by its content, so that no list has to be kept."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SHARE = 0.25


def is_held_out(picture: NDArray[np.uint8]) -> bool:
    """True for about a quarter of all pictures (H, W, C): a hash of the size and of 24 x 24 sampled pixels.

    The same file loaded at another size may fall on the other side: load both splits at one size.
    """
    height, width = picture.shape[:2]
    rows = np.linspace(0, height - 1, min(24, height)).astype(int)
    columns = np.linspace(0, width - 1, min(24, width)).astype(int)
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=4)
    digest.update(np.ascontiguousarray(picture[np.ix_(rows, columns)]).tobytes())
    return int.from_bytes(digest.digest(), "big") < HELD_OUT_SHARE * 2**32
