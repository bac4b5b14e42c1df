"""Depthwise convolution as functions: `large_kernel_conv2d` with a dense kernel, `peripheral_conv2d` with a shared one.

Zero padding; strides 1 and 2; float32 and float64; half precision is computed in float32 and returned as it came. With
an FFT one infinite or undefined pixel makes its whole channel undefined. Under torch.compile the same algorithms run as
plain operations; torch.export, torch.jit.trace and ONNX export get torch's own convolution with the dense kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts import large_kernel_direct, large_kernel_fft
from models.parts.large_kernel_dispatch import DIRECT_LIMIT, default
from models.parts.large_kernel_expansion import literal_bias, masked_bias, plain_expand
from models.parts.large_kernel_frames import Axis, Padding, frame
from models.parts.large_kernel_grids import Grid, checked_grid
from models.parts.large_kernel_work import Work, apply, check_algorithm, gradients, prepare, work
from models.parts.problems import BadInput

Embedding = Literal["literal", "masked", "none"]
HALF = (torch.float16, torch.bfloat16)


def large_kernel_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Padding = "same",
    algorithm: str = "auto",
) -> Tensor:
    """Depthwise cross-correlation, the value of torch's conv2d with groups = channels.

    x: (B, C, H, W) or (C, H, W). weight: (C, 1, Kh, Kw) or (C, Kh, Kw), odd sizes. bias: (C,). padding: "same"
    (K // 2), an int, or one per axis. algorithm: "auto", "direct", "cropped", "fft".
    Returns (B, C, H_out, W_out), contiguous.
    Raises BadInput for even kernels, wrong shapes or dtypes, and kernels larger than the padded image.
    """
    return _convolve(x, _kernel_of(weight), None, bias, stride, padding, algorithm)


def peripheral_conv2d(
    x: Tensor,
    w_theta: Tensor,
    grid: Sequence[int],
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Padding = "same",
    kpe: Embedding = "none",
    embedding: Tensor | None = None,
    algorithm: str = "auto",
) -> Tensor:
    """Depthwise cross-correlation with the kernel A w_theta A^T (PeLK, section 3), K = sum(grid).

    w_theta: (C, 1, k', k') or (C, k', k'). kpe: how the positional embedding h = `embedding` (C, K, K) enters.
    "literal" adds it under all offsets as equation 3 is printed (a number per channel), "masked" under those inside the
    image (a map), "none" not. algorithm: also "boxes" and "taps". Raises BadInput as `large_kernel_conv2d`, and for
    grids that are not symmetric, of even length, or do not fit w_theta.
    """
    bins = checked_grid(grid)
    kernel = _kernel_of(w_theta)
    if tuple(kernel.shape[-2:]) != (len(bins), len(bins)):
        raise BadInput(
            "The shared kernel",
            f"is {kernel.shape[-2]} x {kernel.shape[-1]}, the sharing grid has {len(bins)} x {len(bins)} cells",
            "Give one weight per cell",
        )
    y = _convolve(x, kernel, bins, bias, stride, padding, algorithm)
    if kpe == "none":
        return y
    return y + embedding_term(kernel, bins, embedding, kpe, (x.shape[-2], x.shape[-1]), stride, padding).to(y.dtype)


def embedding_term(
    w_theta: Tensor,
    grid: Grid,
    embedding: Tensor | None,
    kpe: Embedding,
    size: tuple[int, int],
    stride: int = 1,
    padding: Padding = "same",
) -> Tensor:
    """What equation 3's embedding adds to the output: (C, 1, 1) for "literal", (C, H_out, W_out) for "masked"."""
    if kpe not in ("literal", "masked"):
        raise BadInput("The embedding form", f"is {kpe!r}", "Use literal, masked or none")
    kernel, total = _kernel_of(w_theta), sum(grid)
    if embedding is None or tuple(embedding.shape) != (kernel.shape[0], total, total):
        given = "missing" if embedding is None else f"of shape {tuple(embedding.shape)}"
        raise BadInput("The positional embedding", f"is {given}", f"Give ({kernel.shape[0]}, {total}, {total})")
    if kpe == "literal":
        return literal_bias(kernel, embedding, grid)[:, None, None]
    job = frame(size, (total, total), stride, padding)
    rows, columns = (_inside(axis, embedding) for axis in (job.rows, job.columns))
    return masked_bias(plain_expand(kernel, grid, grid) * embedding, rows, columns)


def _inside(axis: Axis, like: Tensor) -> Tensor:
    """(out, K): 1 where the tap of that output lies inside the image."""
    offsets = torch.arange(axis.kernel, device=like.device) - axis.left
    pixel = torch.arange(axis.out, device=like.device)[:, None] * axis.stride + offsets
    return ((pixel >= 0) & (pixel < axis.size)).to(like.dtype)


def _kernel_of(weight: Tensor) -> Tensor:
    if weight.dim() == 4 and weight.shape[1] == 1:
        return weight.squeeze(1)
    if weight.dim() != 3:
        raise BadInput(
            "The kernel", f"has the shape {tuple(weight.shape)}", "A depthwise kernel is (channels, 1, height, width)"
        )
    return weight


def _convolve(
    x: Tensor,
    kernel: Tensor,
    grid: Grid | None,
    bias: Tensor | None,
    stride: int,
    padding: Padding,
    algorithm: str,
) -> Tensor:
    check_tensors(x, kernel, bias)
    if x.dim() == 3:
        return _convolve(x[None], kernel, grid, bias, stride, padding, algorithm)[0]
    if not isinstance(padding, (int, str)):
        padding = tuple(padding)
    if traced():
        return _plain(x, kernel, grid, bias, stride, padding)
    side = kernel.shape[-2:] if grid is None else (sum(grid), sum(grid))
    job = work((x.shape[2], x.shape[3]), (side[0], side[1]), stride, padding, grid)
    y = convolution(x, kernel, job, algorithm)
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]


def convolution(x: Tensor, kernel: Tensor, job: Work, algorithm: str = "auto") -> Tensor:
    """The convolution `job` of x (B, C, H, W) with the kernel (C, Kh, Kw) or (C, k', k'); differentiable twice."""
    if algorithm != "auto":
        check_algorithm(algorithm, job)
    if x.numel() == 0:
        return x.new_zeros(*x.shape[:2], job.frame.rows.out, job.frame.columns.out) + 0 * x.sum()
    dtype, half = x.dtype, x.dtype in HALF or kernel.dtype in HALF
    if half:
        x, kernel = x.float(), kernel.float()
    if torch.is_grad_enabled() and (x.requires_grad or kernel.requires_grad):
        y: Tensor = _Convolution.apply(x, kernel, job, algorithm)
    else:
        name = (
            default().choose(job, x.shape[0], x.shape[1], x.device, x.dtype, "forward")
            if algorithm == "auto"
            else algorithm
        )
        y = run(name, x, prepare(name, kernel, job), job)
    return y.to(dtype) if half else y


def run(name: str, x: Tensor, prepared: Tensor, job: Work) -> Tensor:
    """`apply`, with autocast kept out: the algorithms choose their own precision."""
    if not torch.is_autocast_enabled(x.device.type):
        return apply(name, x, prepared, job)
    with torch.autocast(x.device.type, enabled=False):
        return apply(name, x, prepared, job)


class _Convolution(torch.autograd.Function):
    """Chooses forward and backward apart: the fastest algorithms of the two differ."""

    @staticmethod
    def forward(x: Tensor, kernel: Tensor, job: Work, algorithm: str) -> Tensor:
        name = (
            default().choose(job, x.shape[0], x.shape[1], x.device, x.dtype, "forward")
            if algorithm == "auto"
            else algorithm
        )
        with torch.autocast(x.device.type, enabled=False):
            return apply(name, x, prepare(name, kernel, job), job)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, kernel, ctx.job, ctx.algorithm = inputs
        ctx.save_for_backward(x, kernel)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, kernel = ctx.saved_tensors
        name = ctx.algorithm
        if name == "auto":
            name = default().choose(ctx.job, x.shape[0], x.shape[1], x.device, x.dtype, "backward")
        with torch.autocast(x.device.type, enabled=False):
            of_x, of_kernel = gradients(name, x, kernel, upstream[0], ctx.job, *ctx.needs_input_grad[:2])
        return of_x, of_kernel, None, None


def traced() -> bool:
    """Whether torch is recording the operations: compile, export, jit trace or ONNX."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()


def _plain(x: Tensor, kernel: Tensor, grid: Grid | None, bias: Tensor | None, stride: int, padding: Padding) -> Tensor:
    """The convolution in operations that tracers know: torch's own when exporting, else by kernel size."""
    dense = kernel if grid is None else plain_expand(kernel, grid, grid)
    high, wide = kernel.shape[-2:] if grid is None else (sum(grid), sum(grid))
    exporting = torch.compiler.is_exporting() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()
    if exporting or max(high, wide) <= DIRECT_LIMIT:
        pads = (high // 2, wide // 2) if padding == "same" else padding
        assert not isinstance(pads, str)
        return F.conv2d(x, dense.unsqueeze(1).to(x.dtype), bias, stride, pads, 1, dense.shape[0])
    (row, column), near = frame((x.shape[2], x.shape[3]), (high, wide), stride, padding).cropped()
    kept = dense[:, row : row + near.rows.kernel, column : column + near.columns.kernel]
    image = x
    if x.dtype in HALF or kept.dtype in HALF:
        image, kept = x.float(), kept.float()
    if max(near.rows.kernel, near.columns.kernel) <= DIRECT_LIMIT:
        y = large_kernel_direct.apply(image, kept, near).to(x.dtype)
    else:
        y = large_kernel_fft.apply(image, large_kernel_fft.prepare(kept, near), near).to(x.dtype)
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]


def check_tensors(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> None:
    """Raises BadInput for tensors whose shapes, dtypes or devices do not belong together."""
    if x.dim() not in (3, 4):
        raise BadInput("The image tensor", f"has the shape {tuple(x.shape)}", "Give (batch, channels, height, width)")
    if not x.is_floating_point() or not kernel.is_floating_point():
        raise BadInput("The image tensor", f"is {x.dtype}, the kernel {kernel.dtype}", "Convert both to float32")
    if x.shape[-3] != kernel.shape[0]:
        raise BadInput(
            "The image tensor",
            f"has {x.shape[-3]} channels, the kernel {kernel.shape[0]}",
            "A depthwise convolution needs one kernel per channel",
        )
    if x.dtype != kernel.dtype and x.dtype not in HALF and kernel.dtype not in HALF:
        raise BadInput(
            "The image tensor", f"is {x.dtype}, the kernel {kernel.dtype}", "Convert one to the other's dtype"
        )
    if x.device != kernel.device:
        raise BadInput("The image tensor", f"is on {x.device}, the kernel on {kernel.device}", "Move one to the other")
    if bias is not None and tuple(bias.shape) != (kernel.shape[0],):
        raise BadInput("The bias", f"has the shape {tuple(bias.shape)}", f"Give ({kernel.shape[0]},)")
