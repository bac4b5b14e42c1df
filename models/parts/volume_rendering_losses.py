"""What volume rendering is trained with: colour losses under masks, proposal and distortion losses, robust trimming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.volume_rendering import middles

CHARBONNIER_EPS = 1e-6
INTERLEVEL_EPS = 1e-7


def charbonnier(error: Tensor) -> Tensor:
    """sqrt(e^2 + 1e-6), elementwise: absolute error with a round foot."""
    return torch.sqrt(error * error + CHARBONNIER_EPS)


def masked_mean(loss: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of ``loss`` where ``mask`` (broadcastable, used from 0.5 up) allows; 0 where it allows nothing."""
    if mask is None:
        return loss.mean()
    used = (mask >= 0.5).to(loss.dtype).expand_as(loss)
    return (loss * used).sum() / used.sum().clamp(min=torch.finfo(loss.dtype).eps)


def interlevel(proposals: Sequence[tuple[Tensor, Tensor]], weights: Tensor, edges: Tensor) -> Tensor:
    """How far the final weights (..., n) over ``edges`` stick out of the (weights, edges) of each proposal; a sum.

    The final weights get no gradient: the proposals learn to contain them (Mip-NeRF 360, equation 13).
    """
    fixed, places = weights.detach(), edges.detach()
    total = weights.new_zeros(())
    for proposal, bins in proposals:
        outer = _outer(proposal, bins, places)
        total = total + (F.relu(fixed - outer) ** 2 / (fixed + INTERLEVEL_EPS)).mean()
    return total


def _outer(weights: Tensor, bins: Tensor, edges: Tensor) -> Tensor:
    """Upper bound of the mass of ``weights`` within each interval of ``edges``: all bins that it touches."""
    cumulated = torch.cat([torch.zeros_like(weights[..., :1]), weights.cumsum(-1)], -1)
    starts, ends = bins[..., :-1].contiguous(), bins[..., 1:].contiguous()
    last = weights.shape[-1] - 1
    first = (torch.searchsorted(starts, edges[..., :-1].contiguous(), right=True) - 1).clamp(0, last)
    final = torch.searchsorted(ends, edges[..., 1:].contiguous(), right=True).clamp(0, last)
    return cumulated[..., 1:].gather(-1, final) - cumulated[..., :-1].gather(-1, first)


def distortion(weights: Tensor, edges: Tensor) -> Tensor:
    """Mean over rays of how far the weights lie from each other (Mip-NeRF 360, equation 15); linear in n.

    The double sum over pairs w_i w_j |m_i - m_j| is written with running sums, since the centres m rise.
    """
    centres = middles(edges)
    mass = weights.cumsum(-1) - weights
    moment = (weights * centres).cumsum(-1) - weights * centres
    between = 2 * (weights * (centres * mass - moment)).sum(-1)
    within = (weights**2 * (edges[..., 1:] - edges[..., :-1])).sum(-1) / 3
    return (between + within).mean()


@dataclass(frozen=True)
class Trimming:
    """RobustNeRF's settings: quantile of inliers, box filter, inner patch, share of outliers a good patch may have."""

    inlier_quantile: float = 0.8
    smooth_kernel: int = 3
    smooth_threshold: float = 0.5
    inner_patch: int = 8
    patch_threshold: float = 0.4


@torch.no_grad()
def trimming_mask(error: Tensor, threshold: float = 1.0, settings: Trimming | None = None) -> tuple[Tensor, float]:
    """RobustNeRF's weights (P, s, s, 1) in {0, 1} of patches with squared errors (P, s, s, 3), and the next threshold.

    ``threshold`` is the one the previous batch gave; the first batch uses 1. A pixel counts when its own error, the
    majority of its neighbours, or (in the middle) most of its patch lie below the threshold.
    """
    how = settings or Trimming()
    each = error.mean(-1, keepdim=True)
    following = float(torch.quantile(each.flatten(), how.inlier_quantile))
    inlier = (each < threshold).to(error.dtype)
    smoothed = F.avg_pool2d(inlier.movedim(-1, 1), how.smooth_kernel, 1, how.smooth_kernel // 2).movedim(1, -1)
    mask = (inlier > 0) | (smoothed > how.smooth_threshold)
    size = error.shape[1]
    rim = (size - how.inner_patch) // 2
    inner = torch.zeros_like(inlier, dtype=torch.bool)
    inner[:, rim : size - rim, rim : size - rim] = True
    good_patch = inlier.mean((1, 2, 3), keepdim=True) > 1 - how.patch_threshold
    return (mask | (inner & good_patch)).to(error.dtype), following
