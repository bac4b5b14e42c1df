"""A small RobustSAM with random weights: enough for every statement that does not depend on what was learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.robust_sam.network import CONFIGS, RobustSam, RobustSamConfig, VitConfig

TINY = RobustSamConfig(
    "tiny",
    VitConfig(32, 2, 2, (1,), window_size=3),
    image_size=128,
    dim=64,
    two_way_heads=4,
    two_way_mlp=64,
    mask_in_channels=8,
    iou_hidden=32,
)


@pytest.fixture(scope="session")
def tiny() -> RobustSam:
    """A ViT model of 128 px with random weights and BatchNorm statistics."""
    torch.manual_seed(0)
    model = RobustSam(TINY)
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(std=0.1)
    return model.eval()


@pytest.fixture(scope="session")
def nano_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the nano network with random weights, as training writes it."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    state = RobustSam(CONFIGS["nano"]).state_dict()
    save_file({k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}, file)
    return file


@pytest.fixture
def photo() -> np.ndarray:
    """A 60 x 80 uint8 picture with structure."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack([rows * 4, columns * 3, (rows - 30) ** 2 + (columns - 40) ** 2 < 300], axis=2)
    picture[..., 2] *= 255
    return np.clip(picture + rng.integers(0, 20, picture.shape), 0, 255).astype(np.uint8)
