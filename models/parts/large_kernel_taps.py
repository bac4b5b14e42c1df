"""Peripheral convolution by corner taps on the integral image: (k' + 1)^2 reads per output, whatever K is.

The sum under a rectangle is a mixed difference of the integral image at its corners; summed over the cells, each corner
has one coefficient, the mixed difference of the zero-bordered w_theta. Kept for maps so large that neither an FFT nor
band matrices fit, and as a second exact form; in float32 its error is about ten times that of the other forms.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.large_kernel_expansion import first_offsets
from models.parts.large_kernel_frames import Axis, Frame
from models.parts.large_kernel_grids import Grid, edges

Grids = tuple[Grid, Grid]
_FLOAT32_PIXELS = 512 * 512
"""Integral images of larger maps are summed in float64: their last entries lose digits that the differences need."""


def coefficients(w_theta: Tensor) -> Tensor:
    """(C, k', k') -> (C, k' + 1, k' + 1): the weight of every corner."""
    bordered = F.pad(w_theta, (1, 1, 1, 1))
    by_row = bordered[:, :-1] - bordered[:, 1:]
    return by_row[:, :, :-1] - by_row[:, :, 1:]


def apply(x: Tensor, w_theta: Tensor, frame: Frame, grids: Grids) -> Tensor:
    """x: (B, C, H, W), w_theta: (C, k'_r, k'_c) -> (B, C, H_out, W_out)."""
    integral = _integral(x, frame, grids)
    weights = coefficients(w_theta.to(integral.dtype))
    total = integral.new_zeros(*x.shape[:2], frame.rows.out, frame.columns.out)
    for e, f, seen in _corners(integral, frame, grids):
        total = total + weights[:, e, f, None, None] * seen
    return total.to(x.dtype)


def gradients(
    x: Tensor, w_theta: Tensor, upstream: Tensor, frame: Frame, grids: Grids, of_x: bool, of_kernel: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients with respect to x (taps with the mirrored kernel) and the shared kernel, where asked for."""
    for_x = for_kernel = None
    if of_x:
        mirrored = Frame(_mirrored(frame.rows), _mirrored(frame.columns))
        spread = upstream
        if frame.rows.stride > 1:
            spread = upstream.new_zeros(*x.shape[:2], frame.rows.reach, frame.columns.reach)
            spread[..., :: frame.rows.stride, :: frame.columns.stride] = upstream
        for_x = apply(spread, w_theta.flip(-2, -1), mirrored, (grids[0][::-1], grids[1][::-1]))
    if of_kernel:
        integral = _integral(x, frame, grids)
        given = upstream.to(integral.dtype)
        sums = [(given * seen).sum((0, 2, 3)) for _, _, seen in _corners(integral, frame, grids)]
        corner = torch.stack(sums, -1).reshape(-1, len(grids[0]) + 1, len(grids[1]) + 1)
        by_row = corner[:, 1:] - corner[:, :-1]
        for_kernel = (by_row[:, :, 1:] - by_row[:, :, :-1]).to(w_theta.dtype)
    return for_x, for_kernel


def _mirrored(axis: Axis) -> Axis:
    return Axis(axis.reach, axis.kernel, axis.kernel - 1 - axis.left, 1, axis.size)


def _integral(x: Tensor, frame: Frame, grids: Grids) -> Tensor:
    """Sums over all pixels above and left of every corner position the kernel can reach, clamped at the image."""
    wide = x.double() if x.dtype == torch.float32 and x.shape[-1] * x.shape[-2] > _FLOAT32_PIXELS else x
    summed = F.pad(wide.cumsum(-1).cumsum(-2), (1, 0, 1, 0))
    for dim, axis, grid in ((-2, frame.rows, grids[0]), (-1, frame.columns, grids[1])):
        bounds = first_offsets(grid, axis.left)
        positions = torch.arange(bounds[0], bounds[-1] + axis.reach, device=x.device).clamp(0, axis.size)
        summed = summed.index_select(dim, positions)
    return summed


def _corners(integral: Tensor, frame: Frame, grids: Grids) -> list[tuple[int, int, Tensor]]:
    rows, columns = frame.rows, frame.columns
    return [
        (e, f, integral[..., top : top + rows.reach : rows.stride, left : left + columns.reach : columns.stride])
        for e, top in enumerate(edges(grids[0]))
        for f, left in enumerate(edges(grids[1]))
    ]
