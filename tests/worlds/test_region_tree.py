"""The tree of regions: a partition at the leaves, one picture at the root, edges where colours change."""

from __future__ import annotations

import numpy as np
import pytest

from models.worlds.region_tree import RegionTree, gradient_of, grow, lab


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    image = np.full((96, 96, 3), (40, 90, 160), np.uint8)
    image[20:60, 30:70] = (220, 180, 40)
    image[30:44, 40:60] = (160, 30, 30)
    return image


@pytest.fixture(scope="module")
def tree(picture) -> RegionTree:
    return grow(picture)


def test_basins_are_numbered_without_gaps_and_cover_the_picture(tree):
    count = int(tree.basins.max()) + 1
    assert set(np.unique(tree.basins)) == set(range(count))
    assert len(tree.size) == 2 * count - 1


def test_the_root_is_the_whole_picture_and_every_node_the_union_of_its_children(tree):
    assert tree.mask(len(tree.size) - 1).all()
    for node, (left, right) in enumerate(tree.children):
        assert tree.mask(node).sum() == tree.size[node]
        if left >= 0:
            assert (tree.mask(node) == (tree.mask(left) | tree.mask(right))).all()
            assert not (tree.mask(left) & tree.mask(right)).any()


def test_nodes_die_no_earlier_than_they_would_merge(tree):
    for node, (left, right) in enumerate(tree.children):
        if left >= 0:
            assert tree.death[left] == tree.death[right] == tree.birth[node]
    assert np.isinf(tree.death[-1])


def test_some_node_is_the_square_and_some_the_patch_inside_it(tree):
    for rows, columns in ((slice(20, 60), slice(30, 70)), (slice(30, 44), slice(40, 60))):
        wanted = np.zeros((96, 96), bool)
        wanted[rows, columns] = True
        best = max(
            (tree.mask(node) & wanted).sum() / (tree.mask(node) | wanted).sum() for node in range(len(tree.size))
        )
        assert best > 0.7  # basins are a few pixels wide


def test_growing_twice_gives_the_same_tree(picture, tree):
    again = grow(picture)
    np.testing.assert_array_equal(again.basins, tree.basins)
    np.testing.assert_array_equal(again.children, tree.children)


def test_a_blank_picture_still_gives_a_tree():
    tree = grow(np.full((40, 40, 3), 128, np.uint8))
    assert tree.mask(len(tree.size) - 1).all()


def test_gradient_of_a_ramp_is_its_slope():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32)[None, :, None] * 2, (32, 32, 1))
    assert gradient_of(np.dstack([ramp, ramp * 0, ramp * 0]))[16, 16] == pytest.approx(2, rel=1e-3)


def test_lab_of_white_is_a_hundred():
    np.testing.assert_allclose(lab(np.full((2, 2, 3), 255, np.uint8))[0, 0], (100, 0, 0), atol=0.5)
