"""The repository's Nerfacto: key names, strict loading at full size, a training step at a tiny one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from models.hugs import official
from models.hugs.network import DirectionEncoder, Nerfacto, exponential
from models.hugs.network_config import CONFIGS, TINY
from models.hugs.training import proposal_interval, rate_at, render, train
from models.hugs.training_config import FINAL, MASK_GENERATION, TrainingConfig
from models.parts.capture import Capture
from models.runtime import WrongCheckpoint
from tests.hugs.box_room import box_room

SMALL = TrainingConfig(iterations=3, patches=2, patch=4, warm_up=1)


@pytest.fixture(scope="module")
def capture() -> Capture:
    return box_room(0, side=16, frames=4, clean=1)


@pytest.mark.parametrize(
    ("name", "proposals", "appearance"), [("kubric", 1, 0), ("distractor", 2, 4), ("phototourism", 2, 48)]
)
def test_full_state_has_the_documented_keys_and_loads_strictly(name: str, proposals: int, appearance: int) -> None:
    with torch.device("meta"):
        model, other = Nerfacto(CONFIGS[name]), Nerfacto(CONFIGS[name])
    state = other.state_dict()
    model.load_state_dict(state, strict=True, assign=True)
    assert state["field.mlp_base.0.params"].numel() > 2 * 11 * 2**21
    assert state["field.mlp_base.1.weight"].shape == (256, 32)
    assert state["field.mlp_base.3.weight"].shape == (65, 256)
    assert state["field.mlp_head.0.weight"].shape == (256, 80 + appearance)
    assert state["field.mlp_head.4.bias"].shape == (3,)
    assert state["field.direction_encoder.params"].shape == (0,)
    for i in range(proposals):
        assert state[f"proposal_networks.{i}.mlp_base.1.weight"].shape[0] == 64
        assert state[f"proposal_networks.{i}.mlp_base.3.weight"].shape == (1, 64)
    assert f"proposal_networks.{proposals}.mlp_base.0.params" not in state
    if appearance:
        assert state["embedding_appearance.weight"].shape == (3500, appearance)
    for buffer, value in (("base_res", 16), ("max_res", 8192), ("num_levels", 16), ("log2_hashmap_size", 21)):
        assert int(getattr(Nerfacto(TINY).field, buffer)) <= value
        assert f"field.{buffer}" in state


def written(folder: Path, change: object = lambda state: state) -> tuple[Nerfacto, Path]:
    torch.manual_seed(0)
    model = Nerfacto(TINY)
    file = folder / "checkpoint_00000003.safetensors"
    save_file(change({key: value.clone() for key, value in model.state_dict().items()}), file)  # type: ignore[operator]
    return model, file


def with_sizes(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    sizes = {"base_res": 16, "max_res": 32, "num_levels": 2, "log2_hashmap_size": 10}
    return state | {f"proposal_networks.0.{key}": torch.tensor(value) for key, value in sizes.items()}


def test_a_file_tells_its_sizes_and_renders_like_the_model_that_wrote_it(tmp_path: Path) -> None:
    model, file = written(tmp_path, lambda state: {f"module.{k}": v for k, v in with_sizes(state).items()})
    report = official.inspect(file)
    assert report.kind == "other"
    assert report.config.legacy_deltas
    assert report.config.proposals[0].finest == 32
    loaded = official.load(file, "cpu", replace(TINY))
    rays = torch.tensor([[0.1, 0.2, 0.0]]), torch.tensor([[0.0, 0.3, -1.0]])
    with torch.no_grad():
        assert torch.equal(loaded(*rays).colour, model(*rays).colour)


def test_other_files_and_missing_keys_are_refused_by_name(tmp_path: Path) -> None:
    def without(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {k: v for k, v in with_sizes(state).items() if k != "field.mlp_head.2.bias"}

    _, file = written(tmp_path, without)
    with pytest.raises(WrongCheckpoint, match=r"mlp_head\.2\.bias"):
        official.load(file, "cpu")
    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "resnet.safetensors")
    with pytest.raises(WrongCheckpoint, match="not a Nerfacto"):
        official.inspect(tmp_path / "resnet.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(WrongCheckpoint, match=r"cut\.safetensors"):
        official.inspect(tmp_path / "cut.safetensors")


@pytest.mark.parametrize("loss", ["charbonnier", "mse", "robust"])
def test_the_training_step_runs_and_moves_every_part(capture: Capture, loss: str) -> None:
    masks = {view.name: view.truth for view in capture.views if view.truth is not None}
    config = replace(SMALL, loss=loss)
    steps = list(train(capture.views, masks, TINY, config, np.random.default_rng(0), device="cpu"))
    assert [progress.step for progress in steps] == [1, 2, 3]
    assert {"colour", "interlevel", "distortion"} <= set(steps[0].terms)
    assert all(np.isfinite(list(progress.terms.values())).all() for progress in steps)
    model = steps[-1].model
    gradients = {name for name, p in model.named_parameters() if p.grad is not None and float(p.grad.abs().sum()) > 0}
    assert {"field.mlp_base.0.params", "field.mlp_head.4.weight", "embedding_appearance.weight"} <= gradients
    assert model.proposal_networks[0].mlp_base[0].params.grad is not None
    view = capture.held_out[0]
    assert view.intrinsics is not None
    picture, depth = render(model, view.intrinsics, view.camera_to_world)
    assert picture.shape == (16, 16, 3)
    assert depth.shape == (16, 16)
    assert np.isfinite(picture).all()


def test_released_and_correct_interval_lengths_give_different_pictures() -> None:
    torch.manual_seed(0)
    model = Nerfacto(TINY)
    other = Nerfacto(replace(TINY, legacy_deltas=True))
    other.load_state_dict(model.state_dict())
    rays = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, -1.0]])
    with torch.no_grad():
        assert not torch.allclose(model(*rays).levels[-1][0], other(*rays).levels[-1][0])


def test_the_schedule_is_the_released_one() -> None:
    assert rate_at(FINAL, 0) < 1e-4
    assert rate_at(FINAL, 500) == pytest.approx(1e-2, rel=0.06)
    assert rate_at(FINAL, 25_000) == pytest.approx(1e-3)
    assert rate_at(MASK_GENERATION, 0) == pytest.approx(1e-2)
    assert [proposal_interval(FINAL, step) for step in (0, 1000, 2500, 9000)] == [1, 1, 2, 5]


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: sum(x * x for x in v) > 0.01))
@settings(max_examples=30, deadline=None)
def test_spherical_harmonics_have_the_same_energy_in_every_direction(way: list[float]) -> None:
    direction = torch.tensor(way, dtype=torch.float64)
    direction = direction / direction.norm()
    values = DirectionEncoder()((direction + 1) / 2)
    # Addition theorem: per degree the squares add up to (2 l + 1) / (4 pi).
    for degree in range(4):
        part = values[degree**2 : (degree + 1) ** 2]
        assert float((part**2).sum()) == pytest.approx((2 * degree + 1) / (4 * np.pi), rel=1e-5)


def test_the_density_gradient_is_clamped_but_not_the_density() -> None:
    x = torch.tensor([20.0], requires_grad=True)
    y = exponential(x)
    y.backward()
    assert float(y.detach()) == pytest.approx(np.exp(20.0), rel=1e-5)
    assert x.grad is not None
    assert float(x.grad) == pytest.approx(np.exp(15.0), rel=1e-5)
