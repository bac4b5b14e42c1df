"""Scenes with people: who is in them, and that seeds decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.worlds.objects import Material, ObjectModel
from models.worlds.packs import PackError, read_packs
from models.worlds.people import NAME
from models.worlds.people_scenes import PeopleLibrary, somebody, with_people, write_pack
from models.worlds.scene_stock import looks
from models.worlds.sh3f import ObjectEntry


def _block() -> ObjectModel:
    corners = np.array([[x, y, z] for x in (-0.3, 0.3) for y in (0, 0.5) for z in (-0.3, 0.3)], np.float32)
    faces = np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
         [1, 5, 7], [1, 7, 3]], np.int32
    )  # fmt: skip
    triangles = corners[faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return ObjectModel(
        "block",
        corners,
        faces,
        np.zeros((12, 3, 2), np.float32),
        np.repeat(normals[:, None], 3, axis=1).astype(np.float32),
        np.zeros(12, np.int32),
        (Material("paint"),),
        (None,),
    )


class _Blocks(PeopleLibrary):
    def model(self, entry: ObjectEntry) -> ObjectModel | None:
        return _block()


@pytest.fixture
def library() -> _Blocks:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    return _Blocks([ObjectEntry("a/block", "block", "Misc", "CC0", Path(), "", (0.6, 0.5, 0.6))], [picture])


def test_a_scene_shows_people_and_their_parts_lie_inside_instances(library):
    image, instance, part = with_people(np.random.default_rng([3, 1]), library, 96)
    assert image.shape == (96, 96, 3)
    assert instance.max() >= 1
    assert ((part > 0) | (instance == 0)).all()
    for number in np.unique(part[(part > 0) & (instance > 0)]):
        assert len(np.unique(instance[part == number])) == 1


def test_the_same_seed_gives_the_same_scene(library):
    first, second = (with_people(np.random.default_rng([3, 2]), library, 64) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_more_people_are_picked_than_asked_for(library):
    library.people_left = 2
    rng = np.random.default_rng(0)
    names = [found[1].name for found in (library.pick(rng) for _ in range(40)) if found]
    assert names.count(NAME) == 2


def test_small_places_get_no_people(library):
    library.people_left = 5
    rng = np.random.default_rng(0)
    assert all(found[1].name != NAME for found in (library.pick(rng, 0.05, 0.6) for _ in range(20)) if found)


def test_people_keep_their_own_clothes_and_skin(library):
    rng = np.random.default_rng(2)
    assert all(not looks(rng, library, somebody(rng)) for _ in range(10))


def test_packs_are_written_with_their_settings_and_guarded(library, tmp_path):
    write_pack(tmp_path / "p", 1, 2, 64, library=library)
    assert len(read_packs(tmp_path / "p")[0]) == 2
    with pytest.raises(PackError, match="other settings"):
        write_pack(tmp_path / "p", 2, 2, 64, library=library)
