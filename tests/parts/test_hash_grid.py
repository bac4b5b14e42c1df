"""The hash grid against its slow twin. UNCONFIRMED against a real tiny-cuda-nn: no recorded numbers of one exist."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.parts.hash_grid import HashGrid, levels_of, slow_hash_grid


@pytest.mark.parametrize(("levels", "base", "finest", "log2"), [(3, 4, 32, 9), (5, 8, 64, 12), (1, 16, 16, 13)])
def test_grid_equals_the_twin_on_dense_and_hashed_levels(levels: int, base: int, finest: int, log2: int) -> None:
    grid = HashGrid(levels, base, finest, log2).double()
    with torch.no_grad():
        grid.params.copy_(torch.from_numpy(np.random.default_rng(0).normal(size=len(grid.params))))
    points = np.concatenate([np.random.default_rng(1).random((20, 3)), [[0, 0, 0], [1, 1, 1], [0.5, 1, 0]]])
    points = points.astype(np.float32).astype(np.float64)
    expected = slow_hash_grid(points, grid.params.detach().numpy(), grid.levels)
    np.testing.assert_allclose(grid(torch.from_numpy(points)).detach().numpy(), expected, atol=2e-4)


def test_levels_of_the_released_field_have_the_documented_sizes() -> None:
    levels = levels_of(16, 16, 8192, 21)
    assert [level.nodes for level in levels[:5]] == [16, 25, 37, 56, 85]
    assert [level.dense for level in levels[:5]] == [True] * 5
    assert all(level.entries == 2**21 for level in levels[5:])
    assert not any(level.dense for level in levels[6:])
    assert all(level.entries % 8 == 0 for level in levels)
    assert levels[-1].scale == pytest.approx(8191, rel=1e-4)


def test_gradients_reach_the_entries_that_were_read() -> None:
    grid = HashGrid(2, 4, 16, 10)
    grid(torch.rand(7, 3, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert grid.params.grad is not None
    assert 0 < int((grid.params.grad != 0).sum()) <= 7 * 8 * 2 * 2
    assert float(grid.params.grad.sum()) == pytest.approx(7 * 2 * 2, rel=1e-5)
