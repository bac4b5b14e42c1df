"""The network: shapes, partial convolution, embedding, merging, conversion, agreement with the counting model."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from models.parts.large_kernel_grids import sharing_grid
from models.parts.problems import BadInput
from models.pelk import METHOD
from models.pelk.config import CONFIGS, PelkConfig, small_twin, widened
from models.pelk.convert import dense_config, to_dense, to_peripheral
from models.pelk.counting import counts
from models.pelk.network import BUILDERS, Block, Pelk, build

TINY = PelkConfig(
    "tiny",
    (16, 24),
    (1, 2),
    kernels=(15, 9),
    centre_radii=(2, 2),
    stem=2,
    in_channels=3,
    classes=5,
    image=32,
    drop_path=0.0,
    layer_scale=0.5,
)


def network(config: PelkConfig = TINY, seed: int = 0) -> Pelk:
    """With weights and statistics that make every part matter."""
    model, make = Pelk(config), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=make) * 0.3 + (weight == 1))
        for name, value in model.named_buffers():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=make) + (0.5 if name.endswith("var") else -0.5))
    return model.eval()


def picture(batch: int = 2, side: int = 32) -> Tensor:
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_has_the_parameters_it_counts(name: str) -> None:
    with torch.device("meta"):
        model = BUILDERS[name]()
    config = CONFIGS[name]
    stored = sum(weight.numel() for weight in model.parameters())
    assert stored == counts(config, small_kernel=True).stored
    # The merged network has one bias per convolved channel instead of the small branch and the norms.
    extra = counts(config, small_kernel=True).stored - counts(config).stored
    small = sum(
        config.depths[stage] * config.convolved_channels(stage) * (config.small_kernel**2 + 4 - 1)
        for stage in range(config.stages)
    )
    assert extra == small


def test_published_widths_and_channels() -> None:
    assert widened((96, 192, 384, 768)) == (124, 249, 499, 998)
    assert widened((128, 256, 512, 1024)) == (166, 332, 665, 1331)
    assert [CONFIGS["pelk_t"].convolved_channels(stage) for stage in range(4)] == [46, 93, 187, 374]


def test_nano_has_the_announced_size_and_twins_of_the_same() -> None:
    nano = CONFIGS["pelk_nano"]
    total = sum(weight.numel() for weight in build("pelk_nano").parameters())
    assert 400_000 < total < 420_000
    for kernel in (3, 7):
        twin = small_twin(nano, kernel)
        same = sum(weight.numel() for weight in Pelk(twin).parameters())
        assert abs(same - total) < 0.005 * total
        assert all(set(twin.grid(stage)) == {1} for stage in range(3))
        assert Pelk(twin)(torch.zeros(1, 1, 96, 96)).shape == (1, 2)


@pytest.mark.parametrize("kpe", ["literal", "masked", "none"])
def test_features_halve_and_any_image_size_works(kpe: str) -> None:
    model = network(replace(TINY, kpe=kpe))
    for high, wide in ((32, 32), (20, 36)):
        features = model.features(torch.zeros(1, 3, high, wide))
        assert [tuple(map_.shape) for map_ in features] == [
            (1, 16, high // 2, wide // 2),
            (1, 24, high // 4, wide // 4),
        ]
    assert model(picture()).shape == (2, 5)


def test_the_channels_beyond_g_pass_unchanged_bit_for_bit() -> None:
    block = Block(TINY, 0, 0.0).eval()
    x = torch.randn(2, 16, 12, 12, generator=torch.Generator().manual_seed(0))
    mixed = block.mix(x, torch.zeros(6, 15, 15))
    assert torch.equal(mixed[:, 6:], x[:, 6:])
    assert not torch.equal(mixed[:, :6], x[:, :6])


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("kpe", ["literal", "masked", "none"])
def test_merging_changes_nothing_but_the_number_of_branches(kpe: str, norm: bool) -> None:
    model = network(replace(TINY, kpe=kpe, mixer_norm=norm))
    with torch.no_grad():
        before = model(picture())
        after = model.merge()(picture())
    torch.testing.assert_close(after, before, atol=2e-4, rtol=2e-4)
    keys = model.state_dict()
    assert not any("small_conv" in key or "lkb_origin" in key for key in keys)
    assert tuple(keys["stages.0.0.large_kernel.lkb_reparam.weight"].shape) == (6, 1, 9, 9)
    assert len(model.stage_pe) == (2 if kpe == "masked" else 0)
    assert model.merge() is model


def test_a_merged_network_can_be_stored_and_loaded() -> None:
    model = network().merge()
    other = Pelk(TINY).eval().merge()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(other(picture()), model(picture()))


def test_merging_is_refused_where_the_small_kernel_exceeds_the_unshared_centre() -> None:
    model = network(replace(TINY, centre_radii=(2, 1)))
    with pytest.raises(BadInput, match="unshared centre"):
        model.merge()
    assert not model.merged
    assert model(picture()).shape == (2, 5)


def test_the_literal_embedding_in_front_of_the_norm_would_vanish_and_behind_it_does_not() -> None:
    model = network().train()
    loss = model(picture()).square().sum()
    gradients = torch.autograd.grad(loss, list(model.stage_pe))
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_dense_and_back_without_loss() -> None:
    for model in (network(), network(replace(TINY, kpe="masked")).merge()):
        dense = to_dense(model)
        assert all(set(dense.config.grid(stage)) == {1} for stage in range(2))
        back, residuals = to_peripheral(dense, model.config)
        assert max(residuals.values()) < 1e-6
        with torch.no_grad():
            wanted = model(picture())
            torch.testing.assert_close(dense(picture()), wanted, atol=2e-4, rtol=2e-4)
            torch.testing.assert_close(back(picture()), wanted, atol=2e-4, rtol=2e-4)


def test_a_dense_network_loses_what_sharing_removes() -> None:
    _, residuals = to_peripheral(network(dense_config(TINY)), TINY)
    assert all(0.1 < value < 1 for value in residuals.values())


def test_grids_are_an_argument() -> None:
    config = TINY.with_grids([sharing_grid(15, 3), (1,) * 9])
    assert Pelk(config).stages[0][0].large_kernel.lkb_origin.conv.weight.shape[-1] == len(sharing_grid(15, 3))
    with pytest.raises(BadInput, match="sums to 9"):
        TINY.with_grids([(1,) * 9, (1,) * 9])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kernels": (15, 8)}, "even"),
        ({"kernels": (15,)}, "1 entries for 2 stages"),
        ({"convolved": 0.0}, "convolved share"),
        ({"convolved": 0.01}, "convolved share"),
        ({"kpe": "added"}, "literal, masked or none"),
        ({"small_kernel": 11}, "small kernel"),
        ({"centre_radii": (2, 9)}, "centre radius"),
    ],
)
def test_wrong_configurations_are_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        replace(TINY, **change)


def test_training_reaches_every_parameter() -> None:
    model = network().train()
    model(picture(4)).square().sum().backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert not without


def test_drawing_twice_with_one_seed_gives_one_network() -> None:
    one, two = Pelk(TINY), Pelk(TINY)
    for model in (one, two):
        model.reset_parameters(torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_stochastic_depth_grows_with_depth() -> None:
    with torch.device("meta"):
        model = Pelk(replace(CONFIGS["pelk_t"], drop_path=0.4))
    rates = [block.drop_path.p for blocks in model.stages for block in blocks]
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.4)
    assert all(low < high for low, high in pairwise(rates))


def test_the_method_is_known_as_pelk() -> None:
    assert METHOD.slug == "pelk"
    with pytest.raises(KeyError, match="pelk_t"):
        build("pelk_huge")
