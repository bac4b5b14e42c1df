"""Archives: ordinary ones are read whole, hostile ones are refused before anything is unpacked."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.guard import BadInput
from app.guard.paths import download_name, inside
from models.parts.archives import ArchiveLimits, SafeArchive, entries, safe_name


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **attributes: Any) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return target.getvalue()


def read(data: bytes, **options: Any) -> dict[str, bytes]:
    return dict(entries(data, name="photos.zip", **options))


def test_files_come_out_in_order_with_their_content(tmp_path: Path) -> None:
    files = {"b/one.png": b"1" * 5000, "a.txt": b"", "b/c/zwei ü.jpg": b"22"}
    data = packed(files)
    assert list(read(data).items()) == list(files.items())
    path = tmp_path / "photos.zip"
    path.write_bytes(data)
    assert dict(entries(path)) == files
    assert dict(entries(str(path))) == files


def test_folders_and_system_clutter_are_left_out() -> None:
    names = ["a/", "a/x.png", "__MACOSX/a/._x.png", ".DS_Store", "a/Thumbs.db"]
    assert list(read(packed(dict.fromkeys(names, b"")))) == ["a/x.png"]


def test_backslashes_become_slashes() -> None:
    assert list(read(packed({"a\\b.png": b"x"}))) == ["a/b.png"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "a/..",
        "..\\evil",
        "a\\..\\..\\evil",
        "/etc/passwd",
        "\\\\server\\share",
        "C:\\evil",
        "c:evil",
        "a/C:/evil",
        "a/.. /evil",
        "a/.../evil",
        "a//b",
        "a\x00.png",
        "a\nb",
        "a/" * 40 + "b",
        "n" * 500,
        "file.txt:stream",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"photos\.zip has an entry named"):
        read(packed({"fine.png": b"x", name: b"x"}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    with pytest.raises(BadInput, match="a link or a device"):
        read(packed({"innocent.png": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16))


@pytest.mark.parametrize("pair", [("a.png", "a.png"), ("a.png", "A.PNG"), ("é.png", "e\u0301.png"), ("a", "a/")])
def test_names_that_collide_on_some_system_are_refused(pair: tuple[str, str]) -> None:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.filterwarnings("ignore", message="Duplicate name")
        for name in pair:
            archive.writestr(name, b"x")
    with pytest.raises(BadInput, match="twice"):
        read(target.getvalue())


def test_encrypted_archive_is_refused() -> None:
    data = bytearray(packed({"a.png": b"x"}))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + place] |= 1
    with pytest.raises(BadInput, match="password"):
        read(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(method: int) -> None:
    with pytest.raises(BadInput, match="unusual way"):
        read(packed({"a.png": b"x" * 100}, method))


def test_bomb_by_ratio_is_refused() -> None:
    with pytest.raises(BadInput, match="200-fold"):
        read(packed({"a.png": bytes(30_000_000)}))


def test_limits_of_size_and_count_hold() -> None:
    data = packed({f"{n}.bin": bytes(range(256)) * 4 for n in range(10)})
    with pytest.raises(BadInput, match="10 entries"):
        read(data, limits=ArchiveLimits(max_entries=9))
    with pytest.raises(BadInput, match="unpacks to more than"):
        read(data, limits=ArchiveLimits(max_total_bytes=10_000))
    with pytest.raises(BadInput, match=r"limit for one file is 1\.0 kB"):
        read(data, limits=ArchiveLimits(max_entry_bytes=1000))
    assert len(read(data, limits=ArchiveLimits(max_entries=10, max_total_bytes=10_240))) == 10


def test_directory_that_announces_too_much_is_refused_before_it_is_read() -> None:
    data = bytearray(packed({"a": b"x"}))
    end = data.rindex(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(BadInput, match="60,000 entries"):
        read(bytes(data))


def test_entry_longer_than_announced_is_refused() -> None:
    data = bytearray(packed({"a.bin": b"x" * 4000}))
    for magic, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(magic) + place
        data[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(BadInput, match="damaged at"):
        read(bytes(data))


def test_overlapping_entries_cannot_multiply_data() -> None:
    data = bytearray(packed({"a.bin": b"x" * 4000, "b.bin": b"y" * 4000}, zipfile.ZIP_STORED))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    with pytest.raises(BadInput, match="damaged at"):
        read(bytes(data))


def test_nothing_is_yielded_when_a_later_entry_is_bad() -> None:
    unpacked = entries(packed({"good.png": b"x", "../bad": b"x"}))
    with pytest.raises(BadInput):
        next(unpacked)


@pytest.mark.parametrize("data", [b"", b"PK", b"hello", b"PK\x05\x06" + bytes(10), b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"photos\.zip is not a zip"):
        read(data)


def test_missing_archive_is_refused_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.zip cannot be read") as caught:
        list(entries(tmp_path / "gone.zip"))
    assert str(tmp_path) not in str(caught.value)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_flipped_bytes_never_raise_anything_but_bad_input(flips: list[tuple[float, int]]) -> None:
    data = bytearray(packed({"a.png": b"x" * 300, "b/c.txt": b"hello" * 9}))
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    try:
        found = read(bytes(data))
    except BadInput:
        return
    assert all(len(content) < 10_000 for content in found.values())


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_safe_names_stay_inside_any_folder(raw: str) -> None:
    try:
        name = safe_name(raw)
    except BadInput:
        return
    base = Path("/base/folder")
    assert inside(base, name).is_relative_to(base)
    assert not {"", ".", ".."} & set(name.split("/"))


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "link/x", "a\x00b", "~/../../etc"])
def test_paths_outside_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput) as caught:
        inside(base, path)
    assert str(tmp_path) not in str(caught.value)


def test_paths_inside_the_folder_are_resolved(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/../b.png") == tmp_path.resolve() / "b.png"
    assert inside(tmp_path, tmp_path / "c") == tmp_path.resolve() / "c"
    assert inside(tmp_path, "") == tmp_path.resolve()


@given(st.text(max_size=60))
def test_download_names_are_one_plain_part(name: str) -> None:
    made = download_name(name, "_mask.png")
    assert made.endswith("_mask.png")
    assert not set(made) & set('/\\:*?"<>|\n\x00')
    assert not made.startswith(".")


def test_open_archive_reads_its_files_by_name(tmp_path: Path) -> None:
    path = tmp_path / "models.zip"
    path.write_bytes(packed({"b/one.png": b"1" * 5000, "a.txt": b"", "__MACOSX/x": b"x"}))
    with SafeArchive(path) as archive:
        assert archive.names() == ("b/one.png", "a.txt")
        assert "a.txt" in archive
        assert "__MACOSX/x" not in archive
        assert archive.size("b/one.png") == 5000
        assert archive.read("b/one.png") == b"1" * 5000
        with pytest.raises(BadInput, match=r"models\.zip has no file '\.\./a\.txt'"):
            archive.read("../a.txt")
    archive.close()


def test_open_archive_checks_everything_before_the_first_read(tmp_path: Path) -> None:
    path = tmp_path / "models.zip"
    for files, limits, problem in (
        ({"fine.txt": b"x", "../evil": b"x"}, ArchiveLimits(), "leads outside"),
        ({"zeros": bytes(30_000_000)}, ArchiveLimits(), "200-fold"),
        ({"a": b"x", "b": b"y"}, ArchiveLimits(max_entries=1), "2 entries"),
    ):
        path.write_bytes(packed(files))
        with pytest.raises(BadInput, match=problem):
            SafeArchive(path, limits)


def test_more_than_5000_entries_are_refused_with_the_limit() -> None:
    data = packed({f"{number}.txt": b"" for number in range(5_001)}, zipfile.ZIP_STORED)
    with pytest.raises(BadInput, match=r"5,001 entries.*The limit is 5,000: split it"):
        read(data)
    assert len(read(packed({f"{number}.txt": b"" for number in range(5_000)}, zipfile.ZIP_STORED))) == 5_000


def test_archive_in_an_archive_is_not_opened() -> None:
    inner = packed({"../evil": b"x"})
    assert read(packed({"inner.zip": inner}, zipfile.ZIP_STORED)) == {"inner.zip": inner}
