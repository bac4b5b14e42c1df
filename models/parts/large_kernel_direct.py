"""Depthwise convolution by torch's own kernel: the reference of the fast paths, and the fastest for small kernels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import grad

from models.parts.large_kernel_frames import Frame


def apply(x: Tensor, dense: Tensor, frame: Frame) -> Tensor:
    """x: (B, C, H, W), dense: (C, Kh, Kw) -> (B, C, H_out, W_out)."""
    padded, padding = _padded(x, frame)
    return F.conv2d(padded, dense.unsqueeze(1), None, frame.rows.stride, padding, 1, dense.shape[0])


def gradients(
    x: Tensor, dense: Tensor, upstream: Tensor, frame: Frame, of_x: bool, of_kernel: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of `apply` with respect to x and the kernel, where asked for."""
    padded, padding = _padded(x, frame)
    weight, stride, groups = dense.unsqueeze(1), frame.rows.stride, dense.shape[0]
    for_x = for_kernel = None
    if of_x:
        for_x = grad.conv2d_input(padded.shape, weight, upstream, stride, padding, 1, groups)
        if padded is not x:
            for_x = F.pad(for_x, [-zeros for zeros in _zeros(frame)])
    if of_kernel:
        for_kernel = grad.conv2d_weight(padded, weight.shape, upstream, stride, padding, 1, groups).squeeze(1)
    return for_x, for_kernel


def _zeros(frame: Frame) -> list[int]:
    return [frame.columns.left, frame.columns.right, frame.rows.left, frame.rows.right]


def _padded(x: Tensor, frame: Frame) -> tuple[Tensor, tuple[int, int]]:
    """The image and the padding the convolution adds: by itself where both sides are equal, else beforehand."""
    if all(axis.left - axis.stride < axis.right <= axis.left for axis in (frame.rows, frame.columns)):
        return x, (frame.rows.left, frame.columns.left)
    return F.pad(x, _zeros(frame)), (0, 0)


def reference(x: Tensor, dense: Tensor, frame: Frame) -> Tensor:
    """The slow, obvious twin: a sum over kernel offsets in float64. x: (B, C, H, W), dense: (C, Kh, Kw)."""
    rows, columns = frame.rows, frame.columns
    padded = F.pad(x.double(), _zeros(frame))
    total = torch.zeros(*x.shape[:2], rows.out, columns.out, dtype=torch.float64, device=x.device)
    for u in range(rows.kernel):
        for v in range(columns.kernel):
            seen = padded[..., u : u + rows.reach : rows.stride, v : v + columns.reach : columns.stride]
            total += dense[:, u, v].double()[:, None, None] * seen
    return total
