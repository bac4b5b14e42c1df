"""Checkpoints in the key schemes of ConvNeXt, SLaK and RepLKNet, made up at a small size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from models.parts.large_kernel_expansion import expand
from models.pelk.config import PelkConfig
from models.pelk.network import Pelk
from models.pelk.official import load, load_state, scheme_of
from models.pelk.official_kernels import of_slak
from models.runtime import WrongCheckpoint

TINY = PelkConfig(
    "tiny", (16, 24), (1, 2), kernels=(15, 9), centre_radii=(2, 2), classes=5, drop_path=0.0, layer_scale=0.5
)
DENSE7 = replace(TINY, kernels=(7, 7), centre_radii=(3, 3), convolved=1.0, small_kernel=0, mixer_norm=False, kpe="none")


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.3


def norm(prefix: str, channels: int) -> dict[str, Tensor]:
    return {
        prefix + "weight": 1 + normal(channels),
        prefix + "bias": normal(channels),
        prefix + "running_mean": normal(channels),
        prefix + "running_var": 1 + normal(channels).abs(),
        prefix + "num_batches_tracked": torch.tensor(7),
    }


def trunk(config: PelkConfig) -> dict[str, Tensor]:
    """What the ConvNeXt family has under PeLK's own names."""
    state = Pelk(replace(config, kpe="none")).state_dict()
    return {key: normal(*value.shape) for key, value in state.items() if ".large_kernel." not in key}


def blocks(config: PelkConfig) -> list[tuple[int, int, int]]:
    return [(s, j, config.dims[s]) for s in range(config.stages) for j in range(config.depths[s])]


def convnext(config: PelkConfig) -> dict[str, Tensor]:
    state = trunk(config)
    for stage, index, width in blocks(config):
        state[f"stages.{stage}.{index}.dwconv.weight"] = normal(width, 1, 7, 7)
        state[f"stages.{stage}.{index}.dwconv.bias"] = normal(width)
    return state


def slak(config: PelkConfig, stripes: bool = True) -> dict[str, Tensor]:
    state = trunk(config)
    for stage, index, width in blocks(config):
        side, prefix = config.kernels[stage], f"stages.{stage}.{index}.large_kernel."
        shapes = {"LoRA1": (side, 5), "LoRA2": (5, side)} if stripes else {"lkb_origin": (side, side)}
        for branch, shape in {**shapes, "small_conv": (5, 5)}.items():
            state[f"{prefix}{branch}.conv.weight"] = normal(width, 1, *shape)
            state |= norm(f"{prefix}{branch}.bn.", width)
    return state


def replknet(config: PelkConfig) -> dict[str, Tensor]:
    state = {"stem.0.conv.weight": normal(16, 3, 3, 3)}
    for stage, index, width in blocks(config):
        large = f"stages.{stage}.blocks.{2 * index}."
        feed = f"stages.{stage}.blocks.{2 * index + 1}."
        for branch, side in (("lkb_origin", 13), ("small_conv", 5)):
            state[f"{large}large_kernel.{branch}.conv.weight"] = normal(width, 1, side, side)
            state |= norm(f"{large}large_kernel.{branch}.bn.", width)
        for prefix, high, wide in ((large, width, width), (feed, 4 * width, width)):
            for layer, shape in (("pw1", (high, wide, 1, 1)), ("pw2", (wide, high, 1, 1))):
                state[f"{prefix}{layer}.conv.weight"] = normal(*shape)
                state |= norm(f"{prefix}{layer}.bn.", shape[0])
    return state


def test_the_scheme_is_recognised() -> None:
    assert scheme_of(convnext(TINY)) == "convnext"
    assert scheme_of(slak(TINY)) == scheme_of(slak(TINY, stripes=False)) == "slak"
    assert scheme_of(replknet(TINY)) == "replknet"


def test_a_convnext_fits_its_own_sizes_completely() -> None:
    state = convnext(DENSE7)
    model = Pelk(DENSE7)
    report = load_state(model, {f"model.{key}": value for key, value in state.items()})
    assert max(report.fitted.values()) < 1e-6
    for stage, index, _ in blocks(DENSE7):
        ours = model.state_dict()[f"stages.{stage}.{index}.large_kernel.lkb_origin.conv.weight"]
        torch.testing.assert_close(ours, state[f"stages.{stage}.{index}.dwconv.weight"])
    copied = model.state_dict()
    assert all(torch.equal(copied[key], value) for key, value in trunk(DENSE7).items())
    # Our branch has no bias of its own without a norm, so the file's is named.
    assert set(report.left) == {f"stages.{s}.{j}.dwconv.bias" for s, j, _ in blocks(DENSE7)}


@pytest.mark.parametrize("stripes", [True, False])
def test_slak_gives_everything_and_says_how_far_its_kernels_changed(stripes: bool) -> None:
    state, model = slak(TINY, stripes), Pelk(TINY)
    report = load_state(model, state)
    assert report.scheme == "slak"
    assert not report.left
    assert set(report.untouched) == {"stage_pe.0", "stage_pe.1"} | {
        key for key in model.state_dict() if key.endswith("lkb_origin.bn.num_batches_tracked")
    }
    assert all(0 < residual < 1 for residual in report.fitted.values())
    assert "3 kernels fitted" in report.text()


def test_slaks_large_branch_is_the_sum_of_its_stripes_with_their_norms() -> None:
    prefix = "stages.0.0.large_kernel."
    parts = {key.removeprefix(prefix): value for key, value in slak(TINY).items() if key.startswith(prefix)}
    kernel, bias = of_slak(parts)
    x = normal(1, 16, 20, 20)
    wanted = torch.zeros_like(x)
    for branch, padding in (("LoRA1", (7, 2)), ("LoRA2", (2, 7))):
        y = F.conv2d(x, parts[f"{branch}.conv.weight"], padding=padding, groups=16)
        bn = [parts[f"{branch}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        wanted += F.batch_norm(y, *bn)
    got = F.conv2d(x, kernel.unsqueeze(1), bias, padding=7, groups=16)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def test_a_kernel_that_is_shared_already_is_kept_exactly() -> None:
    state, grid = slak(TINY, stripes=False), TINY.grid(0)
    shared = normal(16, 1, len(grid), len(grid))
    state["stages.0.0.large_kernel.lkb_origin.conv.weight"] = expand(shared, grid)
    model = Pelk(TINY).eval()
    report = load_state(model, state)
    key = "stages.0.0.large_kernel.lkb_origin.conv.weight"
    assert report.fitted[key] < 1e-6
    mixer, x = model.stages[0][0].large_kernel, normal(1, 6, 12, 12)
    dense = F.conv2d(x, expand(shared, grid)[:6], padding=7, groups=6)
    bn = [state[key.replace("conv.weight", f"bn.{p}")][:6] for p in ("running_mean", "running_var", "weight", "bias")]
    with torch.no_grad():
        torch.testing.assert_close(mixer.lkb_origin(x), F.batch_norm(dense, *bn), atol=1e-4, rtol=1e-4)


def test_replknet_gives_kernels_and_perceptrons_and_names_the_rest() -> None:
    state, model = replknet(TINY), Pelk(TINY)
    report = load_state(model, state)
    assert len(report.fitted) == 3
    ours = model.state_dict()
    x = normal(2, 24)
    weight, prefix = state["stages.1.blocks.3.pw1.conv.weight"], "stages.1.blocks.3.pw1.bn."
    bn = [state[prefix + part] for part in ("running_mean", "running_var", "weight", "bias")]
    wanted = F.batch_norm(x @ weight.flatten(1).T, *bn)
    got = F.linear(x, ours["stages.1.1.pwconv1.weight"], ours["stages.1.1.pwconv1.bias"])
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    assert "stem.0.conv.weight" in report.left
    assert "stages.0.blocks.0.pw1.conv.weight" in report.left
    assert not any("blocks.1.pw1" in key for key in report.left)


def test_other_widths_are_refused_or_listed_with_both_shapes() -> None:
    wide = replace(TINY, dims=(32, 24))
    report = load_state(Pelk(TINY), convnext(wide))
    assert "ours (16, 3, 4, 4)" in report.left["downsample_layers.0.0.weight"]
    narrow = replace(TINY, dims=(8, 12), classes=3)
    with pytest.raises(WrongCheckpoint, match="no tensor of a size"):
        load_state(Pelk(replace(TINY, convolved=1.0)), {k: v for k, v in convnext(narrow).items() if "norm" not in k})


def test_something_else_is_refused() -> None:
    with pytest.raises(WrongCheckpoint, match="none of them a depthwise"):
        load_state(Pelk(TINY), {"layer1.weight": torch.zeros(3)})


def test_a_file_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    good, broken = tmp_path / "slak.safetensors", tmp_path / "broken.safetensors"
    save_file(slak(TINY), good)
    assert load(good, Pelk(TINY)).scheme == "slak"
    broken.write_bytes(b"no")
    with pytest.raises(WrongCheckpoint, match="cannot be read as safetensors"):
        load(broken, Pelk(TINY))
