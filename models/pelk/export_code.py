"""The designed layer as a Python file of its own: exact, fast at any K, with torch as its only import."""

from __future__ import annotations

from models.pelk.designer import Design

_PER_LINE = 8

_LAYER = '''"""Peripheral convolution, K = {kernel}, {bins} x {bins} weights a channel ({percent:.1f} % of a dense one).

Made by Vitrine (Apache-2.0) after PeLK, CVPR 2024. Needs torch alone.

    layer = PeripheralConv2d({channels})             # weights drawn anew, for training
    layer = PeripheralConv2d({channels}).designed()  # the kernel below in every channel
    y = layer(x)                                  # (B, {channels}, H, W) -> the same shape
"""

import torch
from torch import nn

GRID = {grid}
KERNEL = [
{weights}
]
"""The designed weights, {bins} x {bins}, row by row."""


def fft_length(least):
    """The next even number from `least` on without prime factors above 5."""
    length = least + least % 2
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2


class PeripheralConv2d(nn.Module):
    """Depthwise convolution, stride 1, zero padding, whose K x K kernel shares one weight per cell of GRID."""

    def __init__(self, channels, bias=True):
        super().__init__()
        side = len(GRID)
        self.weight = nn.Parameter(torch.empty(channels, 1, side, side))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        nn.init.trunc_normal_(self.weight, std=0.02)
        index = [number for number, size in enumerate(GRID) for _ in range(size)]
        self.register_buffer("cells", torch.tensor(index), persistent=False)

    def designed(self):
        """The weights of KERNEL in every channel."""
        with torch.no_grad():
            self.weight.copy_(torch.tensor(KERNEL).view(1, 1, len(GRID), len(GRID)).expand_as(self.weight))
        return self

    def dense_weight(self):
        """(C, 1, K, K), as nn.functional.conv2d takes it with groups = C."""
        return self.weight.index_select(-2, self.cells).index_select(-1, self.cells)

    def forward(self, x):
        dense = self.dense_weight()
        radius, height, width = dense.shape[-1] // 2, x.shape[-2], x.shape[-1]
        up, left = min(radius, height - 1), min(radius, width - 1)
        # Taps further out than the image never touch it.
        dense = dense[..., radius - up : radius + up + 1, radius - left : radius + left + 1]
        if max(up, left) <= 6:
            y = nn.functional.conv2d(x, dense.to(x.dtype), None, 1, (up, left), 1, x.shape[-3])
        else:
            size = fft_length(max(height + up, 2 * up + 1)), fft_length(max(width + left, 2 * left + 1))
            wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
            rest = 0, size[1] - 2 * left - 1, 0, size[0] - 2 * up - 1
            kernel = nn.functional.pad(dense.squeeze(1).to(wide.dtype), rest)
            kernel = kernel.roll((-up, -left), (-2, -1))
            spectrum = torch.fft.rfft2(wide, s=size) * torch.fft.rfft2(kernel).conj()
            y = torch.fft.irfft2(spectrum, s=size)[..., :height, :width].to(x.dtype)
        return y if self.bias is None else y + self.bias.to(y.dtype)[:, None, None]


if __name__ == "__main__":
    layer = PeripheralConv2d(4).designed()
    image = torch.randn(1, 4, {height}, {width})
    wanted = nn.functional.conv2d(image.double(), layer.dense_weight().double(), None, 1, sum(GRID) // 2, 1, 4)
    with torch.no_grad():
        difference = (layer(image) - wanted).abs().max() / wanted.abs().max()
    print(f"largest relative difference to torch's own convolution: {{difference:.1e}}")
'''


def layer_code(design: Design) -> str:
    """The file's text; running it compares the layer with torch's own convolution."""
    flat = [f"{float(value)!r}" for value in design.weights().ravel()]
    lines = [", ".join(flat[i : i + _PER_LINE]) for i in range(0, len(flat), _PER_LINE)]
    spec = design.spec
    return _LAYER.format(
        kernel=spec.kernel,
        bins=design.bins,
        percent=100 * design.ratio,
        channels=spec.channels,
        grid=design.grid,
        weights="\n".join(f"    {line}," for line in lines),
        # The check sums every tap in float64: a small map keeps it quick.
        height=min(spec.height, 32),
        width=min(spec.width, 32),
    )
