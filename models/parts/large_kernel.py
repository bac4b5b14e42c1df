"""Depthwise convolution with kernels of any odd size, fast on any machine, with plain torch only.

`large_kernel_conv2d` takes a dense kernel, `peripheral_conv2d` a shared one (PeLK, CVPR 2024, equations 1 to 3), and
`LargeKernelConv2d` is the layer of both. All algorithms are exact; which one runs is measured (large_kernel_dispatch).

    >>> layer = LargeKernelConv2d(96, 51)
    >>> layer(torch.zeros(1, 96, 56, 56)).shape
    torch.Size([1, 96, 56, 56])
    >>> shared = LargeKernelConv2d(96, 101, grid=sharing_grid(101, centre_radius=3))
    >>> tuple(shared.weight.shape)
    (96, 1, 17, 17)
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.parts.large_kernel_dispatch import default
from models.parts.large_kernel_expansion import expand
from models.parts.large_kernel_frames import Padding
from models.parts.large_kernel_functional import (
    HALF,
    check_tensors,
    large_kernel_conv2d,
    peripheral_conv2d,
    run,
    traced,
)
from models.parts.large_kernel_grids import checked_grid, odd_kernel, sharing_grid
from models.parts.large_kernel_work import ALGORITHMS, check_algorithm, prepare, work

__all__ = ["ALGORITHMS", "LargeKernelConv2d", "large_kernel_conv2d", "peripheral_conv2d", "sharing_grid"]

_KEPT = 4
"""Image sizes for which a layer keeps its prepared kernel."""
_Stamp = tuple["weakref.ref[Tensor]", int, int]


class LargeKernelConv2d(nn.Module):
    """Depthwise convolution of `channels` with a K x K kernel, zero padding.

    weight: (C, 1, K, K), or (C, 1, k', k') with a sharing `grid` of k' bins that sum to K; bias: (C,) or None. Initial
    weights are a truncated normal of deviation 0.02, the bias 0 (ConvNeXt).

    Without gradients (inference) the prepared kernel, such as its spectrum, is kept until the parameter changes; the
    parameter's version counter tells. Editing `weight.data` does not count up: call `forget` after that.
    Raises BadInput for an even kernel, a grid that does not fit, or an unknown algorithm.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        *,
        grid: Sequence[int] | None = None,
        stride: int = 1,
        padding: Padding = "same",
        bias: bool = True,
        algorithm: str = "auto",
    ) -> None:
        super().__init__()
        self.kernel_size = odd_kernel(kernel_size)
        self.grid = None if grid is None else checked_grid(grid, kernel_size)
        self.stride = stride
        self.padding = padding if isinstance(padding, (int, str)) else tuple(padding)
        self.algorithm = algorithm
        if algorithm != "auto":
            check_algorithm(
                algorithm, work((kernel_size, kernel_size), (kernel_size, kernel_size), 1, "same", self.grid)
            )
        side = kernel_size if self.grid is None else len(self.grid)
        self.weight = nn.Parameter(torch.empty(channels, 1, side, side))
        self.bias = nn.Parameter(torch.empty(channels)) if bias else None
        self._kept: dict[tuple[object, ...], tuple[_Stamp, Tensor]] = {}
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew."""
        nn.init.trunc_normal_(self.weight, std=0.02, generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def dense_weight(self) -> Tensor:
        """The kernel as torch's conv2d takes it: (C, 1, K, K)."""
        return self.weight if self.grid is None else expand(self.weight, self.grid)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> (B, C, H_out, W_out)."""
        if self.training or torch.is_grad_enabled() or x.dim() != 4 or traced() or not self._can_keep(x):
            return self._function(x)
        check_tensors(x, self.weight, self.bias)
        side = (self.kernel_size, self.kernel_size)
        job = work((x.shape[2], x.shape[3]), side, self.stride, self.padding, self.grid)
        name = self.algorithm
        if name == "auto":
            name = default().choose(job, x.shape[0], x.shape[1], x.device, x.dtype, "cached")
        y = run(name, x, self._prepared(name, job), job)
        return y if self.bias is None else y + self.bias[:, None, None]

    def _can_keep(self, x: Tensor) -> bool:
        weight = self.weight
        return x.dtype == weight.dtype and x.dtype not in HALF and not weight.is_inference() and x.numel() > 0

    def _function(self, x: Tensor) -> Tensor:
        if self.grid is None:
            return large_kernel_conv2d(
                x, self.weight, self.bias, stride=self.stride, padding=self.padding, algorithm=self.algorithm
            )
        return peripheral_conv2d(
            x, self.weight, self.grid, self.bias, stride=self.stride, padding=self.padding, algorithm=self.algorithm
        )

    def _prepared(self, name: str, job: Any) -> Tensor:
        """The prepared kernel, made anew when the parameter is another tensor or has changed."""
        weight, key = self.weight, (name, job)
        kept = self._kept.get(key)
        if kept is not None:
            (owner, version, address), ready = kept
            unchanged = (version, address) == (weight._version, weight.data_ptr())
            if unchanged and owner() is weight:
                return ready
        stamp = weakref.ref(weight), weight._version, weight.data_ptr()
        ready = prepare(name, weight.detach().squeeze(1), job)
        if len(self._kept) >= _KEPT:
            self._kept = {}
        self._kept[key] = (stamp, ready)
        return ready

    def forget(self) -> None:
        """Drop the kept kernels."""
        self._kept = {}

    def train(self, mode: bool = True) -> LargeKernelConv2d:
        """As nn.Module; the kept kernels go when training starts."""
        if mode:
            self.forget()
        return super().train(mode)

    def _apply(self, fn: Any, recurse: bool = True) -> LargeKernelConv2d:
        self.forget()
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def extra_repr(self) -> str:
        """For print: sizes, the grid and the settings that differ from the defaults."""
        grid = "" if self.grid is None else f", grid={self.grid}"
        return f"{self.weight.shape[0]}, {self.kernel_size}{grid}, stride={self.stride}, padding={self.padding!r}"
