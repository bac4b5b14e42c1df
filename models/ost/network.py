"""OST's head over CLIP's features: transport and mean-pooled scores of both descriptor kinds, and the training loss.

The network itself is ``models.parts.clip.ClipLike``; the method adds no parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from models.ost.solver import AUTHORS, SolverConfig, Transport, solve
from models.parts.clip import ClipLike

TARGET_SCALE = 10.0
"""The target of the loss is softmax(10 * same label)."""


@dataclass(frozen=True)
class HeadConfig:
    """What a class's score is made of. The defaults are the authors' formula."""

    solver: SolverConfig = field(default_factory=SolverConfig)
    transport: bool = True
    """Count what the plans collect."""
    pool: bool = True
    """Count the similarity of the mean frame and the mean descriptor."""
    spatial: float = 0.5
    """Weight of the spatial descriptors."""
    temporal: float = 0.5
    """Weight of the temporal descriptors."""


OFFICIAL = HeadConfig(AUTHORS)


@dataclass(frozen=True)
class HeadScores:
    """Every part of the score, (B, A) each and already multiplied by the scale; ``logits`` is their weighted sum."""

    ot_spatial: Tensor
    ot_temporal: Tensor
    pool_spatial: Tensor
    pool_temporal: Tensor
    spatial: Transport
    temporal: Transport
    config: HeadConfig

    @property
    def logits(self) -> Tensor:
        """(B, A)."""
        spatial, temporal = torch.zeros_like(self.ot_spatial), torch.zeros_like(self.ot_spatial)
        if self.config.transport:
            spatial, temporal = spatial + self.ot_spatial, temporal + self.ot_temporal
        if self.config.pool:
            spatial, temporal = spatial + self.pool_spatial, temporal + self.pool_temporal
        return self.config.spatial * spatial + self.config.temporal * temporal


def unit(features: Tensor) -> Tensor:
    """``features`` (..., D) divided by their length along D."""
    return features / features.norm(dim=-1, keepdim=True)


def exact(features: Tensor) -> Tensor:
    """``features`` in float32, or float64 where they are that already."""
    return features if features.dtype == torch.float64 else features.float()


def pooled(frames: Tensor, bank: Tensor) -> Tensor:
    """frames (B, T, D), bank (A, N, D) -> (B, A): dot product of the means, which are not normalised again."""
    return frames.mean(dim=1) @ bank.mean(dim=1).T


def head(
    frames: Tensor, spatial: Tensor, temporal: Tensor, scale: Tensor | float, config: HeadConfig = HeadConfig()
) -> HeadScores:
    """The scores of A classes for B videos.

    frames: (B, T, D). spatial, temporal: (A, N, D). All of unit norm along D. scale: exp(logit_scale).
    Raises NoPlan.
    """
    of_spatial, of_temporal = solve(frames, spatial, config.solver), solve(frames, temporal, config.solver)
    return HeadScores(
        scale * of_spatial.scores,
        scale * of_temporal.scores,
        scale * pooled(frames, spatial),
        scale * pooled(frames, temporal),
        of_spatial,
        of_temporal,
        config,
    )


def name_logits(frames: Tensor, names: Tensor, scale: Tensor | float) -> Tensor:
    """frames (B, T, D), names (A, D), of unit norm -> (B, A): the baseline that knows the class names alone."""
    return scale * pooled(frames, names.unsqueeze(1))


def training_logits(
    model: ClipLike, frames: Tensor, spatial: Tensor, temporal: Tensor, config: HeadConfig = OFFICIAL
) -> Tensor:
    """Each video of a batch against the descriptors of the classes of that batch's videos: (B, B), with gradient.

    frames: (B, T, 3, H, W), normalised. spatial, temporal: int64 (B, N, L), the tokens of each video's own class.
    """
    videos = model.encode_image(frames)
    banks = [model.encode_text(tokens) for tokens in (spatial, temporal)]
    # The towers may run in half precision; the plans and the loss never do.
    with torch.autocast(videos.device.type, enabled=False):
        return head(unit(exact(videos)), unit(exact(banks[0])), unit(exact(banks[1])), model.scale, config).logits


def divergence(logits: Tensor, labels: Tensor) -> Tensor:
    """KL(softmax(10 * same label) || softmax(logits)) over rows, a scalar.

    The authors take the mean over all B*B entries times B, which is the sum over the number of rows.

    logits: (B, B). labels: int64 (B,).
    """
    same = (labels[:, None] == labels[None, :]).to(logits.dtype)
    target = torch.softmax(TARGET_SCALE * same, dim=1)
    return F.kl_div(torch.log_softmax(logits, dim=1), target, reduction="batchmean")


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Both directions, summed: videos to texts and texts to videos."""
    return divergence(logits, labels) + divergence(logits.T, labels)
