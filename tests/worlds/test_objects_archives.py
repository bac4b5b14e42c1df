"""Furniture archives: what is read from them, in which units and axes, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.archives import ArchiveLimits, SafeArchive
from models.parts.problems import BadInput
from models.worlds import objects, packages, sh3f
from models.worlds.obj_mesh import MeshProblem, parse_mtl, parse_obj


@pytest.fixture(name="entries")
def _entries(tmp_path: Path, made) -> list[sh3f.ObjectEntry]:
    made.box_archive(tmp_path / "things.sh3f")
    return objects.catalogue(folder=tmp_path)


def _named(entries: list[sh3f.ObjectEntry], name: str) -> sh3f.ObjectEntry:
    return next(entry for entry in entries if entry.name == name)


def test_catalogue_lists_names_sizes_in_metres_and_licence(entries):
    box = _named(entries, "Box")
    assert [entry.name for entry in entries] == ["Boïte", "Box", "Crate", "Turned"]
    assert box.size_m == pytest.approx((0.4, 0.2, 0.8))  # width, height, depth along x, y, z
    assert box.licence == "CC-BY-3.0"
    assert box.top_m == pytest.approx(0.2)


def test_model_has_the_catalogue_size_stands_on_the_ground_and_is_centred(entries, tmp_path):
    model = objects.load(_named(entries, "Box"), tmp_path)
    assert model.size_m == pytest.approx([0.4, 0.2, 0.8], abs=1e-6)
    assert model.vertices[:, 1].min() == pytest.approx(0)
    assert model.vertices[:, [0, 2]].min(axis=0) == pytest.approx(-model.vertices[:, [0, 2]].max(axis=0))


def test_model_rotation_brings_the_file_axes_to_y_up(entries, tmp_path):
    model = objects.load(_named(entries, "Turned"), tmp_path)
    assert model.size_m == pytest.approx([0.4, 0.8, 0.2], abs=1e-6)
    lid = model.normals[model.face_material == model.part_names.index("lid")]
    assert lid.reshape(-1, 3) == pytest.approx(np.tile([0, 0, -1], (6, 1)), abs=1e-3)


def test_each_material_is_a_part_and_keeps_its_texture_and_colour(entries, tmp_path, made):
    model = objects.load(_named(entries, "Box"), tmp_path)
    assert model.part_names == ("body", "lid")
    assert np.bincount(model.face_material).tolist() == [10, 2]
    body, lid = model.materials
    assert body.texture is None
    assert body.diffuse == pytest.approx((0.8, 0.2, 0.2))
    assert lid.texture is not None
    assert np.array_equal(lid.texture, made.quarters())


def test_normals_point_out_of_a_closed_box(entries, tmp_path):
    model = objects.load(_named(entries, "Crate"), tmp_path)
    centres = model.vertices[model.faces].mean(axis=1) - np.array([0, model.size_m[1] / 2, 0])
    assert (np.einsum("fk,fk->f", centres, model.normals.mean(axis=1)) > 0).all()


def test_a_second_load_reads_the_cache_and_gives_the_same_model(entries, tmp_path):
    entry = _named(entries, "Box")
    first = objects.load(entry, tmp_path / "cache")
    entry.archive.unlink()
    second = objects.load(entry, tmp_path / "cache")
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.uv, second.uv)
    assert np.array_equal(first.face_material, second.face_material)
    assert first.part_names == second.part_names


def test_a_cut_off_cache_file_is_built_anew(entries, tmp_path):
    entry = _named(entries, "Box")
    objects.load(entry, tmp_path / "cache")
    stored = next((tmp_path / "cache").rglob("*.npz"))
    stored.write_bytes(stored.read_bytes()[:200])
    assert objects.load(entry, tmp_path / "cache").size_m == pytest.approx([0.4, 0.2, 0.8], abs=1e-6)


def test_catalogue_entry_without_its_model_is_named(tmp_path):
    path = tmp_path / "gap.sh3f"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", "id#1=a\nname#1=A\nmodel#1=/a/a.obj\n")
    with pytest.raises(sh3f.CatalogueProblem, match=r"entry 1 .*a/a\.obj"):
        sh3f.read_catalogue(path)


def test_zip_without_a_catalogue_is_no_furniture_archive(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(sh3f.CatalogueProblem, match="no furniture archive"):
        sh3f.read_catalogue(path)


@pytest.mark.parametrize("name", ["../out.obj", "a/../../out.obj", "C:/out.obj", "..\\out.obj"])
def test_member_that_climbs_out_is_refused(tmp_path, name):
    path = tmp_path / "climb.sh3f"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(BadInput, match="entry named"):
        SafeArchive(path)


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.sh3f"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.obj", bytes(4 << 20))
    with pytest.raises(BadInput, match="zip bomb"):
        SafeArchive(path)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchiveLimits(max_entries=1), "2 entries"),
        (ArchiveLimits(max_entry_bytes=10), "with 100 bytes"),
        (ArchiveLimits(max_total_bytes=150), "unpacks to more than 150 bytes"),
    ],
)
def test_archive_over_a_limit_is_refused(tmp_path, limits, reason):
    path = tmp_path / "big.sh3f"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", bytes(100))
        archive.writestr("b", bytes(100))
    with pytest.raises(BadInput, match=reason):
        SafeArchive(path, limits)


def test_text_renamed_to_sh3f_is_refused(tmp_path):
    path = tmp_path / "text.sh3f"
    path.write_text("no archive", encoding="utf-8")
    with pytest.raises(BadInput, match="not a zip"):
        SafeArchive(path)


def test_obj_polygons_become_fans_and_negative_numbers_count_back():
    mesh = parse_obj("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 2 0\nf -5 -4 -3 -2 -1\n")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]


def test_obj_corner_forms_may_be_mixed():
    mesh = parse_obj("v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvn 0 0 1\nf 1/1/1 2//1 3\nf 1 2/1 3/1\n")
    assert mesh.uv_faces.tolist() == [[0, -1, -1], [-1, 0, 0]]
    assert mesh.normal_faces.tolist() == [[0, 0, -1], [-1, -1, -1]]


@pytest.mark.parametrize("text", ["", "v 0 0 0\n", "v 0 0\nf 1 1 1\n", "v 0 0 0\nf 1 2 3\n", "v 0 0 0\nf a b c\n"])
def test_damaged_obj_text_is_refused_by_name(text):
    with pytest.raises(MeshProblem, match="chair"):
        parse_obj(text, "chair")


def test_mtl_reads_opacity_both_ways_and_texture_names_after_options():
    found = parse_mtl("newmtl a\nd 0.25\nmap_Kd -s 2 2 1 -clamp on my wood.jpg\nnewmtl b\nTr 0.25\nKd 0.5\n")
    assert found["a"].opacity == 0.25
    assert found["a"].texture == "my wood.jpg"
    assert found["b"].opacity == 0.75
    assert found["b"].diffuse == (0.5, 0.5, 0.5)


@given(st.text(min_size=1, max_size=30))
def test_split_is_stable_and_ignores_case_and_blanks(name):
    side = objects.split(name)
    assert side in ("train", "held_out")
    assert objects.split(f"  {name} ") == side or name.strip() != name.strip().lower()
    assert objects.split(name) == side


def test_split_keeps_about_the_stated_share_and_the_sides_apart():
    names = [f"model {i}" for i in range(4000)]
    held = {name for name in names if objects.split(name) == "held_out"}
    train = {name for name in names if objects.split(name) == "train"}
    assert not held & train
    assert abs(len(held) / len(names) - objects.HELD_OUT_SHARE) < 0.02


def test_missing_package_without_apt_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.PackageProblem, match="apt-get download some-models"):
        packages.fetch("some-models", tmp_path / "cache")
