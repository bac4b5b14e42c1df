"""Figures: clips follow from their seed, labels are exact, postures move continuously."""

from dataclasses import replace

import numpy as np
import pytest

from models.worlds.figures import COLOURS, SEEN, UNSEEN, UNSEEN_COLOURS, VARIED, Moment, Style, act, still
from models.worlds.figures_postures import FIGURE_POSTURES, NAMES, blended, mirrored, stance
from models.worlds.figures_scenes import SCENES, UNSEEN_SCENES, backdrop
from models.worlds.figures_skeleton import View, posed
from models.worlds.figures_things import FURNITURE, ITEMS
from models.worlds.people import bodies
from models.worlds.people_poses import ANGLES

MOMENTS = (Moment("standing", "box", "held"), Moment("bending", "box", "ground"), Moment("waving"))


def test_a_clip_follows_from_its_seed():
    first, labels = act(np.random.default_rng(3), MOMENTS).frames(6)
    again, _ = act(np.random.default_rng(3), MOMENTS).frames(6)
    other, _ = act(np.random.default_rng(4), MOMENTS).frames(6)
    assert first.shape == (6, 96, 96, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(labels) == 6


def test_labels_name_the_moments_in_their_order():
    clip = act(np.random.default_rng(0), MOMENTS, idle=0.0)
    _, labels = clip.frames(40, side=32)
    steps = [label.step for label in labels]
    assert steps == sorted(steps)
    assert set(steps) == {0, 1, 2}
    for label in labels:
        moment = MOMENTS[label.step]
        assert label.posture in (moment.posture, None)
        assert (label.item, label.mode) == (moment.item, moment.mode)
    assert any(label.changing for label in labels)
    assert all(label.changing == (label.posture is None) for label in labels)


def test_waiting_before_and_after_belongs_to_no_step():
    clip = act(np.random.default_rng(0), MOMENTS, idle=1.0)
    _, labels = clip.frames(40, side=32)
    assert labels[0].step == -1
    assert labels[-1].step == -1
    assert {label.step for label in labels} == {-1, 0, 1, 2}


def test_points_lie_on_the_person():
    clip = act(np.random.default_rng(5), [Moment("standing")], replace(SEEN, heavy=False), idle=0.0)
    _, labels = clip.at([0.4])
    points = labels[0].points
    assert points.shape == (24, 2)
    head, toes = points[23], points[21:23]
    assert head[1] < toes[:, 1].min()
    assert (np.abs(points - points.mean(0)) < 0.5).all()


@pytest.mark.parametrize("heavy", [False, True])
def test_every_posture_and_thing_can_be_drawn(heavy):
    rng = np.random.default_rng(1)
    for number, name in enumerate(NAMES):
        item = list(ITEMS)[number % len(ITEMS)]
        moment = Moment(name, item, ITEMS[item][number % len(ITEMS[item])], FURNITURE[number % len(FURNITURE)])
        clip = act(rng, [moment], Style(heavy=heavy), idle=0.0)
        frames, _ = clip.at([0.1], side=48)
        assert frames.std() > 5


def test_evaluation_shares_no_place_and_no_colour_with_the_training():
    assert not set(SCENES) & set(UNSEEN_SCENES)
    assert not set(COLOURS) & set(UNSEEN_COLOURS)
    rng = np.random.default_rng(2)
    for _ in range(5):
        label = still(rng, Moment("standing"), UNSEEN)[1]
        assert label.scene in UNSEEN_SCENES
        assert label.shirt in UNSEEN_COLOURS
        assert all(shirt in UNSEEN_COLOURS for _, shirt in label.others)


def test_varied_clips_have_nothing_that_a_caption_could_name_beside_the_person():
    label = still(np.random.default_rng(0), Moment("waving"), VARIED)[1]
    assert label.shirt == ""
    assert label.scene not in {**SCENES, **UNSEEN_SCENES}


@pytest.mark.parametrize("name", [*SCENES, *UNSEEN_SCENES])
def test_backdrops_have_the_size_asked_for_and_differ_by_seed(name):
    first, second = (backdrop(name, np.random.default_rng(seed), 64, 100) for seed in (0, 1))
    assert first.shape == (64, 100, 3)
    assert (first != second).any()


def test_the_way_between_two_stances_starts_and_ends_in_them():
    rng = np.random.default_rng(0)
    first, second = stance("standing", rng, False), stance("jumping", rng, True)
    for share, expected in ((0.0, first), (1.0, second)):
        angles, lift = blended(first, second, share, 0.3)
        np.testing.assert_allclose(angles, expected.at(0.3))
        assert lift == pytest.approx(expected.lift)


@pytest.mark.parametrize("name", NAMES)
def test_stances_move_without_jumps(name):
    taken = stance(name, np.random.default_rng(0), False)
    angles = np.stack([taken.at(time) for time in np.arange(0, 1, 1 / 60)])
    assert np.abs(np.diff(angles, axis=0)).max() < 25


def test_mirroring_twice_changes_nothing():
    angles = np.random.default_rng(0).normal(size=len(ANGLES))
    np.testing.assert_allclose(mirrored(mirrored(angles)), angles)
    assert (mirrored(angles) != angles).any()


def test_a_pose_stands_on_the_ground_and_over_its_place():
    body = bodies()[0]
    pose = posed(body, FIGURE_POSTURES["standing"][0], 0.4, np.array([1.5, -2.0]), 0.0)
    assert pose.hips[0] == pytest.approx(1.5)
    assert pose.hips[2] == pytest.approx(-2.0)
    assert 0 < pose.toes[:, 1].min() < 0.12
    lifted = posed(body, FIGURE_POSTURES["standing"][0], 0.4, np.array([1.5, -2.0]), 0.3)
    np.testing.assert_allclose(lifted.joints[:, 1] - pose.joints[:, 1], 0.3)


def test_the_view_puts_near_ground_lower_and_higher_points_up():
    view = View(30, 48, 80, 0.2)
    near, far, high = view.pixels(np.array([[0, 0, 1.0], [0, 0, -1.0], [0, 1.0, 0]]))
    assert near[1] > 80 > far[1]
    assert high[1] < 80
    assert view.depth(np.array([[0, 0, 1.0]]))[0] > view.depth(np.array([[0, 0, -1.0]]))[0]


def test_an_action_without_a_moment_is_refused():
    with pytest.raises(ValueError, match="at least one moment"):
        act(np.random.default_rng(0), [])
