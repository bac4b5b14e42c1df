"""The page, served by a process of its own with the stand-in model, and a browser page that records complaints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.served_page import STAND_IN, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page answers."""
    with served(tmp_path_factory.mktemp("served"), STAND_IN) as found:
        yield found


@dataclass
class Visit:
    """An open page; ``complaints`` are console errors and requests to other hosts."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def state(self, name: str) -> None:
        """Wait until the state line shows ``name``."""
        self.page.locator(f'.v-state[data-state="{name}"]:not(.v-results *)').wait_for(timeout=60_000)

    def canvas(self, view: str = "sam") -> Locator:
        return self.page.locator(f'.stage-view[data-key="{view}"] canvas')

    def click_at(self, x: float, y: float, size: tuple[int, int], *, view: str = "sam", button: str = "left") -> None:
        """Click the pixel (x, y) of a photo of ``size`` (width, height) that is shown whole."""
        box = self.canvas(view).bounding_box()
        assert box is not None
        scale = min(box["width"] / size[0], box["height"] / size[1])
        left = (box["width"] - size[0] * scale) / 2
        top = (box["height"] - size[1] * scale) / 2
        self.canvas(view).click(position={"x": left + x * scale, "y": top + y * scale}, button=button)

    def kept(self) -> dict[str, Any]:
        """What the browser keeps: the document with all points."""
        return self.page.evaluate("JSON.parse(localStorage.getItem('vitrine.robust_sam.work') || '{}')")

    def until(self, condition: str) -> None:
        """Wait until ``condition``, a JavaScript expression over the kept ``work``, holds."""
        kept = "JSON.parse(localStorage.getItem('vitrine.robust_sam.work') || '{}')"
        self.page.wait_for_function(f"((work) => Boolean({condition}))({kept})", timeout=60_000)

    def points(self) -> list[Any]:
        """Points of the first object."""
        return self.kept()["document"]["objects"][0]["points"]

    def open(self, path: Path) -> None:
        """Choose a photo and wait until it can be clicked."""
        self.page.locator(".stage-file").set_input_files(str(path))


def visit(browser: Browser, address: str, *, ready: str = ".stage-view canvas", **options: Any) -> Iterator[Visit]:
    """An open page, once ``ready`` is seen in it."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "accept_downloads": True} | options)
    page = context.new_page()
    page.set_default_timeout(60_000)
    seen = Visit(page)
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    home = (address.split("?")[0], "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(home) else seen.complaints.append(r.url))
    page.goto(address)
    page.locator(f"body[data-vitrine] {ready}").first.wait_for(timeout=60_000)
    yield seen
    context.close()


@pytest.fixture
def opened(chromium: Browser, address: str) -> Iterator[Visit]:
    yield from visit(chromium, address)


@pytest.fixture
def phone(chromium: Browser, address: str) -> Iterator[Visit]:
    yield from visit(chromium, address, viewport={"width": 390, "height": 844}, has_touch=True)


@pytest.fixture
def dark(chromium: Browser, address: str) -> Iterator[Visit]:
    yield from visit(chromium, address + "?__theme=dark", color_scheme="dark")


@pytest.fixture(scope="session")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 600 x 400 photo with one red rectangle, x 100..299, y 50..249, on grey."""
    picture = np.full((400, 600, 3), 120, np.uint8)
    picture[50:250, 100:300] = (200, 30, 30)
    path = tmp_path_factory.mktemp("photos") / "blocks.png"
    Image.fromarray(picture).save(path)
    return path
