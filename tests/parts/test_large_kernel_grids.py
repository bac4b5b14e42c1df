"""Sharing grids and the expansion from shared to dense kernels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.large_kernel_expansion import bin_matrix, cell_areas, cell_sums, expand, project
from models.parts.large_kernel_grids import (
    central_area_ratio,
    centre_radius_of,
    checked_grid,
    clipped,
    edges,
    half_grid,
    mirrored,
    parameter_ratio,
    sharing_grid,
)
from models.parts.problems import BadInput

odd = st.integers(0, 80).map(lambda radius: 2 * radius + 1)


@given(odd, st.integers(0, 5), st.floats(1, 3), st.booleans())
def test_every_generated_grid_is_symmetric_and_sums_to_the_kernel(
    kernel: int, centre: int, base: float, merge: bool
) -> None:
    centre = min(centre, kernel // 2)
    grid = sharing_grid(kernel, centre, base, merge)
    assert checked_grid(grid, kernel) == grid
    assert centre_radius_of(grid) >= centre


def test_a_stray_outer_bin_is_merged_when_asked() -> None:
    assert half_grid(69, 3)[3:] == (2, 4, 8, 16, 1)
    assert half_grid(69, 3, merge_tail=True)[3:] == (2, 4, 8, 17)
    assert half_grid(51, 2, merge_tail=True) == half_grid(51, 2)
    assert half_grid(5, 2, merge_tail=True) == (1, 1)


@pytest.mark.parametrize(("centre", "percent"), [(0, 0.04), (1, 0.35), (2, 0.96), (3, 1.88)])
def test_central_areas_of_table_6(centre: int, percent: float) -> None:
    assert round(100 * central_area_ratio(sharing_grid(51, centre)), 2) == percent


@pytest.mark.parametrize(
    ("grid", "kernel", "word"),
    [
        ((4, 2, 1, 2, 4), 15, "sums to 13"),
        ((4, 2, 1, 2, 3), None, "not symmetric"),
        ((4, 2, 2, 4), None, "odd number of bins"),
        ((2, 0, 2), None, "positive"),
        ((), None, "positive"),
        ((1, 1.5, 1), None, "positive"),
        ((3, 2, 3), None, "even"),
    ],
)
def test_a_wrong_grid_is_refused_with_what_is_wrong(grid: tuple[int, ...], kernel: int | None, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        checked_grid(grid, kernel)


def test_wrong_generator_settings_are_refused() -> None:
    for arguments, word in (((30,), "even"), ((0,), "odd whole number"), ((5, 3), "radius 2"), ((31, 2, 0.5), "base")):
        with pytest.raises(BadInput, match=word):
            sharing_grid(*arguments)


@given(odd, st.integers(0, 3), st.data())
def test_a_clipped_grid_covers_exactly_the_kept_offsets(kernel: int, centre: int, data: st.DataObject) -> None:
    grid = sharing_grid(kernel, min(centre, kernel // 2))
    first = data.draw(st.integers(0, kernel - 1))
    kept = data.draw(st.integers(1, kernel - first))
    start, sizes = clipped(grid, first, kept)
    assert sum(sizes) == kept
    assert edges(grid)[start] <= first < edges(grid)[start + 1]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 12).map(lambda r: 2 * r + 1), st.integers(0, 3), st.integers(0, 2**31))
def test_expansion_is_a_w_at_and_its_gradient_at_dw_a(kernel: int, centre: int, seed: int) -> None:
    grid = sharing_grid(kernel, min(centre, kernel // 2))
    make = torch.Generator().manual_seed(seed)
    w = torch.randn(2, len(grid), len(grid), generator=make, dtype=torch.float64, requires_grad=True)
    a = bin_matrix(grid, torch.float64)
    assert torch.equal(expand(w, grid), a @ w @ a.T)
    upstream = torch.randn(2, kernel, kernel, generator=make, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(expand(w, grid), w, upstream)
    torch.testing.assert_close(gradient, a.T @ upstream @ a)
    torch.testing.assert_close(gradient, cell_sums(upstream, grid))


def test_expansion_can_be_differentiated_twice() -> None:
    w = torch.randn(1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda w: expand(w, (2, 1, 2)).square(), w)


def test_projection_returns_the_shared_kernel_unchanged_and_measures_what_is_lost() -> None:
    grid = sharing_grid(31)
    make = torch.Generator().manual_seed(1)
    w = torch.randn(3, 1, len(grid), len(grid), generator=make)
    shared, residual = project(expand(w, grid), grid)
    torch.testing.assert_close(shared, w)
    assert residual < 1e-7
    _, lost = project(torch.randn(3, 1, 31, 31, generator=make), grid)
    assert lost == pytest.approx((1 - parameter_ratio(grid)) ** 0.5, abs=0.03)
    assert cell_areas(grid).sum() == 31**2


def test_a_kernel_that_does_not_fit_the_grid_is_refused() -> None:
    with pytest.raises(BadInput, match="3 x 3, the sharing grid has 5 x 5"):
        expand(torch.zeros(1, 3, 3), mirrored((1, 2)))
