"""One convolution as data (`Work`), and the five ways to do it behind one interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch.nn.functional as F
from torch import Tensor

from models.parts import large_kernel_boxes, large_kernel_direct, large_kernel_fft, large_kernel_taps
from models.parts.large_kernel_expansion import cell_sums, expand
from models.parts.large_kernel_frames import Frame, Padding, frame
from models.parts.large_kernel_grids import Grid, clipped
from models.parts.problems import BadInput

DENSE_ALGORITHMS = ("direct", "cropped", "fft")
ALGORITHMS = (*DENSE_ALGORITHMS, "boxes", "taps")
"""direct: torch's convolution. cropped: the same without taps that never touch the image. fft: shortest FFT. boxes:
three matrix products with band matrices. taps: corners on the integral image. The last two need a sharing grid."""


@dataclass(frozen=True)
class Work:
    """A depthwise convolution of given geometry; `grid` is None for a dense kernel."""

    frame: Frame
    grid: Grid | None = None

    @cached_property
    def kept(self) -> tuple[int, int]:
        """First kernel row and column that can touch the image."""
        return self.frame.cropped()[0]

    @cached_property
    def near(self) -> Frame:
        """The frame without taps that never touch the image."""
        return self.frame.cropped()[1]

    @cached_property
    def bins(self) -> tuple[tuple[int, int], tuple[Grid, Grid]]:
        """((first row bin, first column bin), their sizes) of what `near` keeps of the grid."""
        assert self.grid is not None
        row, rows = clipped(self.grid, self.kept[0], self.near.rows.kernel)
        column, columns = clipped(self.grid, self.kept[1], self.near.columns.kernel)
        return (row, column), (rows, columns)

    @cached_property
    def effective_kernel(self) -> int:
        """The larger side of the kernel after cropping."""
        return max(self.near.rows.kernel, self.near.columns.kernel)

    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that can do this work."""
        return DENSE_ALGORITHMS if self.grid is None else ALGORITHMS

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.frame, self.grid))


@lru_cache(maxsize=4096)
def work(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, padding: Padding, grid: Grid | None = None
) -> Work:
    """The work of an image (H, W) and a kernel (Kh, Kw); raises BadInput as `frame` does."""
    return Work(frame(size, kernel, stride, padding), grid)


def check_algorithm(name: str, job: Work) -> str:
    """`name` when it can do `job`; raises BadInput otherwise."""
    if name not in ALGORITHMS:
        raise BadInput("The algorithm", f"{name!r} is unknown", f"Use auto, {', '.join(ALGORITHMS)}")
    if name not in job.algorithms():
        raise BadInput(
            "The algorithm", f"{name!r} needs a kernel with a sharing grid", f"Use auto, {', '.join(DENSE_ALGORITHMS)}"
        )
    return name


def prepare(name: str, kernel: Tensor, job: Work) -> Tensor:
    """The part of the work that depends on the kernel alone; kept between calls while the kernel does not change.

    kernel: (C, Kh, Kw), or (C, k', k') when the work has a grid.
    """
    if name == "direct":
        return kernel if job.grid is None else expand(kernel, job.grid)
    if name == "boxes":
        return large_kernel_boxes.prepare(_near_bins(kernel, job), job.near, job.bins[1])
    if name == "taps":
        return _near_bins(kernel, job)
    dense = _near_dense(kernel, job)
    return large_kernel_fft.prepare(dense, job.near) if name == "fft" else dense


def apply(name: str, x: Tensor, prepared: Tensor, job: Work) -> Tensor:
    """x: (B, C, H, W), prepared: from `prepare` -> (B, C, H_out, W_out)."""
    if name == "direct":
        return large_kernel_direct.apply(x, prepared, job.frame)
    if name == "cropped":
        return large_kernel_direct.apply(x, prepared, job.near)
    if name == "fft":
        return large_kernel_fft.apply(x, prepared, job.near)
    form = large_kernel_boxes if name == "boxes" else large_kernel_taps
    return form.apply(x, prepared, job.near, job.bins[1])


def gradients(
    name: str, x: Tensor, kernel: Tensor, upstream: Tensor, job: Work, of_x: bool = True, of_kernel: bool = True
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the convolution with respect to x and the kernel (dense or shared), where asked for."""
    if name in ("boxes", "taps"):
        form = large_kernel_boxes if name == "boxes" else large_kernel_taps
        near = _near_bins(kernel, job)
        for_x, for_near = form.gradients(x, near, upstream, job.near, job.bins[1], of_x, of_kernel)
        return for_x, None if for_near is None else _put_back(for_near, job.bins[0], kernel.shape)
    method = large_kernel_fft if name == "fft" else large_kernel_direct
    if name == "direct":
        for_x, for_dense = method.gradients(x, prepare("direct", kernel, job), upstream, job.frame, of_x, of_kernel)
        corner: tuple[int, int] = (0, 0)
    else:
        for_x, for_dense = method.gradients(x, _near_dense(kernel, job), upstream, job.near, of_x, of_kernel)
        corner = job.kept
    if for_dense is None:
        return for_x, None
    if job.grid is None:
        return for_x, _put_back(for_dense, corner, kernel.shape)
    if name == "direct":
        return for_x, cell_sums(for_dense, job.grid, job.grid)
    corner, grids = job.bins
    return for_x, _put_back(cell_sums(for_dense, *grids), corner, kernel.shape)


def _near_dense(kernel: Tensor, job: Work) -> Tensor:
    """The dense kernel cut to what can touch the image."""
    if job.grid is not None:
        return expand(_near_bins(kernel, job), *job.bins[1])
    (row, column), near = job.kept, job.near
    return kernel[:, row : row + near.rows.kernel, column : column + near.columns.kernel]


def _near_bins(kernel: Tensor, job: Work) -> Tensor:
    (row, column), (rows, columns) = job.bins
    return kernel[:, row : row + len(rows), column : column + len(columns)]


def _put_back(part: Tensor, corner: tuple[int, int], shape: Sequence[int]) -> Tensor:
    """`part` in a kernel of zeros of `shape` at `corner`."""
    if part.shape[-2:] == tuple(shape[-2:]):
        return part
    bottom, right = (
        whole - first - size for whole, first, size in zip(shape[-2:], corner, part.shape[-2:], strict=True)
    )
    return F.pad(part, (corner[1], right, corner[0], bottom))
