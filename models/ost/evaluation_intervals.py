"""Intervals of the report card: resamples draw seeds, and of each drawn seed its clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
COVERAGE = 95.0
Answers = NDArray[np.float64]
"""(seeds, clips): 1 where the answer was right, or any other value of a clip; NaN counts nowhere."""


def interval(answers: Answers, seed: int = 0) -> list[float]:
    """[low, mean, high], 95 %, four digits. Raises ValueError without any value."""
    values = np.asarray(answers, np.float64)
    if not values.size or np.isnan(values).all():
        raise ValueError("no values to make an interval of; measure at least one clip")
    rng = np.random.default_rng(seed)
    count, clips = values.shape
    sums = np.empty((RESAMPLES, count))
    drawn = rng.integers(count, size=(RESAMPLES, count))
    for place in range(count):
        picked = values[drawn[:, place][:, None], rng.integers(clips, size=(RESAMPLES, clips))]
        sums[:, place] = np.nanmean(picked, axis=1)
    middle = float(np.nanmean(values))
    low, high = np.percentile(sums.mean(axis=1), [(100 - COVERAGE) / 2, (100 + COVERAGE) / 2])
    return [round(min(float(low), middle), 4), round(middle, 4), round(max(float(high), middle), 4)]


def difference(one: Answers, other: Answers, seed: int = 0) -> list[float]:
    """[low, mean, high] of one minus other on the same clips."""
    return interval(np.asarray(one, np.float64) - np.asarray(other, np.float64), seed)
