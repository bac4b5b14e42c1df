"""What the project tool's buttons do: handlers with a stand-in for the room and for the model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import service
from app.annotate.project_export import read_dataset
from app.annotate.project_folders import Shelf
from app.annotate.store import Project
from app.annotate.store_events import Change
from app.annotate.store_files import NotSaved
from app.panels import robust_sam_project_actions as actions
from app.panels.robust_sam_answers import Answer, Branch, Degradation
from app.panels.robust_sam_project_desk import Desk
from app.panels.robust_sam_project_files import take_annotations
from app.panels.robust_sam_session import Session

POINT = {"do": "point", "x": 5, "y": 5, "label": 1}


class FakeRoom:
    stage, controls = "stage", ("kind", "severity", "seed")
    frame = SimpleNamespace(fail=lambda problem: {"state": str(problem)})

    def draw(self, session: Session, **_: Any) -> dict[str, Any]:
        return {"stage": {"busy": False}}

    def answer(self, session: Session, revision: int, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"stage": {"photo": session.photo.name if session.photo else ""}}


class Page:
    """One page at work; ``do`` gives the tool's last message."""

    def __init__(self, shelf: Shelf) -> None:
        self.desk, self.session = Desk(shelf), Session("me")
        self.tool = actions.Tool(FakeRoom(), "panel", "file")  # type: ignore[arg-type]
        self.updates: list[Any] = []

    def do(self, verb: str, **sent: Any) -> dict[str, Any]:
        self.updates = []
        for update in actions.carry_out(self.tool, self.desk, self.session, {"do": verb, **sent}):
            if isinstance(update.get("file"), str):
                self.file = Path(update["file"]).read_bytes()
                self.name = Path(update["file"]).name
            self.updates.append(update)
        told = [update["panel"] for update in self.updates if len(update.get("panel", ())) > 1]
        return told[-1]

    def click(self, **changed: Any) -> None:
        self.session.act([{**POINT, **changed}], self.session.seq + 1)


def full_answer(session: Session, thing: Any) -> Answer:
    """A square of 9 x 9 around each adding point; SAM's is a pixel wider."""
    height, width = session.photo.image.shape[:2]  # type: ignore[union-attr]
    masks = {}
    for name, reach in (("sam", 5), ("robust", 4)):
        mask = np.zeros((height, width), bool)
        for p in thing.points:
            x, y = int(p.x), int(p.y)
            mask[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = p.label == 1
        masks[name] = Branch(mask, 0.75, int(mask.sum()), 1.0)
    return Answer(masks, 0.0, {"weights_digest": "abc"})


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr("app.panels.robust_sam_handlers.full_answer", full_answer)
    monkeypatch.setattr(service, "uploaded", Path)
    monkeypatch.setattr(actions, "MASKS", actions.Maker())
    shelf = Shelf(tmp_path / "projects")
    yield Page(shelf)
    actions.MASKS.wait()
    shelf.close()


def photos(folder: Path, count: int = 3) -> list[dict[str, str]]:
    for n in range(count):
        Image.fromarray(np.full((40, 60, 3), 20 * n, np.uint8)).save(folder / f"{n}.png")
    return [{"upload": str(folder / f"{n}.png"), "name": f"{n}.png"} for n in range(count)]


def created(page: Page, tmp_path: Path, count: int = 3) -> Project:
    page.do("create", name="Birds", labels="bird, nest", uploads=photos(tmp_path, count))
    return page.desk.needed()


def test_new_project_opens_with_its_first_image_on_the_clean_stage(page: Page, tmp_path: Path) -> None:
    page.session.degradation = Degradation("fog", 0.8, 1)
    (tmp_path / "notes.txt").write_text("hello")
    files = [*photos(tmp_path), {"upload": str(tmp_path / "notes.txt"), "name": "notes.txt"}]
    told = page.do("create", name=" Birds ", labels="bird, nest", uploads=files)
    assert told["project"]["name"] == "Birds"
    assert told["image"]["name"] == "0.png"
    assert told["told"] == "3 images added. 1 left out: notes.txt is not an image."
    assert not page.session.degradation.active
    assert {"stage": {"photo": "0.png"}} in page.updates


def test_source_without_images_makes_no_project(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    told = page.do("create", name="Birds", uploads=[{"upload": str(tmp_path / "notes.txt"), "name": "notes.txt"}])
    assert "holds no image" in told["problem"]["what"]
    assert told["projects"] == []


def test_marking_done_goes_on_to_the_next_image_to_do(page: Page, tmp_path: Path) -> None:
    created(page, tmp_path)
    page.click()
    told = page.do("mark", status="done", next=True)
    assert told["image"]["name"] == "1.png"
    assert told["project"]["counts"] == {"todo": 2, "work": 0, "done": 1, "missing": 0}
    assert told["strip"]["items"][0]["status"] == "done"


def test_steps_follow_the_filter_and_end_at_its_ends(page: Page, tmp_path: Path) -> None:
    created(page, tmp_path)
    page.do("mark", status="done")
    page.do("go", image=page.desk.needed().images[1].id)
    page.do("list", filter="todo")
    assert page.do("step", by=1)["image"]["name"] == "2.png"
    assert page.do("step", by=-1)["image"]["name"] == "1.png"
    told = page.do("step", by=-1)
    assert "ends here" in told["problem"]["what"]
    assert told["image"]["name"] == "1.png"


def test_masks_are_made_on_leaving_and_do_not_hang_on_later_weights(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = created(page, tmp_path)
    page.click(x=20, y=20)
    page.do("step", by=1)
    actions.MASKS.wait()
    monkeypatch.setattr("app.panels.robust_sam_handlers.full_answer", None)
    (mask,) = project.state(project.images[0].id).values("mask").values()
    assert (mask["branch"], mask["score"], mask["about"]["weights_digest"]) == ("robust", 0.75, "abc")
    page.do("export", form="coco")
    (annotation,) = json.loads(page.file)["annotations"]
    assert annotation["area"] == 81


def test_leaving_does_not_wait_for_masks(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created(page, tmp_path)
    gate = threading.Event()

    def slow(session: Session, thing: Any) -> Answer:
        gate.wait(20)
        return full_answer(session, thing)

    monkeypatch.setattr("app.panels.robust_sam_handlers.full_answer", slow)
    page.click()
    assert page.do("step", by=1)["image"]["name"] == "1.png"
    gate.set()


@pytest.mark.parametrize("form", ["coco", "coco_polygon", "yolo", "label_studio", "png", "npy", "npz", "rgba"])
def test_export_and_import_into_a_copy_give_the_same_masks_and_labels(page: Page, tmp_path: Path, form: str) -> None:
    project = created(page, tmp_path)
    page.click(x=20, y=20)
    page.session.act([{"do": "label", "id": 1, "label": "nest"}], page.session.seq + 1)
    page.session.act([{"do": "new"}, {**POINT, "x": 45, "y": 12}], page.session.seq + 1)
    page.session.act([{"do": "label", "id": 2, "label": "bird"}], page.session.seq + 1)
    page.do("export", form=form)
    exported = tmp_path / page.name
    exported.write_bytes(page.file)
    before = read_dataset(exported, page.name)
    page.do("close")
    other = page.desk.shelf.make("Copy")
    from app.annotate.project_images import add_images, in_files

    add_images(other, in_files([(tmp_path / f"{n}.png", f"{n}.png") for n in range(3)]))
    told = take_annotations(other, exported, page.name, "test")
    assert told.startswith("2 objects on 1 image imported.")
    page.desk.open(other.folder.name)
    page.do("export", form=form)
    again = tmp_path / f"again_{page.name}"
    again.write_bytes(page.file)
    after = read_dataset(again, again.name)
    assert [i.name for i in after.images] == [i.name for i in before.images] == ["0.png"]
    for one, two in zip(before.images[0].objects, after.images[0].objects, strict=True):
        assert np.array_equal(one.mask, two.mask)
        assert one.label == two.label
    assert {o.label for o in before.images[0].objects} == {"nest", "bird"}
    assert project.images[0].name == "0.png"


def test_imported_objects_are_on_the_stage(page: Page, tmp_path: Path) -> None:
    created(page, tmp_path)
    page.click(x=20, y=20)
    page.do("export", form="coco")
    (tmp_path / "in.json").write_bytes(page.file)
    told = page.do("import", uploads=[{"upload": str(tmp_path / "in.json"), "name": "in.json"}])
    assert told["told"].startswith("1 object on 1 image imported.")
    assert [bool(o.edits) for o in page.session.history.now.objects] == [False, True]


def test_import_names_what_does_not_fit(page: Page, tmp_path: Path) -> None:
    created(page, tmp_path)
    page.click(x=20, y=20)
    page.do("export", form="coco")
    record = json.loads(page.file)
    record["images"].append({"id": 9, "file_name": "elsewhere.png", "width": 5, "height": 5})
    record["images"][0] |= {"width": 61}
    record["annotations"] = []
    (tmp_path / "in.json").write_text(json.dumps(record))
    told = page.do("import", uploads=[{"upload": str(tmp_path / "in.json"), "name": "in.json"}])
    assert "has another size (61 x 40, not 60 x 40)" in told["told"]
    assert "elsewhere.png is not in the project" in told["told"]


def test_export_works_with_images_gone(page: Page, tmp_path: Path) -> None:
    project = created(page, tmp_path)
    page.click(x=20, y=20)
    page.do("step", by=1)
    actions.MASKS.wait()
    page.click(x=20, y=20)
    for entry in project.images[:2]:
        project.file(entry).unlink()
    told = page.do("export", form="coco")
    record = json.loads(page.file)
    assert [image["file_name"] for image in record["images"]] == ["0.png", "1.png"]
    assert len(record["annotations"]) == 1
    assert "1.png its file is gone" in told["told"]
    told = page.do("list", filter="missing")
    assert [item["name"] for item in told["strip"]["items"]] == ["0.png", "1.png"]


def test_full_disk_is_shown_and_work_goes_on(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = created(page, tmp_path)

    def full() -> None:
        project._problem = NotSaved.because("Birds", OSError(28, "No space left on device"))
        raise project._problem

    flush = project.flush
    monkeypatch.setattr(project, "flush", full)
    page.click(x=20, y=20)
    told = page.do("check")
    assert "the disk is full" in told["saving"]["problem"]
    assert page.do("step", by=1)["image"]["name"] == "1.png"
    monkeypatch.setattr(project, "flush", flush)
    page.click(x=20, y=20)
    told = page.do("step", by=-1)
    assert told["saving"]["problem"] == ""
    assert len(Project(project.folder).state(project.images[1].id).values("object")) == 1
    assert len(page.session.history.now.current.points) == 1


def test_page_is_told_what_another_tab_did_and_may_take_it(page: Page, tmp_path: Path) -> None:
    project = created(page, tmp_path)
    other = Page(page.desk.shelf)
    other.do("open", project=page.desk.project_id)
    page.click(x=20, y=20)
    other.click(x=40, y=20)
    assert page.do("check")["others"] == 1
    told = page.do("reload")
    assert told["others"] == 0
    assert len(page.session.history.now.objects) == 2
    assert other.do("keep")["others"] == 0
    assert page.do("check")["others"] == 2
    assert project.trail(project.images[0].id).objects == 1


def test_reloaded_page_goes_on_with_its_image(page: Page, tmp_path: Path) -> None:
    project = created(page, tmp_path)
    page.do("step", by=1)
    page.click(x=20, y=20)
    again = Page(page.desk.shelf)
    told = again.do("back", project=page.desk.project_id, image=project.images[1].id)
    assert told["image"]["name"] == "1.png"
    assert len(again.session.history.now.current.points) == 1
    assert again.do("back", project="gone", image="x")["project"]["name"] == "Birds"


def test_project_that_is_gone_leads_back_to_the_list(page: Page) -> None:
    assert page.do("back", project="gone", image="x")["projects"] == []


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ({"do": "fly"}, "does not exist"),
        ({"do": "go", "image": "../x"}, "not in this project"),
        ({"do": "mark", "status": "perfect"}, "does not exist"),
        ({"do": "label", "change": "add", "name": "bird"}, "already a label"),
        ({"do": "label", "change": "set", "id": "L9", "name": "x"}, "no longer"),
        ({"do": "export", "form": "coco"}, "has no objects"),
        ({"do": "export", "form": "pdf"}, "does not exist"),
        ({"do": "import", "uploads": []}, "missing"),
        ({"do": "open", "path": "/nowhere/at/all"}, "not open to visitors"),
    ],
)
def test_bad_requests_are_told_and_change_nothing(
    page: Page, tmp_path: Path, sent: dict[str, Any], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "trusts_paths", lambda: False)
    created(page, tmp_path)
    told = page.do(**{"verb": sent["do"], **{k: v for k, v in sent.items() if k != "do"}})
    assert part in told["problem"]["what"] + told["problem"]["remedy"]
    assert told["image"]["name"] == "0.png"


def test_folder_on_this_machine_is_used_in_place(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "trusts_paths", lambda: True)
    folder = tmp_path / "photos"
    folder.mkdir()
    photos(folder)
    told = page.do("create", name="", labels="", path=str(folder), beside=True)
    assert told["project"]["name"] == "photos"
    assert (folder / "vitrine-project" / "project.json").exists()
    page.click()
    page.do("close")
    told = page.do("open", path=str(folder))
    assert told["project"]["total"] == 3
    assert told["image"]["objects"] == 1


def test_list_of_five_thousand_images_comes_in_pages(page: Page, tmp_path: Path) -> None:
    from app.annotate.project import ImageEntry

    project = created(page, tmp_path)
    entries = tuple(ImageEntry(f"i{n}", f"{n:04}.jpg", f"images/{n}", "d", 1, 60, 40) for n in range(5000))
    project.update(lambda m: m.with_images(entries))
    project.record("i4000", [Change("status", "", "done")], page="x")
    told = page.do("list", filter="", offset=4030)
    assert len(told["strip"]["items"]) == 48
    assert told["strip"]["offset"] <= 4030 < told["strip"]["offset"] + 48
    assert told["strip"]["items"][0]["name"] == f"{told['strip']['offset'] - 3:04}.jpg"
    assert told["project"]["counts"]["done"] == 1


def test_stage_that_waits_for_another_photo_is_always_answered(page: Page, tmp_path: Path) -> None:
    created(page, tmp_path)
    image = page.desk.entry().id
    for verb, sent in (("back", {"project": "gone"}), ("back", {"project": page.desk.project_id, "image": image})):
        page.do(verb, leaves=True, **sent)
        assert any("stage" in update for update in page.updates)
    empty = page.desk.shelf.make("Empty")
    page.do("open", project=empty.folder.name, leaves=True)
    assert any("stage" in update for update in page.updates)
