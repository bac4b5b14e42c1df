"""Captions are true of their frames, and nothing in the training's words gives a held-out action away."""

import numpy as np
import pytest

from models.worlds.figures import FrameLabel, Moment, act, still
from models.worlds.figures_actions import (
    HELD_OUT_ACTIONS,
    ORDER_PAIRS,
    SEEN_ACTIONS,
    STEPS,
    parsed,
    spatial_descriptors,
    temporal_descriptors,
)
from models.worlds.figures_postures import NAMES
from models.worlds.figures_things import FURNITURE, ITEMS
from models.worlds.figures_truth import claim_row, frame_row, label_of, truths
from models.worlds.figures_words import (
    FURNITURE_WORDS,
    ITEM_WORDS,
    NAMED,
    OTHER_ITEM_WORDS,
    OTHER_POSTURE_WORDS,
    POSTURE_WORDS,
    SCENE_WORDS,
    TEMPLATES,
    Caption,
    caption,
    invented_names,
)

EMPTY = np.zeros((0, 2), np.float32)


def label(posture="waving", shirt="red", others=(), item="ball", mode="held", scene="park"):
    return FrameLabel(posture, item, mode, None, shirt, scene, others, 0, posture is None, EMPTY)


def test_every_caption_holds_of_its_own_frame():
    rng = np.random.default_rng(0)
    labels = []
    for _ in range(40):
        action = SEEN_ACTIONS[int(rng.integers(len(SEEN_ACTIONS)))]
        labels += act(rng, action.moments).frames(4, side=16)[1]
    captions = [caption(one, rng, ["fle gor"]) for one in labels]
    holds = truths(np.array([frame_row(one) for one in labels]), np.array([claim_row(one) for one in captions]))
    assert holds.diagonal().all()
    assert holds.mean() < 0.4


def test_a_claim_on_posture_and_colour_must_hold_of_one_person():
    frame = np.array([frame_row(label(others=(("standing", "blue"),)))])

    def holds(**claims):
        return bool(truths(frame, np.array([claim_row(Caption("", **claims))]))[0, 0])

    assert holds(posture="waving", shirt="red")
    assert holds(posture="standing", shirt="blue")
    assert not holds(posture="standing", shirt="red")
    assert holds(posture="waving", item="ball", mode="held")
    assert not holds(posture="standing", item="ball", mode="held")
    assert not holds(item="ball", mode="air")
    assert holds(scene="park")
    assert not holds(scene="street", shirt="red")
    assert holds()


def test_what_changes_is_not_claimed():
    row = frame_row(label(posture=None))
    for name in NAMES:
        assert not truths(np.array([row]), np.array([claim_row(Caption("", posture=name))]))[0, 0]
    assert caption(label(posture=None), np.random.default_rng(0)).posture is None


def test_what_has_no_name_is_not_claimed():
    rng = np.random.default_rng(0)
    unnamed = label(posture=None, shirt="", item=None, mode=None, scene="abstract")
    row = np.array([frame_row(unnamed)])
    for _ in range(30):
        text = caption(unnamed, rng)
        assert text.text.strip()
        assert text.shirt is None
        assert truths(row, np.array([claim_row(text)])).all()


def test_rows_give_labels_back():
    one = label()
    again = label_of(frame_row(one))
    assert (again.posture, again.item, again.mode, again.shirt, again.scene) == (
        "waving",
        "ball",
        "held",
        "red",
        "park",
    )
    assert label_of(frame_row(label(posture=None))).changing


def test_actions_have_four_possible_moments_and_different_names():
    every = [*SEEN_ACTIONS, *HELD_OUT_ACTIONS]
    assert len(SEEN_ACTIONS) == len(HELD_OUT_ACTIONS) == 24
    assert len({action.name for action in every}) == 48
    for action in (*every, *(one for pair in ORDER_PAIRS for one in pair)):
        assert len(action.moments) == STEPS
        for moment in action.moments:
            assert moment.posture in NAMES
            assert moment.item is None or moment.mode in ITEMS[moment.item]
            assert moment.furniture is None or moment.furniture in FURNITURE


def test_no_two_held_out_actions_show_the_same_moments():
    sets = [frozenset(action.moments) for action in HELD_OUT_ACTIONS]
    assert all(len(one & other) <= 1 for i, one in enumerate(sets) for other in sets[:i])
    assert not {frozenset(action.moments) for action in SEEN_ACTIONS} & set(sets)


def test_pairs_are_one_sequence_in_both_directions():
    for first, second in ORDER_PAIRS:
        assert first.moments == second.moments[::-1]
        assert first.name != second.name


def test_names_of_held_out_actions_occur_in_no_training_text():
    tables = (POSTURE_WORDS, ITEM_WORDS, NAMED, FURNITURE_WORDS, SCENE_WORDS)
    texts = [text for table in tables for texts in table.values() for text in texts]
    texts += [*TEMPLATES, *(action.name for action in SEEN_ACTIONS), *invented_names(np.random.default_rng(0), 2000)]
    every = " | ".join(texts)
    for action in HELD_OUT_ACTIONS:
        assert action.name not in every


def test_paraphrases_are_no_phrases_of_the_captions():
    assert set(POSTURE_WORDS) == set(OTHER_POSTURE_WORDS) == set(NAMES)
    used = {text for texts in POSTURE_WORDS.values() for text in texts}
    assert not used & {text for texts in OTHER_POSTURE_WORDS.values() for text in texts}
    for mode, texts in ITEM_WORDS.items():
        assert not set(texts) & set(OTHER_ITEM_WORDS[mode])
    assert len(used) == sum(len(texts) for texts in POSTURE_WORDS.values())


@pytest.mark.parametrize("other", [False, True])
def test_descriptors_are_four_of_each_kind_and_never_name_the_class(other):
    rng = np.random.default_rng(0)
    for action in HELD_OUT_ACTIONS:
        for texts in (spatial_descriptors(action, rng, other), temporal_descriptors(action, rng, other)):
            assert len(texts) == STEPS
            assert all(text and action.name not in text for text in texts)


def test_scripts_are_read():
    action = parsed("x", "arms_raised ball.air | climbing @ladder")
    assert action.moments == (Moment("arms raised", "ball", "air"), Moment("climbing", furniture="ladder"))


def test_a_still_is_one_frame_with_its_label():
    picture, found = still(np.random.default_rng(0), Moment("kneeling"))
    assert picture.shape == (96, 96, 3)
    assert found.posture == "kneeling"
