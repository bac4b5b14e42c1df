"""The hand-drawn set of real photos is whole: outlines fit the photos, masks are sane, licences are stated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.robust_sam.real_photos import FOLDER, RealPhotosProblem, description, load, rasterise


def _rings() -> list[tuple[str, list[list[float]], int, int]]:
    parsed = description()
    sizes = {p["name"]: (p["width"], p["height"]) for p in parsed["photos"]}
    found = []
    for entry in parsed["objects"]:
        for polygon in entry["polygons"]:
            for ring in [polygon["outer"], *polygon["holes"]]:
                found.append((entry["name"], ring, *sizes[entry["photo"]]))
    return found


def test_every_outline_has_an_area_and_lies_inside_its_photo() -> None:
    for name, ring, width, height in _rings():
        corners = np.asarray(ring, np.float32)
        assert len(ring) >= 4, name
        assert corners.min() >= 0, name
        assert corners[:, 0].max() <= width - 1, name
        assert corners[:, 1].max() <= height - 1, name
        assert cv2.contourArea(corners) >= 4, name


def test_holes_lie_inside_their_outer_ring() -> None:
    for entry in description()["objects"]:
        for polygon in entry["polygons"]:
            outer = np.asarray(polygon["outer"], np.float32)
            for hole in polygon["holes"]:
                depths = [cv2.pointPolygonTest(outer, (float(x), float(y)), True) for x, y in hole]
                assert min(depths) > -0.5, entry["name"]


def test_masks_match_their_photos_and_cover_a_sane_share() -> None:
    objects = load()
    assert len(objects) >= 30
    assert len({item.photo for item in objects}) >= 12
    for item in objects:
        assert item.image.dtype == np.uint8
        assert item.image.shape == (*item.mask.shape, 3)
        assert item.mask.dtype == np.bool_
        assert 200 <= item.mask.sum() <= 0.85 * item.mask.size, item.name


def test_names_within_a_photo_are_unique_and_no_two_masks_are_the_same() -> None:
    objects = load()
    assert len({(item.photo, item.name) for item in objects}) == len(objects)
    masks = {(item.photo, item.mask.tobytes()) for item in objects}
    assert len(masks) == len(objects)


def test_every_photo_states_licence_and_source_and_is_used() -> None:
    parsed = description()
    notes = (FOLDER / "photos" / "LICENCES.md").read_text(encoding="utf-8")
    assert {p["name"] for p in parsed["photos"]} == {o["photo"] for o in parsed["objects"]}
    for photo in parsed["photos"]:
        assert photo["licence"].strip()
        assert photo["source"].strip()
        assert Path(photo["file"]).name in notes
        assert photo["licence"] in notes
    assert sum(path.stat().st_size for path in (FOLDER / "photos").iterdir()) < 2_500_000


def test_holes_are_subtracted_and_parts_are_joined() -> None:
    square = [[2, 2], [12, 2], [12, 12], [2, 12]]
    hole = [[5, 5], [9, 5], [9, 9], [5, 9]]
    other = [[15, 2], [18, 2], [18, 5], [15, 5]]
    mask = rasterise([{"outer": square, "holes": [hole]}, {"outer": other, "holes": []}], 20, 15)
    assert mask.sum() == 11 * 11 - 5 * 5 + 4 * 4
    assert [bool(mask[7, 7]), bool(mask[3, 3]), bool(mask[4, 16])] == [False, True, True]


def test_a_missing_photo_and_a_wrong_size_are_named(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "real.json", tmp_path / "real.json")
    with pytest.raises(RealPhotosProblem, match="jpg"):
        load(tmp_path)
    shutil.copytree(FOLDER / "photos", tmp_path / "photos")
    parsed = description()
    parsed["photos"][0]["width"] += 1
    (tmp_path / "real.json").write_text(json.dumps(parsed), encoding="utf-8")
    with pytest.raises(RealPhotosProblem, match="outlines are for"):
        load(tmp_path)
