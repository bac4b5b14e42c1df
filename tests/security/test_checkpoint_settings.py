"""Weights with a yacs table of settings beside them pass the door; the table's class is never imported."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from app.guard import BadInput


@pytest.fixture
def settings_class(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class that pickles as yacs.config.CfgNode does, importable only while the file is written."""

    class CfgNode(dict):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.__dict__["__immutable__"] = True
            self.__dict__["__deprecated_keys__"] = set()
            self.__dict__["__renamed_keys__"] = {}

    CfgNode.__module__, CfgNode.__qualname__ = "yacs.config", "CfgNode"
    module = types.ModuleType("yacs.config")
    module.CfgNode = CfgNode  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
        patch.setitem(sys.modules, "yacs.config", module)
        yield CfgNode


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_beside_settings_come_out_and_nothing_else(
    tmp_path: Path, door: Any, settings_class: Any, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    weights = {"module.logit_scale": torch.tensor(4.6), "module.image_encoder.proj": torch.arange(6.0).view(2, 3)}
    content = {
        "model": weights,
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 8e-6, "betas": (0.9, 0.98)}]},
        "lr_scheduler": {"t_initial": 10},
        "max_accuracy": 75.1,
        "epoch": 9,
        "config": settings_class({"MODEL": settings_class({"ARCH": "ViT-B/16"}), "OUTPUT": None}),
    }
    file = tmp_path / "ost.pth"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    monkeypatch.delitem(sys.modules, "yacs.config")
    found = load_file(door(file))
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())
    assert "yacs.config" not in sys.modules


def test_a_class_that_only_looks_like_settings_is_refused(tmp_path: Path, door: Any, settings_class: Any) -> None:
    settings_class.__module__ = "yacs.other"
    module = types.ModuleType("yacs.other")
    module.CfgNode = settings_class  # type: ignore[attr-defined]
    sys.modules["yacs.other"] = module
    try:
        torch.save({"model": {"w": torch.ones(1)}, "config": settings_class()}, tmp_path / "other.pth")
    finally:
        del sys.modules["yacs.other"]
    with pytest.raises(BadInput, match=r"yacs\.other\.CfgNode"):
        door(tmp_path / "other.pth")
