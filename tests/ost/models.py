"""Small random models, texts and clips that the tests of OST share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from models.ost.descriptors import ActionClass, ClassList
from models.ost.frames import ArraySource
from models.ost.weights import TOKENS_FILE, Recogniser
from models.parts.bpe import BytePairs, train_bpe
from models.parts.clip import ClipConfig, ClipLike, TowerConfig

TINY = ClipConfig(16, 32, 16, TowerConfig(64, 2, 1), TowerConfig(64, 2, 1), 24, 620)


@lru_cache(maxsize=1)
def tokeniser() -> BytePairs:
    """A tokeniser of a few sentences."""
    return train_bpe(["a person walking with a ball", "a video of sitting usually includes a chair"], TINY.vocabulary)


def tiny(seed: int = 0) -> ClipLike:
    """A random tiny model."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ClipLike(TINY).eval().requires_grad_(False)


def tiny_recogniser(seed: int = 0, least_cosine: float | None = None) -> Recogniser:
    """A random tiny model with its tokeniser."""
    return Recogniser(tiny(seed), tokeniser(), least_cosine)


def weights_folder(folder: Path, seed: int = 0) -> Path:
    """Writes a tiny model as the embedded one is stored and returns its weights file."""
    save_file({name: tensor.half() for name, tensor in tiny(seed).state_dict().items()}, folder / "mini.safetensors")
    tokeniser().save(folder / TOKENS_FILE)
    return folder / "mini.safetensors"


def classes(*names: str, count: int = 2, mark: str = "") -> ClassList:
    """Classes with ``count`` descriptors of each kind that nothing else has."""
    return ClassList(
        tuple(
            ActionClass(
                name,
                tuple(f"{name} thing {place}{mark}" for place in range(count)),
                tuple(f"{name} step {place}{mark}" for place in range(count)),
            )
            for name in names
        )
    )


def clip(frames: int = 12, seed: int = 0, size: tuple[int, int] = (32, 48), fps: float = 4.0) -> ArraySource:
    """Random frames."""
    rng = np.random.default_rng(seed)
    return ArraySource(rng.integers(0, 256, (frames, *size, 3), dtype=np.uint8), fps)
