"""Depthwise convolution by FFT at the shortest sufficient length, exact at every padding and stride.

The image is placed behind `left` zeros, the kernel at 0; then y = irfft(X conj(W)) read from 0, and both gradients are
products of the same kind at the same length. Three transforms per call, two when the kernel's spectrum is kept.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.large_kernel_frames import Axis, Frame


def prepare(dense: Tensor, frame: Frame) -> Tensor:
    """The conjugate spectrum of the kernel: (C, Kh, Kw) -> (C, N, N // 2 + 1) complex."""
    return torch.fft.rfft2(dense, s=frame.fft_lengths).conj().resolve_conj()


def apply(x: Tensor, spectrum: Tensor, frame: Frame) -> Tensor:
    """x: (B, C, H, W), spectrum: from `prepare` -> (B, C, H_out, W_out)."""
    product = _image_spectrum(x, frame)
    if torch.is_grad_enabled() and (product.requires_grad or spectrum.requires_grad):
        product = product * spectrum
    else:
        product *= spectrum
    full = torch.fft.irfft2(product, s=frame.fft_lengths)
    rows, columns = frame.rows, frame.columns
    return full[..., : rows.reach : rows.stride, : columns.reach : columns.stride].contiguous()


def gradients(
    x: Tensor, dense: Tensor, upstream: Tensor, frame: Frame, of_x: bool, of_kernel: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the convolution with respect to x and the dense kernel, where asked for."""
    rows, columns = frame.rows, frame.columns
    lengths = frame.fft_lengths
    arriving = torch.fft.rfft2(_spread(upstream, frame), s=lengths)
    for_x = for_kernel = None
    if of_x:
        full = torch.fft.irfft2(arriving * torch.fft.rfft2(dense, s=lengths), s=lengths)
        for_x = full[..., rows.left : rows.left + rows.size, columns.left : columns.left + columns.size].contiguous()
    if of_kernel:
        product = (_image_spectrum(x, frame) * arriving.conj()).sum(0)
        for_kernel = torch.fft.irfft2(product, s=lengths)[..., : rows.kernel, : columns.kernel].contiguous()
    return for_x, for_kernel


def _image_spectrum(x: Tensor, frame: Frame) -> Tensor:
    lengths = frame.fft_lengths
    zeros = [*_around(frame.columns, lengths[1]), *_around(frame.rows, lengths[0])]
    return torch.fft.rfft2(F.pad(x, zeros))


def _around(axis: Axis, length: int) -> tuple[int, int]:
    return axis.left, length - axis.left - axis.size


def _spread(upstream: Tensor, frame: Frame) -> Tensor:
    """The arriving gradient at its positions before striding, zeros between."""
    if frame.rows.stride == 1:
        return upstream
    spread = upstream.new_zeros(*upstream.shape[:2], frame.rows.reach, frame.columns.reach)
    spread[..., :: frame.rows.stride, :: frame.columns.stride] = upstream
    return spread
