"""Rays, textures, masks and scenes, on models made on the spot."""

from __future__ import annotations

import numpy as np
import pytest

from models.worlds import objects
from models.worlds.assemble import Look, SceneBuilder
from models.worlds.library import Library
from models.worlds.lights import Lamp, Surroundings
from models.worlds.objects_pack import write_pack
from models.worlds.packs import PackError, read_packs
from models.worlds.raycast import Camera, Scene, Surface, slow_intersect
from models.worlds.render import render
from models.worlds.scene_table import HeightField
from models.worlds.scenes3d import KINDS, sample_scene
from models.worlds.shading import Lighting
from models.worlds.surfaces import procedural
from models.worlds.textures import TexturePool, pyramid

pytest.importorskip("embreex")


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory, made) -> Library:
    folder = tmp_path_factory.mktemp("objects")
    made.box_archive(folder / "things.sh3f")
    picture = procedural(np.random.default_rng(3), 64)
    return Library(objects.catalogue(folder=folder), [picture], [picture], folder / "cache")


def _soup(rng: np.random.Generator, count: int, opacity: float = 1.0) -> Scene:
    triangles = rng.normal(0, 1, (count, 1, 3)) + rng.normal(0, 0.5, (count, 3, 3))
    number = np.arange(count, dtype=np.int32)
    surfaces = [Surface((0.5, 0.5, 0.5)), Surface((0.5, 0.5, 0.5), opacity=opacity)]
    ones = np.ones((count, 3, 3), np.float32)
    uv = np.zeros((count, 3, 2), np.float32)
    return Scene(triangles.astype(np.float32), ones, uv, number % 2, number + 1, number + 1, surfaces, [])


@pytest.mark.parametrize("opacity", [1.0, 0.4])
def test_rays_meet_what_the_numpy_twin_says(opacity):
    rng = np.random.default_rng(0)
    scene = _soup(rng, 60, opacity)
    origins = rng.normal(0, 4, (300, 3)).astype(np.float32)
    directions = -origins + rng.normal(0, 0.5, (300, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    fast, slow = scene.intersect(origins, directions), slow_intersect(scene.triangles, origins, directions)
    assert (fast.face >= 0).sum() > 50
    assert np.mean(fast.face == slow.face) > 0.99  # rays along shared borders may go either way
    same = (fast.face == slow.face) & (fast.face >= 0)
    assert fast.t[same] == pytest.approx(slow.t[same], rel=1e-4)
    assert fast.u[same] == pytest.approx(slow.u[same], abs=1e-3)


def test_glass_and_walls_that_cast_nothing_let_light_through():
    builder = SceneBuilder()
    up = np.array([[-1, 1, -1], [1, 1, -1], [1, 1, 1], [-1, 1, 1]], np.float32)
    builder.add_quad(up, "ceiling", Look((1, 1, 1)), casts=False)
    scene = builder.build()
    ray = np.zeros((1, 3), np.float32), np.array([[0, 1, 0]], np.float32)
    assert scene.intersect(*ray).face[0] >= 0
    assert not scene.blocked(*ray)[0]


def test_shadow_rays_end_at_their_limit():
    builder = SceneBuilder()
    builder.add_quad(np.array([[-1, 2, -1], [1, 2, -1], [1, 2, 1], [-1, 2, 1]], np.float32), "lid", Look((1, 1, 1)))
    scene = builder.build()
    origins, up = np.zeros((2, 3), np.float32), np.tile(np.array([[0, 1, 0]], np.float32), (2, 1))
    assert scene.blocked(origins, up, np.array([1.9, 2.1], np.float32)).tolist() == [False, True]


def test_texture_repeats_and_v_points_up(made):
    pool = TexturePool([pyramid(made.quarters(8))])
    at = np.array([[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.75, 0.25]], np.float32)
    which, sharp = np.zeros(4, np.int64), np.zeros(4, np.float32)
    wanted = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    assert pool.sample(which, at, sharp)[:, :3] == pytest.approx(np.array(wanted))
    moved = at + np.array([[3, -2]], np.float32)
    assert pool.sample(which, moved, sharp)[:, :3] == pytest.approx(np.array(wanted))


def test_far_textures_are_the_mean_of_the_near_ones(made):
    pool = TexturePool([pyramid(made.quarters(8))])
    mean = pool.sample(np.zeros(1, np.int64), np.array([[0.1, 0.9]], np.float32), np.full(1, 9, np.float32))
    assert mean[0, :3] == pytest.approx(made.quarters(8).reshape(-1, 3).mean(axis=0) / 255, abs=0.01)


def test_cut_out_texels_let_rays_pass():
    leaf = np.full((4, 4, 4), 255, np.uint8)
    leaf[:, :2, 3] = 0
    builder = SceneBuilder()
    front = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    builder.add_quad(front, "leaf", Look((1, 1, 1), pyramid(leaf), 2.0))
    builder.add_quad(front - np.array([0, 0, 1], np.float32), "behind", Look((1, 1, 1)))
    scene = builder.build()
    origins = np.array([[-0.5, 0, 3], [0.5, 0, 3]], np.float32)
    hits = scene.trace(origins, np.tile(np.array([[0, 0, -1]], np.float32), (2, 1)))
    assert hits.t == pytest.approx([4, 3], rel=1e-3)


def test_camera_projects_where_its_rays_go():
    camera = Camera.look_at(np.array([1, 2, 5]), np.array([0, 1, 0]), 50, 40, 30, roll=0.2)
    x, y = np.array([3.5, 20, 39], np.float32), np.array([2, 15, 29.5], np.float32)
    points = camera.position + camera.directions(x, y) * 3
    pixels, depth = camera.project(points)
    assert pixels == pytest.approx(np.stack([x, y], axis=1), abs=1e-3)
    assert (depth > 0).all()


def _two_boxes(library: Library) -> tuple[Scene, Camera]:
    model = library.model(library.entries[0])
    assert model is not None
    builder = SceneBuilder()
    builder.add_quad(
        np.array([[-5, 0, 5], [5, 0, 5], [5, 0, -5], [-5, 0, -5]], np.float32), "floor", Look((0.5, 0.5, 0.5))
    )
    for x, z in ((0.0, 0.0), (0.12, -0.6)):
        builder.add_model(model, np.eye(3, dtype=np.float32), 1.0, np.array([x, 0, z], np.float32))
    return builder.build(), Camera.look_at(np.array([0, 0.35, 1.6]), np.array([0, 0.15, 0]), 40, 96, 96)


def test_each_pixel_belongs_to_the_nearest_instance(library):
    scene, camera = _two_boxes(library)
    frame = render(scene, camera)
    assert set(np.unique(frame.instance)) == {0, 1, 2}
    depths = []
    for number in (0, 1, 2):  # every instance alone: the picture must be their pixel-wise nearest
        keep = scene.instance == number
        directions = camera.grid()
        hits = slow_intersect(scene.triangles[keep], np.broadcast_to(camera.position, directions.shape), directions)
        depths.append(np.where(hits.face >= 0, hits.t * -(directions @ camera.rotation[2]), np.inf).reshape(96, 96))
    nearest = np.argmin(depths, axis=0)
    seen = np.isfinite(np.min(depths, axis=0))
    assert np.mean(nearest[seen] == frame.instance[seen]) > 0.995
    agree = seen & (nearest == frame.instance)
    assert frame.depth[agree] == pytest.approx(np.min(depths, axis=0)[agree], rel=1e-3)


def test_parts_lie_within_one_instance_and_the_floor_is_a_part_of_none(library):
    scene, camera = _two_boxes(library)
    frame = render(scene, camera)
    for part in np.unique(frame.part[frame.part > 0]):
        assert len(np.unique(frame.instance[frame.part == part])) == 1
    assert (frame.part[frame.instance == 0] <= 1).all()
    assert (frame.part == 1).any()
    assert len(np.unique(frame.part[frame.instance == 1])) == 2  # body and lid


def test_normals_are_unit_and_face_the_camera(library):
    scene, camera = _two_boxes(library)
    frame = render(scene, camera)
    seen = frame.part > 0
    assert np.linalg.norm(frame.normals[seen], axis=1) == pytest.approx(1, abs=1e-3)
    facing = np.einsum("nk,nk->n", frame.normals.reshape(-1, 3), camera.grid()).reshape(96, 96)
    assert (facing[seen] < 0.05).all()


def test_ground_that_a_lamp_cannot_see_is_darker(library):
    scene, camera = _two_boxes(library)
    to = np.array([0.8, 0.6, 0.0], np.float32)
    dark = Surroundings(np.full((8, 16, 3), 0.1, np.float32))
    frame = render(scene, camera, Lighting(dark, (Lamp(to, np.ones(3, np.float32), 0.001),)))
    points = (
        camera.position + camera.grid() * (frame.depth.reshape(-1) / -(camera.grid() @ camera.rotation[2]))[:, None]
    )
    hidden = scene.blocked((points + np.array([0, 1e-3, 0])).astype(np.float32), np.tile(to, (len(points), 1))).reshape(
        96, 96
    )
    floor, light = frame.part == 1, frame.light.mean(axis=2)
    assert (floor & hidden).sum() > 30
    assert np.median(light[floor & hidden]) < 0.5 * np.median(light[floor & ~hidden])


@pytest.mark.parametrize("kind", KINDS)
def test_scene_of_every_kind_is_complete_and_repeats_with_its_seed(library, kind):
    first = sample_scene(np.random.default_rng(5), library, 64, kind)
    again = sample_scene(np.random.default_rng(5), library, 64, kind)
    assert first.image.shape == (64, 64, 3)
    assert first.image.dtype == np.uint8
    assert first.instance.dtype == first.part.dtype == np.int16
    assert 1 <= first.instance.max() <= len(first.names)
    assert first.part.max() <= len(first.part_names)
    assert ((first.instance > 0) <= (first.part > 0)).all()
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.instance, again.instance)
    other = sample_scene(np.random.default_rng(6), library, 64, kind)
    assert not np.array_equal(first.image, other.image)


def test_scenes_do_not_depend_on_what_was_loaded_before(library, tmp_path):
    fresh = Library(library.entries, library.pictures, library.patterns, tmp_path)
    for seed in range(3):
        sample_scene(np.random.default_rng(seed), library, 32)
    used, new = (sample_scene(np.random.default_rng(9), stock, 32) for stock in (library, fresh))
    assert np.array_equal(used.image, new.image)


def test_unknown_kind_of_scene_is_refused(library):
    with pytest.raises(ValueError, match="room, table, photo"):
        sample_scene(np.random.default_rng(0), library, 32, "garden")


def test_dropped_things_touch_and_do_not_sink_in(library):
    model = library.model(library.entries[1])
    assert model is not None
    field = HeightField(2.0, 40)
    nowhere = np.zeros(3, np.float32)
    assert field.rest(model.vertices, model.faces, nowhere) == pytest.approx(0)
    field.add(model.vertices, model.faces)
    assert field.rest(model.vertices, model.faces, nowhere) == pytest.approx(float(model.size_m[1]), rel=1e-5)
    assert field.rest(model.vertices, model.faces, np.array([5, 0, 0], np.float32)) is None


def test_pack_is_written_once_and_refuses_other_settings(library, tmp_path):
    done: list[int] = []
    write_pack(tmp_path / "pack", 1, 2, 32, library=library, report=lambda i, _: done.append(i))
    shard = read_packs(tmp_path / "pack")[0]
    direct = sample_scene(np.random.default_rng([1, 1]), library, 32)
    assert np.array_equal(shard.image[1], direct.image)
    assert np.array_equal(shard.instance[1], direct.instance)
    assert np.array_equal(shard.part[1], direct.part)
    write_pack(tmp_path / "pack", 1, 2, 32, library=library, report=lambda i, _: done.append(i))
    assert done == [1, 2]  # the second call found everything there
    with pytest.raises(PackError, match="other settings"):
        write_pack(tmp_path / "pack", 2, 2, 32, library=library)
