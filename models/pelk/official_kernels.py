"""The large kernels of other networks as one dense kernel and a bias per channel, norms folded."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

_EPSILON = 1e-5
"""Of torch's BatchNorm, which SLaK and RepLKNet use as it is."""

BRANCHES = ("lkb_origin", "LoRA1", "LoRA2")
"""SLaK's large branch: one square kernel, or a K x s and an s x K stripe whose outputs are added."""


def norm_of(state: Mapping[str, Tensor], prefix: str, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(scale, shift) per output channel of the BatchNorm under `prefix`; 1 and 0 when there is none."""
    if prefix + "running_var" not in state:
        return weight.new_ones(weight.shape[0]), weight.new_zeros(weight.shape[0])
    scale = state[prefix + "weight"] / (state[prefix + "running_var"] + _EPSILON).sqrt()
    return scale, state[prefix + "bias"] - state[prefix + "running_mean"] * scale


def of_slak(parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The large branch of SLaK or RepLKNet, without the small one: kernel (C, K, K), bias (C,).

    parts: the tensors under `large_kernel.`; the merged form `lkb_reparam` is used as it is, small kernel included.
    """
    if "lkb_reparam.weight" in parts:
        return plain_kernel({key.removeprefix("lkb_reparam."): value for key, value in parts.items()})
    kernels, biases = [], []
    for branch in BRANCHES:
        weight = parts.get(f"{branch}.conv.weight")
        if weight is not None:
            scale, shift = norm_of(parts, f"{branch}.bn.", weight)
            kernels.append(weight.squeeze(1) * scale[:, None, None])
            biases.append(shift)
    side = max(max(kernel.shape[-2:]) for kernel in kernels)
    total, bias = brought_to(kernels[0], side)[0], biases[0]
    for kernel, shift in zip(kernels[1:], biases[1:], strict=True):
        total, bias = total + brought_to(kernel, side)[0], bias + shift
    return total, bias


def plain_kernel(parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A depthwise convolution with its own bias: `weight` (C, 1, K, K), `bias` (C,)."""
    weight = parts["weight"].squeeze(1)
    return weight, parts.get("bias", weight.new_zeros(weight.shape[0]))


def brought_to(kernel: Tensor, side: int) -> tuple[Tensor, float]:
    """(C, h, w) in the middle of (C, side, side), zeros around, or cut; with the share of its norm that was cut off."""
    high, wide = kernel.shape[-2:]
    down, right = (side - high) // 2, (side - wide) // 2
    fitted = F.pad(kernel, (right, right, down, down))
    norm = float(kernel.double().norm())
    lost = norm**2 - float(fitted.double().norm()) ** 2
    return fitted, (max(0.0, lost) ** 0.5 / norm if norm else 0.0)
