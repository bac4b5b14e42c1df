"""The token mixer of a PeLK block: partial peripheral convolution with a small parallel branch, and its merged form."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.large_kernel import LargeKernelConv2d
from models.parts.large_kernel_expansion import cell_sums
from models.parts.large_kernel_functional import embedding_term
from models.parts.large_kernel_grids import Grid, centre_radius_of
from models.parts.problems import BadInput
from models.pelk.config import Kpe


class ConvNorm(nn.Module):
    """A depthwise convolution and its BatchNorm (keys `conv`, `bn`, as in SLaK)."""

    def __init__(self, conv: nn.Module, channels: int, norm: bool) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        y: Tensor = self.bn(self.conv(x))
        return y

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What the norm does in eval mode: y = scale * conv(x) + shift, each (C,)."""
        weight = self.conv.weight
        if isinstance(self.bn, nn.Identity):
            return weight.new_ones(weight.shape[0]), weight.new_zeros(weight.shape[0])
        scale = self.bn.weight / (self.bn.running_var + self.bn.eps).sqrt()
        return scale, self.bn.bias - self.bn.running_mean * scale


class PeripheralMixer(nn.Module):
    """Large kernel + small kernel + positional embedding on g channels (B, g, H, W), stride 1.

    The embedding is added behind the norm of the large branch: in front of it, the norm would remove the literal form,
    which is one number per channel. `merge` turns all three into one peripheral convolution with a bias.
    """

    def __init__(
        self, channels: int, kernel: int, grid: Grid, small_kernel: int, norm: bool, kpe: Kpe, algorithm: str = "auto"
    ) -> None:
        super().__init__()
        self.grid, self.kpe, self.kernel_size = grid, kpe, kernel
        large = LargeKernelConv2d(channels, kernel, grid=_shared(grid), bias=False, algorithm=algorithm)
        self.lkb_origin: ConvNorm | None = ConvNorm(large, channels, norm)
        self.small_conv: ConvNorm | None = None
        if small_kernel:
            small = LargeKernelConv2d(channels, small_kernel, bias=False)
            self.small_conv = ConvNorm(small, channels, norm)
        self.lkb_reparam: LargeKernelConv2d | None = None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """x: (B, g, H, W), embedding: (g, K, K) or None -> (B, g, H, W)."""
        if self.lkb_reparam is not None:
            y: Tensor = self.lkb_reparam(x)
            return y if self.kpe != "masked" else y + self._embedded(self.shared_weight, embedding, x)
        assert self.lkb_origin is not None
        y = self.lkb_origin(x)
        if self.kpe != "none":
            y = y + self._embedded(self.lkb_origin.conv.weight, embedding, x)
        return y if self.small_conv is None else y + self.small_conv(x)

    def _embedded(self, weight: Tensor, embedding: Tensor | None, x: Tensor) -> Tensor:
        return embedding_term(weight, self.grid, embedding, self.kpe, (x.shape[2], x.shape[3])).to(x.dtype)

    @torch.no_grad()
    def merge(self, embedding: Tensor | None = None) -> None:
        """Fold norms, the small kernel and the literal embedding into one peripheral kernel with a bias, exactly.

        The masked embedding stays a map of its own and needs the unfolded kernel, kept as the buffer `shared_weight`.
        Raises BadInput when the small kernel reaches past the cells of size 1 (centre radius below its radius).
        """
        if self.lkb_reparam is not None:
            return
        assert self.lkb_origin is not None
        conv = self.lkb_origin.conv
        scale, bias = self.lkb_origin.scale_and_shift()
        kernel = conv.weight * scale[:, None, None, None]
        if self.small_conv is not None:
            small_scale, small_shift = self.small_conv.scale_and_shift()
            kernel = folded(kernel, self.small_conv.conv.weight * small_scale[:, None, None, None], self.grid)
            bias = bias + small_shift
        if self.kpe == "literal":
            assert embedding is not None
            bias = bias + (conv.weight.squeeze(1) * cell_sums(embedding, self.grid)).sum((-2, -1))
        merged = LargeKernelConv2d(kernel.shape[0], self.kernel_size, grid=_shared(self.grid), algorithm=conv.algorithm)
        merged.weight, merged.bias = nn.Parameter(kernel), nn.Parameter(bias)
        if self.kpe == "masked":
            self.register_buffer("shared_weight", conv.weight.detach().clone())
        self.lkb_reparam = merged.train(self.training)
        self.lkb_origin = self.small_conv = None


def _shared(grid: Grid) -> Grid | None:
    """None for a grid whose bins are all of size 1: its kernel is dense."""
    return None if max(grid) == 1 else grid


def folded(kernel: Tensor, small: Tensor, grid: Grid) -> Tensor:
    """The shared kernel (C, 1, k', k') plus a small dense one (C, 1, s, s) at the centre, exact.

    Raises BadInput when the grid's unshared centre is smaller than the small kernel: the sum has no shared form then.
    """
    radius = small.shape[-1] // 2
    centre = centre_radius_of(grid)
    if centre < radius:
        raise BadInput(
            "The small kernel",
            f"of radius {radius} reaches past the unshared centre of radius {centre}",
            f"Keep it as a branch, or use a grid with centre radius {radius}",
        )
    margin = (kernel.shape[-1] - small.shape[-1]) // 2
    return kernel + F.pad(small, (margin,) * 4)
