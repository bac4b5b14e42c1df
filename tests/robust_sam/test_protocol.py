"""How the report card asks and counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.robust_sam import protocol
from models.robust_sam.pipeline import iou


def square(x0: int, y0: int, x1: int, y1: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_points_are_fixed_by_the_name_and_lie_inside() -> None:
    mask = square(3, 4, 20, 9)
    a, b, c = (protocol.random_points(mask, name) for name in ("one", "one", "two"))
    assert a.points is not None
    assert np.array_equal(a.points, b.points)  # type: ignore[arg-type]
    assert not np.array_equal(a.points, c.points)  # type: ignore[arg-type]
    assert all(mask[int(y), int(x)] for x, y in a.points)


def test_the_box_holds_every_pixel() -> None:
    assert protocol.true_box(square(3, 4, 20, 9)).box.tolist() == [3, 4, 20, 9]


def test_the_next_click_goes_to_the_middle_of_the_largest_error() -> None:
    mask = square(0, 0, 20, 20)
    place, label = protocol.next_click(square(0, 0, 20, 3), mask)
    assert label == 1
    assert mask[int(place[1]), int(place[0])]
    place, label = protocol.next_click(mask | square(25, 25, 39, 39), mask)
    assert label == 0
    assert square(25, 25, 39, 39)[int(place[1]), int(place[0])]


def test_no_place_is_clicked_twice_and_the_first_click_is_the_middle() -> None:
    mask = square(10, 10, 21, 21)
    first, label = protocol.next_click(np.zeros_like(mask), mask)
    assert (first.tolist(), label) == ([15, 15], 1)
    assert protocol.middle_point(mask).points.tolist() == [[15, 15]]  # type: ignore[union-attr]
    second, _ = protocol.next_click(np.zeros_like(mask), mask, first[None])
    assert second.tolist() != first.tolist()


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_next_click_is_always_on_a_wrong_pixel_with_the_right_label(x, y, width, height, seed) -> None:
    mask = square(x, y, x + width, y + height)
    answer = np.random.default_rng(seed).random(mask.shape) < 0.5
    place, label = protocol.next_click(answer, mask)
    column, row = place.astype(int)
    if not np.array_equal(answer, mask):
        assert answer[row, column] != mask[row, column]
        assert mask[row, column] == bool(label)


class Oracle:
    """Stands for a Subject: each click adds or removes the clicked quarter of the picture."""

    def __init__(self, steps: int) -> None:
        self.asked: list[tuple[int, int, bool]] = []
        self.steps = steps

    def ask(self, prompts, logits=None, plain_only=False):
        self.asked.append((len(prompts), len(prompts[0].points), logits is not None))
        masks = []
        for prompt in prompts:
            mask = np.zeros((40, 40), dtype=bool)
            for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
                column, row = int(x) // self.steps * self.steps, int(y) // self.steps * self.steps
                mask[row : row + self.steps, column : column + self.steps] = bool(label)
            masks.append(mask)
        answers = protocol.Answers(masks, np.zeros((len(prompts), 8, 8)), np.zeros(len(prompts)))
        return {"sam": answers, "robust": answers}


def test_objects_are_clicked_together_until_each_reaches_its_goals() -> None:
    oracle = Oracle(10)
    whole, half = square(0, 0, 20, 20), square(20, 20, 30, 30)
    needed = protocol.clicks_until(oracle, "robust", [whole, half], (0.5, 0.9))  # type: ignore[arg-type]
    assert needed == [[2, 4], [1, 1]]
    assert oracle.asked[0] == (2, 1, False)
    assert oracle.asked[1] == (1, 2, True)


def test_what_is_never_reached_counts_one_more_than_the_most_clicks() -> None:
    checkered = np.indices((40, 40)).sum(axis=0) % 2 == 0
    needed = protocol.clicks_until(Oracle(10), "sam", [checkered], (0.9,))  # type: ignore[arg-type]
    assert needed == [[protocol.MOST_CLICKS + 1]]


def test_many_prompts_in_windows_give_the_same_as_at_once(tiny, photo, monkeypatch) -> None:
    subject = protocol.Subject(tiny)
    subject.look(photo)
    masks = [np.zeros(photo.shape[:2], dtype=bool) for _ in range(5)]
    for number, mask in enumerate(masks):
        mask[5 * number : 5 * number + 9, 10:30] = True
    prompts = [protocol.random_points(mask, str(number)) for number, mask in enumerate(masks)]
    at_once = subject.ask(prompts)
    monkeypatch.setattr(protocol, "MOST_PROMPTS", 2)
    windows = subject.ask(prompts)
    for branch in at_once:
        assert len(windows[branch].masks) == 5
        assert min(iou(a, b) for a, b in zip(at_once[branch].masks, windows[branch].masks, strict=True)) > 0.99
        np.testing.assert_allclose(at_once[branch].predicted, windows[branch].predicted, atol=1e-5)
    assert set(subject.ask(prompts, plain_only=True)) == {"sam"}
