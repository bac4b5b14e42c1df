"""Small weight files: matrices and kernels as bytes with one scale per output channel, the rest as halves.

Rounding to 255 steps per row changes a weight by at most 1/254 of the largest of its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

_SCALE = ".scale"
_STEPS = 127
_LEAST = 256
"""Tensors with fewer numbers are kept as halves."""


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state as int8 tensors with float32 scales, halves, and whole numbers as they are."""
    out: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point():
            out[name] = value.clone()
        elif value.dim() < 2 or value.numel() < _LEAST:
            out[name] = value.half() if _fits(value) else value.float()
        else:
            rows = value.float().flatten(1)
            scale = rows.abs().amax(1) / _STEPS
            steps = (rows / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
            out[name] = steps.to(torch.int8).view(value.shape)
            out[name + _SCALE] = scale
    return out


def unpacked(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state in float32."""
    state: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(_SCALE):
            continue
        scale = stored.get(name + _SCALE)
        if scale is not None:
            value = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
        state[name] = value.float() if value.is_floating_point() else value
    return state


def save(state: Mapping[str, Tensor], file: Path) -> None:
    """Write the packed state; an interrupted write leaves the old file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    save_file(packed(state), draft)
    draft.replace(file)


def read(file: Path) -> dict[str, Tensor]:
    """The state that `save` wrote, in float32."""
    return unpacked(load_file(file))


def _fits(value: Tensor) -> bool:
    """Whether a half holds it: not too large, and not so small that it would vanish."""
    size = value.abs()
    largest = float(size.max()) if value.numel() else 0.0
    smallest = float(size[size > 0].min()) if bool((size > 0).any()) else 1.0
    return largest < 6e4 and smallest > 1e-6
