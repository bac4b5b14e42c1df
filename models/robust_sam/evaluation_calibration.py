"""How far a predicted IoU can be believed: expected calibration error and the table behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BINS = 10


def reliability(predicted: Sequence[float], measured: Sequence[float]) -> list[tuple[int, float, float]]:
    """Per tenth of the predicted IoU: how many answers, their mean predicted and their mean measured IoU.

    A prediction of 1 belongs to the last tenth; means of an empty tenth are 0.
    """
    expected, true = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    place = np.clip((expected * BINS).astype(int), 0, BINS - 1)
    rows = []
    for tenth in range(BINS):
        inside = place == tenth
        count = int(inside.sum())
        means = (float(expected[inside].mean()), float(true[inside].mean())) if count else (0.0, 0.0)
        rows.append((count, *means))
    return rows


def expected_calibration_error(rows: Sequence[tuple[int, float, float]]) -> float:
    """Mean distance of predicted and measured IoU over the tenths, weighted by their answers (Naeini et al. 2015).

    Raises ValueError without answers.
    """
    total = sum(count for count, _, _ in rows)
    if not total:
        raise ValueError("no answers to judge a calibration by")
    return sum(count * abs(predicted - measured) for count, predicted, measured in rows) / total
