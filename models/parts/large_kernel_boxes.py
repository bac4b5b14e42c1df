"""Peripheral convolution as a sum of box sums, exact and without the dense kernel.

w = A w_theta A^T is constant on k' x k' rectangles, so y = sum_ab w_theta[a, b] R_a x C_b^T with 0/1 band matrices R_a
and C_b that add up what lies under bin a of the rows and bin b of the columns (zero padding is bands cut at the border
of the image). Three matrix products: w_theta with all C_b, the image with that, all R_a with that.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from models.parts.large_kernel_expansion import first_offsets
from models.parts.large_kernel_frames import Axis, Frame
from models.parts.large_kernel_grids import Grid

Grids = tuple[Grid, Grid]


@lru_cache(maxsize=256)
def _bands(axis: Axis, grid: Grid, order: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """0/1: entry (bin, output, pixel) is 1 where the pixel lies under that bin of that output.

    order "columns": (k', out * size), one row per bin; order "rows": (out, size * k').
    """
    with torch.inference_mode(False), torch.no_grad():
        offset = torch.arange(axis.size)[None, :] - torch.arange(axis.out)[:, None] * axis.stride
        bounds = torch.tensor(first_offsets(grid, axis.left))[:, None, None]
        inside = ((bounds[:-1] <= offset) & (offset < bounds[1:])).to(dtype)
        if order == "columns":
            return inside.reshape(len(grid), -1).to(device)
        return inside.permute(1, 2, 0).reshape(axis.out, -1).contiguous().to(device)


def prepare(w_theta: Tensor, frame: Frame, grids: Grids) -> Tensor:
    """What each channel does along the columns, per row bin: (C, k'_r, k'_c) -> (C, k'_r * W_out, W)."""
    channels, row_bins, column_bins = w_theta.shape
    bands = _bands(frame.columns, grids[1], "columns", w_theta.dtype, w_theta.device)
    mixed = w_theta.reshape(-1, column_bins) @ bands
    return mixed.reshape(channels, row_bins * frame.columns.out, frame.columns.size)


def apply(x: Tensor, mixed: Tensor, frame: Frame, grids: Grids) -> Tensor:
    """x: (B, C, H, W), mixed: from `prepare` -> (B, C, H_out, W_out)."""
    bands = _bands(frame.rows, grids[0], "rows", x.dtype, x.device)
    across = x @ mixed.mT
    return bands @ across.reshape(*x.shape[:2], bands.shape[1], frame.columns.out)


def gradients(
    x: Tensor, w_theta: Tensor, upstream: Tensor, frame: Frame, grids: Grids, of_x: bool, of_kernel: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients with respect to x and the shared kernel, where asked for; five matrix products at most."""
    bands = _bands(frame.rows, grids[0], "rows", x.dtype, x.device)
    down = (bands.mT @ upstream).reshape(*x.shape[:3], -1)
    for_x = for_kernel = None
    if of_x:
        for_x = down @ prepare(w_theta, frame, grids)
    if of_kernel:
        columns = _bands(frame.columns, grids[1], "columns", x.dtype, x.device)
        of_mixed = (down.mT @ x).sum(0)
        for_kernel = (of_mixed.reshape(-1, columns.shape[1]) @ columns.mT).reshape(w_theta.shape)
    return for_x, for_kernel
