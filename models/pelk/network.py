"""PeLK: a ConvNeXt whose depthwise convolutions are partial peripheral ones (sections 3 and 4 of the paper).

Keys follow SLaK: downsample_layers.{i}.{0,1}, stages.{i}.{j}.{large_kernel.*, norm, pwconv1, pwconv2, gamma},
stage_pe.{i}, norm, head.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from models.pelk.config import CONFIGS, PelkConfig
from models.pelk.mixer import PeripheralMixer, folded

_EPSILON = 1e-6


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Partial peripheral mixer, LayerNorm, two-layer perceptron, layer scale, stochastic depth, residual."""

    def __init__(self, config: PelkConfig, stage: int, drop: float) -> None:
        super().__init__()
        width, hidden = config.dims[stage], config.hidden_width(stage)
        self.convolved = config.convolved_channels(stage)
        self.large_kernel = PeripheralMixer(
            self.convolved,
            config.kernels[stage],
            config.grid(stage),
            config.small_kernel,
            config.mixer_norm,
            config.kpe,
        )
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.pwconv1 = nn.Linear(width, hidden)
        self.pwconv2 = nn.Linear(hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), config.layer_scale))
        self.drop_path = StochasticDepth(drop, mode="row")

    def mix(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        """The first g channels convolved, the others bit for bit as they came: (B, C, H, W) -> the same shape."""
        mixed = self.large_kernel(x[:, : self.convolved], embedding)
        return torch.cat((mixed, x[:, self.convolved :]), dim=1)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """x: (B, C, H, W), embedding: the stage's (g, K, K) or None -> (B, C, H, W)."""
        y = self.norm(self.mix(x, embedding).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        out: Tensor = x + self.drop_path(y.permute(0, 3, 1, 2))
        return out


class Pelk(nn.Module):
    """The network of a `PelkConfig`: features of every stage, or class logits.

    Inputs are (B, in_channels, H, W) with H and W of at least stem * 2^(stages - 1) pixels; other sizes than the
    configured one are fine. Weights start as truncated normals of deviation 0.02, biases at 0.
    """

    def __init__(self, config: PelkConfig) -> None:
        super().__init__()
        self.config = config
        self.merged = False
        dims = config.dims
        stem = nn.Conv2d(config.in_channels, dims[0], config.stem, config.stem)
        self.downsample_layers = nn.ModuleList([nn.Sequential(stem, ChannelNorm(dims[0]))])
        for stage in range(1, config.stages):
            between = nn.Sequential(ChannelNorm(dims[stage - 1]), nn.Conv2d(dims[stage - 1], dims[stage], 2, 2))
            self.downsample_layers.append(between)
        rates = iter(torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist())
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(config, stage, next(rates)) for _ in range(config.depths[stage]))
            for stage in range(config.stages)
        )
        self.stage_pe = nn.ParameterList()
        if config.kpe != "none":
            for stage in range(config.stages):
                side = config.kernels[stage]
                self.stage_pe.append(nn.Parameter(torch.empty(config.convolved_channels(stage), side, side)))
        self.norm = nn.LayerNorm(dims[-1], eps=_EPSILON)
        self.head = nn.Linear(dims[-1], config.classes)
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew; pass a generator for a fixed result."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
            elif hasattr(module, "dense_weight"):
                module.reset_parameters(generator)
        for embedding in self.stage_pe:
            nn.init.trunc_normal_(embedding, std=0.02, generator=generator)

    def features(self, x: Tensor) -> list[Tensor]:
        """The output of every stage: (B, dims[i], H / (stem 2^i), W / (stem 2^i))."""
        outputs = []
        for stage, (down, blocks) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = down(x)
            embedding = self.stage_pe[stage] if len(self.stage_pe) else None
            for block in blocks:
                x = block(x, embedding)
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> logits (B, classes)."""
        pooled = self.features(x)[-1].mean((-2, -1))
        logits: Tensor = self.head(self.norm(pooled))
        return logits

    def merge(self) -> Pelk:
        """Fold norms, small kernels and literal embeddings into the peripheral kernels, in place; returns itself.

        Eval mode gives the same output before and after. Raises BadInput where a stage's unshared centre is smaller
        than the small kernel; nothing is changed then.
        """
        if self.merged:
            return self
        self._check_mergeable()
        for stage, blocks in enumerate(self.stages):
            embedding = self.stage_pe[stage] if len(self.stage_pe) else None
            for block in blocks:
                block.large_kernel.merge(embedding)
        if self.config.kpe == "literal":
            self.stage_pe = nn.ParameterList()
        self.merged = True
        return self

    def _check_mergeable(self) -> None:
        small = self.config.small_kernel
        for stage in range(self.config.stages if small else 0):
            grid = self.config.grid(stage)
            folded(torch.zeros(1, 1, len(grid), len(grid)), torch.zeros(1, 1, small, small), grid)


def build(name: str) -> Pelk:
    """The network called `name` in CONFIGS, freshly drawn."""
    if name not in CONFIGS:
        raise KeyError(f"no PeLK is called {name!r}; there are {', '.join(CONFIGS)}")
    return Pelk(CONFIGS[name])


BUILDERS = {name: partial(build, name) for name in CONFIGS}
"""Name -> function that makes the network."""
