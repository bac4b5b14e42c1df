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
        iou = np.where(either > 0, both / either, np.nan)
    result: NDArray[np.float64] = np.nanmean(iou, axis=-1)
    return result


def interval(table: Table, statistic: Statistic, seed: int = 0) -> list[float]:
    """[low, value, high] of the statistic, mean over training seeds, 95 %, four digits.

    Hierarchical bootstrap: seeds are drawn, and for each drawn seed pictures. A
    seed's deviation from the mean of seeds is widened by sqrt(S / (S - 1)), for a resample of S seeds is that much too
    narrow. With one seed only the pictures vary.
    """
    drawn = resampled(table, statistic, seed)
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
    values = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        total = 0.0
        picks: NDArray[np.int64] = rng.integers(seeds, size=(seeds,))
        for chosen in picks:
            times = np.bincount(rng.integers(pictures, size=(pictures,)), minlength=pictures)
            total += float(statistic(times @ table[chosen])) + stretch * float(each[chosen] - each.mean())
        values[index] = total / seeds
    return values
