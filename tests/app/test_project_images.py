"""Images on their way into a project, and the list of projects."""

from __future__ import annotations

import errno
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.annotate import store_files
from app.annotate.project_folders import Shelf
from app.annotate.project_images import add_images, in_files, in_folder, size_of
from app.annotate.store import Project
from app.annotate.store_files import NotSaved
from app.guard.errors import BadInput


def data(color: int = 0, size: tuple[int, int] = (60, 40), form: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), color, np.uint8)).save(target, form, **options)
    return target.getvalue()


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Shelf(tmp_path / "projects").make("Birds")


def test_zip_gives_images_with_digest_and_size_and_lists_the_rest(project: Project, tmp_path: Path) -> None:
    zipped = packed(
        tmp_path / "a.zip",
        {
            "one/x.png": data(1),
            "two/x.png": data(2),
            "notes.txt": b"hello",
            "broken.jpg": b"\xff\xd8\xff",
            "e.png": b"",
        },
    )
    added = add_images(project, in_files([(zipped, "a.zip")]))
    assert [(e.name, e.width, e.height) for e in added.images] == [("one/x.png", 60, 40), ("two/x.png", 60, 40)]
    assert [name for name, _ in added.skipped] == ["notes.txt", "broken.jpg", "e.png"]
    assert all(project.file(entry).read_bytes() for entry in project.images)
    assert Project(project.folder).images == project.images


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "C:\\out.png"])
def test_zip_that_leads_outside_is_refused_and_writes_nothing(project: Project, tmp_path: Path, name: str) -> None:
    zipped = packed(tmp_path / "a.zip", {"in.png": data(), name: data()})
    with pytest.raises(BadInput, match="a name that"):
        add_images(project, in_files([(zipped, "a.zip")]))
    assert project.images == ()
    assert list((project.folder / "images").iterdir()) == []


def test_zip_bomb_is_refused(project: Project, tmp_path: Path) -> None:
    zipped = packed(tmp_path / "bomb.zip", {"a.png": bytes(20_000_000)})
    with pytest.raises(BadInput, match="zip bombs"):
        add_images(project, in_files([(zipped, "bomb.zip")]))


def test_upload_name_cannot_leave_the_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data())
    add_images(project, in_files([(tmp_path / "x", "../../evil.png")]))
    assert [entry.path for entry in project.images] == ["images/evil.png"]


def test_second_image_of_one_name_is_renamed_and_the_same_one_is_not_added_twice(
    project: Project, tmp_path: Path
) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(data(number))
    added = add_images(project, in_files([(tmp_path / f"{n}.png", "bird.png") for n in (1, 2, 1)]))
    assert [entry.name for entry in added.images] == ["bird.png", "bird (2).png"]
    assert added.skipped == (("bird.png", "is already in the project"),)


def test_copies_under_two_names_have_two_ids(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data())
    added = add_images(project, in_files([(tmp_path / "x", "a.png"), (tmp_path / "x", "b.png")]))
    assert len({entry.id for entry in added.images}) == 2


def test_size_is_that_of_the_upright_photo() -> None:
    exif = Image.Exif()
    exif[274] = 6
    assert size_of(data(size=(60, 40), form="JPEG", exif=exif), "a.jpg") == (40, 60)
    assert size_of(data(size=(60, 40), form="TIFF"), "a.tif") == (60, 40)


def test_folder_stays_where_it_is(project: Project, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    (photos / "a.png").write_bytes(data(1))
    (photos / "deep" / "b.png").write_bytes(data(2))
    (photos / ".hidden.png").write_bytes(data(3))
    (tmp_path / "secret.png").write_bytes(data(4))
    (photos / "link.png").symlink_to(tmp_path / "secret.png")
    added = add_images(project, in_folder(photos))
    assert [entry.name for entry in added.images] == ["a.png", "deep/b.png"]
    assert project.file(added.images[0]) == photos / "a.png"
    (photos / "a.png").unlink()
    assert [project.missing(entry) for entry in project.images] == [True, False]


def test_full_disk_keeps_the_images_before_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(data(number))
    whole, count = store_files.write_whole, [0]

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".png":
            count[0] += 1
            if count[0] == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, content)

    monkeypatch.setattr("app.annotate.project_images.write_whole", full)
    with pytest.raises(NotSaved, match="disk is full"):
        add_images(project, in_files([(tmp_path / "1.png", "1.png"), (tmp_path / "2.png", "2.png")]))
    assert [entry.name for entry in Project(project.folder).images] == ["1.png"]


def test_projects_are_listed_opened_once_and_deleted(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "projects")
    one, two = shelf.make("Birds!"), shelf.make("Birds!")
    assert {entry.name for entry in shelf.listed()} == {"Birds!"}
    assert one.folder != two.folder
    assert shelf.open(one.folder.name) is one
    shelf.delete(one.folder.name)
    assert [entry.id for entry in shelf.listed()] == [two.folder.name]
    with pytest.raises(BadInput, match="not on this machine"):
        shelf.open(one.folder.name)


@pytest.mark.parametrize("identity", ["", "..", "../projects", "/etc", ".deleted-x", "a/b"])
def test_id_of_a_project_cannot_lead_elsewhere(tmp_path: Path, identity: str) -> None:
    with pytest.raises(BadInput, match="not on this machine"):
        Shelf(tmp_path / "projects").open(identity)


def test_project_in_a_chosen_folder_is_listed_and_only_leaves_the_list(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "projects")
    made = shelf.make("Elsewhere", at=tmp_path / "photos" / "vitrine-project")
    (entry,) = shelf.listed()
    assert entry.name == "Elsewhere"
    again = Shelf(tmp_path / "projects")
    assert again.open(entry.id).folder == made.folder
    assert again.open_folder(made.folder) is again.open(entry.id)
    again.delete(entry.id)
    assert again.listed() == []
    assert Project(made.folder).manifest.name == "Elsewhere"


def test_damaged_project_is_listed_with_its_problem(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "projects")
    made = shelf.make("Birds")
    (made.folder / "project.json").write_text("{")
    (entry,) = shelf.listed()
    assert "cannot be read" in entry.problem
