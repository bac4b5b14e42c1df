"""Photographic composites, the sprites they are made of, and thin things."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.worlds.packs import read_packs
from models.worlds.shapes2d_photo import PhotoStock, sample_scene, write_pack
from models.worlds.shapes2d_thin import THIN, word
from models.worlds.sprites import collect, lift


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).integers(0, 90, (200, 200, 3), dtype=np.uint8)
    instance, part = np.zeros((200, 200), np.int16), np.zeros((200, 200), np.int16)
    cv2.circle(instance, (90, 100), 50, 3, -1)
    part[80:110, 80:110] = 4
    image[instance == 3] = (200, 60, 60)
    image[part == 4] = (60, 200, 60)
    return image, instance, part


@pytest.fixture(scope="module")
def stock(scene) -> PhotoStock:
    rng = np.random.default_rng(1)
    photos = [cv2.GaussianBlur(rng.integers(0, 255, (150, 210, 3), dtype=np.uint8), (0, 0), 4) for _ in range(2)]
    sprite = lift(*scene, 3, 128)
    assert sprite is not None
    return PhotoStock(photos, [sprite], [sprite])


def test_a_lifted_object_keeps_its_colour_and_parts_and_leaves_the_backdrop(scene):
    sprite = lift(*scene, 3, 300)
    assert sprite is not None
    solid = sprite.alpha == 255
    assert 0.9 < solid.sum() / (scene[1] == 3).sum() <= 1.0
    assert (sprite.colour[solid & (sprite.part == 4)] == (60, 200, 60)).all()
    assert (sprite.colour[solid & (sprite.part == 0)] == (200, 60, 60)).all()
    assert not sprite.alpha[0].any()


def test_objects_cut_by_the_border_small_or_in_pieces_are_not_lifted(scene):
    image, instance, part = scene
    assert lift(image, np.roll(instance, -60, axis=1), part, 3, 128) is None
    small = np.zeros_like(instance)
    small[50:60, 50:60] = 3
    assert lift(image, small, part, 3, 128) is None
    pieces = np.zeros_like(instance)
    pieces[20:70, 20:70], pieces[120:170, 120:170] = 3, 3
    assert lift(image, pieces, part, 3, 128) is None


def test_sprites_are_no_larger_than_asked_for(scene):
    sprite = lift(*scene, 3, 40)
    assert sprite is not None
    assert max(sprite.alpha.shape) <= 40


def test_scenes_have_the_packs_format_and_parts_inside_single_objects(stock):
    for seed in range(12):
        image, instance, part = sample_scene(np.random.default_rng(seed), 128, stock)
        assert (image.shape, image.dtype) == ((128, 128, 3), np.uint8)
        assert instance.dtype == part.dtype == np.int16
        assert instance.shape == part.shape == (128, 128)
        assert not (part[instance == 0] > 0).any()
        for number in np.unique(part[part > 0]):
            assert len(np.unique(instance[part == number])) == 1


def test_a_scene_follows_from_its_generator_alone(stock):
    first, second = (sample_scene(np.random.default_rng(4), 96, stock) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_packs_give_sprites_and_an_empty_list_of_shards_none(stock, tmp_path):
    write_pack(tmp_path / "p", 1, 6, 256, stock)
    shards = read_packs(tmp_path / "p")
    assert len(shards[0]) == 6
    assert all(sprite.alpha.any() for sprite in collect(shards, np.random.default_rng(0), 3))
    assert collect([], np.random.default_rng(0), 3) == []


def test_without_photos_the_remedy_is_named():
    with pytest.raises(ValueError, match="real_photos"):
        PhotoStock([])


@pytest.mark.parametrize("name", sorted(THIN))
def test_thin_things_stay_near_the_unit_circle(name):
    for seed in range(10):
        points = THIN[name](np.random.default_rng(seed)).points()
        assert np.isfinite(points).all()
        assert np.abs(points).max() < 2.2


def test_letters_of_a_word_lie_side_by_side():
    alpha, columns = word(np.random.default_rng(2), 30)
    assert alpha.max() == 255
    assert all(first < last for first, last in columns)
    assert columns[-1][1] <= alpha.shape[1]
