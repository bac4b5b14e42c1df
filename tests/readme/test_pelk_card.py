"""PeLK's card says who won by the intervals alone, and shows what was measured and nothing else."""

from __future__ import annotations

import pytest

from app.record.pelk_card import CARD, by_seed, card, fields, measured, pathfinder, segmentation, sizes, verdict

CONFIG = {
    "per_length": 200,
    "rooms": 400,
    "seeds": {"pathfinder_large": [0, 1, 2], "segmentation_k3": [0]},
    "by_seed": {"pathfinder_large": [0.9, 0.91, 0.92], "segmentation_k3": [0.5]},
    "path_lengths": [6, 14, 16],
    "trained_lengths": [6, 14],
    "classes": ["floor", "wall"],
    "parameters": {"pathfinder_large": 415856},
}


def test_an_empty_report_makes_an_empty_card() -> None:
    assert card({}, {}) == ""
    assert verdict({}) == measured({}) == ""


@pytest.mark.parametrize(
    ("gain", "word"),
    [
        ([0.01, 0.02, 0.03], "is better than"),
        ([-0.03, -0.02, -0.01], "is worse than"),
        ([-0.01, 0.0, 0.01], "shows no"),
    ],
)
def test_a_loss_is_said_as_plainly_as_a_win(gain: list[float], word: str) -> None:
    said = verdict({"pathfinder_gain_over_k7": gain})
    assert word in said
    assert "its twin with K = 7" in said
    assert "points of right answers" in said


def test_it_is_said_whether_the_intervals_lie_apart() -> None:
    apart = {"pathfinder_large": [0.9, 0.95, 0.97], "pathfinder_k7": [0.8, 0.85, 0.89]}
    assert "pathfinder lie apart" in verdict(apart)
    assert "pathfinder overlap" in verdict(apart | {"pathfinder_k7": [0.8, 0.85, 0.91]})


def test_tables_hold_what_was_measured() -> None:
    figures = {
        "pathfinder_large": [0.9, 0.95, 0.97],
        "pathfinder_large_14": [0.8, 0.9, 0.95],
        "pathfinder_large_16": [0.5, 0.6, 0.7],
        "pathfinder_chance": 0.5,
        "segmentation_k3": [0.4, 0.5, 0.6],
        "segmentation_k3_wall": [0.7, 0.8, 0.9],
        "segmentation_by_texture": 0.33,
        "field_half_pathfinder_large": [0.1, 0.2, 0.3],
    }
    assert "| 16 dashes (never trained on) | 0.600" in pathfinder(figures, CONFIG)
    assert "6 dashes" not in pathfinder(figures, CONFIG).replace("16 dashes", "")
    assert "| wall | - | - | 0.800" in segmentation(figures, CONFIG)
    assert "0.330" in segmentation(figures, CONFIG)
    assert "| segmentation k3 | 0.500 | - | - |" in by_seed(CONFIG)
    assert "0.200" in fields(figures)
    assert "415,856" in sizes(CONFIG)
    assert "pathfinder large: 0, 1, 2; segmentation k3: 0" in measured(CONFIG)
    whole = card(figures, CONFIG)
    assert whole.index("How it was measured") < whole.index("by path length") < whole.index("Sizes")
    assert CARD.tables(figures, CONFIG) == whole
