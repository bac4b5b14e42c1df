"""Geometry of one convolution: what lies where per axis, which part of the kernel can touch the image, FFT lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from models.parts.large_kernel_grids import odd_kernel
from models.parts.problems import BadInput

Padding = int | Sequence[int] | str

_LONGEST_STRETCH = 1.4
_PENALTIES = ((8, 1.0), (4, 1.1), (2, 1.6), (1, 4.0))
"""Cost per element of an FFT whose length is a multiple of 8, 4, 2 or 1 (with MKL, 81 takes 4 times what 96 takes)."""


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution y[i] = sum_u w[u] x[i * stride + u - left].

    size: of the image; kernel: taps; left: zeros before the image; out: outputs.
    """

    size: int
    kernel: int
    left: int
    stride: int
    out: int

    @property
    def reach(self) -> int:
        """Outputs before striding: the last output's position + 1."""
        return (self.out - 1) * self.stride + 1

    @property
    def right(self) -> int:
        """Zeros needed behind the image; negative when its end is not read."""
        return self.reach + self.kernel - 1 - self.left - self.size

    def cropped(self) -> tuple[int, Axis]:
        """(first tap kept, the axis without taps that never touch the image): the same result, exactly.

        With "same" padding and stride 1 this keeps the offsets within +-(size - 1).
        """
        first = max(0, self.left - (self.reach - 1))
        last = min(self.kernel - 1, self.left + self.size - 1)
        return first, replace(self, kernel=last - first + 1, left=self.left - first)

    def fft_minimum(self) -> int:
        """The shortest circular length at which no wrapped product reaches an output (or a gradient)."""
        behind = self.kernel - 1 - self.left
        return max(self.left + self.size, self.reach + behind, self.kernel, self.reach)


@dataclass(frozen=True)
class Frame:
    """Both axes of a depthwise convolution."""

    rows: Axis
    columns: Axis

    def cropped(self) -> tuple[tuple[int, int], Frame]:
        """((first row, first column kept), the frame without taps that never touch the image)."""
        (row, rows), (column, columns) = self.rows.cropped(), self.columns.cropped()
        return (row, column), Frame(rows, columns)

    @property
    def fft_lengths(self) -> tuple[int, int]:
        """Circular lengths of the FFT path."""
        return fft_length(self.rows.fft_minimum()), fft_length(self.columns.fft_minimum())


def frame(size: Sequence[int], kernel: Sequence[int], stride: int = 1, padding: Padding = "same") -> Frame:
    """The frame of an image (H, W) and a kernel (Kh, Kw), both odd.

    padding: "same" (K // 2: the output has ceil(size / stride)), one int, or one per axis. Raises BadInput for even
    kernels, strides other than 1 and 2, negative padding, and kernels larger than the padded image.
    """
    if stride not in (1, 2):
        raise BadInput("The stride", f"is {stride!r}", "Large-kernel convolutions here have stride 1 or 2")
    pads = _paddings(kernel, padding)
    return Frame(*(_axis(n, k, stride, p) for n, k, p in zip(size, kernel, pads, strict=True)))


def _paddings(kernel: Sequence[int], padding: Padding) -> tuple[int, int]:
    if padding == "same":
        return kernel[0] // 2, kernel[1] // 2
    pads = (padding, padding) if isinstance(padding, int) else padding
    if isinstance(pads, str) or len(pads) != 2 or any(not isinstance(pad, int) or pad < 0 for pad in pads):
        raise BadInput("The padding", f"is {padding!r}", 'Give "same", a number of zeros, or one number per axis')
    return pads[0], pads[1]


def _axis(size: int, kernel: int, stride: int, padding: int) -> Axis:
    odd_kernel(kernel)
    room = size + 2 * padding - kernel
    if size < 1 or room < 0:
        raise BadInput(
            "The image",
            f"is {size} wide on one axis, {size + 2 * padding} with its padding, smaller than the kernel of {kernel}",
            'Use padding "same" or a larger image',
        )
    return Axis(size, kernel, padding, stride, room // stride + 1)


def smooth_length(least: int) -> int:
    """The next number from `least` on with no prime factor above 5."""
    while not _smooth(least):
        least += 1
    return least


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number == 1


@lru_cache(maxsize=4096)
def fft_length(least: int) -> int:
    """The 5-smooth length from `least` on that is cheapest to transform; odd lengths cost several times more."""
    shortest = smooth_length(least)
    if shortest <= 8:
        return shortest
    lengths = [n for n in range(shortest, int(shortest * _LONGEST_STRETCH) + 1) if _smooth(n)]
    return min(lengths, key=lambda n: n * n * next(cost for factor, cost in _PENALTIES if n % factor == 0))
