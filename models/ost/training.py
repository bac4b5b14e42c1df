"""Training as the paper does it; the embedded ost-mini has its own, by elapsed time: models.ost.mini_training.

Where the paper's code fixes something it is fixed here: AdamW on every parameter, cosine to lr/100 over all optimiser
steps with a linear warm-up, the symmetric KL loss. What it leaves to hardware (batch, accumulation) is in the recipe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from models.ost.network import OFFICIAL, HeadConfig, loss, training_logits
from models.parts.clip import ClipLike
from models.parts.problems import BadInput


@dataclass(frozen=True)
class Recipe:
    """How long and how fast. ``batch`` counts clips of one backward pass."""

    epochs: float
    lr: float
    batch: int
    warmup_epochs: float = 0.0
    accumulation: int = 1
    """Backward passes per optimiser step."""
    frames: int = 32
    descriptors: int = 4
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 1e-3
    floor: float = 0.01
    """Share of ``lr`` at the first and at the last step."""


PAPER_ZERO_SHOT = Recipe(epochs=10, lr=8e-6, batch=4, warmup_epochs=5, accumulation=64)
"""Kinetics-400, effective batch 256 (8 GPUs x 4 x 8 there, one device here)."""
PAPER_FEW_SHOT = Recipe(epochs=50, lr=5e-6, batch=4, warmup_epochs=5, accumulation=16)
"""2, 4, 8 or 16 clips a class, effective batch 64."""


@dataclass(frozen=True)
class ClipBatch:
    """``frames``: (B, T, 3, H, W) normalised. ``spatial``, ``temporal``: int64 (B, N, L), tokens of each clip's class.
    ``labels``: int64 (B,)."""

    frames: Tensor
    spatial: Tensor
    temporal: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Step:
    """After one optimiser step; ``loss`` is the mean over its backward passes."""

    step: int
    steps: int
    loss: float
    lr: float


def optimiser(model: ClipLike, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over all parameters alike: norms and biases decay too, as in the paper's code."""
    return torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay
    )


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """The rate of optimiser step ``step`` (from 0) of ``steps``.

    Linear from lr * floor during the warm-up, then on the cosine that runs over the whole course (not over what is
    left) down to lr * floor.
    """
    low = recipe.floor * recipe.lr
    warmup = round(steps * recipe.warmup_epochs / recipe.epochs)
    if step < warmup:
        return low + (recipe.lr - low) * step / warmup
    return low + 0.5 * (recipe.lr - low) * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def fit(
    model: ClipLike,
    batches: Iterable[ClipBatch],
    steps: int,
    recipe: Recipe,
    *,
    config: HeadConfig = OFFICIAL,
    autocast: torch.dtype | None = None,
) -> Iterator[Step]:
    """Trains ``model`` in place for ``steps`` optimiser steps, yielding after each.

    batches: at least ``recipe.accumulation`` for each step; on the model's device. autocast: type of the towers'
    products (torch.bfloat16 on a GPU), None for float32; the loss is float32 in both.
    Raises BadInput when the batches run out or the loss is no number.
    """
    model.train().requires_grad_(True)
    tool = optimiser(model, recipe)
    source = iter(batches)
    device = next(model.parameters()).device.type
    for step in range(steps):
        rate = learning_rate(step, steps, recipe)
        for group in tool.param_groups:
            group["lr"] = rate
        total = torch.zeros((), device=next(model.parameters()).device)
        for _ in range(recipe.accumulation):
            batch = next(source, None)
            if batch is None:
                raise BadInput("The training data", f"ends at step {step} of {steps}", "Give more clips or fewer steps")
            with torch.autocast(device, autocast) if autocast is not None else nullcontext():
                logits = training_logits(model, batch.frames, batch.spatial, batch.temporal, config)
            value = loss(logits, batch.labels)
            (value / recipe.accumulation).backward()
            total += value.detach() / recipe.accumulation
        tool.step()
        tool.zero_grad(set_to_none=True)
        if not math.isfinite(found := float(total)):
            raise BadInput("The loss", f"is {found} at step {step}", "Lower the learning rate")
        yield Step(step + 1, steps, found, rate)
    model.eval()


def main(words: Sequence[str]) -> int:
    """``launch.py train ost``: both stages of ost-mini."""
    from models.ost import mini_training  # renders figures, which nobody else who trains needs

    return mini_training.main(words)
