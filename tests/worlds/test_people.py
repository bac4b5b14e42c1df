"""People: the baked file, skinning, postures, clothes, and that anny is needed for baking alone."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.worlds import people
from models.worlds.people import Body, PeopleProblem, bodies, dress
from models.worlds.people_parts import BONES, LABELS, PARENTS
from models.worlds.people_poses import ANGLES, LYING, POSTURES, SEATED, along, between, posture, rotations, run, walk

WORLDS = Path(people.__file__).parent
EVERY = [*POSTURES.values(), *(walk(p / 8) for p in range(8)), *(run(p / 8) for p in range(8))]


@pytest.fixture(scope="module")
def stock() -> tuple[Body, ...]:
    return bodies()


def test_bodies_are_small_whole_and_of_human_height(stock):
    assert len(stock) >= 8
    assert people.FILE.stat().st_size < 4_000_000
    for body in stock:
        assert len(body.faces) <= 3000
        assert body.faces.min() >= 0
        assert body.faces.max() < len(body.vertices)
        assert body.labels.max() < len(LABELS)
        assert body.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
        assert 1.2 < body.vertices[:, 1].max() < 2.0
        np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-5)
        assert body.weights.min() >= 0


def test_every_label_is_on_every_body(stock):
    for body in stock:
        assert set(np.unique(body.labels)) == set(range(len(LABELS)))


def test_parents_come_before_their_children():
    assert PARENTS[0] == -1
    assert all(0 <= above < bone for bone, above in enumerate(PARENTS) if bone)


def test_skinning_the_rest_pose_gives_the_rest_mesh(stock):
    still = np.broadcast_to(np.eye(3), (len(BONES), 3, 3))
    for body in stock:
        np.testing.assert_allclose(body.skinned(still), body.vertices, atol=2e-6)


def test_turning_every_bone_alike_turns_the_whole_body_rigidly(stock):
    turn = rotations(posture({"pitch": 30}), stock[0].joints)[0]
    moved = stock[0].skinned(np.broadcast_to(turn, (len(BONES), 3, 3)))
    root = stock[0].joints[0]
    np.testing.assert_allclose(moved, (stock[0].vertices - root) @ turn.T + root, atol=1e-5)


def test_left_is_the_persons_own_left(stock):
    joints = dict(zip(BONES, stock[0].joints, strict=True))
    assert joints["wrist.L"][0] > 0 > joints["wrist.R"][0]
    assert stock[0].vertices[np.unique(stock[0].faces[stock[0].labels == LABELS.index("foot.L")])][:, 2].max() > 0.1


def test_there_are_more_than_twenty_postures_with_seated_and_lying_ones():
    assert len(POSTURES) >= 21
    assert {*SEATED, *LYING} <= set(POSTURES)


def test_no_posture_sinks_below_the_ground_and_all_touch_it(stock):
    for number, angles in enumerate(EVERY):
        height = stock[number % len(stock)].posed(angles)[:, 1]
        assert np.isfinite(height).all()
        assert height.min() == pytest.approx(0, abs=1e-6)


def test_upright_postures_stand_on_the_feet(stock):
    feet = [LABELS.index("foot.L"), LABELS.index("foot.R")]
    for name in ("standing", "at ease", "arms raised", "waving", "bending", "sitting", "squatting"):
        vertices = stock[0].posed(POSTURES[name])
        lowest = vertices[np.unique(stock[0].faces[np.isin(stock[0].labels, feet)])][:, 1].min()
        assert lowest == pytest.approx(0, abs=1e-6), name


def test_heights_follow_the_posture(stock):
    height = {name: float(stock[0].posed(angles)[:, 1].max()) for name, angles in POSTURES.items()}
    assert height["arms raised"] > height["standing"] > height["sitting"] > height["lying on the back"]
    assert height["lying on the back"] < 0.6


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.sampled_from([walk, run]))
def test_gaits_are_periodic_and_continuous(phase, gait):
    np.testing.assert_allclose(gait(phase), gait(phase + 1), atol=1e-6)
    assert np.abs(gait(phase) - gait(phase + 0.002)).max() < 2.5


def test_walking_moves_the_body_without_jumps(stock):
    frames = [stock[1].posed(walk(step / 60)) for step in range(61)]
    assert max(float(np.abs(b - a).max()) for a, b in pairwise(frames)) < 0.12
    np.testing.assert_allclose(frames[0], frames[-1], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(POSTURES)), st.sampled_from(sorted(POSTURES)), st.floats(-0.5, 1.5))
def test_between_stays_between_its_ends(first, second, share):
    a, b = POSTURES[first], POSTURES[second]
    mixed = between(a, b, share)
    assert (mixed >= np.minimum(a, b) - 1e-9).all()
    assert (mixed <= np.maximum(a, b) + 1e-9).all()


def test_a_sequence_reaches_each_posture_at_its_time_and_holds_its_ends():
    times, named = (0.0, 1.0, 2.5), [POSTURES[name] for name in ("standing", "bending", "sitting")]
    for time, angles in ((-1, named[0]), (0, named[0]), (1, named[1]), (2.5, named[2]), (9, named[2])):
        np.testing.assert_allclose(along(times, named, time), angles, atol=1e-9)


def test_a_sequence_with_times_that_do_not_rise_is_refused():
    with pytest.raises(ValueError, match="rising"):
        along((0.0, 0.0), [POSTURES["standing"], POSTURES["sitting"]], 0)


def test_a_posture_of_another_length_is_refused(stock):
    with pytest.raises(ValueError, match=str(len(ANGLES))):
        rotations(np.zeros(3), stock[0].joints)


def test_the_same_generator_dresses_the_same_person(stock):
    first, second = (dress(np.random.default_rng(5), stock[2]) for _ in range(2))
    np.testing.assert_array_equal(first.material, second.material)
    np.testing.assert_array_equal(first.vertices(walk(0.3)), second.vertices(walk(0.3)))
    assert [m.diffuse for m in first.materials] == [m.diffuse for m in second.materials]
    assert {dress(np.random.default_rng(seed), stock[2]).materials[3].diffuse for seed in range(6)} != {
        first.materials[3].diffuse
    }


def test_a_dressed_person_is_a_scene_object_with_named_parts(stock):
    model = dress(np.random.default_rng(1), stock[3]).model(POSTURES["sitting"])
    assert model.faces.max() < len(model.vertices)
    assert model.uv.shape == (len(model.faces), 3, 2)
    np.testing.assert_allclose(np.linalg.norm(model.normals, axis=-1), 1, atol=1e-3)
    assert model.face_material.max() < len(model.materials)
    assert {"head", "hair", "shirt", "trousers", "left shoe", "right shoe"} <= set(model.part_names)
    assert model.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)


def test_normals_point_outwards(stock):
    normals = people.vertex_normals(stock[0].vertices, stock[0].faces)
    corners = stock[0].vertices[stock[0].faces]
    volume = np.einsum("fk,fk->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum()
    assert volume > 0
    assert np.isfinite(normals).all()


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(PeopleProblem, match="bake_people"):
        bodies(tmp_path / "people.npz")


def test_only_the_bake_command_names_anny_or_is_imported_by_nobody():
    for file in WORLDS.glob("*.py"):
        names = {
            name
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        }
        assert not any(name.split(".")[0] == "anny" or name.endswith("bake_people") for name in names), file.name
