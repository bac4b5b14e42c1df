"""Flat scenes: exact masks, nesting of parts, determinism, disjoint settings, and the shards they are kept in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.worlds import packs, shapes2d
from models.worlds.cutouts import load_cutouts, read_cutout
from models.worlds.shapes2d import HELD_OUT, TRAIN, Sample, SceneError, SceneSettings, sample_scene, write_pack
from models.worlds.shapes2d_figures import font_files
from models.worlds.shapes2d_layers import FIELDS, OUTLINES, SOLIDS, Layer
from models.worlds.shapes2d_outline import coverage, placed, window_of
from models.worlds.shapes2d_patterns import HELD_OUT_FIELDS, TRAIN_FIELDS
from models.worlds.splits import HELD_OUT_SHARE, is_held_out

BOTH = pytest.mark.parametrize("setting", [TRAIN, HELD_OUT], ids=lambda setting: setting.name)


def scene(seed: int, size: int = 96, setting: SceneSettings = TRAIN, **pictures: list[np.ndarray]) -> Sample:
    return sample_scene(np.random.default_rng(seed), size, settings=setting, **pictures)


def sticker(seed: int) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, 256, (60, 80, 4), dtype=np.uint8)
    picture[..., 3] = 0
    cv2.ellipse(alpha := picture[..., 3].copy(), (40, 30), (36, 26), 0, 0, 360, 255, -1)
    picture[..., 3] = alpha
    return picture


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (70, 90, 3), dtype=np.uint8)


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> list[Layer]:
    """Every layer that a scene paints, in order."""
    seen: list[Layer] = []
    real: Callable[..., Layer | None] = shapes2d.paint

    def recorded(*arguments: object) -> Layer | None:
        layer = real(*arguments)
        if layer is not None and (layer.alpha > 127).any():
            seen.append(layer)
        return layer

    monkeypatch.setattr(shapes2d, "paint", recorded)
    return seen


@BOTH
@pytest.mark.parametrize("size", [16, 33, 96])
def test_a_scene_has_the_asked_size_and_types(setting: SceneSettings, size: int) -> None:
    for seed in range(6):
        sample = scene(seed, size, setting)
        for plane, depth in ((sample.image, (3,)), (sample.instance, ()), (sample.part, ())):
            assert plane.shape == (size, size, *depth)
        assert sample.image.dtype == np.uint8
        assert sample.instance.dtype == sample.part.dtype == np.int16


@BOTH
def test_the_generator_alone_decides_the_scene(setting: SceneSettings) -> None:
    pictures = {"photos": [photo(i) for i in range(6)], "cutouts": [sticker(i) for i in range(6)]}
    for seed in range(4):
        first, second = scene(seed, 80, setting, **pictures), scene(seed, 80, setting, **pictures)
        for field in ("image", "instance", "part"):
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
        assert (first.names, first.owners) == (second.names, second.owners)
    assert not np.array_equal(scene(1, 80, setting).image, scene(2, 80, setting).image)


@BOTH
def test_every_pixel_belongs_to_the_frontmost_layer_that_covers_it(setting: SceneSettings, layers: list[Layer]) -> None:
    for seed in range(12):
        layers.clear()
        sample = scene(seed, 96, setting, cutouts=[sticker(i) for i in range(8)])
        expected = np.zeros((96, 96), np.int16)
        for number, layer in enumerate(layers, start=1):
            rows, columns = np.nonzero(layer.alpha > 127)
            expected[rows + layer.window.y0, columns + layer.window.x0] = number
        np.testing.assert_array_equal(sample.instance, expected)
        assert sample.names == tuple(layer.name for layer in layers)


@BOTH
def test_a_covered_pixel_shows_its_objects_colour(
    setting: SceneSettings, layers: list[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes2d, "camera", lambda canvas, *_: canvas)
    sharp = replace(setting, depth_of_field=0.0, shadow=0.0)
    for seed in range(8):
        layers.clear()
        sample = scene(seed, 96, sharp)
        for number, layer in enumerate(layers, start=1):
            mine = (sample.instance[layer.window.slices] == number) & (layer.alpha == 255)
            # Antialiased rims of objects in front may tint pixels that they cover by less than half.
            for front in layers[number:]:
                whole = np.zeros((96, 96), np.uint8)
                whole[front.window.slices] = front.alpha
                mine &= whole[layer.window.slices] == 0
            image = np.asarray(sample.image, dtype=np.float32)[layer.window.slices]
            np.testing.assert_allclose(image[mine], layer.colour[mine], atol=1e-2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), held_out=st.booleans())
def test_a_part_lies_inside_the_object_that_owns_it(seed: int, held_out: bool) -> None:
    sample = scene(seed, 64, replace(HELD_OUT if held_out else TRAIN, part=1.0))
    owners = dict(sample.owners)
    for part in np.unique(sample.part[sample.part > 0]):
        assert set(np.unique(sample.instance[sample.part == part])) == {owners[int(part)]}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), held_out=st.booleans())
def test_ids_are_named_and_never_exceed_the_objects_asked_for(seed: int, held_out: bool) -> None:
    setting = HELD_OUT if held_out else TRAIN
    sample = scene(seed, 48, setting)
    assert sample.instance.min() >= 0
    assert sample.instance.max() <= len(sample.names) <= setting.objects[1]
    assert set(sample.names) <= {name for name, _ in setting.families}


def test_settings_share_no_family_no_texture_and_no_font() -> None:
    train, held_out = ({name for name, _ in setting.families} for setting in (TRAIN, HELD_OUT))
    assert train & held_out == {"cutout"}
    assert not set(TRAIN.fields) & set(HELD_OUT.fields)
    assert set(TRAIN.fields) == set(TRAIN_FIELDS)
    assert set(HELD_OUT.fields) == set(HELD_OUT_FIELDS)
    assert (train | held_out) - {"cutout"} == set(OUTLINES) | set(SOLIDS)
    assert TRAIN.held_out != HELD_OUT.held_out
    assert not set(font_files()[0::2]) & set(font_files()[1::2])


def test_a_setting_uses_only_its_own_split_of_cutouts() -> None:
    pool = [sticker(i) for i in range(40)]
    only = replace(TRAIN, families=(("cutout", 1.0), ("polygon", 0.001)))
    mine = [picture for picture in pool if not is_held_out(picture)]
    others = [picture for picture in pool if is_held_out(picture)]
    assert "cutout" in scene(0, 64, only, cutouts=mine).names
    assert "cutout" not in scene(0, 64, only, cutouts=others).names
    assert "cutout" in scene(0, 64, replace(only, held_out=True), cutouts=others).names


def test_splits_hold_out_about_the_stated_share_and_do_not_change() -> None:
    pictures = [photo(i) for i in range(400)]
    held = [is_held_out(picture) for picture in pictures]
    assert abs(np.mean(held) - HELD_OUT_SHARE) < 0.08
    assert held == [is_held_out(picture.copy()) for picture in pictures]


@pytest.mark.parametrize("name", sorted(OUTLINES))
def test_every_outline_fits_its_place_and_covers_something(name: str) -> None:
    for seed in range(8):
        outline = OUTLINES[name](np.random.default_rng(seed))
        place = placed(40.0, (64, 64), 0.3)
        window = window_of(place(outline.points()), 128)
        assert np.abs(outline.points()).max() < 2.2
        assert window is not None
        assert (coverage(outline, place, window) > 127).sum() > 20


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 3), (50, 60)])
def test_every_texture_field_fits_any_window(name: str, shape: tuple[int, int]) -> None:
    for seed in range(4):
        field = FIELDS[name](np.random.default_rng(seed), *shape)
        assert field.shape == shape
        assert field.dtype == np.float32
        assert np.isfinite(field).all()


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ({"photos": [np.zeros((9, 9, 4), np.uint8)]}, "photo 0"),
        ({"cutouts": [np.zeros((9, 9, 3), np.uint8)]}, "cut-out 0"),
        ({"photos": [np.zeros((9, 9, 3), np.float32)]}, "float32"),
    ],
)
def test_pictures_of_the_wrong_kind_are_named(pictures: dict[str, list[np.ndarray]], words: str) -> None:
    with pytest.raises(SceneError, match=words):
        scene(0, 64, TRAIN, **pictures)
    with pytest.raises(SceneError, match="size 15"):
        scene(0, 15)


def test_packs_read_back_what_the_scenes_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "SHARD", 3)
    assert write_pack(tmp_path, seed=4, count=5, size=32) == ["00000", "00001"]
    shards = packs.read_packs(tmp_path)
    assert [len(shard) for shard in shards] == [3, 2]
    assert sorted(path.name for path in tmp_path.iterdir())[:3] == [
        "00000-image.npy",
        "00000-instance.npy",
        "00000-part.npy",
    ]
    again = tmp_path / "again"
    write_pack(again, seed=4, count=2, size=32)
    np.testing.assert_array_equal(packs.read_packs(again)[0].image, shards[0].image[:2])
    assert shards[0].instance.dtype == shards[0].part.dtype == np.int16


def test_an_interrupted_pack_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "SHARD", 2)
    drawn: list[int] = []

    def draw(index: int) -> packs.Arrays:
        if index == 3 and drawn.count(3) == 0:
            drawn.append(index)
            raise KeyboardInterrupt
        drawn.append(index)
        plane = np.full((4, 4), index, np.int16)
        return np.full((4, 4, 3), index, np.uint8), plane, plane

    with pytest.raises(KeyboardInterrupt):
        packs.write_packs(tmp_path, 5, 4, draw)
    assert [shard.name for shard in packs.read_packs(tmp_path)] == ["00000"]
    drawn.append(99)
    packs.write_packs(tmp_path, 5, 4, draw)
    assert drawn[drawn.index(99) + 1 :] == [2, 3, 4]
    assert [int(shard.image[-1].max()) for shard in packs.read_packs(tmp_path)] == [1, 3, 4]


def test_packs_refuse_another_size_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(packs.PackError, match="no complete shard"):
        packs.read_packs(tmp_path)
    write_pack(tmp_path, seed=0, count=1, size=32)
    with pytest.raises(packs.PackError, match="empty folder"):
        write_pack(tmp_path, seed=0, count=1, size=48)


def test_cutouts_skip_what_is_no_sticker(tmp_path: Path) -> None:
    good = sticker(0)
    tiny, opaque, empty = good[:20, :20], good.copy(), good.copy()
    opaque[..., 3] = 255
    empty[..., 3] = 0
    pictures = {"good": good, "tiny": tiny, "opaque": opaque, "empty": empty, "plain": good[..., :3]}
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "nothing.png").write_bytes(b"")
    usable = {path.stem for path in tmp_path.glob("*.png") if read_cutout(path, 512) is not None}
    assert usable == {"good"}
    small = read_cutout(tmp_path / "good.png", 40)
    assert small is not None
    assert max(small.shape[:2]) == 40


def test_cutouts_come_in_two_disjoint_halves(tmp_path: Path) -> None:
    for seed in range(20):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), sticker(seed))
    train, held, every = (
        load_cutouts(tmp_path, np.random.default_rng(0), 99, 512, held_out=side) for side in (False, True, None)
    )
    assert len(train) + len(held) == len(every) == 20
    assert not {picture.tobytes() for picture in train} & {picture.tobytes() for picture in held}
    assert len(load_cutouts(tmp_path, np.random.default_rng(0), 3, 512)) == 3
    with pytest.raises(FileNotFoundError, match="openclipart"):
        load_cutouts(tmp_path / "none", np.random.default_rng(0), 3, 512)
