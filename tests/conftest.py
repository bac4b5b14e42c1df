"""Set-up shared by all tests: no calls home, one thread for torch, and the browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Before any test module imports gradio, torch or a hub client, which read these once.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from app.record import chromium as browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A deadline measures how busy the machine is, not the code.
settings.register_profile("vitrine", deadline=None)
settings.load_profile("vitrine")


@pytest.fixture(scope="session")
def chromium_program() -> Path:
    """The program of Chromium; without one the test is skipped with the remedy, but fails in continuous integration."""
    found = browser.find()
    if found is None:
        message = f"no Chromium. {browser.REMEDY}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def chromium(chromium_program: Path) -> Iterator[Browser]:
    """A running headless Chromium driven by playwright; tests make a page and close it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=str(chromium_program), args=list(browser.FLAGS), chromium_sandbox=False
        )
        yield running
        running.close()
