"""Volume rendering along rays: where to sample, how much each sample weighs, what the ray sees.

Edges are (..., n + 1) distances in rising order, everything per interval is (..., n). Conventions are those of the
method document of HuGS, section 3; they are checked against recorded numbers in tests/parity/test_hugs_nerf.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PADDING = 0.005
"""Added to every weight before it becomes a probability, so that no place is never looked at (Mip-NeRF 360)."""


@dataclass(frozen=True)
class Weights:
    """What each interval of a ray contributes, all (..., n).

    weights: alpha times transmittance; alpha: opacity of the interval; transmittance: light that reaches its start.
    """

    weights: Tensor
    alpha: Tensor
    transmittance: Tensor


def middles(edges: Tensor) -> Tensor:
    """(..., n) centres of the intervals."""
    return (edges[..., 1:] + edges[..., :-1]) / 2


def probabilities(weights: Tensor, anneal: float = 1.0, padding: float = PADDING) -> Tensor:
    """(..., n) softmax of ``anneal`` * log(weights + padding): 0 is uniform, 1 follows the weights."""
    return torch.softmax(anneal * torch.log(weights + padding), dim=-1)


def anneal_at(progress: float, slope: float = 10.0) -> float:
    """Bias of Mip-NeRF 360: slope x / ((slope - 1) x + 1), from 0 at the start to 1 at ``progress`` 1."""
    share = min(max(progress, 0.0), 1.0)
    return slope * share / ((slope - 1) * share + 1)


def sample_pdf(
    edges: Tensor,
    weights: Tensor,
    samples: int,
    anneal: float = 1.0,
    padding: float = PADDING,
    domain: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """New edges (..., samples + 1) drawn where the weights (..., n) over ``edges`` are large.

    Centres are the inverse of the piecewise linear distribution at equal steps, shifted at random by less than a step
    when a ``generator`` is given; edges lie midway between centres, the outer two mirrored and kept in ``domain``.
    """
    share = probabilities(weights, anneal, padding)
    cdf = torch.cat([torch.zeros_like(share[..., :1]), share.cumsum(-1).clamp(max=1.0)[..., :-1]], -1)
    cdf = torch.cat([cdf, torch.ones_like(cdf[..., :1])], -1)
    half = 1 / (2 * samples)
    eps = torch.finfo(edges.dtype).eps
    u = torch.linspace(half, 1 - half - eps, samples, dtype=edges.dtype, device=edges.device)
    u = u.expand(*edges.shape[:-1], samples)
    if generator is not None:
        jitter = torch.rand(u.shape, generator=generator, dtype=edges.dtype, device=edges.device)
        u = (u + (jitter - 0.5) * (2 * half)).clamp(0.0, 1 - eps)
    return edges_between(_inverse(u.contiguous(), edges, cdf), domain)


def edges_between(centres: Tensor, domain: tuple[float, float]) -> Tensor:
    """(..., n + 1) edges midway between n centres, the outer ones mirrored about the first and the last centre."""
    between = middles(centres)
    first = 2 * centres[..., :1] - between[..., :1]
    last = 2 * centres[..., -1:] - between[..., -1:]
    return torch.cat([first, between, last], -1).clamp(*domain)


def _inverse(u: Tensor, edges: Tensor, cdf: Tensor) -> Tensor:
    above = torch.searchsorted(cdf.contiguous(), u, right=True).clamp(1, edges.shape[-1] - 1)
    cdf_low, cdf_high = cdf.gather(-1, above - 1), cdf.gather(-1, above)
    low, high = edges.gather(-1, above - 1), edges.gather(-1, above)
    part = torch.nan_to_num((u - cdf_low) / (cdf_high - cdf_low), 0.0).clamp(0.0, 1.0)
    return low + part * (high - low)


def lengths(edges: Tensor, directions: Tensor | None = None, legacy: bool = False) -> Tensor:
    """(..., n) interval lengths t[i+1] - t[i], times the length of ``directions`` (..., 3) when given.

    ``legacy``: t[i+1] - t[0], as the authors' release computes them by a slip; their checkpoints render right only so.
    """
    start = edges[..., :1] if legacy else edges[..., :-1]
    delta = edges[..., 1:] - start
    return delta if directions is None else delta * torch.linalg.vector_norm(directions, dim=-1, keepdim=True)


def weights_from_density(
    density: Tensor,
    edges: Tensor,
    directions: Tensor | None = None,
    opaque: bool = False,
    legacy_deltas: bool = False,
) -> Weights:
    """Weights of the intervals of density (..., n); ``opaque`` stops all light in the last interval."""
    passed = density * lengths(edges, directions, legacy_deltas)
    if opaque:
        passed = torch.cat([passed[..., :-1], torch.full_like(passed[..., -1:], torch.inf)], -1)
    alpha = 1 - torch.exp(-passed)
    before = torch.cat([torch.zeros_like(passed[..., :1]), passed[..., :-1].cumsum(-1)], -1)
    transmittance = torch.exp(-before)
    return Weights(alpha * transmittance, alpha, transmittance)


def composite(weights: Tensor, values: Tensor, background: Tensor | None = None) -> Tensor:
    """(..., C) sum of weights (..., n) times values (..., n, C), the rest of the light from ``background`` (..., C)."""
    seen = (weights[..., None] * values).sum(-2)
    return seen if background is None else seen + (1 - weights.sum(-1, keepdim=True)) * background


def expected_depth(weights: Tensor, edges: Tensor) -> Tensor:
    """(...) mean distance of what a ray sees, in units of ``edges``; 0 where it sees nothing."""
    total = weights.sum(-1)
    return (weights * middles(edges)).sum(-1) / total.clamp(min=torch.finfo(weights.dtype).eps)
