"""Dynamic sparsity of SLaK and PeLK: 40 % of the weights are zero at any time, which ones changes during training.

Sparse are the stem, the convolutions between stages, the pointwise layers and the shared kernels; the head, norms,
biases and embeddings are dense. The masks save parameters, not time: torch multiplies by the zeros as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from models.parts.problems import BadInput
from models.pelk.network import Pelk

Masks = dict[str, Tensor]
"""Parameter name -> bool tensor of its shape, True where a weight remains."""

PRUNE_RATE = {"pelk_t": 0.5, "pelk_s": 0.3, "pelk_b": 0.3}
"""Share of the remaining weights exchanged per update (SLaK's settings)."""
UPDATE_EVERY = {"pelk_t": 2000, "pelk_s": 100, "pelk_b": 100}
"""Iterations between updates."""

_THINNED = ("pwconv1.weight", "pwconv2.weight", "lkb_origin.conv.weight", "lkb_reparam.weight")


def thinned(model: Pelk) -> dict[str, Tensor]:
    """The parameters that sparsity applies to, by name."""
    return {
        name: weight
        for name, weight in model.named_parameters()
        if name.endswith(_THINNED) or (name.startswith("downsample_layers.") and weight.dim() == 4)
    }


def random_masks(model: Pelk, density: float, generator: torch.Generator) -> Masks:
    """Masks that keep the same share of every thinned parameter, drawn uniformly."""
    scores = {name: _uniform(weight, generator) for name, weight in thinned(model).items()}
    return {name: _keep(score, _count(score, density)) for name, score in scores.items()}


def snip_masks(model: Pelk, density: float, loss: Tensor) -> Masks:
    """Masks that keep the weights with the largest |weight * gradient of `loss`| over all layers together (SNIP)."""
    weights = thinned(model)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    scores = {
        name: (weight.detach() * gradient).abs()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }
    kept = _keep(torch.cat([score.flatten() for score in scores.values()]), _count_all(weights, density))
    parts = kept.split([score.numel() for score in scores.values()])
    return {name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)}


@torch.no_grad()
def apply_masks(model: Pelk, masks: Mapping[str, Tensor]) -> None:
    """Set the weights outside the masks to zero; call it after every optimiser step."""
    weights = thinned(model)
    if set(masks) != set(weights):
        odd = sorted(set(masks) ^ set(weights))[0]
        raise BadInput("The masks", f"do not belong to this network: {odd}", "Make them from the same configuration")
    for name, weight in weights.items():
        weight.mul_(masks[name])


def exchange(masks: Mapping[str, Tensor], model: Pelk, rate: float, generator: torch.Generator) -> Masks:
    """The next masks: per layer the smallest `rate` of the remaining weights leave, as many others return at random.

    Returning weights start at zero, where `apply_masks` left them. The density of every layer stays the same.
    """
    if not 0 <= rate <= 1:
        raise BadInput("The exchange rate", f"is {rate}", "Give 0 to 1, as 0.5")
    result = {}
    for name, weight in thinned(model).items():
        mask = masks[name]
        count = int(mask.sum())
        leaving = min(int(rate * count), mask.numel() - count)
        size = torch.where(mask, weight.detach().abs(), -1.0)
        stay = _keep(size, count - leaving)
        empty = torch.where(mask, -1.0, _uniform(weight, generator))
        result[name] = stay | _keep(empty, leaving)
    return result


def density_of(masks: Mapping[str, Tensor]) -> float:
    """Share of weights that remain."""
    return sum(int(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())


def remaining_parameters(model: Pelk, masks: Mapping[str, Tensor]) -> int:
    """Parameters that are not masked out, embeddings not included, as the paper counts them."""
    dense = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if name not in masks and not name.startswith("stage_pe.")
    )
    return dense + sum(int(mask.sum()) for mask in masks.values())


def _uniform(weight: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(weight.shape, generator=generator, device=generator.device).to(weight.device)


def _count(weight: Tensor, density: float) -> int:
    if not 0 < density <= 1:
        raise BadInput("The density", f"is {density}", "Give more than 0 and at most 1, as 0.6")
    return round(density * weight.numel())


def _count_all(weights: Mapping[str, Tensor], density: float) -> int:
    return sum(_count(weight, density) for weight in weights.values())


def _keep(score: Tensor, count: int) -> Tensor:
    """True at the `count` largest entries."""
    kept = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    kept[score.flatten().topk(count).indices] = True
    return kept.view(score.shape)
