"""RobustSAM as a source of segments for other rooms: all regions of a photo, and what a point asks for.

Other methods may not import this one; they take the functions below from whoever calls them (`registry.offered`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from models.robust_sam import frames, pipeline
from models.robust_sam.decoder import Branch
from models.robust_sam.everything import segment_everything
from models.robust_sam.everything_config import EverythingConfig
from models.robust_sam.everything_decode import GridDecoder
from models.runtime import JobContext

NAME = "RobustSAM nano"
BRANCH: Branch = "sam"
"""Captures are ordinary photos: the plain branch is the better one there (report card)."""
CONFIG = EverythingConfig(points_per_side=24, iou_threshold=0.5, min_area=24)
BATCH = 64


class Segmenter:
    """The resident nano weights as a proposer. ``context`` is the caller's: weights and features go to its cache."""

    name = NAME

    def regions(self, context: JobContext, image: np.ndarray) -> np.ndarray:
        """image: (H, W, 3) uint8 -> (N, H, W) bool, overlapping, largest first; N may be 0."""
        spec = pipeline.model_resource()
        with context.resource(spec) as model:
            found = segment_everything(context, model, image, branch=BRANCH, config=CONFIG, model_key=spec.key)
        masks = [segment.mask for segment in found.segments]
        return np.stack(masks) if masks else np.zeros((0, *image.shape[:2]), dtype=bool)

    def at_points(
        self, context: JobContext, image: np.ndarray, points: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """points: (P, 2) x, y pixels, each a positive prompt of its own -> batches of (logits, iou).

        logits: (B, 3, H, W) float32, above 0 is mask; iou: (B, 3), each alternative's predicted IoU.
        """
        spec = pipeline.model_resource()
        with context.resource(spec) as model:
            digest = pipeline.image_digest(image)
            wanted = pipeline.features_resource(context, model, spec.key, image, digest, "torch")
            with context.resource(wanted) as features, torch.inference_mode():
                decoder = GridDecoder(model, features, BRANCH)
                size, side = image.shape[:2], model.config.image_size
                for start in range(0, len(points), BATCH):
                    context.tick(start / len(points), "asking at points")
                    attended = decoder.attend(np.asarray(points[start : start + BATCH], np.float64))
                    logits = frames.to_original_frame(decoder.masks(attended, slice(1, 4)), size, size, side)
                    yield logits.cpu().numpy(), attended.iou[:, 1:4].cpu().numpy()


def segmenter() -> Segmenter:
    """A proposer with the embedded weights; nothing is loaded before it is asked."""
    return Segmenter()
