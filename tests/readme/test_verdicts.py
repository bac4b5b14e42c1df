"""What the card says in words follows the intervals, whoever wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.record.robust_sam_card import believed, by_kind, card, verdict
from app.record.verdicts import compared


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ([0.01, 0.04, 0.07], "A is better than B (+4.0 points of IoU, interval +1.0 to +7.0)."),
        ([-0.07, -0.04, -0.01], "A is worse than B (-4.0 points of IoU, interval -7.0 to -1.0)."),
        ([-0.01, 0.04, 0.07], "A shows no measurable difference to B (+4.0 points of IoU, interval -1.0 to +7.0)."),
        ([0.0, 0.0, 0.0], "A shows no measurable difference to B (0.0 points of IoU, interval 0.0 to 0.0)."),
    ],
)
def test_only_an_interval_on_one_side_of_zero_makes_a_winner(difference: list[float], words: str) -> None:
    assert compared(difference, "A", "B") == words


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(sorted))
def test_turning_the_difference_round_turns_the_words_round(difference: list[float]) -> None:
    low, middle, high = difference
    turned = compared([-high, -middle, -low], "A", "B")
    assert ("better" in compared(difference, "A", "B")) == ("worse" in turned)


def test_kinds_that_win_are_counted_and_kinds_that_lose_are_named() -> None:
    figures = {"snow_gain": [0.1, 0.2, 0.3], "zoom_blur_gain": [-0.3, -0.2, -0.1], "fog_gain": [-0.1, 0.0, 0.1]}
    text = by_kind(figures, ("snow", "zoom_blur", "fog", "rain"))
    assert text is not None
    assert "Of 3 kinds" in text
    assert "better than plain SAM on 1; it is worse on zoom blur." in text
    assert by_kind({"snow_gain": [0.1, 0.2, 0.3]}, ("snow",)) is not None
    assert "measurably worse on none" in str(by_kind({"snow_gain": [0.1, 0.2, 0.3]}, ("snow",)))
    assert by_kind({}, ("snow",)) is None


@pytest.mark.parametrize(("sign", "word"), [(1, "better"), (-1, "worse")])
def test_the_card_says_a_loss_as_plainly_as_a_win(sign: int, word: str) -> None:
    gain = sorted([sign * 0.01, sign * 0.02, sign * 0.03])
    text = card({"degraded_gain": gain, "degraded_gain_over_augmented": gain}, {})
    assert f"RobustSAM is {word} than plain SAM" in text
    assert f"RobustSAM is {word} than SAM fine-tuned on degraded pictures" in text
    other = "worse" if word == "better" else "better"
    assert f"is {other} than" not in text


def test_what_was_not_measured_is_left_out() -> None:
    assert card({}, {}) == ""
    assert verdict({}) == ""
    assert believed({"calibration_error": 0.123}) is not None
    text = card({"real_box_iou": [0.1, 0.2, 0.3], "real_box_iou_plain": [0.2, 0.3, 0.4]}, {})
    assert text.splitlines()[-1] == "| box | 0.300 (0.200 to 0.400) | 0.200 (0.100 to 0.300) | - | - |"
