"""The transport solver: a plain twin, its invariants, its speed and its errors."""

from __future__ import annotations

import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.ost.solver import NoPlan, SolverConfig, solve
from models.parts.problems import BadInput


def unit_vectors(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def features(seed: int, videos: int, frames: int, classes: int, descriptors: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return unit_vectors(generator, videos, frames, 12), unit_vectors(generator, classes, descriptors, 12)


def slow_plans(frames: Tensor, bank: Tensor, config: SolverConfig) -> list[list[list[list[list[float]]]]]:
    """[video][class][frame][descriptor], number by number; the rule that stops looks at one video's classes."""
    answer = []
    for video in frames:
        kernels = [
            [[math.exp((float(f @ d) - 1) / config.eps) for d in descriptors] for f in video] for descriptors in bank
        ]
        T, N = len(video), len(bank[0])
        r = [[1.0] * T for _ in bank]
        c = [[1.0] * N for _ in bank]
        for _ in range(config.iterations):
            change = 0.0
            for a, kernel in enumerate(kernels):
                before = r[a]
                r[a] = [1 / T / sum(kernel[t][n] * c[a][n] for n in range(N)) for t in range(T)]
                c[a] = [1 / N / sum(kernel[t][n] * r[a][t] for t in range(T)) for n in range(N)]
                change += sum(abs(new - old) for new, old in zip(r[a], before, strict=True))
            if change / (len(bank) * T) < config.stop:
                break
        answer.append(
            [
                [[r[a][t] * c[a][n] * kernel[t][n] for n in range(N)] for t in range(T)]
                for a, kernel in enumerate(kernels)
            ]
        )
    return answer


@given(st.integers(0, 99), st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_all_at_once_equals_number_by_number(seed: int, B: int, T: int, A: int, N: int) -> None:
    frames, bank = features(seed, B, T, A, N)
    found = solve(frames, bank, SolverConfig(eps=0.2)).plan
    assert torch.allclose(found, torch.tensor(slow_plans(frames, bank, SolverConfig(eps=0.2)), dtype=torch.float64))


@given(st.integers(0, 99), st.integers(1, 16), st.integers(1, 8), st.sampled_from([0.05, 0.1, 1.0]))
@settings(max_examples=25, deadline=None)
def test_plans_are_shares_whose_columns_fit_exactly_and_rows_nearly(seed: int, T: int, N: int, eps: float) -> None:
    frames, bank = features(seed, 2, T, 3, N)
    found = solve(frames, bank, SolverConfig(eps=eps, iterations=1000, stop=1e-6))
    assert bool((found.plan >= 0).all())
    assert torch.allclose(found.plan.sum(-2), torch.full((2, 3, N), 1 / N, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(found.plan.sum(-1), torch.full((2, 3, T), 1 / T, dtype=torch.float64), atol=1e-3)


def test_equal_similarities_give_the_uniform_plan() -> None:
    frames, bank = torch.ones(1, 6, 1, dtype=torch.float64), torch.ones(2, 3, 1, dtype=torch.float64)
    assert torch.allclose(solve(frames, bank).plan, torch.full((1, 2, 6, 3), 1 / 18, dtype=torch.float64), atol=1e-12)


def test_one_frame_and_one_descriptor_are_matched_wholly() -> None:
    frames, bank = features(0, 2, 1, 3, 1)
    assert torch.allclose(solve(frames, bank).plan, torch.ones(2, 3, 1, 1, dtype=torch.float64))


@given(st.permutations(range(7)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_frames_moves_the_plan_along_and_changes_no_score(order: list[int]) -> None:
    frames, bank = features(3, 1, 7, 4, 3)
    plain, moved = solve(frames, bank), solve(frames[:, order], bank)
    assert torch.allclose(plain.plan[:, :, order], moved.plan, atol=1e-12)
    assert torch.allclose(plain.scores, moved.scores, atol=1e-12)


def test_a_video_has_the_same_answer_whoever_shares_the_call_unless_the_rule_is_global() -> None:
    frames, bank = features(5, 4, 8, 5, 4)
    together = solve(frames, bank)
    for place in range(4):
        alone = solve(frames[[place]], bank)
        assert torch.equal(together.plan[place], alone.plan[0])
        assert together.iterations[place] == alone.iterations[0]
    shared = solve(frames, bank, SolverConfig(stop_rule="global"))
    assert len(shared.iterations.unique()) == 1


def test_gradient_flows_through_the_similarity_alone() -> None:
    frames, bank = features(7, 1, 4, 2, 3)
    frames.requires_grad_()
    found = solve(frames, bank)
    found.scores.sum().backward()
    assert not found.plan.requires_grad
    assert torch.allclose(frames.grad, torch.einsum("batn,and->btd", found.plan, bank))


def test_similar_frames_carry_more_mass_when_the_marginals_follow_similarity() -> None:
    frames, bank = features(8, 1, 6, 1, 2)
    found = solve(frames, bank, SolverConfig(marginals="similarity", iterations=500, stop=1e-8))
    mass, likeness = found.plan.sum(-1)[0, 0], found.similarity.mean(-1)[0, 0]
    assert torch.equal(mass.argsort(), likeness.argsort())
    assert float(mass.sum()) == pytest.approx(1)


def test_features_that_are_no_numbers_raise_and_so_does_an_epsilon_too_small() -> None:
    frames, bank = features(9, 1, 4, 2, 3)
    broken = frames.clone()
    broken[0, 0, 0] = math.nan
    with pytest.raises(NoPlan, match="no numbers"):
        solve(broken, bank)
    with pytest.raises(NoPlan, match="Raise epsilon"):
        solve(frames, bank, SolverConfig(eps=1e-5))


@pytest.mark.parametrize("config", [SolverConfig(eps=0), SolverConfig(eps=math.nan), SolverConfig(iterations=0)])
def test_settings_that_no_solver_can_use_are_refused(config: SolverConfig) -> None:
    with pytest.raises(BadInput):
        solve(*features(0, 1, 2, 2, 2), config)


def test_four_hundred_classes_at_once_are_twenty_times_faster_than_one_by_one() -> None:
    frames, bank = features(1, 1, 32, 400, 4)

    def seconds(once: bool) -> float:
        start = time.process_time()
        if once:
            solve(frames, bank)
        else:
            for place in range(len(bank)):
                solve(frames, bank[[place]])
        return time.process_time() - start

    solve(frames, bank)
    assert min(seconds(True) for _ in range(3)) * 20 < min(seconds(False) for _ in range(2))
