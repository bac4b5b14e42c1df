"""The video room in Chromium and through gradio_client, with the shipped weights and clips."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from app.panels.ost_controls import FOLDER
from app.panels.ost_examples import CLIP
from tests.ui.conftest import Visit, visit
from tests.ui.served_page import patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.ui, pytest.mark.slow]
TIME = "document.querySelector('#ost-video video').currentTime"
TWO = [
    {"name": "bowling", "spatial": ["carrying a ball", "a ball"], "temporal": ["walking with a ball", "pointing"]},
    {"name": "跑步", "spatial": ["x", "y"], "temporal": ["z", "w"]},
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("ost")
    # Nothing listens at port 9: a text service that is down.
    os.environ["VITRINE_LLM_URL"] = "http://127.0.0.1:9/v1"
    with served(folder, ("-c", "from app.main import serve; serve(port=0, rooms=['ost'])")) as found:
        yield found
    del os.environ["VITRINE_LLM_URL"]


@pytest.fixture
def room(chromium: Browser, address: str) -> Iterator[Visit]:
    for seen in visit(chromium, address, ready="#ost-answers .pk-frame"):
        seen.page.set_default_timeout(patient(90))
        yield seen
        assert seen.complaints == []


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def said(room: Visit, text: str, phase: str = "done") -> None:
    room.page.locator(f'#room-ost .v-state[data-state="{phase}"]', has_text=text).wait_for()


def tab(room: Visit, name: str) -> None:
    room.page.get_by_role("tab", name=name, exact=True).click()


def press(room: Visit, name: str) -> None:
    room.page.get_by_role("button", name=name, exact=True).click()


def named(room: Visit, names: str, count: int) -> None:
    """Make a table of ``names``."""
    tab(room, "Classes")
    room.page.get_by_label("Your classes").fill(names)
    press(room, "Make the table")
    said(room, f"{count} classes", "ready")


def test_the_kept_example_shows_all_and_a_cell_seeks_the_player(room: Visit) -> None:
    said(room, "OST says", "example")
    assert room.page.locator(".os-column").count() == 3
    cell = room.page.locator("#ost-heat td").nth(5)
    room.page.wait_for_function("(document.querySelector('#ost-video video') || {}).readyState >= 1")
    cell.focus()
    cell.press("Enter")
    assert abs(room.page.evaluate(TIME) - float(cell.get_attribute("data-second") or 0)) < 0.05
    room.page.get_by_label("Similarity", exact=True).check()
    said(room, "of 24 classes")
    assert "cosine" in room.page.locator("#ost-heat caption").inner_text()


def test_an_example_answers_and_what_changed_since_is_told(room: Visit, tmp_path: Path) -> None:
    room.page.get_by_label("volleyball", exact=True).check()
    said(room, "of 24 classes")
    named(room, "bowling, juggling, 跑步", 3)
    room.page.locator(".os-stale", has_text="classes").wait_for()
    room.page.locator("#ost-run").click()
    said(room, "of 3 classes")
    room.page.locator(".os-stale").wait_for(state="detached")
    foot = room.page.locator("#room-ost .v-foot")
    with room.page.expect_download() as waiting:
        foot.get_by_role("button", name="Scores CSV", exact=True).click()
    rows = list(csv.DictReader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()))
    assert [row["class"] for row in rows] == ["bowling", "juggling", "跑步"]


def test_a_typed_table_outlives_errors_reload_and_undo(room: Visit) -> None:
    named(room, "bowling\nwalking a dog", 2)
    assert room.page.get_by_label("Preset").input_value() == ""
    cell = room.page.locator('#ost-classes [data-row="0"][data-col="1"]').first
    cell.dblclick()
    room.page.keyboard.press("Control+A")
    room.page.keyboard.type("my own words")
    room.page.keyboard.press("Enter")
    room.page.locator("#ost-remarks", has_text="2 classes").wait_for()
    press(room, "Ask the text service")
    said(room, "Nothing was empty", "ready")
    room.page.wait_for_timeout(300)  # the browser writes what it keeps after the answer
    room.page.reload()
    room.page.locator("body[data-vitrine] #ost-answers .pk-frame").wait_for()
    tab(room, "Classes")
    table = room.page.locator("#ost-classes [data-row]")
    table.get_by_text("my own words").first.wait_for()
    named(room, "juggling", 1)
    press(room, "Undo")
    said(room, "Undone", "ready")
    table.get_by_text("my own words").first.wait_for()


def test_a_file_that_is_no_video_is_told_and_the_table_stays(room: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video", encoding="utf-8")
    room.page.locator("#ost-video").get_by_label("Clear").first.click()
    room.page.locator("#ost-video input[type=file]").first.set_input_files(str(tmp_path / "notes.mp4"))
    room.page.locator("#room-ost .v-error", has_text="is not a video").wait_for()
    tab(room, "Classes")
    assert room.page.locator("#ost-remarks", has_text="24 classes").is_visible()


def test_a_stretch_of_the_timeline_is_corrected_and_saved(room: Visit) -> None:
    tab(room, "Timeline")
    press(room, "Draw the timeline")
    said(room, "stretches in")
    assert room.page.locator("#ost-line image").count() == 12
    room.page.locator("#ost-line tbody tr").last.click()
    room.page.get_by_label("Its label").fill("rolling a ball")
    press(room, "Correct")
    said(room, "is labelled rolling a ball")
    with room.page.expect_download() as waiting:
        room.page.get_by_role("button", name="Labels JSONL", exact=True).click()
    lines = [json.loads(text) for text in Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["label"] == "rolling a ball"


def test_the_phone_has_one_column_and_no_sideways_scroll(chromium: Browser, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    for seen in visit(chromium, address, ready="#ost-answers .pk-frame", **phone):
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 391


def test_every_function_answers_a_script(client: Client) -> None:
    video = handle_file(FOLDER / CLIP)
    answer = client.predict(video, TWO, frames=8, shuffle=True, api_name="/ost_recognise")
    assert [row["name"] for row in answer["classes"]] == ["bowling", "跑步"]
    assert answer["shuffle_difference"] < 1e-6
    assert answer["receipt"]["checkpoint"] == "mini"
    line = client.predict(video, TWO, window=2.0, frames=8, api_name="/ost_timeline")
    assert line["segments"]["ost"][-1]["end"] == pytest.approx(line["duration"])
    assert client.predict(["bowling"], "json", api_name="/ost_classes").keys() == {"classes.json"}
    assert client.predict(TWO[:1] * 2, api_name="/ost_lint")["remarks"][0]["rule"] == "duplicate class"
    assert '"bowling"' in client.predict(["bowling"], api_name="/ost_question")


def test_nouns_answer_a_script(client: Client) -> None:
    found = client.predict(handle_file(FOLDER / CLIP), TWO, frames=8, api_name="/ost_nouns")
    assert found["scorer"].startswith("ConSE")


@pytest.mark.parametrize(
    ("classes", "said"),
    [([], "at least one class"), (TWO[:1] * 2, "rows 1 and 2"), ([TWO[0] | {"name": ""}], "no class name")],
)
def test_a_bad_class_list_is_told_to_a_script(client: Client, classes: list[object], said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(handle_file(FOLDER / CLIP), classes, api_name="/ost_recognise")
