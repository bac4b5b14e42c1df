"""Loads SAM's, HQ-SAM's and RobustSAM's own checkpoint files, strictly, and says what a file lacks.

The files come through the checkpoint door as safetensors; nothing here unpickles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from models.robust_sam.decoder import ROBUST_PREFIXES
from models.robust_sam.network import CONFIGS, RobustSam, RobustSamConfig
from models.runtime import WrongCheckpoint
from models.runtime.backends.torch_adapter import load_module

DATA_PARALLEL_PREFIX = "module."
HQ_PREFIXES = tuple(
    f"mask_decoder.{name}"
    for name in ("hf_token.", "hf_mlp.", "compress_vit_feat.", "embedding_encoder.", "embedding_maskfeature.")
)
"""What HQ-SAM adds to SAM; not part of this method, so it is left out and said."""


@dataclass(frozen=True)
class FileReport:
    """What a checkpoint file holds, read from its header alone."""

    config: RobustSamConfig
    robust: bool
    note: str


def plain_name(key: str) -> str:
    """The key without the prefix that torch's DataParallel leaves, where there is one."""
    return key.removeprefix(DATA_PARALLEL_PREFIX)


def inspect(file: Path) -> FileReport:
    """Which size ``file`` is and whether it has the robust part. Raises WrongCheckpoint when it is no SAM at all."""
    try:
        with safe_open(file, framework="pt") as weights:
            keys = list(weights.keys())
            shapes = {plain_name(key): tuple(weights.get_slice(key).get_shape()) for key in keys}
    except (SafetensorError, OSError) as problem:
        raise WrongCheckpoint(f"{file.name} cannot be read as safetensors ({problem}). Download it again.") from None
    config = _size(shapes)
    if config is None:
        raise WrongCheckpoint(
            f"{file.name} is not a SAM or RobustSAM checkpoint: of its {len(shapes)} tensors none is a SAM image "
            "encoder of size B, L or H. Choose sam_vit_{b,l,h} or robustsam_checkpoint_{b,l,h}."
        )
    new = [key for key in shapes if key.removeprefix("mask_decoder.").startswith(ROBUST_PREFIXES)]
    notes = []
    if not new:
        notes.append("This file holds plain SAM: it has no robust part, so only the SAM branch is shown.")
    if any(key.startswith(HQ_PREFIXES) for key in shapes):
        notes.append("Its HQ-SAM tensors are not used here.")
    return FileReport(config, bool(new), " ".join(notes))


def _size(shapes: dict[str, tuple[int, ...]]) -> RobustSamConfig | None:
    if "image_encoder.trunk._conv_stem.weight" in shapes:
        return CONFIGS["nano"]
    position = shapes.get("image_encoder.pos_embed", ())
    depth = len({key.split(".")[2] for key in shapes if key.startswith("image_encoder.blocks.")})
    for config in CONFIGS.values():
        if config.vit and position and (config.vit.embed_dim, config.vit.depth) == (position[-1], depth):
            return config
    return None


def load(file: Path, device: str, dtype: torch.dtype = torch.float32) -> RobustSam:
    """The model in ``file`` on ``device``; every key must fit, or WrongCheckpoint lists those that do not."""
    report = inspect(file)

    def rename(key: str) -> str | None:
        name = plain_name(key)
        return None if name.startswith(HQ_PREFIXES) else name

    module = load_module(lambda: RobustSam(report.config, robust=report.robust), file, device, dtype, rename=rename)
    assert isinstance(module, RobustSam)
    return module
