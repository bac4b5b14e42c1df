"""Dynamic sparsity: densities, masks, exchanges, counts."""

from __future__ import annotations

import pytest
import torch

from models.parts.problems import BadInput
from models.pelk.config import CONFIGS
from models.pelk.counting import counts
from models.pelk.network import Pelk, build
from models.pelk.sparsity import (
    apply_masks,
    density_of,
    exchange,
    random_masks,
    remaining_parameters,
    snip_masks,
    thinned,
)


@pytest.fixture
def nano() -> Pelk:
    model = build("pelk_nano")
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


def test_the_head_norms_and_embeddings_stay_dense(nano: Pelk) -> None:
    names = set(thinned(nano))
    assert "downsample_layers.0.0.weight" in names
    assert "stages.2.3.large_kernel.lkb_origin.conv.weight" in names
    assert not any(
        word in name for name in names for word in ("head", "norm", "stage_pe", "small_conv", "gamma", "bias")
    )


@pytest.mark.parametrize("density", [0.6, 1.0])
def test_random_masks_have_the_density_in_every_layer(nano: Pelk, density: float) -> None:
    masks = random_masks(nano, density, torch.Generator().manual_seed(1))
    for mask in masks.values():
        assert int(mask.sum()) == round(density * mask.numel())
    assert density_of(masks) == pytest.approx(density, abs=1e-3)


def test_snip_keeps_the_weights_that_matter_most_over_all_layers(nano: Pelk) -> None:
    x = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    masks = snip_masks(nano, 0.6, nano(x).square().sum())
    assert density_of(masks) == pytest.approx(0.6, abs=1e-3)
    assert len({round(float(mask.float().mean()), 2) for mask in masks.values()}) > 1


def test_masked_weights_are_zero_and_an_exchange_keeps_the_density(nano: Pelk) -> None:
    make = torch.Generator().manual_seed(3)
    masks = random_masks(nano, 0.6, make)
    apply_masks(nano, masks)
    assert all(not weight[~masks[name]].any() for name, weight in thinned(nano).items())
    for rate in (0.0, 0.5, 1.0):
        new = exchange(masks, nano, rate, make)
        for name, mask in new.items():
            assert int(mask.sum()) == int(masks[name].sum())
            room = mask.numel() - int(masks[name].sum())
            left = int((masks[name] & ~mask).sum())
            assert left == min(int(rate * int(masks[name].sum())), room)


def test_an_exchange_removes_the_smallest_weights(nano: Pelk) -> None:
    make = torch.Generator().manual_seed(4)
    masks = random_masks(nano, 0.6, make)
    apply_masks(nano, masks)
    new = exchange(masks, nano, 0.3, make)
    for name, weight in thinned(nano).items():
        stayed, left = weight[masks[name] & new[name]].abs(), weight[masks[name] & ~new[name]].abs()
        if len(left):
            assert stayed.min() >= left.max()


def test_remaining_parameters_of_the_merged_network_are_the_counted_ones() -> None:
    with torch.device("meta"):
        model = build("pelk_t").eval()
    config = CONFIGS["pelk_t"]
    total = sum(weight.numel() for weight in thinned(model).values())
    assert counts(config).parameters == pytest.approx(counts(config).stored - counts(config).embedding - 0.4 * total)
    nano = build("pelk_nano").eval().merge()
    masks = random_masks(nano, 0.5, torch.Generator().manual_seed(5))
    wanted = counts(CONFIGS["pelk_nano"]).stored - counts(CONFIGS["pelk_nano"]).embedding
    half = sum(mask.numel() for mask in masks.values()) / 2
    assert remaining_parameters(nano, masks) == pytest.approx(wanted - half, abs=len(masks))


def test_wrong_settings_are_refused(nano: Pelk) -> None:
    make = torch.Generator().manual_seed(6)
    with pytest.raises(BadInput, match="density"):
        random_masks(nano, 0.0, make)
    with pytest.raises(BadInput, match="exchange rate"):
        exchange(random_masks(nano, 0.5, make), nano, 1.5, make)
    with pytest.raises(BadInput, match="do not belong"):
        apply_masks(nano, {"other": torch.ones(1, dtype=torch.bool)})
