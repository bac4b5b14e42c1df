"""Receptive fields by depth, of modules whose field is known and of the room's networks; checkpoints of users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.parts.problems import BadInput
from models.pelk import nano
from models.pelk.explore import blocks_of, fields_by_depth
from models.pelk.network import build
from models.pelk.pipeline_fields import Fields, fields_job, squared
from models.pelk.pipeline_own import own_checkpoint
from models.pelk.receptive_field import field_of
from models.runtime import Job, JobContext, WrongCheckpoint
from tests.pelk.untrained import untrained_weights

PHOTO = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def run(job: Job) -> Any:
    """The job's result, without a runtime."""
    steps: Iterator[Any] = job.call(JobContext(), None, **job.arguments)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def uniform(depth: int, kernel: int = 3) -> nn.Sequential:
    layers = [nn.Conv2d(1, 1, kernel, padding=kernel // 2, bias=False) for _ in range(depth)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1.0)
    return nn.Sequential(*layers)


def test_each_layer_of_a_known_stack_has_its_own_box() -> None:
    stack = uniform(4)
    image = torch.rand(1, 1, 21, 21, generator=torch.Generator().manual_seed(0)) + 0.1
    depths = fields_by_depth(stack, image, [(str(i), layer) for i, layer in enumerate(stack)])
    for number, depth in enumerate(depths):
        touched = np.argwhere(depth.field > 0)
        assert touched.min() == 10 - (number + 1)
        assert touched.max() == 10 + (number + 1)
        assert depth.stride == 1


def test_one_pass_gives_what_one_call_per_layer_gives() -> None:
    model = build("pelk_nano").eval()
    images = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    last = [(f"stage {i}", blocks[-1]) for i, blocks in enumerate(model.stages)]
    for stage, depth in enumerate(fields_by_depth(model, images, last)):
        alone = field_of(lambda x, stage=stage: model.features(x)[stage], list(images))
        np.testing.assert_allclose(depth.field, alone, rtol=1e-4, atol=1e-9 + 1e-5 * alone.max())
        assert depth.stride == 2 * 2**stage


def test_the_module_is_left_as_it_was() -> None:
    model = build("pelk_nano").train()
    frozen = model.head.weight.requires_grad_(False)
    with torch.inference_mode():
        fields_by_depth(model, torch.rand(1, 1, 32, 32), blocks_of(model))
    assert model.training
    assert not frozen.requires_grad
    assert all(w.requires_grad and w.grad is None for w in model.parameters() if w is not frozen)
    assert all(not layer._forward_hooks for layer in model.modules())


def test_memory_order_does_not_matter() -> None:
    stack = uniform(2)
    image = torch.rand(1, 1, 17, 15, generator=torch.Generator().manual_seed(2))
    turned = image.mT.contiguous().mT
    assert np.array_equal(fields_by_depth(stack, image)[0].field, fields_by_depth(stack, turned)[0].field)


def test_layers_that_are_no_maps_are_named() -> None:
    model = build("pelk_nano").eval()
    image = torch.rand(1, 1, 32, 32)
    with pytest.raises(BadInput, match="layer head"):
        fields_by_depth(model, image, [("head", model.head)])
    with pytest.raises(BadInput, match="was not run"):
        fields_by_depth(model, image, [("other", nn.Conv2d(1, 1, 1))])
    with pytest.raises(BadInput, match="shape"):
        fields_by_depth(model, image[0])
    with pytest.raises(BadInput, match="no PeLK trunk"):
        blocks_of(nn.Linear(2, 2))


def test_untrained_networks_say_so() -> None:
    found: Fields = run(fields_job("me", PHOTO, "d", "untrained", 96, views=2, seed=4))
    assert found.image.shape == (96, 96, 3)
    assert [network.trained for network in found.networks] == [False] * 3
    assert all(len(network.depths) == 8 for network in found.networks)
    again: Fields = run(fields_job("me", PHOTO, "d", "untrained", 96, views=2, seed=4))
    assert np.array_equal(found.networks[0].depths[-1].field, again.networks[0].depths[-1].field)
    assert found.as_dict()["input_px"] == 96


def test_missing_weights_are_never_replaced_by_drawn_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untrained_weights(tmp_path, monkeypatch, tasks=())
    with pytest.raises(BadInput, match="no weights here"):
        fields_job("me", PHOTO, "d", "pathfinder")


def test_trained_networks_come_from_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untrained_weights(tmp_path, monkeypatch)
    found: Fields = run(fields_job("me", PHOTO, "d", "segmentation", 96))
    assert [network.key for network in found.networks] == list(nano.VARIANTS)
    assert all(network.trained for network in found.networks)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"source": "elsewhere"}, "do not exist"),
        ({"source": "untrained", "size": 100}, "Choose one of 96"),
        ({"source": "untrained", "views": 0}, "1 to 16"),
        ({"source": "file"}, "not loaded"),
    ],
)
def test_odd_settings_are_refused_before_anything_runs(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(BadInput, match=part):
        fields_job("me", PHOTO, "d", **arguments)
    with pytest.raises(BadInput, match="shape"):
        fields_job("me", PHOTO[..., 0], "d", "untrained")


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (64, 64, 3)])
def test_any_photo_becomes_the_square(shape: tuple[int, int, int]) -> None:
    assert squared(np.full(shape, 7, np.uint8), 96).shape == (96, 96, 3)


def convnext(kernel: int = 7) -> dict[str, torch.Tensor]:
    """A ConvNeXt of two stages with the authors' names."""
    draw = torch.Generator().manual_seed(5)
    dims, state = (8, 16), {}

    def put(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = 0.3 * torch.randn(shape, generator=draw)
        state[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=draw)

    put("downsample_layers.0.0", 8, 3, 4, 4)
    put("downsample_layers.0.1", 8)
    put("downsample_layers.1.0", 8)
    put("downsample_layers.1.1", 16, 8, 2, 2)
    for stage, dim in enumerate(dims):
        for index in range(2):
            block = f"stages.{stage}.{index}"
            put(f"{block}.dwconv", dim, 1, kernel, kernel)
            put(f"{block}.norm", dim)
            put(f"{block}.pwconv1", 4 * dim, dim)
            put(f"{block}.pwconv2", dim, 4 * dim)
            state[f"{block}.gamma"] = torch.ones(dim)
    put("norm", 16)
    put("head", 10, 16)
    return state


def convnext_features(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The same network written out with torch's own functions."""
    F = nn.functional

    def norm(y: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return F.layer_norm(y.permute(0, 2, 3, 1), weight.shape, weight, bias, 1e-6).permute(0, 3, 1, 2)

    def conv(y: torch.Tensor, name: str, **options: Any) -> torch.Tensor:
        return F.conv2d(y, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    for stage, dim in enumerate((8, 16)):
        down = f"downsample_layers.{stage}"
        x = (
            norm(conv(x, f"{down}.0", stride=4), f"{down}.1")
            if not stage
            else conv(norm(x, f"{down}.0"), f"{down}.1", stride=2)
        )
        for index in range(2):
            block = f"stages.{stage}.{index}"
            y = norm(conv(x, f"{block}.dwconv", padding=3, groups=dim), f"{block}.norm").permute(0, 2, 3, 1)
            y = F.gelu(F.linear(y, state[f"{block}.pwconv1.weight"], state[f"{block}.pwconv1.bias"]))
            y = F.linear(y, state[f"{block}.pwconv2.weight"], state[f"{block}.pwconv2.bias"])
            x = x + (state[f"{block}.gamma"] * y).permute(0, 3, 1, 2)
    return x


def test_a_convnext_is_taken_over_whole_and_computes_the_same(tmp_path: Path) -> None:
    file = tmp_path / "tiny.safetensors"
    save_file(convnext(), file)
    own = own_checkpoint(file, "tiny.pth")
    assert own.complete
    assert own.config.kernels == (7, 7)
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        torch.testing.assert_close(own.build().features(x)[-1], convnext_features(convnext(), x), rtol=1e-4, atol=1e-4)
    found: Fields = run(fields_job("me", PHOTO, "d", "file", 96, own=own))
    assert [depth.name for depth in found.networks[0].depths] == ["stage 1", "stage 2"]
    assert "convnext" in found.note


def test_a_partial_checkpoint_says_so(tmp_path: Path) -> None:
    state = {key: value for key, value in convnext().items() if not key.startswith("downsample_layers.1.")}
    file = tmp_path / "part.safetensors"
    save_file(state, file)
    own = own_checkpoint(file)
    assert not own.complete
    assert own.title.endswith("in part")


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(WrongCheckpoint, match="none of them"):
        own_checkpoint(file)
    save_file(convnext(6), file)
    with pytest.raises(BadInput, match="odd kernel"):
        own_checkpoint(file)
    file.write_bytes(b"no")
    with pytest.raises(WrongCheckpoint, match="cannot be read"):
        own_checkpoint(file)
