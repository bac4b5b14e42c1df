"""Sharing grids: how a peripheral kernel cuts its K offsets per axis into bins of one weight each (PeLK, section 3).

A grid is the tuple of all bin sizes of one axis, edge to edge: (9, 8, 4, 2, 1, 1, 1, 1, 1, 2, 4, 8, 9) for K = 51. It
is symmetric, has odd length k' and sums to K. The 2-D kernel has k' x k' weights, one per pair of bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from models.parts.problems import BadInput

Grid = tuple[int, ...]

_GRID = "The sharing grid"


def odd_kernel(size: object, name: str = "The kernel size") -> int:
    """`size` as an odd int of at least 1; raises BadInput otherwise, naming the nearest odd sizes."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise BadInput(name, f"is {size!r}", "Give an odd whole number of at least 1, as 31 or 51")
    if size % 2 == 0:
        raise BadInput(name, f"is {size}, which is even: it has no centre", f"Use {size - 1} or {size + 1}")
    return size


def half_grid(kernel_size: int, centre_radius: int = 2, base: float = 2.0, merge_tail: bool = False) -> Grid:
    """Bins from just outside the centre cell outwards: `centre_radius` bins of size 1, then base, base^2, ...

    The last bin takes what is left of the radius (K - 1) / 2. `merge_tail` joins a last bin of width 1 outside a wider
    one to its neighbour. Reproduces every grid that the paper prints. Raises BadInput for an even K, a centre larger
    than the kernel, or a base below 1.
    """
    radius = odd_kernel(kernel_size) // 2
    if not 0 <= centre_radius <= radius:
        raise BadInput("The centre radius", f"is {centre_radius} in a kernel of radius {radius}", f"Give 0 to {radius}")
    if not base >= 1:
        raise BadInput("The base of the grid", f"is {base}", "Bins must not shrink outwards: give 1 or more, as 2")
    bins = [1] * centre_radius
    left, size = radius - centre_radius, float(base)
    while left > 0:
        bins.append(min(int(size + 0.5), left))
        left -= bins[-1]
        size *= base
    if merge_tail and len(bins) > centre_radius + 1 and bins[-1] == 1 < bins[-2]:
        bins[-2:] = [bins[-2] + 1]
    return tuple(bins)


def sharing_grid(kernel_size: int, centre_radius: int = 2, base: float = 2.0, merge_tail: bool = False) -> Grid:
    """The full grid of `half_grid`: mirrored around one centre bin of size 1; odd length, sums to K."""
    return mirrored(half_grid(kernel_size, centre_radius, base, merge_tail))


def mirrored(outward: Sequence[int]) -> Grid:
    """The full grid whose bins outside the centre cell are `outward`, from the centre to the edge."""
    return (*reversed(outward), 1, *outward)


def checked_grid(grid: Sequence[int], kernel_size: int | None = None) -> Grid:
    """`grid` as a tuple of ints; raises BadInput when a bin is no positive int, or the grid is of even length, not
    symmetric, or does not sum to `kernel_size` (an odd number, where none is given)."""
    bins = tuple(grid)
    if not bins or any(isinstance(size, bool) or int(size) != size or size < 1 for size in bins):
        raise BadInput(_GRID, f"is {bins}", "Give positive whole numbers, as 4,2,1,1,1,2,4")
    bins = tuple(int(size) for size in bins)
    if len(bins) % 2 == 0:
        raise BadInput(_GRID, f"{bins} has {len(bins)} bins", "Give an odd number of bins: one must be the centre")
    if bins != bins[::-1]:
        raise BadInput(_GRID, f"{bins} is not symmetric", "Mirror the bins around the centre one")
    total = sum(bins)
    if kernel_size is not None and total != kernel_size:
        raise BadInput(_GRID, f"{bins} sums to {total}, the kernel size is {kernel_size}", "Make the two equal")
    odd_kernel(total, "The sum of the sharing grid")
    return bins


def edges(grid: Sequence[int]) -> Grid:
    """First offset of every bin, and K: k' + 1 numbers from 0 to K."""
    return tuple(accumulate(grid, initial=0))


def centre_radius_of(grid: Sequence[int]) -> int:
    """How many bins of size 1 lie beside the centre cell on each side; -1 when the centre cell itself is wider."""
    middle = len(grid) // 2
    radius = -1
    while radius < middle and grid[middle + radius + 1] == 1:
        radius += 1
    return radius


def clipped(grid: Grid, first: int, kept: int) -> tuple[int, Grid]:
    """The bins that overlap the offsets first ... first + kept - 1, cut to them: (index of the first bin, sizes)."""
    bounds = edges(grid)
    sizes = [min(high, first + kept) - max(low, first) for low, high in pairwise(bounds)]
    start = next(index for index, size in enumerate(sizes) if size > 0)
    return start, tuple(size for size in sizes if size > 0)


def parameter_ratio(grid: Sequence[int]) -> float:
    """Weights of the peripheral kernel over those of the dense one, k'^2 / K^2 (paper, table 5)."""
    return (len(grid) / sum(grid)) ** 2


def central_area_ratio(grid: Sequence[int]) -> float:
    """Share of the kernel's area whose weights are not shared, (2 r_c + 1)^2 / K^2 (paper, table 6)."""
    return ((2 * centre_radius_of(grid) + 1) / sum(grid)) ** 2
