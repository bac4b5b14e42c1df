"""Packs: the seed decides them, unfinished ones are refused, batches come from all of them."""

import numpy as np
import pytest

from models.ost import data
from models.parts.problems import BadInput
from models.worlds.figures_actions import HELD_OUT_ACTIONS, SEEN_ACTIONS
from models.worlds.figures_postures import HANDS_BUSY, NAMES
from models.worlds.figures_things import ITEMS


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(data, "SIDE", 32)


def test_a_pack_of_frames_follows_from_its_seed_and_opens_again(tmp_path):
    pack = data.pack_frames(tmp_path / "one", 14, 3)
    assert pack.frames.shape == (12, 32, 32, 3)
    assert pack.classes is None
    opened = data.open_pack(tmp_path / "one")
    again = data.pack_frames(tmp_path / "two", 14, 3)
    for name in ("frames", "rows", "points"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(again, name))
    assert (data.pack_frames(tmp_path / "three", 12, 4).frames != again.frames).any()


def test_a_pack_of_clips_has_every_action_equally_often(tmp_path):
    pack = data.pack_clips(tmp_path, SEEN_ACTIONS[:3], 2, 4, 0)
    assert pack.frames.shape == (6, 4, 32, 32, 3)
    assert pack.rows.shape == (6, 4, 10)
    assert pack.classes.tolist() == [0, 1, 2, 0, 1, 2]


def test_missing_and_unfinished_packs_are_refused(tmp_path):
    assert data.open_or_none(tmp_path) is None
    with pytest.raises(BadInput, match=r"models\.ost\.data"):
        data.open_pack(tmp_path)
    data.pack_frames(tmp_path, 6, 0)
    (tmp_path / "rows.npy").unlink()
    assert data.open_or_none(tmp_path) is None


def test_batches_mix_all_packs(tmp_path):
    packs = [data.pack_frames(tmp_path / str(seed), 6, seed) for seed in range(2)]
    frames, rows, points = next(data.joined(packs, np.random.default_rng(0), 40))
    assert frames.shape == (40, 32, 32, 3)
    assert rows.shape == (40, 10)
    assert points.shape == (40, 24, 2)
    known = [{pack.frames[i].tobytes() for i in range(6)} for pack in packs]
    assert all(any(frame.tobytes() in one for frame in frames) for one in known)


def test_random_moments_are_possible():
    rng = np.random.default_rng(0)
    seen = [data.random_moment(rng) for _ in range(600)]
    assert {moment.posture for moment in seen} == set(NAMES)
    for moment in seen:
        assert moment.item is None or moment.mode in ITEMS[moment.item]
        assert not (moment.mode == "held" and moment.posture in HANDS_BUSY)


def test_random_actions_are_possible_different_and_not_held_out():
    actions = data.random_actions(60)
    assert actions == data.random_actions(60)
    sets = {frozenset(action.moments) for action in actions}
    assert len(sets) == 60
    assert not sets & {frozenset(action.moments) for action in HELD_OUT_ACTIONS}
    assert not {action.name for action in actions} & {action.name for action in HELD_OUT_ACTIONS}
    for moment in (moment for action in actions for moment in action.moments):
        assert moment.item is None or moment.mode in ITEMS[moment.item]
        assert not (moment.mode == "held" and moment.posture in HANDS_BUSY)
