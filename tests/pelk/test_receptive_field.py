"""The effective receptive field of networks whose field is known by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.parts.large_kernel import LargeKernelConv2d
from models.parts.problems import BadInput
from models.pelk.config import CONFIGS
from models.pelk.network import build
from models.pelk.receptive_field import area_scores, field_of, shown


def uniform(kernel: int, depth: int = 1) -> nn.Module:
    layers = [LargeKernelConv2d(1, kernel, bias=False) for _ in range(depth)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / kernel**2)
    return nn.Sequential(*layers)


def bright(side: int = 41, count: int = 2) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(0)
    return [torch.rand(1, side, side, generator=make) + 0.1 for _ in range(count)]


@pytest.mark.parametrize("kernel", [3, 9, 31])
def test_one_uniform_kernel_gives_its_box(kernel: int) -> None:
    field = field_of(uniform(kernel), bright())
    wanted = np.zeros((41, 41))
    low, high = 20 - kernel // 2, 20 + kernel // 2 + 1
    wanted[low:high, low:high] = 1 / kernel**2
    np.testing.assert_allclose(field, wanted, atol=1e-6)
    for score in area_scores(field, (0.2, 0.5, 0.9)):
        side = next(s for s in range(1, 43, 2) if min(1, s * s / kernel**2) > score.share)
        assert score.side == side
        assert score.area == side**2 / 41**2


def test_two_uniform_kernels_give_the_product_of_two_tents() -> None:
    field = field_of(uniform(7, depth=2), bright(count=1))
    tent = np.convolve(np.ones(7), np.ones(7)) / 49
    np.testing.assert_allclose(field[14:27, 14:27], np.outer(tent, tent), atol=1e-6)


def test_scores_grow_with_the_kernel_and_with_the_share() -> None:
    sides = [[score.side for score in area_scores(field_of(uniform(kernel), bright()))] for kernel in (3, 7, 15, 31)]
    for shares in sides:
        assert shares == sorted(shares)
    for of_share in zip(*sides, strict=True):
        assert list(of_share) == sorted(of_share)


def test_a_dead_centre_has_no_score_and_shows_black() -> None:
    model = uniform(5)
    nn.init.constant_(model[0].weight, -1.0)
    field = field_of(model, bright())
    assert not field.any()
    assert [score.side for score in area_scores(field)] == [None] * 4
    assert not shown(field).any()


def test_the_field_can_be_taken_elsewhere_and_in_any_grad_mode() -> None:
    model = uniform(5)
    with torch.inference_mode():
        field = field_of(model, bright(), centre=(3, 30))
    assert np.argwhere(field > 1e-9).mean(0).tolist() == [3, 30]


def test_shown_is_between_0_and_1_and_the_largest_at_1() -> None:
    plotted = shown(field_of(uniform(9, depth=2), bright()))
    assert plotted.min() >= 0
    assert plotted.max() == 1


def test_a_network_with_every_stage_works_and_keeps_no_gradients() -> None:
    model = build("pelk_nano").eval()
    seen: list[float] = []
    images = [torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(1))] * 2
    for stage in range(len(CONFIGS["pelk_nano"].dims)):
        field = field_of(lambda x, stage=stage: model.features(x)[stage], images, tick=seen.append)
        assert field.shape == (48, 48)
        assert field.any()
    assert seen == [0.5, 1.0] * 3
    assert all(weight.grad is None for weight in model.parameters())


def test_wrong_input_is_refused_with_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="are none"):
        field_of(uniform(3), [])
    with pytest.raises(BadInput, match="differ in size"):
        field_of(uniform(3), [*bright(21, 1), *bright(23, 1)])
    with pytest.raises(BadInput, match="before the pooling"):
        field_of(lambda x: x.mean((-2, -1)), bright())
    with pytest.raises(BadInput, match="outside"):
        field_of(uniform(3), bright(), centre=(99, 0))
