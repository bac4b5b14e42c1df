"""The Batch tab in a browser, and its endpoint."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.app.batch_stand_in import SLOW_WIDTH
from tests.ui import served_page
from tests.ui.conftest import Visit, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.ui
PATIENCE_MS = 1000 * int(os.environ.get("VITRINE_UI_TIMEOUT_S", "60"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_page.served(tmp_path_factory.mktemp("served"), ("-m", "tests.ui.batch_stand_in", "0"), None) as found:
        yield found


@pytest.fixture
def room(chromium: Browser, served: str) -> Iterator[Visit]:
    for seen in visit(chromium, served):
        seen.page.set_default_timeout(PATIENCE_MS)
        seen.page.get_by_role("tab", name="Batch").click()
        seen.page.locator("#robust_sam-batch").scroll_into_view_if_needed()
        yield seen


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A zip with two photos and a broken one."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.png", "b.png"):
            archive.writestr(name, png(40))
        archive.writestr("broken.png", png(40)[:70])
    return path


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text(
        "image,x0,y0,x1,y1,label\na.png,2,3,12,13,cup\nb.png,0,0,40,24,\nbroken.png,0,0,9,9,\ngone.png,0,0,1,1,\n",
        encoding="utf-8",
    )
    return path


def png(width: int) -> bytes:
    data = io.BytesIO()
    values = np.random.default_rng(1).integers(0, 256, (24, width, 3), dtype=np.uint8)
    Image.fromarray(values).save(data, "PNG")
    return data.getvalue()


def give(room: Visit, selector: str, *paths: Path) -> None:
    """Choose files and wait until they are on the server."""
    room.page.locator(f"{selector} input[type=file]").set_input_files([str(path) for path in paths])
    room.page.locator(f"{selector} .file-preview").wait_for()


def phase(room: Visit, name: str) -> None:
    room.page.locator(f'.bt-bar .v-state[data-state="{name}"]').wait_for()


def test_a_zip_and_boxes_become_a_zip_of_masks(room: Visit, photos: Path, boxes: Path, tmp_path: Path) -> None:
    give(room, ".bt-files", photos)
    give(room, ".bt-prompts", boxes)
    room.page.get_by_role("button", name="Run batch").click()
    phase(room, "done")
    with room.page.expect_download() as download:
        room.page.locator(".bt-download").click()
    download.value.save_as(tmp_path / "masks.zip")
    assert download.value.suggested_filename == "robust_sam_batch.zip"
    with zipfile.ZipFile(tmp_path / "masks.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("overview.csv").decode())))
        assert {"annotations.json", "contact_sheet.jpg"} <= set(archive.namelist())
    assert [(row["image"], row["objects"], row["area"]) for row in rows] == [
        ("a.png", "1", "100"),
        ("b.png", "1", "960"),
        ("broken.png", "0", "0"),
    ]
    errors = room.page.locator(".bt-errors tbody")
    assert "broken.png" in errors.inner_text()
    assert "gone.png" in room.page.locator(".bt-warn").inner_text()
    assert room.page.locator(".bt-sheet").evaluate("image => image.complete && image.naturalWidth > 100")
    assert room.complaints == []


def test_cancel_packs_what_is_done(room: Visit, tmp_path: Path) -> None:
    paths = []
    for name, width in (("a.png", 40), ("b.png", SLOW_WIDTH), ("c.png", 40)):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(png(width))
    give(room, ".bt-files", *paths)
    room.page.get_by_label("Everything in each photo").check()
    room.page.get_by_role("button", name="Run batch").click()
    room.page.locator(".bt-latest tbody tr").wait_for()
    room.page.locator(".bt-bar").get_by_role("button", name="Cancel").click()
    phase(room, "cancelled")
    assert "1 of 3 photos" in room.page.locator(".bt-bar .v-state").inner_text()
    assert room.page.locator(".bt-download").is_visible()
    assert room.page.get_by_role("button", name="Run batch").is_enabled()


def test_what_is_missing_is_said_in_the_tab_and_inputs_stay(room: Visit, photos: Path) -> None:
    give(room, ".bt-files", photos)
    room.page.get_by_role("button", name="Run batch").click()
    phase(room, "refused")
    assert "The prompts file is missing" in room.page.locator(".v-error").inner_text()
    assert room.page.locator(".bt-files .file-preview tr").count() == 1
    assert room.complaints == []


def test_templates_can_be_saved(room: Visit, tmp_path: Path) -> None:
    with room.page.expect_download() as download:
        room.page.get_by_text("Template: boxes").click()
    download.value.save_as(tmp_path / "boxes.csv")
    assert (tmp_path / "boxes.csv").read_text().startswith("image,x0,y0,x1,y1,label\n")


@pytest.fixture(scope="module")
def client(served: str) -> Client:
    return Client(served, verbose=False)


def test_endpoint_gives_the_zip_and_the_photos_that_failed(client: Client, photos: Path, boxes: Path) -> None:
    told: dict[str, Any] = client.predict(
        photos=[handle_file(photos)], prompts=handle_file(boxes), form="yolo", api_name="/robust_sam_batch"
    )
    assert (told["photos"], told["done"], told["failed"], told["objects"]) == (3, 2, 1, 2)
    assert told["errors"][0][0] == "broken.png"
    assert told["unknown"] == ["gone.png"]
    archive = told["archive"]
    with zipfile.ZipFile(archive["path"] if isinstance(archive, dict) else archive) as made:
        assert {"labels/a.txt", "labels/b.txt", "data.yaml", "overview.csv"} <= set(made.namelist())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"prompts": None}, "prompts file is missing"),
        ({"form": "tiff"}, "'tiff' does not exist"),
        ({"mode": "none"}, "'none' does not exist"),
        ({"checkpoint": "../x"}, "not an embedded checkpoint"),
        ({"photos": []}, "has no photos"),
        ({"photos": [{"path": "/etc/passwd", "orig_name": "x.zip"}]}, r"outside the folder|not on this server"),
    ],
)
def test_endpoint_tells_bad_input_in_words(
    client: Client, photos: Path, boxes: Path, arguments: dict[str, Any], part: str
) -> None:
    given = {"photos": [handle_file(photos)], "prompts": handle_file(boxes)} | arguments
    with pytest.raises(Exception, match=part):
        client.predict(**given, api_name="/robust_sam_batch")
