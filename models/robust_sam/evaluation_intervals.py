"""Bootstrap intervals that draw whole pictures: the objects and degradations of one picture are not independent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student

COVERAGE = 0.95
RESAMPLES = 2000

Groups = Mapping[Hashable, Sequence[float]] | Sequence[Sequence[float]]
"""The values of each picture; pictures without values count nowhere."""


def interval(
    groups: Groups, seed: int = 0, statistic: Callable[[np.ndarray], np.floating] | None = None
) -> list[float]:
    """[low, value, high] of ``statistic`` (the mean when None) over all values, 95 %, four digits.

    The percentiles are expanded for the number of pictures (Hesterberg 2015, section 5.3: what Student's t and n - 1 do
    to a normal interval), because plain percentiles are too narrow for a dozen of them. One picture gives no spread:
    the three are equal. Raises ValueError without any value.
    """
    listed = groups.values() if isinstance(groups, Mapping) else groups
    kept = [np.asarray(group, dtype=np.float64) for group in listed if len(group)]
    if not kept:
        raise ValueError("no values to make an interval of; measure at least one picture")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(kept), size=(RESAMPLES, len(kept)))
    if statistic is None:
        sums, counts = np.array([group.sum() for group in kept]), np.array([len(group) for group in kept])
        values = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        middle = float(sums.sum() / counts.sum())
    else:
        values = np.array([float(statistic(np.concatenate([kept[i] for i in row]))) for row in drawn])
        middle = float(statistic(np.concatenate(kept)))
    low, high = np.percentile(values, percentiles(len(kept)))
    return [round(min(float(low), middle), 4), round(middle, 4), round(max(float(high), middle), 4)]


def percentiles(pictures: int) -> tuple[float, float]:
    """The percentiles to read for a 95 % interval over so many pictures: 2.5 and 97.5 for many, wider for few."""
    if pictures < 2:
        return 0.0, 100.0
    reach = np.sqrt(pictures / (pictures - 1)) * float(student.ppf((1 + COVERAGE) / 2, pictures - 1))
    tail = 100 * NormalDist().cdf(-float(reach))
    return tail, 100 - tail


def mixture(parts: Sequence[tuple[float, Sequence[Sequence[float]]]], seed: int = 0) -> list[float]:
    """[low, value, high] of a weighted mean of means: (weight, values of each picture) for each part.

    All parts list the same pictures in the same order, and a resample draws a picture in all of them at once.
    """
    weights = np.array([weight for weight, _ in parts], dtype=np.float64)
    sums = np.array([[float(np.sum(group)) for group in groups] for _, groups in parts])
    counts = np.array([[len(group) for group in groups] for _, groups in parts], dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(sums.shape[1], size=(RESAMPLES, sums.shape[1]))

    def value(total: np.ndarray, count: np.ndarray) -> np.ndarray:
        mean: np.ndarray = weights @ (total / np.maximum(count, 1)) / weights.sum()
        return mean

    values = value(sums[:, drawn].sum(axis=2), counts[:, drawn].sum(axis=2))
    middle = float(value(sums.sum(axis=1, keepdims=True), counts.sum(axis=1, keepdims=True))[0])
    low, high = np.percentile(values, percentiles(sums.shape[1]))
    return [round(min(float(low), middle), 4), round(middle, 4), round(max(float(high), middle), 4)]
