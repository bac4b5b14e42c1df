"""From peripheral to dense networks and back."""

from __future__ import annotations

import torch

from models.parts.large_kernel_expansion import expand, project
from models.pelk.config import PelkConfig
from models.pelk.network import Pelk

_KERNELS = ("lkb_origin.conv.weight", "lkb_reparam.weight", "shared_weight")


def dense_config(config: PelkConfig) -> PelkConfig:
    """The same network without sharing: every bin of size 1."""
    return config.with_grids([(1,) * kernel for kernel in config.kernels])


def to_dense(model: Pelk) -> Pelk:
    """A network with dense kernels that computes what `model` computes, in the same mode and on the same device."""
    return _converted(model, dense_config(model.config))[0]


def to_peripheral(model: Pelk, config: PelkConfig) -> tuple[Pelk, dict[str, float]]:
    """The network of `config`, whose kernels are the nearest shared ones to those of the dense `model`.

    Returns it with the relative residual of every kernel (0: nothing was lost).
    """
    return _converted(model, config)


@torch.no_grad()
def _converted(model: Pelk, config: PelkConfig) -> tuple[Pelk, dict[str, float]]:
    other = Pelk(config)
    if model.merged:
        other.merge()
    residuals, state = {}, {}
    for key, value in model.state_dict().items():
        state[key] = value
        if key.endswith(_KERNELS):
            stage = int(key.split(".")[1])
            dense = expand(value, model.config.grid(stage))
            state[key], residuals[key] = project(dense, config.grid(stage))
    other.load_state_dict(state)
    weight = model.head.weight
    return other.to(weight.device, weight.dtype).train(model.training), residuals
