"""Regions of unlabelled photos as training targets: format, nesting, determinism, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.robust_sam.photo_regions import enlarge, photo_crop, regions, sample_scene, write_pack
from models.worlds.packs import read_packs


def _photo(seed: int) -> np.ndarray:
    """A lit disc with a dark patch on a grained backdrop, as a photo of one thing."""
    rng = np.random.default_rng(seed)
    image = np.full((420, 560, 3), (70, 110, 90), np.float32)
    cv2.circle(image, (280, 210), 110, (225, 190, 60), -1)
    cv2.rectangle(image, (255, 180), (310, 235), (120, 30, 40), -1)
    image = cv2.GaussianBlur(image, (0, 0), 1.5) + rng.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [_photo(seed) for seed in range(2)]


def test_the_thing_in_the_middle_becomes_an_object_and_its_patch_a_part():
    instance, part = regions(_photo(0)[:, 70:490])
    y, x = np.mgrid[:256, :256]
    disc = (x - 128) ** 2 + (y - 128) ** 2 < (110 * 256 / 420) ** 2
    owner = np.bincount(instance[disc]).argmax()
    assert owner > 0
    found = instance == owner
    assert (found & disc).sum() / (found | disc).sum() > 0.85
    assert part[128, 128] > 0


def test_scenes_have_the_packs_format_and_nested_parts(photos):
    for seed in range(4):
        image, instance, part = sample_scene(photos, 160, np.random.default_rng(seed))
        assert (image.shape, image.dtype) == ((160, 160, 3), np.uint8)
        assert (instance.shape, instance.dtype) == ((160, 160), np.int16)
        assert (part.shape, part.dtype) == ((160, 160), np.int16)
        for number in np.unique(part[part > 0]):
            owners = np.bincount(instance[part == number])
            assert owners.max() > 0.8 * owners.sum()


def test_a_scene_follows_from_its_generator_alone(photos):
    first, second = (sample_scene(photos, 96, np.random.default_rng(9)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_packs_are_read_back_and_kept_when_written_again(photos, tmp_path):
    write_pack(tmp_path / "p", 3, 3, 64, photos)
    before = np.array(read_packs(tmp_path / "p")[0].image)
    write_pack(tmp_path / "p", 3, 3, 64, photos)
    np.testing.assert_array_equal(read_packs(tmp_path / "p")[0].image, before)
    assert len(before) == 3


def test_noise_alone_has_nothing_to_click():
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    assert (regions(noise)[0] > 0).mean() < 0.1


def test_crops_are_square_and_lie_inside_the_photo(photos):
    for seed in range(20):
        crop = photo_crop(photos[0], np.random.default_rng(seed))
        assert crop.shape[0] == crop.shape[1] <= 420
        assert crop.flags.c_contiguous


def test_enlarging_keeps_ids_and_areas():
    ids = np.zeros((64, 64), np.int16)
    ids[10:30, 12:40], ids[35:60, 5:50] = 1, 7
    big = enlarge(ids, 128)
    assert set(np.unique(big)) == {0, 1, 7}
    for one in (1, 7):
        assert (big == one).sum() == pytest.approx(4 * (ids == one).sum(), rel=0.06)


def test_without_photos_the_remedy_is_named():
    with pytest.raises(ValueError, match="real_photos"):
        sample_scene([], 64, np.random.default_rng(0))
