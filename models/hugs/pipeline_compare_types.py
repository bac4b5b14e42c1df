"""What the comparison of radiance fields finds. Imports no torch, so that shipped results can be read at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TITLES = {"none": "No masks", "hugs": "HuGS masks", "true": "True masks"}


@dataclass(frozen=True, eq=False)
class Trained:
    """One field: psnr in dB and ssim over the held-out views, None without any; pictures of these by name, and of the
    video, all (h, w, 3) uint8.
    """

    masks: str
    psnr: float | None
    ssim: float | None
    held_out: Mapping[str, npt.NDArray[np.uint8]]
    video: tuple[npt.NDArray[np.uint8], ...]


@dataclass(frozen=True, eq=False)
class ComparePartial:
    """Some of ``total`` fields are there."""

    trained: tuple[Trained, ...]
    total: int


@dataclass(frozen=True, eq=False)
class CompareResult:
    """All fields, trained for ``steps`` with one seed."""

    trained: tuple[Trained, ...]
    steps: int
    seed: int
