"""Head and loss: parts that add up, pooling, and the two directions of the divergence."""

from __future__ import annotations

import math

import pytest
import torch

from models.ost.network import HeadConfig, divergence, head, loss, name_logits, unit


def vectors(seed: int, *shape: int) -> torch.Tensor:
    return unit(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@pytest.mark.parametrize(("transport", "pool"), [(True, True), (True, False), (False, True)])
def test_logits_are_the_weighted_sum_of_the_parts_switched_on(transport: bool, pool: bool) -> None:
    config = HeadConfig(transport=transport, pool=pool, spatial=0.3, temporal=0.7)
    found = head(vectors(0, 2, 5, 6), vectors(1, 3, 4, 6), vectors(2, 3, 4, 6), 50.0, config)
    spatial = transport * found.ot_spatial + pool * found.pool_spatial
    temporal = transport * found.ot_temporal + pool * found.pool_temporal
    assert torch.allclose(found.logits, 0.3 * spatial + 0.7 * temporal)


def test_pooled_means_are_not_normalised_again() -> None:
    frames, names = vectors(3, 1, 4, 6), vectors(4, 2, 6)
    wanted = torch.stack([sum(frames[0, t] @ names[a] for t in range(4)) / 4 for a in range(2)])
    assert torch.allclose(name_logits(frames, names, 10.0)[0], 10 * wanted)


def test_divergence_is_the_mean_over_all_entries_times_the_batch() -> None:
    logits, labels = torch.randn(3, 3, generator=torch.Generator().manual_seed(5)), torch.tensor([0, 1, 0])
    total = 0.0
    for i in range(3):
        weight = [math.exp(10.0 * (labels[i] == labels[j])) for j in range(3)]
        other = [math.exp(float(logits[i, j])) for j in range(3)]
        for j in range(3):
            target, predicted = weight[j] / sum(weight), other[j] / sum(other)
            total += target * (math.log(target) - math.log(predicted))
    assert float(divergence(logits, labels)) == pytest.approx(total / 9 * 3, rel=1e-5)
    assert float(loss(logits, labels)) == pytest.approx(
        float(divergence(logits, labels) + divergence(logits.T, labels)), rel=1e-6
    )
