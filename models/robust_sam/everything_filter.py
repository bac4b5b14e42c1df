"""What of many masks is worth keeping: stability, boxes, non-maximum suppression, small islands and holes.

Masks are judged on low-resolution logits; only survivors are made at full size.
"""

from __future__ import annotations

import numpy as np
import torch
from segment_anything.utils import amg
from torch import Tensor
from torchvision.ops import batched_nms

from models.robust_sam.frames import MASK_THRESHOLD


def stability(logits: Tensor, offset: float) -> Tensor:
    """logits: (K, h, w) -> (K,) in 0..1: IoU of the masks cut at +offset and at -offset; 0 for a mask without a cell.

    A sharp mask hardly changes with the threshold (segment-anything's stability score).
    """
    if not len(logits):
        return logits.new_zeros(0)
    # The library counts a row in 16 bits, enough for any side below 32768.
    score = amg.calculate_stability_score(logits, MASK_THRESHOLD, offset)
    return torch.nan_to_num(score.float(), nan=0.0)


def boxes_of(masks: Tensor) -> Tensor:
    """masks: (K, h, w) bool -> (K, 4) float x0, y0, x1, y1, the far edges outside the mask; zeros for an empty one."""
    if not len(masks):
        return torch.zeros(0, 4)
    boxes = amg.batched_mask_to_box(masks).float()
    boxes[:, 2:] += masks.flatten(1).any(1, keepdim=True).float()
    return boxes


def touches_cut(
    box: tuple[float, float, float, float], crop: tuple[int, int, int, int], photo: tuple[int, int], within: float
) -> bool:
    """True when a mask ends within ``within`` pixels of an edge of its crop that is no edge of the photo: probably cut.

    box: x0, y0, x1, y1 in original pixels, like crop; photo: height, width.
    """
    height, width = photo
    # The library takes a box relative to its crop.
    relative = torch.tensor([[box[0] - crop[0], box[1] - crop[1], box[2] - crop[0], box[3] - crop[1]]])
    return bool(amg.is_box_near_crop_edge(relative, list(crop), [0, 0, width, height], atol=within)[0])


def suppressed(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes that stay, best score first; of two of a group that overlap more the lower score goes.

    boxes: (K, 4); scores, groups: (K,); threshold: IoU of boxes.
    """
    # In double precision an overlap that equals the threshold does not count as more.
    kept: Tensor = batched_nms(boxes.double(), scores.double(), groups, threshold)
    return kept


def suppressed_by_mask(masks: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """The same by the IoU of masks (K, h, w) bool: tells a plate from the fork on it though their boxes agree.

    Exact greedy suppression; the pairwise intersections come from one matrix product.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    flat = masks.flatten(1)[order].float()
    area = flat.sum(1)
    kept: list[int] = []
    for index in range(len(order)):
        if not kept or not area[index]:
            overlap = 0.0
        else:
            shared = (flat[kept] @ flat[index]).double()  # whole numbers; their quotient meets the threshold exactly
            overlap = float((shared / (area[kept] + area[index] - shared)).max())
        if overlap <= threshold:
            kept.append(index)
    return order[torch.tensor(kept, dtype=torch.long)]


def without_small_regions(mask: np.ndarray, least: float) -> np.ndarray:
    """mask: (H, W) bool -> the same with holes below ``least`` pixels filled, then islands below it removed.

    What reaches the border of the array is no hole. The largest island stays whatever its size.
    """
    if least <= 1 or not mask.any():
        return mask
    # The library knows no border: with a rim of enough pixels around it the outside is never a small region.
    rim = 1 + int(least // (2 * sum(mask.shape)))
    filled, _ = amg.remove_small_regions(np.pad(mask, rim), least, "holes")
    cleaned, _ = amg.remove_small_regions(filled, least, "islands")
    return np.asarray(cleaned, dtype=bool)[rim:-rim, rim:-rim]
