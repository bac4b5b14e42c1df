"""What each training stage moves and minimises: one function a stage, all with two rounds of simulated clicking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.robust_sam.branches import dense_position, image_side, run_branch
from models.robust_sam.decoder import ROBUST_PREFIXES
from models.robust_sam.grouping import GroupingHead
from models.robust_sam.losses import SHORT_RUN, dice_loss, focal_loss, pair_losses
from models.robust_sam.network import RobustSam
from models.robust_sam.scenes import Batch
from models.robust_sam.simulate import corrective_click, first_prompts

Losses = dict[str, Tensor]

FROZEN_BLOCKS = 5
"""Trunk blocks up to stride 8 keep their ImageNet weights: they cost most of the backward pass and generalise as they
are.
"""

ROUNDS = 2
"""A first prompt, then a corrective click on top of its answer."""


GROUPING_WEIGHT = 1.0


def is_robust(name: str) -> bool:
    """Whether a parameter belongs to what RobustSAM adds to SAM."""
    return name.removeprefix("mask_decoder.").startswith(ROBUST_PREFIXES)


def trainable(model: RobustSam, stage: str) -> list[tuple[str, nn.Parameter]]:
    """The parameters a stage may move; all others get ``requires_grad=False``."""

    def moves(name: str) -> bool:
        if stage == "robust":
            return is_robust(name)
        if stage == "augmented":
            return name.startswith("mask_decoder.") and not is_robust(name) and "iou_prediction_head" not in name
        if name.startswith("image_encoder.trunk."):
            parts = name.split(".")
            return parts[2] == "_blocks" and int(parts[3]) >= FROZEN_BLOCKS
        return not is_robust(name)

    chosen = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(moves(name))
        if parameter.requires_grad:
            chosen.append((name, parameter))
    return chosen


def set_modes(model: RobustSam, stage: str) -> None:
    """Training mode where a stage learns statistics: the robust part's BatchNorms; the trunk keeps ImageNet's."""
    model.eval()
    if stage == "robust":
        for name, module in model.mask_decoder.named_children():
            if is_robust(f"{name}."):
                module.train()


def plain_losses(model: RobustSam, batch: Batch, generator: torch.Generator) -> Losses:
    """Stage A on clear images: every mask token and the IoU head learn."""
    embedding, _ = model.encode(batch.images, side=batch.images.shape[-1])
    losses = _sam_rounds(model, embedding, batch.targets, generator)
    for head in model.children():
        if isinstance(head, GroupingHead):
            losses["grouping"] = head.loss(embedding, batch.ids, generator)
            losses["total"] = losses["total"] + GROUPING_WEIGHT * losses["grouping"]
    return losses


def augmented_losses(model: RobustSam, batch: Batch, generator: torch.Generator) -> Losses:
    """The baseline: stage A's losses on the degraded images, encoder frozen."""
    assert batch.degraded is not None
    assert batch.degraded_targets is not None
    embedding, _ = image_side(model, batch.degraded)
    return _sam_rounds(model, embedding, batch.degraded_targets, generator)


def _sam_rounds(model: RobustSam, embedding: Tensor, targets: Tensor, generator: torch.Generator) -> Losses:
    """embedding: (N, D, h, w); targets: (N, P, H, W) bool at half the model's resolution."""
    decoder, grid = model.mask_decoder, embedding.shape[-1]
    truth = targets.flatten(0, 1)
    index = torch.arange(len(embedding)).repeat_interleave(targets.shape[1])
    position, repeated = narrow(dense_position(model, embedding)), narrow(embedding)[index]
    valid = truth.flatten(1).any(1)
    prompts = first_prompts(not_empty(truth), generator)
    target = truth[:, None].float()
    small = F.avg_pool2d(target, 2).expand(-1, 4, -1, -1)
    total: Losses = {}
    for _ in range(ROUNDS):
        sparse, dense = prompts.embed(model, grid)
        decoded = decoder.decode(repeated, position, narrow(sparse), narrow(dense), "sam")
        low = decoder.sam_masks(decoded).float()
        single = F.interpolate(low[:, :1], target.shape[-2:], mode="bilinear", align_corners=False)
        others = 20 * focal_loss(low[:, 1:], small[:, 1:]) + dice_loss(low[:, 1:], small[:, 1:])
        with torch.no_grad():
            answers, wanted = low > 0, small > 0.5
            overlap = (answers & wanted).sum((2, 3)) / (answers | wanted).sum((2, 3)).clamp(min=1)
        terms = {
            "focal": focal_loss(single, target)[valid].mean(),
            "dice": dice_loss(single, target)[valid].mean(),
            "others": others.min(dim=1).values[valid].mean(),
            "iou": F.mse_loss(decoded.iou.float()[valid], overlap[valid]),
        }
        total = _added(total, terms)
        point, label = corrective_click(single[:, 0].detach() > 0, not_empty(truth), generator)
        prompts = prompts.with_click(point, label, low[:, :1].detach())
    total["total"] = 20 * total["focal"] + total["dice"] + 0.5 * total["others"] + total["iou"]
    return total


def robust_losses(model: RobustSam, batch: Batch, generator: torch.Generator) -> Losses:
    """Stage B, the paper's losses on clear/degraded pairs; the plain branch on the clear image is the target."""
    assert batch.degraded is not None
    assert batch.degraded_targets is not None
    clear, degraded = image_side(model, batch.images), image_side(model, batch.degraded)
    truth = batch.degraded_targets.flatten(0, 1)
    index = torch.arange(len(batch.images)).repeat_interleave(batch.targets.shape[1])
    prompts = first_prompts(not_empty(truth), generator)
    target = truth[:, None].float()
    size = (int(target.shape[-2]), int(target.shape[-1]))
    with torch.no_grad():
        clear_feature = model.mask_decoder.image_features(clear[1], clear[0], clean=True)
    feature = model.mask_decoder.image_features(degraded[1], degraded[0], clean=False)
    about: dict[str, Any] = {"logit_size": size, "image_of_prompt": index}
    total: Losses = {}
    for _ in range(ROUNDS):
        sparse, dense = prompts.embed(model, clear[0].shape[-1])
        with torch.no_grad():
            plain = run_branch(model, *clear, sparse, dense, clean=True, image_feature=clear_feature, **about)
        output = run_branch(model, *degraded, sparse, dense, clean=False, image_feature=feature, **about)
        losses = pair_losses(plain, output, target, "paper", SHORT_RUN)
        total = _added(total, {name: getattr(losses, name) for name in ("focal", "dice", "token", "feature", "total")})
        point, label = corrective_click(output.logits[:, 0].detach() > 0, not_empty(truth), generator)
        low = F.interpolate(output.logits.detach(), scale_factor=0.5, mode="bilinear", align_corners=False)
        prompts = prompts.with_click(point, label, low)
    return total


def _added(total: Losses, terms: Losses) -> Losses:
    return {name: total[name] + value if name in total else value for name, value in terms.items()}


def narrow(values: Tensor) -> Tensor:
    """``values`` in the type autocast computes in: residual sums stay as narrow as the products around them."""
    kind = values.device.type
    return values.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else values


def not_empty(mask: Tensor) -> Tensor:
    """mask: (Q, H, W) bool; a target that shrank to nothing counts nowhere, but a prompt needs a place: the middle."""
    empty = ~mask.flatten(1).any(1)
    if not empty.any():
        return mask
    filled = mask.clone()
    middle = mask.shape[-1] // 2
    filled[empty, middle - 2 : middle + 2, middle - 2 : middle + 2] = True
    return filled


LOSSES: dict[str, Callable[[RobustSam, Batch, torch.Generator], Losses]] = {
    "plain": plain_losses,
    "robust": robust_losses,
    "augmented": augmented_losses,
}
