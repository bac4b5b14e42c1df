"""From measured answers to figures with intervals over seeds and pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
COVERAGE = 95.0

Table = NDArray[np.float64]
"""(seeds, pictures, kinds): counts."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Sums over pictures (..., kinds) -> value (...)."""


def share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kinds are (right, asked): the share of right answers."""
    result: NDArray[np.float64] = sums[..., 0] / sums[..., 1]
    return result


def mean_iou(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kinds are the classes' intersections, then their unions: the mean IoU of the classes that occur."""
    both, either = np.split(sums, 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = np.where(either > 0, both / either, 0.0)
    result: NDArray[np.float64] = iou.sum(-1) / np.maximum((either > 0).sum(-1), 1)
    return result


def interval(table: Table, statistic: Statistic, seed: int = 0) -> list[float]:
    """[low, value, high] of the statistic, mean over training seeds, 95 %, four digits.

    Hierarchical bootstrap: seeds are drawn, and for each drawn seed pictures. A
    seed's deviation from the mean of seeds is widened by sqrt(S / (S - 1)), for a resample of S seeds is that much too
    narrow. With one seed only the pictures vary. The statistic is a share: the interval ends at 0 and 1.
    """
    drawn = resampled(table, statistic, seed).clip(0, 1)
    middle = float(statistic(table.sum(1)).mean())
    low, high = np.percentile(drawn, [(100 - COVERAGE) / 2, (100 + COVERAGE) / 2])
    return [round(min(float(low), middle), 4), round(middle, 4), round(max(float(high), middle), 4)]


def difference(
    one: NDArray[np.float64], other: NDArray[np.float64], statistic: Statistic, seed: int = 0
) -> list[float]:
    """[low, value, high] of one minus other, of the same seeds and pictures in every resample."""
    drawn = resampled(one, statistic, seed) - resampled(other, statistic, seed)
    middle = float(statistic(one.sum(1)).mean() - statistic(other.sum(1)).mean())
    low, high = np.percentile(drawn, [(100 - COVERAGE) / 2, (100 + COVERAGE) / 2])
    return [round(min(float(low), middle), 4), round(middle, 4), round(max(float(high), middle), 4)]


def resampled(table: Table, statistic: Statistic, seed: int) -> NDArray[np.float64]:
    """(RESAMPLES,) values; equal seeds draw equal training seeds and pictures."""
    seeds, pictures, _ = table.shape
    rng = np.random.default_rng(seed)
    each = statistic(table.sum(1))
    stretch = np.sqrt(seeds / (seeds - 1)) - 1 if seeds > 1 else 0.0
    values = np.zeros(RESAMPLES)
    rows = np.arange(RESAMPLES)
    for _ in range(seeds):
        picks = rng.integers(seeds, size=(RESAMPLES,))
        drawn = rng.integers(pictures, size=(RESAMPLES, pictures)) + pictures * rows[:, None]
        times = np.bincount(drawn.ravel(), minlength=RESAMPLES * pictures).reshape(RESAMPLES, pictures)
        sums = np.stack([times @ one for one in table])
        values += statistic(sums[picks, rows]) + stretch * (each[picks] - each.mean())
    return values / seeds
