"""What a severity sweep or a radar finds. Plain values without torch, so that a page can be drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Branch = Literal["sam", "robust"]
BRANCH_TITLES: dict[Branch, str] = {"sam": "SAM", "robust": "RobustSAM"}
Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CONSISTENCY = "consistency only: each branch against its own mask of the clean photo, not against a true mask"


@dataclass(frozen=True)
class Truth:
    """A mask that is taken as true. ``title`` says whose word that is; ``mask``: bool of the photo's size."""

    title: str
    mask: Mask


@dataclass(frozen=True)
class Reference:
    """What the masks were compared with. ``kind`` "truth": accuracy; "clean": each branch's own mask of the clean
    photo, consistency only. ``masks``: bool (h, w) for each branch, on the clean photo.
    """

    kind: Literal["truth", "clean"]
    title: str
    masks: Mapping[Branch, Mask]


@dataclass(frozen=True)
class Look:
    """One degraded picture, small: ``picture`` (h, w, 3) uint8, ``masks`` and ``references`` bool (h, w) by branch."""

    picture: Picture
    masks: Mapping[Branch, Mask]
    references: Mapping[Branch, Mask]


@dataclass(frozen=True)
class Point:
    """One kind at one severity. ``iou``: for each branch one value a seed, in the order of ``seeds``; ``look``: the
    first seed's picture.
    """

    kind: str
    severity: float
    seeds: tuple[int, ...]
    iou: Mapping[Branch, tuple[float, ...]]
    look: Look

    def mean(self, branch: Branch) -> float:
        """Mean IoU over the seeds."""
        return float(np.mean(self.iou[branch]))

    def span(self, branch: Branch) -> tuple[float, float]:
        """The smallest and the largest IoU among the seeds."""
        return min(self.iou[branch]), max(self.iou[branch])

    @property
    def gain(self) -> float | None:
        """RobustSAM's mean IoU minus plain SAM's; None without a robust branch."""
        return self.mean("robust") - self.mean("sam") if "robust" in self.iou else None


@dataclass(frozen=True)
class Partial:
    """A sweep so far: the reference, the points that are done and how many there will be."""

    reference: Reference
    points: tuple[Point, ...]
    total: int


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep or radar. ``clean``: IoU of each branch on the clean photo against the same reference;
    ``mask_size``: (height, width) at which masks were compared; ``model``: the size's name.
    """

    mode: Literal["severity", "radar"]
    reference: Reference
    points: tuple[Point, ...]
    clean: Mapping[Branch, float]
    seeds: tuple[int, ...]
    mask_size: tuple[int, int]
    model: str
    milliseconds: float
