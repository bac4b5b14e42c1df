"""What goes into a batch and comes out of it. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Source:
    """One photo. read: gives (H, W, 3) uint8, or raises BadInput or OSError; called when its turn comes."""

    name: str
    read: Callable[[], Image]


@dataclass(frozen=True)
class Settings:
    """How every photo is segmented.

    user: for fair scheduling; branch: whose masks; mode: by the prompts of a file, or everything from a grid of
    `points_per_side` points a side; checkpoint, path: the weights, as for `pipeline.segment_job`.
    """

    user: str
    branch: Literal["sam", "robust"] = "robust"
    mode: Literal["prompts", "everything"] = "prompts"
    points_per_side: int = 16
    checkpoint: str = "nano"
    path: str | None = None


class Masked(Protocol):
    """Anything that can make a (H, W) bool mask."""

    @property
    def mask(self) -> Mask:
        """The mask, made anew at each call."""


@dataclass(frozen=True)
class Packed:
    """A mask in an eighth of its memory."""

    bits: npt.NDArray[np.uint8]
    size: tuple[int, int]

    @property
    def mask(self) -> Mask:
        """(H, W) bool."""
        count = self.size[0] * self.size[1]
        return np.unpackbits(self.bits, count=count).reshape(self.size).astype(np.bool_)


@dataclass(frozen=True)
class Found:
    """One object: its label ("" without), predicted IoU 0..1, area in pixels; `held` makes the mask."""

    label: str
    confidence: float
    area: int
    held: Masked

    @classmethod
    def of(cls, label: str, confidence: float, mask: Mask) -> Found:
        """From a mask (H, W) bool."""
        size = (mask.shape[0], mask.shape[1])
        return cls(label, confidence, int(np.count_nonzero(mask)), Packed(np.packbits(mask), size))


@dataclass(frozen=True, eq=False)
class ImageDone:
    """One photo after its turn: what was found, or why not. image: None when it could not be read.

    number: from 1; milliseconds: the job's own run; error: a sentence, "" when all went well; receipt: the job's.
    """

    number: int
    name: str
    image: Image | None = None
    found: tuple[Found, ...] = ()
    milliseconds: float = 0.0
    error: str = ""
    receipt: Mapping[str, Any] = field(default_factory=dict)
