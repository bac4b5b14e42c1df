"""The pathfinder task: what the dots tell, what nothing else tells, drawings of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.problems import BadInput
from models.worlds.pathfinder import LENGTHS, PathfinderSettings, batch, batches, from_strokes, sample
from models.worlds.pathfinder_drawing import DOT_RADIUS, resampled


def test_equal_seeds_draw_equal_pictures_and_others_differ() -> None:
    one, same, other = (batch(np.random.default_rng(seed), 8) for seed in (3, 3, 4))
    assert np.array_equal(one.images, same.images)
    assert np.array_equal(one.answers, same.answers)
    assert not np.array_equal(one.images, other.images)
    first, second = (next(batches(5, 4)) for _ in range(2))
    assert np.array_equal(first.images, second.images)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(LENGTHS))
def test_the_dots_lie_on_ends_of_main_curves_and_the_answer_says_whether_of_one(seed: int, length: int) -> None:
    image, answer, paths = sample(np.random.default_rng(seed), length)
    assert image.shape == (96, 96)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() == 1
    first, second = paths[:2]
    assert len(first.points) == len(second.points) == length
    assert first.dots == (True, bool(answer))
    assert second.dots == (not answer, False)
    for path in paths:
        for end, dotted in zip((0, -1), path.dots, strict=True):
            x, y = path.points[end]
            assert not dotted or image[int(y), int(x)] == 1
    assert all(len(path.points) <= max(length // 2, 2) for path in paths[2:])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_curves_stay_inside_and_apart(seed: int) -> None:
    rules = PathfinderSettings()
    _, _, paths = sample(np.random.default_rng(seed), 12)
    points = [path.points for path in paths]
    for index, one in enumerate(points):
        assert one.min() >= rules.margin - 1e-3
        assert one.max() <= rules.side - rules.margin + 1e-3
        for other in points[index + 1 :]:
            gaps = np.linalg.norm(one[:, None] - other[None], axis=-1)
            assert gaps.min() > rules.separation - 0.05


def test_the_distance_of_the_dots_does_not_tell_the_answer() -> None:
    drawn = batch(np.random.default_rng(0), 600, (10,))
    apart = np.linalg.norm(drawn.dots[:, 0] - drawn.dots[:, 1], axis=-1)
    joined, parted = apart[drawn.answers == 1], apart[drawn.answers == 0]
    error = np.sqrt(joined.var() / len(joined) + parted.var() / len(parted))
    assert abs(joined.mean() - parted.mean()) < 4 * error
    assert 0.4 < drawn.answers.mean() < 0.6
    ink = drawn.images.sum((1, 2))
    assert abs(ink[drawn.answers == 1].mean() - ink[drawn.answers == 0].mean()) < 0.05 * ink.mean()


def test_the_trace_marks_every_dash_with_the_dots_of_its_curve() -> None:
    drawn = batch(np.random.default_rng(1), 40, (6, 9))
    maps = drawn.trace(8)
    assert maps.shape == (40, 3, 12, 12)
    for index, answer in enumerate(drawn.answers):
        assert bool(maps[index, 2].any()) == bool(answer)
        assert bool(maps[index, 1].any()) == (not answer)
        assert maps[index].max(0).sum() <= (drawn.marks[index] >= 0).sum()


def test_smaller_pictures_take_shorter_paths() -> None:
    drawn = batch(np.random.default_rng(2), 6, (3, 4), PathfinderSettings(side=48))
    assert drawn.images.shape == (6, 48, 48)
    with pytest.raises(BadInput, match="Give 2 to 9 dashes in 48 pixels"):
        batch(np.random.default_rng(2), 6, (14,), PathfinderSettings(side=48))
    for wrong in ((), (1,)):
        with pytest.raises(BadInput, match="path length"):
            batch(np.random.default_rng(2), 2, wrong)


def test_strokes_of_a_generated_picture_draw_it_again() -> None:
    image, _, paths = sample(np.random.default_rng(11), 10)
    dots = [path.points[end] for path in paths for end, on in zip((0, -1), path.dots, strict=True) if on]
    again = from_strokes([path.points for path in paths], [(float(x), float(y)) for x, y in dots])
    # Dashes of a polyline's corners are spaced along it, so they drift by less than a pixel.
    assert again.shape == image.shape
    assert abs(float(again.sum() - image.sum())) < 0.06 * float(image.sum())
    assert np.corrcoef(again.ravel(), image.ravel())[0, 1] > 0.8


def test_a_drawing_needs_two_dots_and_lines() -> None:
    line = [(10.0, 10.0), (80.0, 30.0)]
    alone = from_strokes([], [(20, 20), (60, 60)])
    assert alone.sum() == pytest.approx(2 * np.pi * DOT_RADIUS**2, rel=0.05)
    with pytest.raises(BadInput, match="exactly two dots"):
        from_strokes([line], [(1, 1)])
    with pytest.raises(BadInput, match="a line, not a point"):
        from_strokes([[(3, 3)]], [(1, 1), (9, 9)])
    for wrong in (np.nan, np.inf):
        with pytest.raises(BadInput, match="without a place"):
            from_strokes([[(1.0, wrong), (3.0, 3.0)]], [(1, 1), (9, 9)])
        with pytest.raises(BadInput, match="without a place"):
            from_strokes([line], [(1, wrong), (9, 9)])
    outside = from_strokes([[(-50.0, 40.0), (200.0, 40.0)]], [(-30, 5), (300, 5)])
    assert outside.shape == (96, 96)
    assert np.isfinite(outside).all()


def test_resampled_points_are_equally_far_apart_along_the_line() -> None:
    points = resampled([(0.0, 0.0), (30.0, 0.0), (30.0, 31.0)], 6.0)
    assert np.allclose(points[:3], [[0, 0], [6, 0], [12, 0]])
    assert len(points) == 11
    assert np.allclose(points[-1], [30, 30])
    assert len(resampled([(5.0, 5.0), (5.0, 5.0)], 6.0)) == 1
