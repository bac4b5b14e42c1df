"""Photographs from packages: resource archives, licences by file, splits, and none from the evaluation set."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.worlds import packages, photo_packages
from models.worlds.photo_packages import is_drawing, licence_of, licences, package_photos, real_photos
from models.worlds.qt_resources import ResourceProblem, entries

NOTES = """Format: something

Files: *
Copyright: A
License: GPL-3+

Files: src/fish/one.jpg
       src/fish/two.png
Copyright: B
License: CC-BY-SA-3.0

Files: src/birds/*
Copyright: C
License: public-domain
 Text of it.
"""


def _rcc(files: dict[str, bytes], packed: bool = False) -> bytes:
    """A version 3 resource archive with all files in its root."""
    names, data, labels = b"", b"", [0]
    nodes = []
    for name, content in files.items():
        body = struct.pack(">I", len(content)) + zlib.compress(content) if packed else content
        nodes.append((len(names), len(data)))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        data += struct.pack(">I", len(body)) + body
    tree = struct.pack(">IHIIQ", labels[0], 2, len(files), 1, 0)
    for name_at, data_at in nodes:
        tree += struct.pack(">IHHHIQ", name_at, 1 if packed else 0, 0, 0, data_at, 0)
    start = 24
    offsets = (start + len(data) + len(names), start, start + len(data))
    return b"qres" + struct.pack(">5I", 3, *offsets, 0) + data + names + tree


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_a_resource_archive_are_read(tmp_path, packed):
    files = {"one.txt": b"first", "two.bin": bytes(range(256))}
    (tmp_path / "a.rcc").write_bytes(_rcc(files, packed))
    assert dict(entries(tmp_path / "a.rcc")) == files


@pytest.mark.parametrize("blob", [b"", b"not one", b"qres", _rcc({"a": b"content"})[:-10], _rcc({"a": b"b" * 99})[:60]])
def test_damaged_archives_are_named_with_the_remedy(tmp_path, blob):
    (tmp_path / "bad.rcc").write_bytes(blob)
    with pytest.raises(ResourceProblem, match=r"bad\.rcc"):
        list(entries(tmp_path / "bad.rcc"))


def test_a_tree_that_contains_itself_ends(tmp_path):
    blob = bytearray(_rcc({"a": b"b"}))
    at = struct.unpack_from(">I", blob, 8)[0]
    blob[at + 22 : at + 44] = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
    (tmp_path / "loop.rcc").write_bytes(bytes(blob))
    with pytest.raises(ResourceProblem):
        list(entries(tmp_path / "loop.rcc"))


def test_the_last_pattern_that_matches_gives_the_licence():
    notes = licences(NOTES)
    assert licence_of("src/fish/one.webp", notes) == "CC-BY-SA-3.0"
    assert licence_of("src/fish/two.webp", notes) == "CC-BY-SA-3.0"
    assert licence_of("src/birds/owl.webp", notes) == "public-domain"
    assert licence_of("src/other.webp", notes) == "GPL-3+"


def test_flat_drawings_are_told_from_photographs():
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    paper = noise.copy()
    paper[:, :30] = 255
    assert is_drawing(paper)
    assert not is_drawing(noise)


def test_only_permitted_photographs_of_the_package_are_used(tmp_path):
    rng = np.random.default_rng(0)
    pictures = {
        name: cv2.imencode(".webp", rng.integers(0, 255, (240, 260, 3), dtype=np.uint8))[1].tobytes()
        for name in ("one.webp", "three.webp")
    }
    folder = tmp_path / "packages" / "x" / photo_packages.PACKAGE
    (folder / "usr/share/doc" / photo_packages.PACKAGE).mkdir(parents=True)
    (folder / ".complete").write_text("")
    notes = NOTES.replace("src/fish/", "")
    (folder / "usr/share/doc" / photo_packages.PACKAGE / "copyright").write_text(notes)
    (folder / "usr/share/gcompris-qt/rcc").mkdir(parents=True)
    for archive in ("categorization", "explore_world_animals"):
        (folder / "usr/share/gcompris-qt/rcc" / f"{archive}.rcc").write_bytes(_rcc(pictures))
    found = package_photos(tmp_path)
    assert {(photo.name, photo.licence) for photo in found} == {("one.webp", "CC-BY-SA-3.0")}


def _thumbnail(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)


@pytest.mark.slow
def test_no_photo_of_the_evaluation_set_is_trained_on_and_the_splits_are_apart():
    cache = packages.cache_folder() / "packages" / "x"
    if not all((cache / name).exists() for name in (*packages.PHOTO_PACKAGES, photo_packages.PACKAGE)):
        pytest.skip("the photo packages are not in the cache")
    train, held_out = real_photos(False), real_photos(True)
    assert len(train) > 60
    assert len(held_out) > 10
    folder = Path(photo_packages.__file__).resolve().parents[2] / "assets" / "evaluation" / "robust_sam" / "photos"
    evaluation = [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob("*.jpg"))]
    assert evaluation
    apart = [_thumbnail(image) for image in [*evaluation, *held_out]]
    for photo in train:
        small = _thumbnail(photo)
        assert min(float(np.abs(small - other).mean()) for other in apart) > 6
