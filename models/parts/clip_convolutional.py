"""A convolutional image tower for small CLIPs, as CLIP has residual networks beside its ViTs (Radford et al. 2021).

A transformer of a few million parameters needs millions of frames before it finds the body in one; convolutions need
tens of thousands. Residual units as in He et al. 2016, read by a few learned attention maps instead of a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16
"""Pixels of the frame to a cell of the last layer."""


@dataclass(frozen=True)
class ConvTowerConfig:
    """Channels of the first unit (the last has four times as many) and the number of attention maps that read it."""

    width: int
    maps: int = 4


class Unit(nn.Module):
    """Two convolutions beside a shortcut. The norms do nothing until a training exchanges them."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride) if stride > 1 or inside != outside else nn.Identity()
        self.norm_first: nn.Module = nn.Identity()
        self.norm_second: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inside, H, W) -> (B, outside, H / stride, W / stride)."""
        within = F.relu(self.norm_first(self.first(x)))
        return F.relu(self.norm_second(self.second(within)) + self.shortcut(x))


class ConvTower(nn.Module):
    """Frames of any size that is a multiple of 16 -> features."""

    def __init__(self, config: ConvTowerConfig, embed_dim: int) -> None:
        super().__init__()
        width = config.width
        self.conv1 = nn.Conv2d(3, width // 2, 3, 2, 1)
        self.conv2 = nn.Conv2d(width // 2, width, 3, 2, 1)
        self.norm_1: nn.Module = nn.Identity()
        self.norm_2: nn.Module = nn.Identity()
        plan = ((1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 4, 2), (4, 4, 1))
        self.units = nn.ModuleList(Unit(width * inside, width * outside, stride) for inside, outside, stride in plan)
        self.maps = nn.Linear(4 * width, config.maps)
        self.proj = nn.Parameter(torch.randn(4 * width * config.maps, embed_dim) * (4 * width * config.maps) ** -0.5)

    def cells(self, frames: Tensor, on_block: Callable[[float], None] | None = None) -> Tensor:
        """frames: (N, 3, H, W), normalised -> (N, H / 16 * W / 16, 4 * width)."""
        x = frames.contiguous(memory_format=torch.channels_last)
        x = F.relu(self.norm_1(self.conv1(x)))
        x = F.relu(self.norm_2(self.conv2(x)))
        for done, unit in enumerate(self.units, start=1):
            x = unit(x)
            if on_block is not None:
                on_block(done / len(self.units))
        return x.flatten(2).transpose(1, 2)

    def read(self, cells: Tensor) -> Tensor:
        """cells: (N, L, 4 * width) -> (N, embed_dim), not normalised."""
        shares = self.maps(cells).softmax(dim=1)
        return (shares.transpose(1, 2) @ cells).flatten(1) @ self.proj

    def forward(self, frames: Tensor, on_block: Callable[[float], None] | None = None) -> Tensor:
        """frames: (N, 3, H, W), normalised -> (N, embed_dim), not normalised."""
        return self.read(self.cells(frames, on_block))
