"""From shared weights to dense kernels and back: w = A w_theta A^T with A the 0/1 matrix of bins, and its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.parts.large_kernel_grids import Grid, checked_grid, edges
from models.parts.problems import BadInput


def bin_index(grid: Grid, device: torch.device | str = "cpu") -> Tensor:
    """The bin of every offset: (K,) int64."""
    return torch.tensor([index for index, size in enumerate(grid) for _ in range(size)], device=device)


def bin_matrix(grid: Grid, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """A: (K, k'), 1 where the offset lies in the bin."""
    return torch.nn.functional.one_hot(bin_index(grid, device), len(grid)).to(dtype)


def expand(w_theta: Tensor, rows: Grid, columns: Grid | None = None) -> Tensor:
    """(..., k', k') -> (..., K, K): every weight written to all offsets of its cell. Differentiable twice.

    `rows` and `columns` are the grids of the two axes; one grid serves both when `columns` is None.
    """
    columns = rows if columns is None else columns
    if tuple(w_theta.shape[-2:]) != (len(rows), len(columns)):
        raise BadInput(
            "The shared kernel",
            f"is {w_theta.shape[-2]} x {w_theta.shape[-1]}, the sharing grid has {len(rows)} x {len(columns)} cells",
            "Give one weight per cell",
        )
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return plain_expand(w_theta, rows, columns)
    expanded: Tensor = _Expand.apply(w_theta, rows, columns)
    return expanded


def plain_expand(w_theta: Tensor, rows: Grid, columns: Grid) -> Tensor:
    """`expand` in operations that every tracer knows."""
    by_row = w_theta.index_select(-2, bin_index(rows, w_theta.device))
    return by_row.index_select(-1, bin_index(columns, w_theta.device))


def cell_sums(dense: Tensor, rows: Grid, columns: Grid | None = None) -> Tensor:
    """(..., K, K) -> (..., k', k'): A^T dense A, the sum over each cell; the gradient of `expand`."""
    summed: Tensor = _CellSums.apply(dense, rows, rows if columns is None else columns)
    return summed


class _Expand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, w_theta: Tensor, rows: Grid, columns: Grid) -> Tensor:
        ctx.grids = rows, columns
        return plain_expand(w_theta, rows, columns)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return cell_sums(gradients[0], *ctx.grids), None, None


class _CellSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, rows: Grid, columns: Grid) -> Tensor:
        ctx.grids = rows, columns
        left, right = (bin_matrix(grid, dense.dtype, dense.device) for grid in (rows, columns))
        return left.mT @ (dense @ right)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return expand(gradients[0], *ctx.grids), None, None


def cell_areas(rows: Grid, columns: Grid | None = None) -> Tensor:
    """(k', k') float64: how many offsets share each weight."""
    columns = rows if columns is None else columns
    return torch.outer(torch.tensor(rows, dtype=torch.float64), torch.tensor(columns, dtype=torch.float64))


def project(dense: Tensor, grid: Grid) -> tuple[Tensor, float]:
    """The shared kernel nearest to `dense` (..., K, K) in least squares, and its relative residual.

    Returns (w_theta, ||dense - A w_theta A^T|| / ||dense||): the mean of every cell; residual 0 when `dense` is
    constant on the cells already.
    """
    grid = checked_grid(grid, dense.shape[-1])
    double = dense.detach().double()
    w_theta = cell_sums(double, grid) / cell_areas(grid).to(dense.device)
    norm = float(double.norm())
    residual = float((double - expand(w_theta, grid)).norm()) / norm if norm else 0.0
    return w_theta.to(dense.dtype), residual


def literal_bias(w_theta: Tensor, embedding: Tensor, grid: Grid) -> Tensor:
    """What the positional embedding of equation 3 adds: b_c = sum over the kernel of w * h, (C,).

    w_theta: (C, k', k'); embedding h: (C, K, K). Equation 3 adds h to the input under every kernel offset, padding
    included, which for a depthwise convolution is this one number per channel.
    """
    return (w_theta * cell_sums(embedding, grid)).sum((-2, -1))


def masked_bias(product: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The same sum over the offsets that fall inside the image: a map (C, H_out, W_out).

    product: w * h, (C, K, K). rows: (H_out, K), columns: (W_out, K): 1 where offset u of output i is inside the image.
    """
    return rows @ product @ columns.mT


def first_offsets(grid: Grid, left: int) -> list[int]:
    """Where each bin begins relative to the output position, and where the last ends: k' + 1 ints."""
    return [edge - left for edge in edges(grid)]
