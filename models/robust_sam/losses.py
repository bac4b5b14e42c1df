"""RobustSAM's training losses (section 3.4), in the paper's form and in the released code's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Recipe = Literal["paper", "code"]


@dataclass(frozen=True)
class LossWeights:
    """Factors of the four terms. The defaults are the released code's; the paper gives none."""

    focal: float = 20.0
    dice: float = 1.0
    token: float = 2.0
    feature: float = 100.0


SHORT_RUN = LossWeights(feature=10.0)
"""For the embedded weights: with 100 the feature term outweighs the masks by far for longer than a short run lasts."""

FOCAL_ALPHA, DICE_SMOOTH = 0.25, 1e-6


@dataclass(frozen=True)
class BranchOutput:
    """What the losses read of one branch for P prompts.

    ``logits``: (P, 1, H, W) at the size of the ground truth. ``image_feature``: (P or 1, C, h, w), R. ``mask_feature``:
    (P, C, h, w), E - R. ``tokens``: (P, 4, D) before the token cleaner; ``cleaned``: (P, 4, D), chunk 0 after it
    (robust only).
    """

    logits: Tensor
    image_feature: Tensor
    mask_feature: Tensor
    tokens: Tensor
    cleaned: Tensor | None = None

    @property
    def fused(self) -> Tensor:
        """E, (P, C, h, w)."""
        return self.mask_feature + self.image_feature


@dataclass(frozen=True)
class PairLosses:
    """Scalar terms of one clear/degraded pair; ``total`` is their weighted sum."""

    focal: Tensor
    dice: Tensor
    token: Tensor
    feature: Tensor
    weights: LossWeights = LossWeights()

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        weights = self.weights
        return (
            weights.focal * self.focal
            + weights.dice * self.dice
            + weights.token * self.token
            + weights.feature * self.feature
        )


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """logits, target: (..., H, W), target in 0..1 -> (...), mean over pixels; gamma is 2, alpha weighs every pixel
    alike.
    """
    crossentropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    certainty = torch.exp(-crossentropy)
    return (FOCAL_ALPHA * (1 - certainty).square() * crossentropy).mean((-2, -1))


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """logits, target: (..., H, W) -> (...): 1 - (2 |p g| + s) / (|p| + |g| + s)."""
    probability = logits.sigmoid()
    overlap = (probability * target).sum((-2, -1))
    total = probability.sum((-2, -1)) + target.sum((-2, -1))
    return 1 - (2 * overlap + DICE_SMOOTH) / (total + DICE_SMOOTH)


def pair_losses(
    clear: BranchOutput,
    degraded: BranchOutput,
    target: Tensor,
    recipe: Recipe,
    weights: LossWeights = LossWeights(),
) -> PairLosses:
    """Losses of the robust branch on the degraded image against the truth and against the plain branch on the clear
    image.

    target: (P, 1, H, W) in 0..1. ``code``: one feature term on the fused features, tokens before the cleaner, gradients
    on both sides. ``paper``: image and mask features apart, token after the cleaner, and no gradient into the clear
    side (the released code's moving target is the one reason its embedding loss can be lowered by shrinking both).
    """
    if recipe == "code":
        token = F.mse_loss(degraded.tokens, clear.tokens)
        feature = F.mse_loss(degraded.fused, clear.fused)
    else:
        if degraded.cleaned is None:
            raise ValueError("recipe 'paper' compares tokens after the cleaner: pass `cleaned` of the degraded branch")
        token = F.mse_loss(degraded.cleaned, clear.tokens.detach())
        feature = F.mse_loss(degraded.image_feature, clear.image_feature.detach()) + F.mse_loss(
            degraded.mask_feature, clear.mask_feature.detach()
        )
    return PairLosses(
        focal=focal_loss(degraded.logits, target).mean(),
        dice=dice_loss(degraded.logits, target).mean(),
        token=token,
        feature=feature,
        weights=weights,
    )
