"""What the segmentation room works on: photo, degradation, weights, and the answers about an object. Plain values."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.stage_encode import mask_runs

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

BranchName = Literal["sam", "robust"]
BRANCHES = ("sam", "robust")


@dataclass(frozen=True)
class Photo:
    """The photo as it came. ``reference`` finds it again after a reload: {"example": name} or {"upload", "name"}."""

    name: str
    reference: Mapping[str, str]
    image: Image
    digest: str

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True)
class Degradation:
    """What is done to the photo before it is segmented; ``kind`` "" leaves it as it is."""

    kind: str = ""
    severity: float = 0.7
    seed: int = 0

    @property
    def active(self) -> bool:
        """False when the photo stays as it is."""
        return bool(self.kind) and self.severity > 0


@dataclass(frozen=True)
class Seen:
    """The picture that is segmented: the photo itself, or a degraded copy with the warp that bent it."""

    image: Image
    digest: str
    warp: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Weights:
    """Which checkpoint answers: one of the method's names, or a checked file."""

    name: str = "nano"
    path: str | None = None
    label: str = "nano"


@dataclass(frozen=True)
class Branch:
    """One branch's answer: mask at screen size, predicted IoU, original pixels, milliseconds.

    ``consistency``: IoU with the same branch's mask on the clean photo, None when the photo is clean or not yet known.
    ``logits``: low-resolution float32, to be given back with the next click.
    """

    mask: Mask
    confidence: float
    area: int
    milliseconds: float
    consistency: float | None = None
    logits: npt.NDArray[np.float32] | None = None

    @functools.cached_property
    def wire(self) -> dict[str, Any]:
        """The mask as it travels: width, height and runs."""
        height, width = self.mask.shape
        return {"width": width, "height": height, "runs": mask_runs(self.mask)}


@dataclass(frozen=True)
class Answer:
    """What both branches said about one object; ``robust`` is missing with a plain SAM checkpoint.

    ``by_hand``: "" for the network's masks, "edited" where strokes changed them, "painted" without the network.
    """

    branches: Mapping[str, Branch]
    image_ms: float
    receipt: Mapping[str, Any] = field(default_factory=dict)
    by_hand: Literal["", "edited", "painted"] = ""


def with_consistency(answer: Answer, scores: Mapping[str, float]) -> Answer:
    """``answer`` with the IoU of each branch against its own clean-photo mask."""
    branches = {name: replace(branch, consistency=scores.get(name)) for name, branch in answer.branches.items()}
    return replace(answer, branches=branches)
