"""The kernel designer: from a few settings to a sharing grid, its counts, costs and weights. No torch is needed."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from models.parts.large_kernel_frames import Frame, frame
from models.parts.large_kernel_grids import (
    Grid,
    central_area_ratio,
    centre_radius_of,
    checked_grid,
    clipped,
    odd_kernel,
    parameter_ratio,
    sharing_grid,
)
from models.parts.problems import BadInput

Floats = npt.NDArray[np.float64]
SMALLEST, LARGEST = 3, 151
LARGEST_CENTRE = 5
LEAST_BASE, MOST_BASE = 1.5, 3.0
LARGEST_SIDE, MOST_CHANNELS, MOST_VALUES = 512, 2048, 2**24
STRIPE = 5
"""Width of SLaK's stripes: two of them, 5 x K and K x 5, stand for one dense kernel."""
DEVIATION = 0.02


@dataclass(frozen=True)
class KernelSpec:
    """What the designer is told.

    kernel: K, odd, 3 to 151. centre_radius: r_c, cells of size 1 beside the centre. base: m, growth of the bins outside
    it. merge_tail: join a last bin of width 1 to its neighbour. bins: the whole grid as text instead, as
    "4,2,1,1,1,2,4"; it must sum to K. height, width, channels: of the feature map that costs are counted for. seed: of
    the drawn weights.
    """

    kernel: int = 51
    centre_radius: int = 2
    base: float = 2.0
    merge_tail: bool = False
    bins: str = ""
    height: int = 56
    width: int = 56
    channels: int = 96
    seed: int = 0

    def checked(self) -> KernelSpec:
        """Itself; raises BadInput naming the first setting that is out of range."""
        odd_kernel(self.kernel)
        _between("The kernel size", self.kernel, SMALLEST, LARGEST)
        _between("The centre radius", self.centre_radius, 0, LARGEST_CENTRE)
        if not LEAST_BASE <= self.base <= MOST_BASE:
            raise BadInput("The base of the grid", f"is {self.base:g}", f"Give {LEAST_BASE:g} to {MOST_BASE:g}")
        _between("The height of the map", self.height, 1, LARGEST_SIDE)
        _between("The width of the map", self.width, 1, LARGEST_SIDE)
        _between("The number of channels", self.channels, 1, MOST_CHANNELS)
        if self.height * self.width * self.channels > MOST_VALUES:
            raise BadInput(
                "The feature map",
                f"has {self.height * self.width * self.channels:,} values",
                f"Keep height x width x channels below {MOST_VALUES:,}",
            )
        _between("The seed", self.seed, 0, 2**31 - 1)
        return self

    @property
    def grid(self) -> Grid:
        """The sharing grid, from the text where there is one; a centre wider than K is cut. Raises BadInput."""
        if self.bins.strip():
            return parsed_grid(self.bins, self.kernel)
        return sharing_grid(self.kernel, min(self.centre_radius, self.kernel // 2), self.base, self.merge_tail)


def _between(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(name, f"is {value!r}", f"Give a whole number from {low} to {high}")


def parsed_grid(text: str, kernel: int) -> Grid:
    """A grid written as numbers between commas, spaces or brackets. Raises BadInput when it is no grid of K."""
    parts = [part for part in re.split(r"[\s,;\[\]()]+", text.strip()) if part]
    if any(not re.fullmatch(r"[0-9]{1,4}", part) for part in parts):
        odd = next(part for part in parts if not re.fullmatch(r"[0-9]{1,4}", part))
        raise BadInput("The sharing grid", f"has the part {odd!r}", "Give whole numbers, as 4,2,1,1,1,2,4")
    return checked_grid([int(part) for part in parts], kernel)


@dataclass(frozen=True)
class Cost:
    """Multiply-adds of one form of the convolution over the whole feature map, and how they were counted."""

    key: str
    title: str
    products: int
    note: str


@dataclass(frozen=True)
class Design:
    """A finished design; counts are per channel where not said otherwise."""

    spec: KernelSpec
    grid: Grid

    @property
    def bins(self) -> int:
        """k': cells per axis."""
        return len(self.grid)

    @property
    def parameters(self) -> int:
        """Weights of the shared kernel."""
        return self.bins**2

    @property
    def dense_parameters(self) -> int:
        """Weights of a dense kernel of the same size."""
        return self.spec.kernel**2

    @property
    def ratio(self) -> float:
        """Shared over dense weights."""
        return parameter_ratio(self.grid)

    @property
    def central_ratio(self) -> float:
        """Share of the kernel's area whose weights are not shared."""
        return central_area_ratio(self.grid)

    @property
    def centre_radius(self) -> int:
        """Cells of size 1 beside the centre cell; -1 when the centre cell itself is wider."""
        return centre_radius_of(self.grid)

    @property
    def corner_taps(self) -> int:
        """Reads per output pixel on the integral image."""
        return (self.bins + 1) ** 2

    @cached_property
    def frame(self) -> Frame:
        """The convolution without taps that never touch the feature map."""
        spec = self.spec
        return frame((spec.height, spec.width), (spec.kernel, spec.kernel)).cropped()[1]

    @cached_property
    def costs(self) -> tuple[Cost, ...]:
        """The forms side by side."""
        spec, near = self.spec, self.frame
        pixels = spec.height * spec.width * spec.channels
        high, wide = near.fft_lengths
        kept = [
            len(clipped(self.grid, (spec.kernel - axis.kernel) // 2, axis.kernel)[1])
            for axis in (near.rows, near.columns)
        ]
        transforms = spec.channels * high * wide * (2.5 * math.log2(max(2, high * wide)) + 2)
        products = spec.channels * kept[0] * spec.width * spec.height * (spec.width + spec.height)
        return (
            Cost("dense", "Dense", pixels * spec.kernel**2, f"{spec.kernel} x {spec.kernel} taps per pixel"),
            Cost(
                "cropped",
                "Dense, cropped",
                pixels * near.rows.kernel * near.columns.kernel,
                f"{near.rows.kernel} x {near.columns.kernel} taps can touch the map",
            ),
            Cost("fft", "FFT", round(transforms), f"two real transforms of {high} x {wide}, kernel spectrum kept"),
            Cost("boxes", "Boxes, three products", products, "band matrices: grows with the map's side"),
            Cost("taps", "Boxes, corner taps", pixels * (kept[0] + 1) * (kept[1] + 1), "reads on the integral image"),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know about this design."""
        spec, said = self.spec, []
        if self.frame.rows.kernel < spec.kernel or self.frame.columns.kernel < spec.kernel:
            said.append(
                f"The kernel reaches past the map: only {self.frame.rows.kernel} x {self.frame.columns.kernel} of its "
                "taps can touch it. The result stays exact."
            )
        if self.bins == spec.kernel:
            said.append("Every cell has size 1: this kernel shares nothing, it is dense.")
        elif self.centre_radius < 2:
            said.append("A parallel 5 x 5 kernel cannot be folded in: the unshared centre is smaller than 5 x 5.")
        if len(self.grid) > 2 and self.grid[0] == 1 < self.grid[1]:
            said.append("The outermost bin is 1 wide: merging the tail saves its weights.")
        return tuple(said)

    def weights(self) -> npt.NDArray[np.float32]:
        """w_theta (k', k') drawn with the seed: normal with deviation 0.02, as layers start."""
        draw = np.random.default_rng([self.spec.seed, self.bins]).normal(0.0, DEVIATION, (self.bins, self.bins))
        return draw.astype(np.float32)

    def dense(self) -> npt.NDArray[np.float32]:
        """The kernel with every weight written to all offsets of its cell, (K, K)."""
        return self.spread(self.weights())

    def spread(self, cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(k', k') -> (K, K)."""
        index = np.repeat(np.arange(self.bins), self.grid)
        return cells[np.ix_(index, index)]

    def cell_sizes(self) -> npt.NDArray[np.int64]:
        """How many offsets share the weight of each offset, (K, K)."""
        return self.spread(np.outer(self.grid, self.grid))

    def rings(self) -> npt.NDArray[np.int64]:
        """Bins from the centre cell, the larger of both axes, at each offset, (K, K)."""
        away = np.abs(np.arange(self.bins) - self.bins // 2)
        return self.spread(np.maximum.outer(away, away))

    def as_dict(self) -> dict[str, Any]:
        """Everything in plain values, for JSON."""
        return {
            **asdict(self.spec),
            "grid": list(self.grid),
            "cells_per_axis": self.bins,
            "parameters_per_channel": self.parameters,
            "dense_parameters_per_channel": self.dense_parameters,
            "parameters": self.parameters * self.spec.channels,
            "ratio": self.ratio,
            "central_area_ratio": self.central_ratio,
            "corner_taps": self.corner_taps,
            "multiply_adds": {cost.key: cost.products for cost in self.costs},
            "notes": list(self.notes),
        }


def design(spec: KernelSpec) -> Design:
    """The design of ``spec``; raises BadInput for an even K, settings out of range, or a grid that is none of K."""
    checked = spec.checked()
    return Design(checked, checked.grid)


@dataclass(frozen=True)
class Curve:
    """Weights per channel for every odd K of the designer, three ways."""

    kernels: tuple[int, ...]
    dense: tuple[int, ...]
    stripe: tuple[int, ...]
    peripheral: tuple[int, ...]


@lru_cache(maxsize=512)
def curve(centre_radius: int = 2, base: float = 2.0, merge_tail: bool = False) -> Curve:
    """Dense K^2, two stripes 10 K, and the generated shared kernel k'^2, against K. Raises BadInput."""
    KernelSpec(LARGEST, centre_radius, base, merge_tail).checked()
    kernels = tuple(range(SMALLEST, LARGEST + 1, 2))
    shared = [len(sharing_grid(k, min(centre_radius, k // 2), base, merge_tail)) ** 2 for k in kernels]
    return Curve(kernels, tuple(k * k for k in kernels), tuple(2 * STRIPE * k for k in kernels), tuple(shared))
