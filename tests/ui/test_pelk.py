"""The PeLK room in Chromium and through gradio_client; its networks are drawn, not trained."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from app.panels.pelk_examples import FOLDER
from tests.ui.served_page import patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.ui, pytest.mark.slow]
CAT = FOLDER / "cat.png"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pelk")
    os.environ["VITRINE_CACHE"] = str(folder / "cache")
    with served(folder, ("-m", "tests.ui.pelk_stand_in", str(folder / "weights"))) as found:
        yield found
    del os.environ["VITRINE_CACHE"]


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@dataclass
class Room:
    """The open room; ``complaints`` are console errors and requests to other hosts."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def tab(self, name: str) -> None:
        """Open a tab and wait for its own state line."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.page.locator(f'#room-pelk[data-tool="{name.split()[-1].lower()}"]').wait_for()

    def state(self, name: str, text: str = "") -> None:
        """Wait until the state line shows ``name`` with ``text``."""
        self.page.locator(f'#room-pelk .v-state[data-state="{name}"]', has_text=text).wait_for()

    def press(self, name: str) -> None:
        """Press the visible button of that name."""
        named = re.compile(rf"^\s*{re.escape(name)}")
        self.page.locator("#room-pelk button:visible").filter(has_text=named).first.click()

    def saved(self, name: str) -> Path:
        """Press a download button; the file."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=name, exact=True).click()
        return Path(waiting.value.path())

    def stroke(self, task: str, *points: tuple[float, float]) -> None:
        """Drag over pixels of the picture."""
        box = self.canvas(task).bounding_box()
        assert box is not None
        places = [(box["x"] + x / 96 * box["width"], box["y"] + y / 96 * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()

    def canvas(self, task: str) -> Locator:
        """The canvas to draw on."""
        return self.page.locator(f"#pelk-draw-{task} canvas")

    def kept(self, task: str) -> dict[str, Any]:
        """The drawing the browser keeps."""
        return self.page.evaluate(f"JSON.parse(localStorage.getItem('vitrine.pelk.{task}') || '{{}}')")


def visit(chromium: Browser, address: str, **options: Any) -> Iterator[Room]:
    context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, "accept_downloads": True} | options)
    page = context.new_page()
    page.set_default_timeout(patient(120))
    room = Room(page)
    page.on("console", lambda m: room.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: room.complaints.append(str(error)))
    home = (address, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(home) else room.complaints.append(r.url))
    page.goto(address)
    page.locator("body[data-vitrine] .pk-frame").first.wait_for()
    yield room
    context.close()


@pytest.fixture
def room(chromium: Browser, address: str) -> Iterator[Room]:
    yield from visit(chromium, address)


def test_no_tab_is_empty_and_only_its_own_controls_are_shown(room: Room) -> None:
    room.state("example")
    assert room.page.locator(".pk-figure img:visible").count() >= 3
    for name, label in (("Speed", "Kernel size"), ("Receptive field", "Input size"), ("Pathfinder", "Length")):
        room.tab(name)
        room.page.locator(".pk-left:visible", has_text=label).wait_for()
        assert room.page.locator(".pk-left:visible").count() == 1
        assert room.page.locator(".pk-frame:visible").count() >= 1
    room.tab("Segmentation")
    assert room.canvas("segmentation").is_visible()
    assert room.complaints == []


def test_a_slider_redraws_the_kernel_and_the_last_value_wins(room: Room) -> None:
    room.page.evaluate(
        """() => { const slider = document.querySelector('.pk-for-kernel input[type=range]');
          for (const value of ['31', '71', '101', '67']) {
            slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); } }"""
    )
    room.state("done", "K = 67: 15 x 15 = 225 weights")
    assert "sum 67" in room.page.locator("#pelk-kernel .pk-grid-line").inner_text()
    room.page.locator("#pelk-kernel img").first.hover()
    room.page.locator(".pk-read", has_text="cell").wait_for()
    room.press("Reset")
    room.state("done", "K = 51")


def test_bad_settings_are_refused_where_one_looks_and_the_picture_stays(room: Room) -> None:
    number = room.page.locator(".pk-for-kernel input[type=number]").first
    number.fill("50")
    number.press("Enter")
    room.page.locator("#room-pelk .v-error", has_text="Use 49 or 51").wait_for()
    assert "sum 51" in room.page.locator("#pelk-kernel .pk-grid-line").inner_text()
    number.fill("51")
    number.press("Enter")
    room.state("done", "K = 51")
    own = room.page.get_by_label("Own grid")
    own.press_sequentially("9,1,9")
    room.page.locator("#room-pelk .v-error", has_text="sums to 19, the kernel size is 51").wait_for()
    own.fill("")
    own.press_sequentially("25,1,25")
    room.state("done", "3 x 3 = 9 weights")


def test_the_kernel_can_be_saved_in_every_form(room: Room) -> None:
    kept = np.load(room.saved("Save NumPy npz"))
    assert kept["dense"].shape == (51, 51)
    assert "class PeripheralConv2d" in room.saved("Save Layer code").read_text(encoding="utf-8")
    assert len(list(csv.DictReader(room.saved("CSV").read_text().splitlines()))) == 169
    assert json.loads(room.saved("JSON").read_text())["ratio"] == pytest.approx(0.065, abs=1e-3)
    with Image.open(room.saved("PNG")) as picture:
        assert picture.format == "PNG"


def test_speed_is_measured_here_and_can_be_saved(room: Room) -> None:
    room.page.locator(".pk-numbers input").first.fill("16")
    room.page.locator(".pk-numbers input").nth(1).fill("16")
    room.page.locator(".pk-numbers input").nth(2).fill("4")
    room.tab("Speed")
    room.press("Time on this machine")
    room.page.locator("#pelk-speed .pk-frame:not([aria-busy])", has_text="on this machine").wait_for()
    room.state("done", "is fastest")
    rows = list(csv.DictReader(room.saved("CSV").read_text().splitlines()))
    assert {row["form"] for row in rows} == {"fft", "boxes", "taps", "cropped", "direct"}
    assert all(float(row["relative_error"]) < 2e-5 for row in rows if row["best_ms"])
    assert room.page.locator(".v-receipt", has_text="cpu").count() == 1


def test_a_measurement_can_be_cancelled(room: Room) -> None:
    room.tab("Speed")
    room.press("Time on this machine")
    room.state("running")
    room.page.locator("#room-pelk .v-cancel:visible").click()
    room.state("cancelled")


def test_fields_are_walked_through_by_depth_and_say_input_size_and_training(room: Room) -> None:
    room.tab("Receptive field")
    room.page.get_by_label("Untrained").check()
    room.page.get_by_label("96", exact=True).check()
    room.press("Show receptive fields")
    frame = room.page.locator("#pelk-field .pk-frame:not([aria-busy])", has_text="Input 96 x 96 px")
    frame.wait_for()
    frame.locator('.pf-tag[data-trained="false"]').nth(2).wait_for()
    deepest = frame.locator("canvas").first.get_attribute("aria-label")
    assert "stage 3, block 4" in deepest
    slider = room.page.get_by_label("Depth in the network")
    slider.focus()
    slider.press("Home")
    room.page.locator('#pelk-field canvas[aria-label*="stage 1, block 1"]').first.wait_for()
    room.press("Play by depth")
    room.page.locator('#pelk-field canvas[aria-label*="stage 3, block 4"]').first.wait_for()
    assert frame.locator(".pf-table tbody tr").count() == 3
    rows = list(csv.DictReader(room.saved("CSV").read_text().splitlines()))
    assert {row["input_px"] for row in rows} == {"96"}
    assert room.complaints == []


def test_ones_own_checkpoint_must_be_chosen_first(room: Room) -> None:
    room.tab("Receptive field")
    room.page.get_by_label("My checkpoint").check()
    room.press("Show receptive fields")
    room.page.locator("#room-pelk .v-error", has_text="Use this checkpoint").wait_for()


def test_a_drawing_is_answered_edited_and_kept(room: Room) -> None:
    room.tab("Pathfinder")
    room.press("New picture")
    room.page.locator("#pelk-answers-pathfinder .pk-said", has_text="True answer").wait_for()
    assert room.page.locator("#pelk-answers-pathfinder .pt-mark:visible").count() == 3
    room.press("Clear")
    room.page.locator("#pelk-answers-pathfinder .pk-said", has_text="No true answer").wait_for()
    room.page.wait_for_function("JSON.parse(localStorage.getItem('vitrine.pelk.pathfinder')).strokes.length === 0")
    room.stroke("pathfinder", (20, 48), (76, 48))
    room.page.wait_for_function("JSON.parse(localStorage.getItem('vitrine.pelk.pathfinder')).strokes.length === 1")
    room.press("Cut")
    room.stroke("pathfinder", (48, 40), (48, 56))
    room.page.wait_for_function("JSON.parse(localStorage.getItem('vitrine.pelk.pathfinder')).strokes.length === 2")
    room.press("Undo")
    room.page.wait_for_function("JSON.parse(localStorage.getItem('vitrine.pelk.pathfinder')).strokes.length === 1")
    kept = room.kept("pathfinder")
    assert room.complaints == []
    room.page.reload()
    room.page.locator("body[data-vitrine] .pk-frame").first.wait_for()
    room.tab("Pathfinder")
    room.page.locator("#pelk-answers-pathfinder .pk-said", has_text="No true answer").wait_for()
    assert room.kept("pathfinder") == kept


def test_the_canvas_can_be_drawn_on_with_the_keyboard(room: Room) -> None:
    room.tab("Pathfinder")
    room.canvas("pathfinder").focus()
    for key in ("ArrowUp", "Enter", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        room.page.keyboard.press(key)
    room.page.wait_for_function(
        "(JSON.parse(localStorage.getItem('vitrine.pelk.pathfinder')) || {}).strokes?.length > 0"
    )
    last = room.kept("pathfinder")["strokes"][-1]
    assert last[0] == [48, 46]
    assert last[-1] == [54, 46]


def test_a_room_is_painted_on_and_segmented_again(room: Room) -> None:
    room.tab("Segmentation")
    room.press("New room")
    answers = room.page.locator("#pelk-answers-segmentation")
    answers.locator("figcaption", has_text="True classes").wait_for()
    assert answers.locator("img").count() == 4
    room.stroke("segmentation", (20, 40), (70, 40))
    answers.locator(".pk-said", has_text="Painted rooms have no true classes").wait_for()
    assert room.kept("segmentation")["paints"][0]["path"][0] == pytest.approx([20, 40], abs=0.5)
    told = json.loads(room.saved("JSON").read_text())
    assert len(told["paints"]) == 1
    assert room.complaints == []


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}])
def test_nothing_reaches_past_a_small_or_dark_page(chromium: Browser, address: str, options: dict[str, Any]) -> None:
    for room in visit(chromium, address, **options):
        wide = room.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 1
        assert room.complaints == []


def call(client: Client, name: str, **arguments: Any) -> Any:
    return client.predict(api_name=f"/pelk_{name}", **arguments)


def _path(file: Any) -> Path:
    return Path(file["path"] if isinstance(file, dict) else file)


def test_only_the_rooms_functions_are_public(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    verbs = {"design", "curve", "export", "time", "fields", "follow", "segment", "score"}
    assert set(named) == {f"/pelk_{verb}" for verb in verbs}


def test_endpoint_design_and_curve(client: Client) -> None:
    told = call(client, "design", kernel=101, centre_radius=3)
    assert told["cells_per_axis"] == 17
    assert told["embedding"]["difference"] < 1e-12
    assert call(client, "curve")["peripheral"][-1] < 400


@pytest.mark.parametrize("form", ["npz", "npy", "json", "csv", "png", "py"])
def test_endpoint_export(client: Client, form: str) -> None:
    assert _path(call(client, "export", form=form, kernel=13)).stat().st_size > 100


def test_endpoint_time(client: Client) -> None:
    told = call(client, "time", kernel=15, height=12, width=12, channels=2, seconds=0.3)
    assert sum(row["chosen"] for row in told["rows"]) == 1
    assert told["receipt"]["method"] == "pelk"


def test_endpoint_fields(client: Client) -> None:
    told = call(client, "fields", image=handle_file(CAT), source="untrained", size=96)
    assert told["input_px"] == 96
    assert len(told["networks"]) == 3
    assert _path(told["csv"]).stat().st_size > 500


def test_endpoints_of_the_tasks(client: Client) -> None:
    sampled = call(client, "follow", seed=1, length=8)
    assert sampled["answers"][0]["truth"] in (0, 1)
    own = call(client, "follow", strokes=sampled["strokes"], dots=sampled["dots"])
    assert own["answers"][0]["truth"] == ""
    rooms = call(client, "segment", seed=2)
    assert 0 <= rooms["answers"][0]["mean_iou"] <= 1
    scores = call(client, "score", task="pathfinder", pictures=10)
    assert scores["pictures"] == 10


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("design", {"kernel": 50}, "even"),
        ("design", {"bins": "1,1,1"}, "sums to 3"),
        ("design", {"embedding": "twisted"}, "literal"),
        ("export", {"form": "docx"}, "does not exist"),
        ("time", {"seconds": 1e9}, "time box"),
        ("follow", {"length": 99}, "6 to 14"),
        ("follow", {"strokes": [], "dots": []}, "0 dots"),
        ("segment", {"seed": -1}, "The seed"),
        ("score", {"task": "chess"}, "The task"),
    ],
)
def test_bad_input_is_told_in_words(client: Client, name: str, arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(Exception, match=part):
        call(client, name, **arguments)
