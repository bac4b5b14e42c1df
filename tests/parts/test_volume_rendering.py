"""Volume rendering: invariants of sampling, weights and losses, and the slow forms of what is computed fast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts import volume_rendering as vr
from models.parts import volume_rendering_losses as losses
from models.parts.capture import Intrinsics
from models.parts.volume_rendering_rays import camera_rays, contract, pixel_centres, undistort


def edges_of(seed: int, rays: int = 3, bins: int = 7) -> torch.Tensor:
    steps = torch.rand(rays, bins, generator=torch.Generator().manual_seed(seed)) + 0.01
    edges = torch.cat([torch.zeros(rays, 1), steps.cumsum(-1)], -1)
    return edges / edges[:, -1:]


@given(st.integers(0, 500), st.floats(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_sampled_edges_rise_and_stay_in_the_domain(seed: int, anneal: float, jitter: bool) -> None:
    edges = edges_of(seed)
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(seed + 1)) ** 8
    generator = torch.Generator().manual_seed(seed) if jitter else None
    got = vr.sample_pdf(edges, weights, 9, anneal=anneal, generator=generator)
    assert got.shape == (3, 10)
    assert float(got.min()) >= 0
    assert float(got.max()) <= 1
    assert bool((got[:, 1:] >= got[:, :-1] - 1e-6).all())


@given(st.integers(0, 500), st.booleans())
@settings(max_examples=40, deadline=None)
def test_weights_are_shares_of_the_light(seed: int, opaque: bool) -> None:
    density = torch.rand(3, 7, generator=torch.Generator().manual_seed(seed)) * 5
    found = vr.weights_from_density(density, edges_of(seed), opaque=opaque)
    total = found.weights.sum(-1)
    assert bool((found.weights >= 0).all())
    assert bool((total <= 1 + 1e-5).all())
    if opaque:
        torch.testing.assert_close(total, torch.ones(3))
    white = vr.composite(found.weights, torch.ones(3, 7, 3), torch.ones(3, 3))
    torch.testing.assert_close(white, torch.ones(3, 3))


def test_splitting_an_interval_changes_nothing_unless_lengths_are_the_released_ones() -> None:
    whole, halves = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.5, 1.0]])
    density = torch.tensor([[2.0]])
    one = vr.weights_from_density(density, whole).weights.sum()
    two = vr.weights_from_density(density.expand(1, 2), halves).weights.sum()
    assert float(one) == pytest.approx(float(two), rel=1e-5)
    legacy = vr.weights_from_density(density.expand(1, 2), halves, legacy_deltas=True).weights.sum()
    assert float(legacy) > float(two) + 0.01


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_the_distortion_loss_is_the_sum_over_all_pairs(seed: int) -> None:
    edges = edges_of(seed)
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(seed))
    middle, length = vr.middles(edges), edges[:, 1:] - edges[:, :-1]
    pairs = (weights[:, :, None] * weights[:, None] * (middle[:, :, None] - middle[:, None]).abs()).sum((1, 2))
    expected = (pairs + (weights**2 * length).sum(-1) / 3).mean()
    assert float(losses.distortion(weights, edges)) == pytest.approx(float(expected), rel=1e-4)


def test_a_proposal_that_holds_the_weights_costs_nothing_and_only_it_learns() -> None:
    edges = edges_of(1)
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(2)).requires_grad_()
    proposal = (weights.detach() + 0.1).requires_grad_()
    assert float(losses.interlevel([(proposal, edges)], weights, edges)) == 0
    short = (weights.detach() * 0).requires_grad_()
    loss = losses.interlevel([(short, edges)], weights, edges)
    loss.backward()
    assert float(loss.detach()) > 0
    assert weights.grad is None
    assert short.grad is not None


def test_masked_mean_counts_only_what_is_used() -> None:
    loss = torch.tensor([[1.0, 1.0, 1.0], [9.0, 9.0, 9.0]])
    assert float(losses.masked_mean(loss, torch.tensor([[1.0], [0.4]]))) == 1
    assert float(losses.masked_mean(loss, torch.zeros(2, 1))) == 0
    assert float(losses.masked_mean(loss, None)) == 5


@given(st.floats(-0.1, 0.1), st.floats(-0.02, 0.02), st.floats(-0.003, 0.003), st.floats(-0.003, 0.003))
@settings(max_examples=30, deadline=None)
def test_rays_of_a_distorted_camera_come_back_to_their_pixels(k1: float, k2: float, p1: float, p2: float) -> None:
    camera = Intrinsics(40, 30, 35.0, 36.0, 20.0, 15.0, k1, k2, p1, p2)
    pixels = pixel_centres(40, 30).reshape(-1, 2)
    flat = undistort((pixels - [20.0, 15.0]) / [35.0, 36.0], camera)
    x, y = flat.T
    r = x * x + y * y
    radial = 1 + k1 * r + k2 * r * r
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x)
    bent_y = y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y
    np.testing.assert_allclose(np.stack([bent_x * 35 + 20, bent_y * 36 + 15], -1), pixels, atol=1e-6)


def test_the_middle_ray_looks_along_minus_z_and_up_is_up() -> None:
    camera = Intrinsics(10, 10, 5.0, 5.0, 5.0, 5.0)
    origins, directions = camera_rays(np.array([[5.0, 5.0], [5.0, 0.0]]), camera, np.eye(4))
    np.testing.assert_allclose(origins, 0)
    np.testing.assert_allclose(directions, [[0, 0, -1], [0, 1, -1]])


def test_contraction_keeps_the_ball_and_is_continuous() -> None:
    inside = torch.tensor([[0.3, -0.2, 0.5], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(contract(inside), inside)
    far = contract(torch.tensor([[1e6, 0.0, 0.0], [1.0001, 0.0, 0.0]]))
    assert float(far[0].norm()) == pytest.approx(2, abs=1e-4)
    assert float(far[1].norm()) == pytest.approx(1, abs=1e-3)


def test_annealing_goes_from_uniform_to_the_weights() -> None:
    assert vr.anneal_at(0) == 0
    assert vr.anneal_at(1) == 1
    assert vr.anneal_at(0.5) == pytest.approx(5 / 5.5)
