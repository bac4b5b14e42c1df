"""A stand-in for models.robust_sam.pipeline in UI tests: pixels of the clicked colour. Needs no weights."""

from __future__ import annotations

import sys
import threading
import types
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from models.runtime import Job, Loaded, ResourceSpec

SLOW_WIDTH, FAILING_WIDTH, PLAIN_WIDTH = 333, 334, 335
"""Photos of these widths make it slow, make it fail, or make it a checkpoint without a robust part."""


@dataclass(frozen=True)
class Prompts:
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: Any = None
    painted: Any = None
    refine: bool = False
    last: Any = None


@dataclass(frozen=True)
class BranchResult:
    mask: np.ndarray
    confidence: float
    area: int
    milliseconds: float
    low_res_logits: np.ndarray


@dataclass(frozen=True)
class Segmentation:
    sam: BranchResult
    robust: BranchResult | None
    image_ms: float


def _mask(image: np.ndarray, prompts: Prompts, tolerance: int) -> np.ndarray:
    height, width = image.shape[:2]
    found = np.zeros((height, width), bool)
    if prompts.box is not None:
        x0, y0, x1, y1 = (int(v) for v in prompts.box)
        found[y0:y1, x0:x1] = True
    if prompts.painted is not None:
        found |= cv2.resize(prompts.painted.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    for label in (1, 0):
        for (x, y), given in zip(prompts.points, prompts.labels, strict=True):
            if given != label:
                continue
            flood = np.zeros((height + 2, width + 2), np.uint8)
            flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (255 << 8)
            near = (tolerance,) * 3
            cv2.floodFill(image.copy(), flood, (int(x), int(y)), (0, 0, 0), near, near, flags)
            found = found | (flood[1:-1, 1:-1] > 0) if label else found & ~(flood[1:-1, 1:-1] > 0)
    return found


def segment(
    context: Any, model: Any, *, image: np.ndarray, prompts: Prompts, output_size: tuple[int, int] | None
) -> Segmentation:
    width = image.shape[1]
    if width == SLOW_WIDTH:
        for step in range(1000):
            context.tick(step / 1000, "segmenting")
            threading.Event().wait(0.02)
    if width == FAILING_WIDTH:
        raise RuntimeError("the stand-in stumbled")
    parts = []
    for tolerance, score in ((28, 0.81), (40, 0.87)):
        context.tick(0.5, "segmenting")
        mask = _mask(image, prompts, tolerance)
        height, width = output_size or mask.shape
        small = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        parts.append(BranchResult(small, score, int(mask.sum()), 12.0, np.zeros((4, 4), np.float32)))
    return Segmentation(parts[0], None if width == PLAIN_WIDTH else parts[1], 0.0)


def segment_job(
    user: str,
    image: np.ndarray,
    digest: str,
    prompts: Prompts,
    output_size: Any = None,
    checkpoint: str = "nano",
    path: Any = None,
) -> Job:
    model = ResourceSpec("fake", lambda device: Loaded(object(), 1000), 1000, label="stand-in")
    arguments = {"image": image, "prompts": prompts, "output_size": output_size}
    return Job(user, "robust_sam", checkpoint, segment, arguments, model=model, inputs_digest=digest, label="segment")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def install() -> None:
    """Answer for models.robust_sam.pipeline in this process."""
    import models.robust_sam as package

    module = types.ModuleType("models.robust_sam.pipeline")
    for name in ("Prompts", "BranchResult", "Segmentation", "segment", "segment_job", "iou"):
        setattr(module, name, globals()[name])
    sys.modules[module.__name__] = module
    package.pipeline = module  # type: ignore[attr-defined]


def main() -> None:
    """Serve the page with the stand-in on the port given as the first argument (0: any free one)."""
    install()
    from app.main import serve

    serve(port=int(sys.argv[1]), rooms=["robust_sam"])


if __name__ == "__main__":
    main()
