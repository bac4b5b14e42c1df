"""Ambiguous rooms: what tells the classes apart, and that textures do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.problems import BadInput
from models.worlds.layouts import BED, CLASSES, COLOURS, CRATE, FLOOR, SHELF, TABLE, WALL, batch, sample


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((48, 96, 128)))
def test_rooms_have_the_asked_size_and_known_classes(seed: int, side: int) -> None:
    image, labels = sample(np.random.default_rng(seed), side)
    assert image.shape == (side, side, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    assert labels.shape == (side, side)
    assert labels.min() >= 0
    assert labels.max() < len(CLASSES)
    assert {FLOOR, WALL} <= set(np.unique(labels))


def test_equal_seeds_make_equal_rooms() -> None:
    one, same = (batch(np.random.default_rng(7), 3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))


def test_every_class_occurs_and_the_pairs_are_about_balanced() -> None:
    _, labels = batch(np.random.default_rng(0), 300)
    share = np.bincount(labels.ravel(), minlength=len(CLASSES)) / labels.size
    assert (share > 0.01).all()
    for first in range(0, len(CLASSES), 2):
        assert 0.5 < share[first] / share[first + 1] < 2
    assert len(COLOURS) == len(CLASSES)


def test_a_room_has_beds_or_crates_never_both_and_the_lamp_tells() -> None:
    yellow = np.array([1.0, 0.95, 0.45])
    for seed in range(60):
        image, labels = sample(np.random.default_rng(seed))
        assert not ((labels == BED).any() and (labels == CRATE).any())
        lit = (np.abs(image[:14] - yellow).max(-1) < 0.15).sum() >= 6
        assert not (labels == BED).any() or lit
        assert not (labels == CRATE).any() or not lit


def test_boards_look_the_same_whether_table_or_shelf() -> None:
    colours: dict[int, list[np.ndarray]] = {TABLE: [], SHELF: []}
    for seed in range(80):
        image, labels = sample(np.random.default_rng(seed))
        for kind, found in colours.items():
            wood = (labels == kind) & (image[..., 0] > 0.45)
            if wood.any():
                found.append(image[wood].mean(0))
    table, shelf = (np.mean(found, axis=0) for found in colours.values())
    assert np.abs(table - shelf).max() < 0.02


def test_tiny_rooms_are_refused() -> None:
    with pytest.raises(BadInput, match="at least 48"):
        sample(np.random.default_rng(0), 32)
