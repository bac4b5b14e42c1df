"""Agreement of two annotators."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.annotate.agreement import agreement, cohens_kappa
from app.annotate.exporters import MaskObject


def box(x0: int, x1: int, label: str = "a") -> MaskObject:
    mask = np.zeros((4, 40), bool)
    mask[:, x0:x1] = True
    return MaskObject("o", mask, label=label)


def test_equal_annotations_agree_fully_in_any_order() -> None:
    one = [box(0, 5), box(10, 20, "b"), box(30, 40)]
    found = agreement(one, one[::-1])
    assert (found.mean_iou, found.f1, found.kappa) == (1, 1, 1)
    assert [(p.first, p.second) for p in found.pairs] == [(0, 2), (1, 1), (2, 0)]


def test_objects_of_one_annotator_alone_are_counted() -> None:
    found = agreement([box(0, 10), box(20, 30)], [box(0, 8)])
    assert (len(found.pairs), found.only_first, found.only_second) == (1, 1, 0)
    assert found.mean_iou == pytest.approx(0.8)
    assert found.f1 == pytest.approx(2 / 3)


def test_objects_that_hardly_overlap_are_not_one() -> None:
    found = agreement([box(0, 10)], [box(6, 16)])
    assert found.pairs == ()
    assert found.mean_iou is None
    assert found.kappa is None


def test_nothing_against_nothing() -> None:
    assert agreement([], []).f1 is None
    assert agreement([box(0, 4)], []).f1 == 0


def test_kappa_is_the_textbook_value() -> None:
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=4)


@given(spans, spans)
def test_matching_is_as_good_as_the_best_of_all(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    first, second = [box(a, a + n) for a, n in one], [box(a, a + n) for a, n in two]
    found = agreement(first, second)
    small, large = sorted((range(len(first)), range(len(second))), key=len)
    best = 0.0
    for chosen in itertools.permutations(large, len(small)):
        total = 0.0
        for a, b in zip(small, chosen, strict=True):
            x, y = (a, b) if len(first) <= len(second) else (b, a)
            union = (first[x].mask | second[y].mask).sum()
            iou = (first[x].mask & second[y].mask).sum() / union
            total += iou if iou >= 0.5 else 0.0
        best = max(best, total)
    assert sum(pair.iou for pair in found.pairs) == pytest.approx(best)
    assert found.only_first + len(found.pairs) == len(first)
