"""The report card's figures: intervals, pairing, chance, and the whole evaluation on freshly drawn networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pelk import evaluation, nano, packing
from models.pelk import evaluation_measure as measure
from models.pelk.evaluation_figures import difference, interval, mean_iou, share
from models.pelk.nano import Task, Variant, build, weights_file
from models.worlds import layouts, pathfinder


def table(rates: list[float], pictures: int = 200, seed: int = 0) -> np.ndarray:
    """Right answers at these rates, one per training seed."""
    rng = np.random.default_rng(seed)
    right = (rng.random((len(rates), pictures)) < np.array(rates)[:, None]).astype(float)
    return np.stack([right, np.ones_like(right)], axis=-1)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3))
def test_an_interval_holds_its_value_and_lies_in_the_range(rates: list[float]) -> None:
    counts = table(rates)
    low, value, high = interval(counts, share)
    assert 0 <= low <= value <= high <= 1
    assert value == pytest.approx(counts[..., 0].mean(), abs=1e-4)


def test_seeds_that_disagree_widen_the_interval() -> None:
    alike, apart = interval(table([0.8, 0.8, 0.8]), share), interval(table([0.6, 0.8, 1.0]), share)
    assert apart[2] - apart[0] > 2 * (alike[2] - alike[0])


def test_a_difference_is_of_the_same_pictures() -> None:
    one = table([0.7, 0.7, 0.7])
    worse = one.copy()
    worse[:, :10, 0] = 0
    lost = one[:, :10, 0].mean() * 10 / 200
    low, value, high = difference(one, worse, share)
    assert value == pytest.approx(lost, abs=1e-4)
    assert low > 0
    assert high - low < interval(one, share)[2] - interval(one, share)[0]
    assert difference(one, one, share) == [0.0, 0.0, 0.0]


def test_mean_iou_is_that_of_the_label_maps() -> None:
    labels = np.zeros((2, 4, 4), np.int64)
    labels[:, 2:] = 1
    given = labels.copy()
    given[0, 2] = 0
    counts = measure.overlaps_of(given, labels).sum(0).reshape(-1).astype(float)
    assert float(mean_iou(counts)) == pytest.approx((16 / 20 + 12 / 16) / 2)


def test_texture_alone_knows_the_pair_and_guesses_the_commoner() -> None:
    labels = np.array([[[layouts.DOOR, layouts.DOOR, layouts.WINDOW, layouts.WALL]]])
    assert measure.texture_guess(labels).tolist() == [[[layouts.DOOR, layouts.DOOR, layouts.DOOR, layouts.WALL]]]


def test_questions_are_always_the_same_and_of_the_asked_lengths() -> None:
    one, same = (measure.questions(3, 2, (6, 8)) for _ in range(2))
    assert one.digest == same.digest
    assert set(one.paths) == {6, 8}
    assert one.paths[6][0].shape == (3, 96, 96)
    assert max(pathfinder.LENGTHS) < measure.BEYOND


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fresh networks of two variants in place of the shipped ones."""
    runs: list[tuple[Task, Variant, int]] = [
        ("pathfinder", "large", 0),
        ("pathfinder", "large", 1),
        ("pathfinder", "k7", 0),
        ("pathfinder", "k7", 1),
        ("segmentation", "k3", 0),
    ]

    def there(task: Task, variant: Variant, seed: int = 0, folder: Path | None = None) -> Path:
        return weights_file(task, variant, seed, folder or tmp_path)

    for task, variant, seed in runs:
        model = build(task, variant, torch.Generator().manual_seed(seed))
        packing.save(model.state_dict(), there(task, variant, seed))
    monkeypatch.setattr(nano, "weights_file", there)
    monkeypatch.setattr(evaluation, "weights_file", there)
    monkeypatch.setattr(evaluation, "QUICK", evaluation.EvaluationConfig(2, 2, 1))
    return tmp_path


def test_the_report_covers_the_networks_that_are_there(drawn: Path) -> None:
    report = evaluation.evaluate(quick=True)
    figures, config = report["figures"], report["config"]
    for name in ("pathfinder_large", "pathfinder_k7", "pathfinder_large_14", "segmentation_k3", "segmentation_k3_door"):
        low, value, high = figures[name]
        assert 0 <= low <= value <= high <= 1
    assert "pathfinder_gain_over_k7" in figures
    assert "segmentation_large" not in figures
    assert "segmentation_gain_over_k7" not in figures
    assert figures["pathfinder_chance"] == 0.5
    assert 0 < figures["segmentation_by_texture"] < 1
    assert config["seeds"] == {"pathfinder_large": [0, 1], "pathfinder_k7": [0, 1], "segmentation_k3": [0]}
    assert config["parameters"]["pathfinder_large"] == pytest.approx(config["parameters"]["pathfinder_k7"], rel=0.01)
    assert all(0 < value <= 1 for value in figures["field_nearly_all_pathfinder_large"])


def test_without_weights_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "available", list)
    with pytest.raises(evaluation.NothingToMeasure, match=r"launch\.py train pelk"):
        evaluation.evaluate(quick=True)
