"""A dense grid of values with trilinear reading, made for the CPU.

Reading is a product with a sparse matrix of eight shares a point, and so is its gradient: on one core that takes less
time than grid_sample for the few channels of a field. Other devices use plain tensor operations, also the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor, nn

CORNERS = 8


@dataclass(frozen=True)
class Corners:
    """Where points lie in a grid: the eight nodes around each and their shares.

    index: (S, 8) int32 rows of the table; share: (S, 8) float32, adding up to 1.
    """

    index: Tensor
    share: Tensor


class VoxelGrid(nn.Module):
    """Values at the nodes of a grid over the unit cube; nodes lie on the faces too.

    values: (X * Y * Z, C), z running fastest. Points outside the cube are read at its surface.
    """

    def __init__(self, resolution: tuple[int, int, int], initial: Tensor) -> None:
        """``initial``: (C,) value of every node, or a whole table (X * Y * Z, C). Every side has at least 2 nodes."""
        super().__init__()
        if min(resolution) < 2:
            raise ValueError(f"a grid needs at least 2 nodes a side, got {resolution}")
        self.resolution = resolution
        nodes = int(np.prod(resolution))
        table = initial if initial.ndim == 2 else initial.expand(nodes, -1)
        if len(table) != nodes:
            raise ValueError(f"{len(table)} values for a grid of {nodes} nodes")
        self.values = nn.Parameter(table.clone().contiguous())
        _, y, z = resolution
        steps = [i * y * z + j * z + k for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        self.register_buffer("steps", torch.tensor(steps, dtype=torch.int32), persistent=False)
        self.register_buffer("size", torch.tensor(resolution, dtype=torch.float32) - 1, persistent=False)

    @torch.no_grad()
    def corners(self, points: Tensor) -> Corners:
        """The nodes around points (S, 3) of the unit cube."""
        place = torch.clamp(points, 0, 1) * self.size
        low = torch.minimum(place.floor(), self.size - 1)
        part = place.sub_(low)
        _, y, z = self.resolution
        i, j, k = low.to(torch.int32).unbind(-1)
        index = (i * y + j).mul_(z).add_(k)[:, None] + self.steps
        both = torch.stack([1 - part, part], -1)
        planes = (both[:, 0, :, None] * both[:, 1, None, :]).view(-1, 4)
        return Corners(index, (planes[:, :, None] * both[:, 2, None, :]).view(-1, CORNERS))

    def read(self, corners: Corners) -> Tensor:
        """(S, C) interpolated values."""
        if self.values.device.type == "cpu":
            read: Tensor = _SparseRead.apply(self.values, corners.index, corners.share)
            return read
        return read_plainly(self.values, corners)

    def forward(self, points: Tensor) -> Tensor:
        """(S, C) values at points (S, 3) of the unit cube."""
        return self.read(self.corners(points))

    @torch.no_grad()
    def refined(self, resolution: tuple[int, int, int]) -> VoxelGrid:
        """The same values on another number of nodes."""
        volume = self.volume()
        table = F.interpolate(volume[None], resolution, mode="trilinear", align_corners=True)[0]
        return VoxelGrid(resolution, table.flatten(1).T)

    def volume(self) -> Tensor:
        """(C, X, Y, Z) view of the values."""
        return self.values.T.reshape(-1, *self.resolution)


def read_plainly(values: Tensor, corners: Corners) -> Tensor:
    """(S, C) interpolated values by indexing: any device, gradients by torch; the twin of the sparse product."""
    return (values[corners.index.long()] * corners.share[..., None]).sum(1)


class _SparseRead(torch.autograd.Function):
    """shares @ values, and shares.T @ gradient on the way back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, share: Tensor) -> Tensor:
        ends = np.arange(0, CORNERS * len(index) + 1, CORNERS, dtype=np.int32)
        content = (share.numpy().reshape(-1), index.numpy().reshape(-1), ends)
        ctx.matrix = csr_matrix(content, shape=(len(index), len(values)), copy=False)
        return torch.from_numpy(ctx.matrix @ values.detach().numpy())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return torch.from_numpy(ctx.matrix.T @ gradients[0].contiguous().numpy()), None, None


def resolution_of(extent: np.ndarray, nodes: int) -> tuple[int, int, int]:
    """Nodes a side for about ``nodes`` cubic cells in a box of ``extent`` (3,); at least 4 a side."""
    cell = (float(np.prod(extent)) / nodes) ** (1 / 3)
    x, y, z = (max(4, round(float(side) / cell) + 1) for side in extent)
    return x, y, z
