"""The project tool in Chromium, with a stand-in model: labels by hot-key, a killed server, two tabs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.served_page import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui
WAIT_MS = int(os.environ.get("VITRINE_UI_WAIT_MS", "60000"))
WORK = "JSON.parse(localStorage.getItem('vitrine.robust_sam.work') || '{}')"


class Server:
    """The page in a process of its own that can be killed and started again on the same port and state."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.state = folder / "state"
        places = {"VITRINE_STATE": str(self.state), "GRADIO_TEMP_DIR": str(folder / "uploads")}
        self.environment = os.environ | places | {"OMP_NUM_THREADS": "1"}
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-u", "-m", "tests.ui.stand_in", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Vitrine is at "):
                return
        pytest.fail("the page did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.kill()


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    ready(page)
    return page


def ready(page: Page) -> None:
    page.locator("body[data-vitrine] .stage-view canvas").first.wait_for()
    page.locator(".pr[data-view]").wait_for(state="attached")


def until(page: Page, condition: str) -> None:
    """Wait until ``condition`` holds of the ``work`` that the browser keeps."""
    page.wait_for_function(f"((work) => Boolean({condition}))({WORK})", timeout=WAIT_MS)


def click(page: Page, x: float, y: float) -> None:
    canvas = page.locator('.stage-view[data-key="sam"] canvas')
    box = canvas.bounding_box()
    assert box is not None
    scale = min(box["width"] / 600, box["height"] / 400)
    left, top = (box["width"] - 600 * scale) / 2, (box["height"] - 400 * scale) / 2
    canvas.click(position={"x": left + x * scale, "y": top + y * scale})


def saved(page: Page, objects: int) -> None:
    """Wait until the open image has so many objects and all is on disk."""
    page.wait_for_function(
        f"""() => /^saved/.test(document.querySelector('.pr-saved')?.textContent || '')
        && document.querySelector('.pr [data-part="image"]').textContent.match(/\\b{objects} objects? saved/)""",
        timeout=WAIT_MS,
    )


def photos(folder: Path) -> list[str]:
    made = []
    for n in range(3):
        picture = np.full((400, 600, 3), 120, np.uint8)
        picture[50:250, 100:300] = (200, 30, 30)
        picture[100:300, 400 + n : 550] = (30, 60, 200)
        path = folder / f"photo_{n}.png"
        Image.fromarray(picture).save(path)
        made.append(str(path))
    return made


def create(page: Page, folder: Path) -> None:
    page.get_by_role("tab", name="Project").click()
    page.locator('.pr-create [name="name"]').fill("Blocks")
    page.locator('.pr-create [name="labels"]').fill("brick, door")
    page.locator('[data-pick="files"]').set_input_files(photos(folder))
    page.get_by_role("button", name="Create project").click()
    at_image(page, 1)


def at_image(page: Page, number: int) -> None:
    page.locator(".pr-here b", has_text=f"{number} of 3").wait_for()
    until(page, f"work.photo?.name === 'photo_{number - 1}.png'")


def objects(page: Page) -> list[dict[str, Any]]:
    return page.evaluate(f"{WORK}.document.objects")


def test_labels_by_hot_key_survive_a_killed_server(chromium: Browser, server: Server, tmp_path: Path) -> None:
    page = opened(chromium, server.address)
    create(page, tmp_path)
    click(page, 150, 100)
    until(page, "work.document.objects[0].points.length === 1")
    page.keyboard.press("1")
    until(page, "work.document.objects[0].label === 'brick'")
    page.keyboard.press("n")
    until(page, "work.document.objects.length === 2")
    click(page, 500, 200)
    until(page, "work.document.objects[1].points.length === 1")
    page.keyboard.press("2")
    until(page, "work.document.objects[1].label === 'door'")
    saved(page, 2)
    page.keyboard.press("m")
    at_image(page, 2)
    click(page, 160, 110)
    until(page, "work.document.objects[0].points.length === 1")
    page.keyboard.press("2")
    until(page, "work.document.objects[0].label === 'door'")
    saved(page, 1)
    server.kill()
    server.start()
    page.reload()
    ready(page)
    at_image(page, 2)
    until(page, "work.document.objects[0].label === 'door' && work.document.objects[0].points.length === 1")
    page.keyboard.press("PageUp")
    at_image(page, 1)
    assert [o["label"] for o in objects(page)] == ["brick", "door"]
    assert page.locator(".pr-item[data-status='done']").count() == 1
    page.get_by_role("tab", name="Project").click()
    page.locator('.pr-export [name="form"]').select_option("coco")
    with page.expect_download(timeout=WAIT_MS) as waiting:
        page.get_by_role("button", name="Export", exact=True).click()
    record = json.loads(Path(waiting.value.path()).read_text())
    assert sorted(entry["area"] for entry in record["annotations"])[-2:] == [200 * 200, 200 * 200]
    assert [entry["name"] for entry in record["categories"]] == ["brick", "door"]


def test_two_tabs_on_one_image_lose_nothing(chromium: Browser, server: Server, tmp_path: Path) -> None:
    one = opened(chromium, server.address)
    create(one, tmp_path)
    two = opened(chromium, server.address)
    two.get_by_role("tab", name="Project").click()
    two.locator(".pr-open", has_text="Blocks").click()
    at_image(two, 1)
    click(one, 150, 100)
    until(one, "work.document.objects[0].points.length === 1")
    saved(one, 1)
    click(two, 500, 200)
    until(two, "work.document.objects[0].points.length === 1")
    two.locator(".pr-notice").wait_for()
    two.locator(".pr-notice").get_by_role("button", name="Reload").click()
    until(two, "work.document.objects.length === 2")
    two.locator(".pr-notice").wait_for(state="detached")
    one.evaluate("window.dispatchEvent(new Event('focus'))")
    one.locator(".pr-notice").wait_for()
    log = next((server.state / "vitrine" / "projects").glob("*/events.jsonl")).read_text().splitlines()
    assert sum('"kind":"object"' in line for line in log) >= 2
