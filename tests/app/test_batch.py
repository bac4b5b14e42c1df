"""A batch from photos to zip: what is in it, what is reported, how it stops, and what memory it takes."""

from __future__ import annotations

import csv
import errno
import io
import itertools
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import models.robust_sam as package
from app import service
from app.annotate.exporters.datasets import DATASET_FORMATS
from app.annotate.exporters.whole import WholeFile
from app.guard import BadInput
from app.panels import robust_sam_batch_result as results
from app.panels.robust_sam_batch import gather
from app.panels.robust_sam_batch_run import Report, run, settings_of
from app.panels.robust_sam_batch_sources import Photos
from models.robust_sam.batch import MOST_IMAGES, Stop
from models.robust_sam.batch_prompts import PromptTable, read_prompts
from models.robust_sam.batch_types import Settings, Source
from models.runtime import Runtime, RuntimeConfig
from tests.app import batch_stand_in
from tests.security.samples import encoded, png_of

BOX = "image,x0,y0,x1,y1,label\n"


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    made = batch_stand_in.module()
    monkeypatch.setitem(sys.modules, "models.robust_sam.batch_job", made)
    monkeypatch.setattr(package, "batch_job", made, raising=False)
    monkeypatch.setattr(results, "RESERVE", 100_000)
    with Runtime(RuntimeConfig(devices=("cpu",), journal=tmp_path / "journal.sqlite")) as runtime:
        monkeypatch.setattr(service, "_runtime", runtime)
        yield


def picture(width: int = 40, height: int = 24, seed: int = 0) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(values), "PNG")


def packed(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., list[Report]]:
    """Runs a batch over {name: bytes} as a folder and gives all reports."""

    def go(files: dict[str, bytes], prompts: str = "", *, form: str = "coco", stop: Stop | None = None) -> list[Report]:
        folder, out = tmp_path / "photos", tmp_path / "out"
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        out.mkdir(exist_ok=True)
        mode = "prompts" if prompts else "everything"
        table = read_prompts(prompts.encode(), "boxes.csv") if prompts else PromptTable()
        with Photos() as photos:
            photos.add_folder(folder)
            return list(run(photos, table, Settings("me", mode=mode), form, out, stop or Stop()))

    return go


def opened(report: Report) -> zipfile.ZipFile:
    assert report.archive is not None
    archive = zipfile.ZipFile(report.archive)
    assert archive.testzip() is None
    return archive


def overview(report: Report) -> list[dict[str, str]]:
    with opened(report) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("overview.csv").decode())))


@pytest.mark.parametrize("form", DATASET_FORMATS)
def test_masks_of_every_format_come_back_from_the_zip(batch: Callable[..., list[Report]], form: str) -> None:
    files = {"b.png": picture(seed=1), "sub/a.png": picture(50, 70)}
    last = batch(files, BOX + "b.png,4,5,20,15,cup\nb.png,10,0,30,24,\na.png,1,2,3,60,cup\n", form=form)[-1]
    assert (last.done, last.failed, last.objects, last.problem) == (2, 0, 3, "")
    assert last.archive is not None
    back = DATASET_FORMATS[form].read(last.archive.read_bytes(), name="batch.zip")
    assert [image.name for image in back.images] == ["b.png", "sub/a.png"]
    first = back.images[0].objects
    assert [(thing.name, thing.label) for thing in first] == [("cup 1", "cup"), ("object 2", "object")]
    assert first[0].mask.sum() == 16 * 10
    assert first[0].mask[5:15, 4:20].all()
    assert back.images[1].objects[0].mask[2:60, 1:3].all()
    assert back.images[1].size == (70, 50)


def test_overview_has_a_line_for_every_photo(batch: Callable[..., list[Report]]) -> None:
    files = {"a.png": picture(), "b.png": picture(seed=2), "c.png": picture()}
    last = batch(files, BOX + "a.png,0,0,10,10,\na.png,0,0,20,10,\nb.png,500,0,600,10,\nzzz.png,0,0,1,1,\n")[-1]
    a, b, c = overview(last)
    assert (a["image"], a["objects"], a["area"], a["confidence"], a["error"]) == ("a.png", "2", "300", "0.7500", "")
    assert float(a["ms"]) >= 0
    assert "object 1: box" in b["error"].lower()
    assert "says nothing about this photo" in c["error"]
    assert last.unknown == ("zzz.png",)
    assert (last.done, last.failed) == (1, 2)


def test_photos_that_cannot_be_used_are_reported_and_skipped(batch: Callable[..., list[Report]]) -> None:
    files = {
        "bomb.png": png_of(60_000, 60_000),
        "cut.png": picture()[:200],
        "failing.png": picture(batch_stand_in.FAILING_WIDTH),
        "good.png": picture(),
        "text.png": b"not an image",
    }
    last = batch(files)[-1]
    reasons = {row.image: row.error for row in last.errors}
    assert set(reasons) == {"bomb.png", "cut.png", "failing.png", "text.png"}
    assert "pixels" in reasons["bomb.png"]
    assert "breaks off" in reasons["cut.png"] or "damaged" in reasons["cut.png"]
    assert "stumbled" in reasons["failing.png"]
    assert "not an image" in reasons["text.png"]
    assert last.done == 1
    assert [row["error"] == "" for row in overview(last)] == [False, False, False, True, False]


def test_photo_deleted_meanwhile_is_reported(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(picture())
    out = tmp_path / "out"
    out.mkdir()
    with Photos() as photos:
        photos.add_folder(tmp_path)
        reports = run(photos, PromptTable(), Settings("me", mode="everything"), "png", out, Stop())
        next(reports)
        (tmp_path / "c.png").unlink()
        last = list(reports)[-1]
    assert (last.done, last.failed) == (2, 1)
    assert last.errors[0].image == "c.png"
    assert "not there any more" in last.errors[0].error


def test_cancel_keeps_what_is_done(batch: Callable[..., list[Report]], tmp_path: Path) -> None:
    for name, width in (("a.png", 40), ("b.png", 40), ("c.png", batch_stand_in.SLOW_WIDTH), ("d.png", 40)):
        (tmp_path / name).write_bytes(picture(width))
    (tmp_path / "out").mkdir()
    stop = Stop()
    with Photos() as photos:
        photos.add_folder(tmp_path)
        reports = run(photos, PromptTable(), Settings("me", mode="everything"), "npy", tmp_path / "out", stop)
        seen = list(itertools.takewhile(lambda report: report.done < 2, reports))
        stop.now()
        last = list(reports)[-1]
    assert len(seen) == 2
    assert last.stopped
    assert last.done == 2
    assert [row["image"] for row in overview(last)] == ["a.png", "b.png"]
    with opened(last) as archive:
        assert {"a_masks.npy", "b_masks.npy", "overview.csv", "contact_sheet.jpg"} <= set(archive.namelist())
    assert not {"reserve", "overview"} & {path.name for path in (tmp_path / "out").iterdir()}


def test_photos_come_from_zips_and_files_together(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed({"in/a.png": picture(), "notes.txt": b"x", "inner.zip": b"PK"}))
    (tmp_path / "y.zip").write_bytes(packed({"in/a.png": picture()}))
    (tmp_path / "single").write_bytes(picture())
    with Photos() as photos:
        photos.add_files(
            [(tmp_path / "x.zip", "x.zip"), (tmp_path / "y.zip", "y.zip"), (tmp_path / "single", "one.png")]
        )
        assert [source.name for source in photos.done()] == ["one.png", "x/in/a.png", "y/in/a.png"]
        assert photos.others == 2
        assert all(source.read().shape == (24, 40, 3) for source in photos.done())


def test_files_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(picture())
    with Photos() as photos:
        photos.add_files([(tmp_path / "a", "a.png"), (tmp_path / "a", "A.PNG"), (tmp_path / "a", "a.png")])
        assert {source.name for source in photos.done()} == {"a.png", "A (2).PNG", "a (3).png"}


def test_zip_that_leads_outside_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed({"a.png": picture(), "../evil.png": picture()}))
    with Photos() as photos, pytest.raises(BadInput, match=r"x\.zip has an entry named '\.\./evil\.png'"):
        photos.add_files([(tmp_path / "x.zip", "x.zip")])


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture())
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "more").symlink_to(tmp_path)
    with Photos() as photos:
        photos.add_folder(folder)
        assert [source.name for source in photos.done()] == ["a.png"]


def test_5000_photos_are_taken_and_5001_refused_with_the_limit() -> None:
    with Photos() as photos:
        photos.sources = [Source(f"{n}.png", bytes) for n in range(MOST_IMAGES)]  # type: ignore[arg-type]
        assert len(photos.done()) == 5_000
        photos.sources.append(Source("more.png", bytes))  # type: ignore[arg-type]
        with pytest.raises(BadInput, match=r"has 5,001 photos\. The limit is 5,000: split it"):
            photos.done()


@pytest.mark.parametrize(
    ("files", "problem"), [({}, "has no photos"), ({"a.txt": b"x", "b.zip": b"y"}, "no photos among 2 files")]
)
def test_batch_without_photos_is_refused(batch: Callable[..., list[Report]], tmp_path: Path, files, problem) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(BadInput, match=problem):
        batch(files)


def test_prompts_that_fit_no_photo_are_refused_before_anything_runs(batch: Callable[..., list[Report]]) -> None:
    with pytest.raises(BadInput, match=r"names none of the 1 photos; it begins with other\.jpg"):
        batch({"a.png": picture()}, BOX + "other.jpg,0,0,9,9,\n")


def test_unknown_format_and_settings_are_refused(batch: Callable[..., list[Report]]) -> None:
    with pytest.raises(BadInput, match="'tiff' does not exist"):
        batch({"a.png": picture()}, form="tiff")
    for values in ({"branch": "x"}, {"mode": "x"}, {"points_per_side": 1}, {"points_per_side": "x"}):
        with pytest.raises(BadInput):
            settings_of(values, "me")


def test_progress_counts_photos_and_gives_the_time_left(batch: Callable[..., list[Report]]) -> None:
    reports = batch({f"{n}.png": picture(seed=n) for n in range(6)})
    assert [report.done for report in reports] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert reports[0].left_s is None
    assert all(report.left_s is not None and report.left_s >= 0 for report in reports[1:])
    assert all(report.total == 6 for report in reports)


def fill_disk(monkeypatch: pytest.MonkeyPatch, limit: int, folder: Path) -> None:
    """All files together may have `limit` bytes; then writes are torn and refused until the reserve is given back."""
    write, used = WholeFile.write, [0]

    def limited(file: WholeFile, data: bytes) -> int:
        if (folder / "reserve").exists() and used[0] + len(data) > limit:
            write(file, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        used[0] += len(data)
        return write(file, data)

    monkeypatch.setattr(WholeFile, "write", limited)


@pytest.mark.parametrize("limit", [2_900, 3_000, 3_111])
@pytest.mark.parametrize("form", DATASET_FORMATS)
def test_full_disk_ends_the_batch_and_keeps_the_finished_part(
    batch: Callable[..., list[Report]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, limit: int
) -> None:
    fill_disk(monkeypatch, limit, tmp_path / "out")
    last = batch({f"{n:02d}.png": picture(seed=n) for n in range(40)}, form=form)[-1]
    assert "The disk is full" in last.problem
    assert 0 < last.done < 40
    assert f"The {last.done} photos before it" in last.problem
    assert len(overview(last)) == last.done
    assert last.archive is not None
    back = DATASET_FORMATS[form].read(last.archive.read_bytes(), name="batch.zip")
    assert len(back.images) == last.done


def test_disk_that_is_full_from_the_start_is_said_before_anything_runs(
    batch: Callable[..., list[Report]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results, "_hold", refuse)
    with pytest.raises(BadInput, match=r"cannot be begun: The disk is full\. Free some space"):
        batch({"a.png": picture()})


def test_memory_does_not_grow_with_the_number_of_photos(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        out = tmp_path / f"out{count}"
        out.mkdir()
        data = picture(200, 150)
        (tmp_path / "one.png").write_bytes(data)
        with Photos() as photos:
            for _ in range(count):
                photos.add_files([(tmp_path / "one.png", "one.png")])
            tracemalloc.start()
            for report in run(photos, PromptTable(), Settings("me", mode="everything"), "coco", out, Stop()):
                last = report
            top = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert last.done == count
        return top

    peak(5)
    few, many = peak(30), peak(300)
    # A photo is 90 kB; 270 more of them would be 24 MB, and their masks 8 MB.
    assert many - few < 1_500_000


def test_folders_are_refused_to_visitors_of_a_shared_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    with Photos() as photos:
        monkeypatch.setattr(service, "_trusts_paths", False)
        with pytest.raises(BadInput, match="not open to visitors of a shared server"):
            gather(photos, None, str(tmp_path))
        monkeypatch.setattr(service, "_trusts_paths", True)
        gather(photos, None, f"  {tmp_path} ")
        assert [source.name for source in photos.done()] == ["a.png"]
        with pytest.raises(BadInput, match="is not a folder of this machine"):
            gather(photos, None, str(tmp_path / "gone"))
