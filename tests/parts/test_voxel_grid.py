"""The voxel grid: the sparse product against plain indexing, exactness at nodes, refinement."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.voxel_grid import VoxelGrid, read_plainly, resolution_of


def grid_of(resolution: tuple[int, int, int], channels: int = 3) -> VoxelGrid:
    values = torch.randn(resolution[0] * resolution[1] * resolution[2], channels, generator=seeded(0))
    return VoxelGrid(resolution, values)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.tuples(*[st.integers(2, 6)] * 3), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_the_sparse_product_reads_and_learns_like_plain_indexing(resolution: tuple[int, int, int], seed: int) -> None:
    grid = grid_of(resolution)
    points = torch.rand(17, 3, generator=seeded(seed)) * 1.4 - 0.2
    corners = grid.corners(points)
    assert torch.allclose(corners.share.sum(-1), torch.ones(17), atol=1e-5)
    assert int(corners.index.min()) >= 0
    assert int(corners.index.max()) < len(grid.values)
    got, expected = grid.read(corners), read_plainly(grid.values, corners)
    torch.testing.assert_close(got, expected)
    way = torch.randn(got.shape, generator=seeded(seed + 1))
    ours, twin = (torch.autograd.grad(value, grid.values, way)[0] for value in (got, expected))
    torch.testing.assert_close(ours, twin)


def test_nodes_are_read_exactly_and_straight_functions_between_them() -> None:
    resolution = (3, 4, 5)
    axes = [torch.linspace(0, 1, count) for count in resolution]
    nodes = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    grid = VoxelGrid(resolution, nodes @ torch.tensor([[1.0], [2.0], [-3.0]]))
    torch.testing.assert_close(grid(nodes), grid.values)
    points = torch.rand(50, 3, generator=seeded(3))
    torch.testing.assert_close(grid(points)[:, 0], points @ torch.tensor([1.0, 2.0, -3.0]), atol=1e-5, rtol=1e-5)


def test_places_outside_are_read_at_the_surface() -> None:
    grid = grid_of((3, 3, 3))
    torch.testing.assert_close(grid(torch.tensor([[-1.0, 0.5, 2.0]])), grid(torch.tensor([[0.0, 0.5, 1.0]])))


def test_refining_keeps_the_values_where_nodes_fall_together() -> None:
    grid = grid_of((3, 4, 5))
    fine = grid.refined((5, 7, 9))
    points = torch.rand(40, 3, generator=seeded(5))
    torch.testing.assert_close(fine(points), grid(points), atol=1e-5, rtol=1e-4)


def test_sizes_that_make_no_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="2 nodes"):
        VoxelGrid((1, 3, 3), torch.zeros(2))
    with pytest.raises(ValueError, match="27 nodes"):
        VoxelGrid((3, 3, 3), torch.zeros(5, 2))


def test_cells_are_about_cubes() -> None:
    x, y, z = resolution_of(np.array([4.0, 2.0, 1.0]), 8000)
    assert x > y > z
    assert 6000 < (x - 1) * (y - 1) * (z - 1) < 10_000
