"""How far two annotators of one image agree: which objects both have, how alike their outlines and labels are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.annotate.exporters import MaskObject

MATCH_IOU = 0.5
"""Two outlines are of one object when they overlap at least this much, as in the PASCAL VOC protocol."""


@dataclass(frozen=True)
class Pair:
    """One object in both annotations, by its place in each."""

    first: int
    second: int
    iou: float


@dataclass(frozen=True)
class Agreement:
    """``pairs``: objects that both have; ``only_first``, ``only_second``: how many one alone has.

    ``mean_iou``: over the pairs; ``f1``: 2 pairs / all objects of both; ``kappa``: Cohen's, of the labels of the pairs.
    None where there is nothing to compare.
    """

    pairs: tuple[Pair, ...]
    only_first: int
    only_second: int
    mean_iou: float | None
    f1: float | None
    kappa: float | None


def agreement(first: Sequence[MaskObject], second: Sequence[MaskObject], least: float = MATCH_IOU) -> Agreement:
    """Compare two annotations of one image; objects are matched one to one so that the sum of IoUs is largest.

    Pairs below ``least`` IoU do not count as matched. Masks have one shape, else numpy raises ValueError.
    """
    # Here and not above: it takes a tenth of a second, which the page would pay at its start.
    from scipy.optimize import linear_sum_assignment

    overlaps = _overlaps(first, second)
    # What may not match is worth nothing, so it never takes the place of a pair that counts.
    worth = np.where(overlaps >= least, overlaps, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    pairs = tuple(
        Pair(int(a), int(b), float(overlaps[a, b])) for a, b in zip(rows, columns, strict=True) if worth[a, b] > 0
    )
    total = len(first) + len(second)
    return Agreement(
        pairs,
        len(first) - len(pairs),
        len(second) - len(pairs),
        float(np.mean([pair.iou for pair in pairs])) if pairs else None,
        2 * len(pairs) / total if total else None,
        cohens_kappa([(first[pair.first].label, second[pair.second].label) for pair in pairs]),
    )


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance of two raters' categories (Cohen 1960): 1 perfect, 0 as chance; None without pairs.

    When both gave one and the same category throughout, chance alone explains it and the value would be 0/0; it is 1.
    """
    if not pairs:
        return None
    count = len(pairs)
    observed = sum(a == b for a, b in pairs) / count
    ours, theirs = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(ours[label] * theirs[label] for label in ours) / count**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def _overlaps(first: Sequence[MaskObject], second: Sequence[MaskObject]) -> npt.NDArray[np.float64]:
    """(N, M) IoU; two empty masks overlap fully."""
    found = np.zeros((len(first), len(second)))
    for a, one in enumerate(first):
        for b, other in enumerate(second):
            union = int(np.count_nonzero(one.mask | other.mask))
            found[a, b] = np.count_nonzero(one.mask & other.mask) / union if union else 1.0
    return found
