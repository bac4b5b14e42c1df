"""What everything mode gives: partial results, the segments of a photo, and how well they match known objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.robust_sam import pipeline
from models.robust_sam.decoder import Branch
from models.robust_sam.everything_config import EverythingConfig
from models.robust_sam.everything_masks import Segment, label_map
from models.robust_sam.frames import Size


@dataclass(frozen=True)
class Progress:
    """A partial result. ``done`` of ``prompts`` points were asked, ``found`` masks passed the filters so far.

    ``labels``: uint16 (h, w), long side at most 256: what was found, 0 elsewhere.
    """

    done: int
    prompts: int
    found: int
    labels: np.ndarray


@dataclass(frozen=True)
class Everything:
    """All segments of one photo, the largest first. ``size``: the photo's (height, width)."""

    size: Size
    branch: Branch
    segments: tuple[Segment, ...]
    config: EverythingConfig
    milliseconds: float

    def labels(self, output: Size | None = None) -> np.ndarray:
        """int32 (H, W), or at ``output``: 0 nothing, else the number of the segment in ``table``, smaller on top."""
        return label_map(self.segments, self.size, output)

    def labels_of(self, number: int, output: Size | None = None) -> np.ndarray:
        """bool (H, W), or at ``output``: the whole mask of segment ``number``, also where smaller ones lie on top."""
        return label_map((self.segments[number - 1],), self.size, output) > 0

    def table(self) -> list[dict[str, Any]]:
        """One row a segment: number, area in pixels, bbox x, y, width, height, scores, prompt point and crop."""
        return [
            {
                "number": number,
                "area": s.area,
                "bbox": list(s.bbox),
                "predicted_iou": round(s.predicted_iou, 4),
                "stability": round(s.stability, 4),
                "point": [round(v, 1) for v in s.point],
                "crop": list(s.crop),
                "candidate": s.candidate,
            }
            for number, s in enumerate(self.segments, start=1)
        ]


@dataclass(frozen=True)
class Recall:
    """``recall``: share of true objects that some mask meets with IoU >= 0.5; ``mean_best_iou``: of the best masks."""

    recall: float
    mean_best_iou: float
    objects: int


def everything_recall(masks: Sequence[np.ndarray] | np.ndarray, truth: Sequence[np.ndarray] | np.ndarray) -> Recall:
    """How many of the true objects were found. masks, truth: bool (H, W) each, all of one size.

    Raises ValueError when there is no true object or sizes differ.
    """
    if not len(truth):
        raise ValueError("there is no true object to find; give at least one mask")
    sizes = {np.shape(mask) for mask in (*masks, *truth)}
    if len(sizes) > 1:
        raise ValueError(f"masks of different sizes cannot be compared: {sorted(sizes)}")
    best = [max((pipeline.iou(np.asarray(m, bool), np.asarray(t, bool)) for m in masks), default=0.0) for t in truth]
    return Recall(float(np.mean([value >= 0.5 for value in best])), float(np.mean(best)), len(best))
