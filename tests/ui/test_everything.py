"""The everything tab in Chromium with the embedded weights: run, hover, sort, add, save, cancel; and its endpoint."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.ui.conftest import Visit
from tests.ui.served_page import served

pytestmark = [pytest.mark.ui, pytest.mark.slow]

PATIENCE_MS = int(os.environ.get("VITRINE_UI_TIMEOUT_S", "120")) * 1000
SHOTS = os.environ.get("VITRINE_SHOTS")
PANE = "#robust_sam-everything"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with the embedded weights: what is found comes from the network here, not from a stand-in."""
    with served(tmp_path_factory.mktemp("everything")) as found:
        yield found


@pytest.fixture
def tool(opened: Visit) -> Visit:
    """The opened tab, with few points."""
    opened.page.set_default_timeout(PATIENCE_MS)
    opened.page.get_by_role("tab", name="Everything").click()
    opened.page.locator(f"{PANE} .ev-empty").wait_for()
    slider = opened.page.get_by_label("number input for Points a side")
    slider.fill("8")
    slider.press("Enter")
    for name in ("Predicted IoU, at least", "Stability, at least"):
        field = opened.page.get_by_label(f"number input for {name}")
        field.fill("0.3")
        field.press("Enter")
    return opened


def start(tool: Visit) -> None:
    tool.page.get_by_role("button", name="Segment everything").click()


def finished(tool: Visit) -> None:
    """Partial results have rows too: the state line says when the last has come."""
    tool.page.locator(".v-tools .v-state[data-state=done]").first.wait_for(timeout=PATIENCE_MS)
    tool.page.locator(f"{PANE} .ev-table tbody tr").first.wait_for(timeout=PATIENCE_MS)


def shot(tool: Visit, name: str) -> None:
    if SHOTS:
        tool.page.locator(PANE).scroll_into_view_if_needed()
        tool.page.screenshot(path=str(Path(SHOTS) / f"everything_{name}.png"), full_page=True)


def test_the_button_says_how_long_it_takes(tool: Visit) -> None:
    button = tool.page.get_by_role("button", name="Segment everything")
    button.get_by_text("about").or_(button).first.wait_for()
    assert "about" in button.inner_text()


def test_run_hover_sort_add_and_save(tool: Visit) -> None:
    page = tool.page
    page.get_by_label("Both, side by side").check()
    start(tool)
    finished(tool)
    assert page.locator(f"{PANE} figure").count() == 2
    shot(tool, "both")

    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    canvas = page.locator(f"{PANE} canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    tip = page.locator(f"{PANE} figure").first.locator(".ev-tip")
    for share in np.linspace(0.1, 0.9, 9):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        if tip.is_visible():
            break
    assert "predicted IoU" in tip.inner_text()
    assert "px" in tip.inner_text()
    shot(tool, "hover")
    assert [url for url in requests if "status" not in url] == []

    areas = page.locator(f"{PANE} tbody tr td:nth-child(3)")
    page.get_by_role("button", name="Area (px)").click()
    numbers = [int("".join(c for c in text if c.isdigit())) for text in areas.all_inner_texts()]
    assert numbers == sorted(numbers)
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Area")

    before = page.locator(".object-row").count()
    page.get_by_role("button", name="Add segment").first.click()
    page.wait_for_function("(n) => document.querySelectorAll('.object-row').length > n", arg=before)
    assert any(o["name"].startswith("Segment") for o in tool.kept()["document"]["objects"])

    for title, check in (("CSV", _csv), ("COCO JSON", _coco), ("Label map PNG", _png)):
        with page.expect_download(timeout=PATIENCE_MS) as waiting:
            page.locator(".ev-files").get_by_role("button", name=title, exact=True).click()
        check(Path(waiting.value.path()).read_bytes())
    assert tool.complaints == []


def _csv(data: bytes) -> None:
    assert {row["model"] for row in csv.DictReader(io.StringIO(data.decode()))} <= {"SAM", "RobustSAM"}


def _coco(data: bytes) -> None:
    assert json.loads(data)["annotations"][0]["segmentation"]["counts"]


def _png(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as picture:
        assert np.asarray(picture).max() > 0


def test_cancel_keeps_the_session_and_the_last_result(tool: Visit) -> None:
    page = tool.page
    kept = tool.kept().get("document")
    slider = page.get_by_label("number input for Points a side")
    slider.fill("32")
    slider.press("Enter")
    start(tool)
    state = page.locator(".v-tools .v-state", has_text="points asked")
    state.first.wait_for(timeout=PATIENCE_MS)
    page.locator(".v-tools .v-cancel:not([disabled])").first.click()
    page.locator(".v-tools .v-state[data-state=cancelled]").first.wait_for(timeout=PATIENCE_MS)
    assert tool.kept().get("document") == kept
    slider.fill("8")
    slider.press("Enter")
    start(tool)
    finished(tool)
    assert tool.complaints == []


def test_dark_theme_and_small_window(dark: Visit) -> None:
    page = dark.page
    page.set_default_timeout(PATIENCE_MS)
    page.set_viewport_size({"width": 820, "height": 700})
    page.get_by_role("tab", name="Everything").click()
    slider = page.get_by_label("number input for Points a side")
    slider.fill("8")
    slider.press("Enter")
    start(dark)
    page.locator(f"{PANE} figure:not([data-partial])").wait_for(timeout=PATIENCE_MS)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    shot(dark, "dark")


def test_the_endpoint_gives_segments_and_files(address: str, blocks: Path) -> None:
    client = Client(address, verbose=False)
    settings = {"points_per_side": 8, "iou_threshold": 0.0, "stability_threshold": 0.0}
    told = client.predict(handle_file(blocks), "both", settings, "nano", api_name="/robust_sam_everything")
    assert [result["branch"] for result in told["results"]] == ["sam", "robust"]
    for result in told["results"]:
        file = result["labels"]
        with Image.open(file["path"] if isinstance(file, dict) else file) as picture:
            assert picture.size == (600, 400)
            assert int(np.asarray(picture).max()) <= len(result["segments"])
    with pytest.raises(Exception, match="points_per_side"):
        client.predict(handle_file(blocks), "sam", {"points_per_side": 3}, "nano", api_name="/robust_sam_everything")
    with pytest.raises(Exception, match="have no 'odd'"):
        client.predict(handle_file(blocks), "sam", {"odd": 3}, "nano", api_name="/robust_sam_everything")
