"""Depthwise convolution by FFT at the shortest sufficient length, exact at every padding and stride.

The image is placed behind `left` zeros, the kernel at 0; then y = irfft(X conj(W)) read from 0, and both gradients are
products of the same kind at the same length. Forward, the transforms go axis by axis: rows of zeros are not transformed
on the way in, rows that are not read not on the way back; and channels go in groups whose spectra stay in the cache.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.large_kernel_frames import Axis, Frame

_GROUP_BYTES = 2**19
"""Of a group's spectrum per thread: a second-level cache holds it with its neighbours in time."""


def prepare(dense: Tensor, frame: Frame) -> Tensor:
    """The conjugate spectrum of the kernel: (C, Kh, Kw) -> (C, N_w // 2 + 1, N_h) complex, rows' frequencies last."""
    return torch.fft.rfft2(dense, s=frame.fft_lengths).conj().mT.contiguous().resolve_conj()


def apply(x: Tensor, spectrum: Tensor, frame: Frame) -> Tensor:
    """x: (B, C, H, W), spectrum: from `prepare` -> (B, C, H_out, W_out)."""
    recorded = torch.is_grad_enabled() and (x.requires_grad or spectrum.requires_grad)
    if recorded or torch.compiler.is_compiling() or x.device.type != "cpu":
        return _one_group(x, spectrum, frame).contiguous()
    per_channel = x.shape[0] * spectrum[0].numel() * spectrum.element_size()
    group = max(1, _GROUP_BYTES * torch.get_num_threads() // per_channel)
    y = x.new_empty(*x.shape[:2], frame.rows.out, frame.columns.out)
    for first in range(0, x.shape[1], group):
        part = slice(first, first + group)
        y[:, part] = _one_group(x[:, part], spectrum[part], frame)
    return y


def _one_group(x: Tensor, spectrum: Tensor, frame: Frame) -> Tensor:
    rows, columns = frame.rows, frame.columns
    high, wide = frame.fft_lengths
    across = torch.fft.rfft(F.pad(x, _around(columns, wide)))
    product = torch.fft.fft(F.pad(across.mT, _around(rows, high)))
    if torch.is_grad_enabled() and (product.requires_grad or spectrum.requires_grad):
        product = product * spectrum
    else:
        product *= spectrum
    read = torch.fft.ifft(product)[..., : rows.reach : rows.stride].mT
    return torch.fft.irfft(read, n=wide)[..., : columns.reach : columns.stride]


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
