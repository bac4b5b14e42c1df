"""Authors' files: prefixes, plain SAM, HQ-SAM, wrong models and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.robust_sam import official
from models.robust_sam.stages import is_robust
from models.runtime import WrongCheckpoint


def changed(source: Path, folder: Path, change: object) -> Path:
    state = change(load_file(source))  # type: ignore[operator]
    file = folder / "other.safetensors"
    save_file(state, file)
    return file


def test_the_prefix_of_data_parallel_training_is_dropped(nano_file: Path, tmp_path: Path) -> None:
    file = changed(nano_file, tmp_path, lambda state: {f"module.{key}": value for key, value in state.items()})
    model = official.load(file, "cpu")
    assert model.branches == ("sam", "robust")
    expected = load_file(nano_file)["mask_decoder.iou_token.weight"].float()
    assert torch.equal(model.mask_decoder.iou_token.weight, expected)


def test_plain_sam_loads_without_the_robust_branch_and_says_so(nano_file: Path, tmp_path: Path) -> None:
    file = changed(nano_file, tmp_path, lambda state: {k: v for k, v in state.items() if not is_robust(k)})
    report = official.inspect(file)
    assert not report.robust
    assert "plain SAM" in report.note
    assert official.load(file, "cpu").branches == ("sam",)


def test_hq_sam_tensors_are_left_out_and_said(nano_file: Path, tmp_path: Path) -> None:
    extra = {"mask_decoder.hf_token.weight": torch.zeros(1, 128)}
    file = changed(nano_file, tmp_path, lambda state: state | extra)
    assert "HQ-SAM" in official.inspect(file).note
    official.load(file, "cpu")


def test_missing_unexpected_and_wrong_shapes_are_named(nano_file: Path, tmp_path: Path) -> None:
    def damage(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        del state["mask_decoder.robust_mlp.layers.1.bias"]
        state["mask_decoder.surplus"] = torch.zeros(1)
        state["mask_decoder.iou_token.weight"] = torch.zeros(1, 5)
        return state

    with pytest.raises(WrongCheckpoint) as caught:
        official.load(changed(nano_file, tmp_path, damage), "cpu")
    for name in ("robust_mlp.layers.1.bias", "mask_decoder.surplus", "iou_token.weight"):
        assert name in str(caught.value)


def test_the_file_of_another_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "resnet.safetensors"
    save_file({"conv1.weight": torch.zeros(3, 3)}, file)
    with pytest.raises(WrongCheckpoint, match="not a SAM or RobustSAM checkpoint"):
        official.load(file, "cpu")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    file.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(WrongCheckpoint, match=r"cut\.safetensors"):
        official.inspect(file)
