"""Projects for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import service
from app.annotate.project_folders import Shelf
from app.panels import robust_sam_project_api as api
from tests.app.test_project_actions import full_answer


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path / "projects")
    monkeypatch.setattr(api, "shelf", lambda: shelf)
    monkeypatch.setattr(service, "uploaded", Path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr("app.panels.robust_sam_handlers.full_answer", full_answer)


def given(path: Path) -> dict[str, Any]:
    return {"path": str(path), "orig_name": path.name}


def image(folder: Path, name: str = "a.png") -> dict[str, Any]:
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / name)
    return given(folder / name)


def coco(folder: Path) -> dict[str, Any]:
    record = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "categories": [{"id": 7, "name": "bird"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[5, 5, 25, 5, 25, 15, 5, 15]]}],
    }
    (folder / "in.json").write_text(json.dumps(record))
    return given(folder / "in.json")


def test_project_made_filled_listed_and_exported_by_a_script(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("no image")
    made = api.create("Birds", [image(tmp_path), given(tmp_path / "x.txt")], ["nest"])
    assert made["images"] == 1
    assert made["skipped"] == [["x.txt", "is not an image"]]
    assert api.bring_in(made["id"], coco(tmp_path)) == "1 object on 1 image imported."
    assert api.listed() == [{"id": made["id"], "name": "Birds", "images": 1, "done": 0, "objects": 1}]
    record = json.loads(Path(api.export(made["id"])["path"]).read_text())
    assert [entry["area"] for entry in record["annotations"]] == [200]
    assert {entry["name"] for entry in record["categories"]} >= {"bird"}


def test_agreement_with_another_annotators_file(tmp_path: Path) -> None:
    made = api.create("Birds", [image(tmp_path)], [])
    api.bring_in(made["id"], coco(tmp_path))
    (told,) = api.compare(made["id"], coco(tmp_path))
    assert told == {
        "image": "a.png",
        "matched": 1,
        "only_project": 0,
        "only_file": 0,
        "mean_iou": 1,
        "f1": 1,
        "kappa": 1,
    }


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: api.export("gone"), "not on this machine"),
        (lambda: api.export("../../etc"), "not on this machine"),
        (lambda: api.create("", []), "no name"),
        (lambda: api.create("Birds", [{"url": "x"}]), "handle_file"),
    ],
)
def test_bad_calls_are_told_in_words(call: Any, part: str) -> None:
    with pytest.raises(gr.Error, match=part):
        call()
