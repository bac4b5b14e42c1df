"""Training as the paper does it: the schedule, and a toy set that is learned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from models.ost.network import OFFICIAL, head, unit
from models.ost.training import (
    PAPER_FEW_SHOT,
    PAPER_ZERO_SHOT,
    ClipBatch,
    Recipe,
    fit,
    learning_rate,
    optimiser,
)
from models.parts.problems import BadInput
from tests.ost.models import tiny


def test_the_papers_numbers() -> None:
    assert PAPER_ZERO_SHOT.batch * PAPER_ZERO_SHOT.accumulation == 256
    assert PAPER_FEW_SHOT.batch * PAPER_FEW_SHOT.accumulation == 64
    tool = optimiser(tiny(), PAPER_ZERO_SHOT)
    (group,) = tool.param_groups
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (8e-6, (0.9, 0.98), 1e-8, 1e-3)


def test_the_rate_rises_for_half_of_the_ten_epochs_and_falls_on_the_whole_cosine() -> None:
    rates = [learning_rate(step, 100, PAPER_ZERO_SHOT) for step in range(101)]
    assert rates[0] == pytest.approx(8e-8)
    assert rates[49] < 8e-6
    assert rates[50] == pytest.approx(8e-8 + 0.5 * (8e-6 - 8e-8))
    assert rates[100] == pytest.approx(8e-8)
    assert all(later < earlier for earlier, later in pairwise(rates[50:]))


def toy() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four classes: frames (4, 3, 3, 32, 32) of one colour each with noise, and tokens (4, 2, 6) of each kind."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.tensor([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0], [-2.0, 0, 0]])
    frames = colours[:, None, :, None, None] + 0.3 * torch.randn(4, 3, 3, 32, 32, generator=generator)
    tokens = torch.randint(1, 500, (2, 4, 2, 6), generator=generator)
    tokens[..., -1] = 619
    return frames, tokens[0], tokens[1]


def toy_batches() -> Iterator[ClipBatch]:
    frames, spatial, temporal = toy()
    while True:
        yield ClipBatch(frames, spatial, temporal, torch.arange(4))


def test_a_toy_set_is_learned_to_the_last_clip() -> None:
    model = tiny(3)
    recipe = Recipe(epochs=10, lr=1e-3, batch=4, warmup_epochs=1)
    losses = [step.loss for step in fit(model, toy_batches(), 60, recipe)]
    assert losses[-1] < 0.2 * losses[0]
    frames, spatial, temporal = toy()
    with torch.no_grad():
        banks = [unit(model.encode_text(tokens)) for tokens in (spatial, temporal)]
        logits = head(unit(model.encode_image(frames)), banks[0], banks[1], model.scale, OFFICIAL).logits
    assert logits.argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_accumulated_passes_are_one_step_of_the_mean_gradient() -> None:
    frames, spatial, temporal = toy()
    batch = ClipBatch(frames, spatial, temporal, torch.arange(4))
    recipe = Recipe(epochs=1, lr=1e-3, batch=4)
    models = []
    for accumulation in (1, 2):
        model = tiny(4)
        list(fit(model, [batch] * accumulation, 1, replace(recipe, accumulation=accumulation)))
        models.append(model)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_half_precision_towers_still_give_a_finite_loss() -> None:
    model = tiny(6)
    recipe = Recipe(epochs=1, lr=1e-4, batch=4)
    steps = list(fit(model, toy_batches(), 2, recipe, autocast=torch.bfloat16))
    assert all(math.isfinite(step.loss) for step in steps)


def test_data_that_runs_out_is_said() -> None:
    with pytest.raises(BadInput, match="ends at step 1 of 3"):
        list(fit(tiny(), [next(toy_batches())], 3, Recipe(epochs=1, lr=1e-4, batch=4)))
