"""From an object's prompts to raw answers: one run of the decoder, or one a click with the last mask given back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.robust_sam import frames
from models.robust_sam.decoder import Branch, Decoded
from models.robust_sam.frames import Size
from models.robust_sam.network import RobustSam
from models.robust_sam.prompts import Prompts

PAINTED_LOGIT = 4.0
"""What a painted pixel is worth as a mask prompt, and with the other sign one that was left out."""


@dataclass(frozen=True)
class ImageFeatures:
    """All that depends on the photo alone, computed once and kept in the shared cache.

    ``embedding``: (1, D, h, w). ``robust``: (1, D/8, 4h, 4w), R of the decoder, None without a robust part. ``size``:
    the photo's. ``milliseconds``: what computing it took.
    """

    embedding: Tensor
    robust: Tensor | None
    size: Size
    milliseconds: float


@dataclass(frozen=True)
class Raw:
    """One branch's answers to P prompts: ``logits`` (P, 4, 4h, 4w), ``iou`` (P, 4), ``milliseconds`` for all P."""

    logits: Tensor
    iou: Tensor
    milliseconds: float


@torch.inference_mode()
def predict(
    model: RobustSam,
    features: ImageFeatures,
    coordinates: np.ndarray | None,
    labels: np.ndarray | None,
    boxes: np.ndarray | None = None,
    masks: np.ndarray | Mapping[Branch, np.ndarray] | None = None,
) -> dict[Branch, Raw]:
    """P prompts of one kind at once, which the released decoder cannot do (method document 1.3).

    coordinates: (P, N, 2) original pixels; labels: (P, N); boxes: (P, 4); masks: (P, 4h, 4w) low-resolution logits, for
    both branches or one array for each.
    """
    start = time.perf_counter()
    device, side = features.embedding.device, model.config.image_size

    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

    points = None
    if coordinates is not None and labels is not None:
        points = (tensor(frames.to_model_frame(coordinates, features.size, side)), tensor(labels))
    corners = None
    if boxes is not None:
        corners = tensor(frames.to_model_frame(np.asarray(boxes).reshape(-1, 2, 2), features.size, side)).reshape(-1, 4)
    encoder, decoder = model.prompt_encoder, model.mask_decoder

    def embedded(mask: np.ndarray | None) -> tuple[Tensor, Tensor]:
        sparse, dense = encoder(points, corners, None if mask is None else tensor(mask)[:, None])
        return sparse, dense

    position = encoder.get_dense_pe()
    robust: Decoded | None = None
    if isinstance(masks, Mapping):
        plain = decoder.decode(features.embedding, position, *embedded(masks["sam"]), "sam")
        if features.robust is not None:
            robust = decoder.decode(features.embedding, position, *embedded(masks["robust"]), "robust")
    elif features.robust is None:
        plain = decoder.decode(features.embedding, position, *embedded(masks), "sam")
    else:
        plain, robust = decoder.decode_both(features.embedding, position, *embedded(masks))
    shared = (time.perf_counter() - start) / (1 if robust is None else 2)
    start = time.perf_counter()
    logits = decoder.sam_masks(plain)
    answers: dict[Branch, Raw] = {"sam": Raw(logits, plain.iou, 1000 * (shared + time.perf_counter() - start))}
    if robust is not None and features.robust is not None:
        start = time.perf_counter()
        logits = decoder.robust_masks(robust, decoder.robust_feature(robust, features.robust))
        answers["robust"] = Raw(logits, robust.iou, 1000 * (shared + time.perf_counter() - start))
    return answers


def click_by_click(
    model: RobustSam, features: ImageFeatures, prompts: Prompts, candidate: int = 0
) -> dict[Branch, Raw]:
    """The answers to one object's prompts (P = 1), as ``prompts.refine``, ``.last`` and ``.painted`` say.

    Refining repeats the clicks from the first one, each with the mask before it; with ``last`` only the newest is run,
    with the same numbers.
    """
    given = _given(model, features, prompts)
    if prompts.painted is not None and not prompts.points and prompts.box is None:
        # A mask without a point is a prompt these networks never met in training: the painting's middle goes along.
        prompts = replace(prompts, points=(innermost(prompts.painted, features.size),), labels=(1,), refine=False)
    if not prompts.refine:
        return _run(model, features, prompts, len(prompts.points), given)
    counts = prompts.steps()
    if prompts.last is not None and len(counts) > 1:
        return _run(model, features, prompts, counts[-1], {name: mask[None] for name, mask in prompts.last.items()})
    answers = _run(model, features, prompts, counts[0], given)
    for count in counts[1:]:
        last: dict[Branch, np.ndarray] = {
            name: raw.logits[:, candidate].float().cpu().numpy() for name, raw in answers.items()
        }
        answers = _run(model, features, prompts, count, last)
    return answers


def innermost(painted: np.ndarray, size: Size) -> tuple[float, float]:
    """painted: (h, w) bool over a whole photo of ``size`` -> x, y in its pixels, farthest from the painting's edge."""
    depth = cv2.distanceTransform(np.pad(painted, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return (float(column) + 0.5) * size[1] / painted.shape[1], (float(row) + 0.5) * size[0] / painted.shape[0]


def painted_logits(painted: np.ndarray, size: Size, model_side: int, low_side: int) -> np.ndarray:
    """painted: (h, w) bool over a whole photo of ``size`` -> (low_side, low_side) float32 logits as a mask prompt.

    Partly covered cells are in between; the padding counts as outside.
    """
    height, width = frames.resized_size(size, model_side)
    scale = low_side / model_side
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    share = F.adaptive_avg_pool2d(torch.from_numpy(painted.astype(np.float32))[None, None], inner)
    padded = F.pad(share, (0, low_side - inner[1], 0, low_side - inner[0]))
    return ((2 * padded[0, 0] - 1) * PAINTED_LOGIT).numpy()


def _given(model: RobustSam, features: ImageFeatures, prompts: Prompts) -> np.ndarray | None:
    if prompts.painted is None:
        return None if prompts.mask is None else prompts.mask[None]
    side = model.config.image_size
    return painted_logits(prompts.painted, features.size, side, model.config.low_resolution)[None]


def _run(
    model: RobustSam,
    features: ImageFeatures,
    prompts: Prompts,
    count: int,
    mask: np.ndarray | Mapping[Branch, np.ndarray] | None,
) -> dict[Branch, Raw]:
    """The first ``count`` points with the box and a mask (1, h, w)."""
    return predict(
        model,
        features,
        np.array([prompts.points[:count]], dtype=np.float64) if count else None,
        np.array([prompts.labels[:count]]) if count else None,
        None if prompts.box is None else np.array([prompts.box]),
        mask,
    )
