"""The inside tab in Chromium and its endpoint, with the shipped weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from models.method import ASSETS
from tests.ui.conftest import Visit, visit
from tests.ui.served_page import patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.ui, pytest.mark.slow]
COFFEE = ASSETS / "examples" / "robust_sam" / "coffee.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("inside")) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Visit]:
    for opened in visit(chromium, address):
        opened.page.set_default_timeout(patient(120))
        opened.page.get_by_role("tab", name="Inside").click()
        yield opened


def test_the_first_state_explains_the_three_steps(page: Visit) -> None:
    assert page.page.locator(".in-steps li").count() == 3
    assert page.complaints == []


def test_the_view_follows_the_data_and_every_picture_has_a_text_and_a_scale(page: Visit) -> None:
    page.page.get_by_role("button", name="Look inside").click()
    page.page.locator(".in-frame:not([aria-busy]) .in-wide").first.wait_for()
    assert page.page.locator(".in-cleaner").count() == 3
    assert page.page.locator(".in-wide img").count() == 9
    pictures = page.page.locator(".in-frame img")
    assert all(text for text in pictures.evaluate_all("all => all.map((picture) => picture.alt)"))
    assert page.page.locator(".in-figure:has(img) .in-bar i").count() == 3 * pictures.count()
    assert "distance to the clean photo's feature" in page.page.locator(".in-effect").first.inner_text()
    assert page.complaints == []


def test_arrays_and_pictures_can_be_saved(page: Visit) -> None:
    page.page.get_by_role("button", name="Look inside").click()
    for name, check in (("PNG sheet", _is_sheet), ("NumPy npz", _is_archive)):
        button = page.page.get_by_role("button", name=name)
        page.page.wait_for_function("(node) => !node.disabled", arg=button.element_handle())
        with page.page.expect_download() as waiting:
            button.click()
        check(Path(waiting.value.path()))


def _is_sheet(path: Path) -> None:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000


def _is_archive(path: Path) -> None:
    kept = np.load(path)
    assert kept["attention_robust"].shape == (3, 8, 32, 32)
    assert "Fog at 0.8" in str(kept["about"])


def test_an_object_without_a_click_is_told_what_to_do(page: Visit) -> None:
    page.page.get_by_role("button", name="New object").first.click()
    page.until("work.document?.objects.length === 2")
    page.page.get_by_role("button", name="Look inside").click()
    page.page.locator(".v-tools .v-error", has_text="has no prompt yet").wait_for()


def call(address: str, **arguments: Any) -> Any:
    asked = {"image": handle_file(COFFEE), "points": [[330, 130]], "labels": [1], "box": None} | arguments
    return Client(address, verbose=False).predict(api_name="/robust_sam_inside", **asked)


def test_endpoint_gives_numbers_and_files(address: str) -> None:
    told = call(address, kind="fog", severity=0.8, seed=3)
    assert [cleaner["name"] for cleaner in told["cleaners"]] == ["early", "final", "mask"]
    assert all(cleaner["distance_before"] > 0 for cleaner in told["cleaners"])
    _is_archive(Path(told["npz"]["path"] if isinstance(told["npz"], dict) else told["npz"]))
    _is_sheet(Path(told["png"]["path"] if isinstance(told["png"], dict) else told["png"]))


def test_endpoint_names_a_missing_prompt(address: str) -> None:
    with pytest.raises(Exception, match="no prompt"):
        call(address, points=[], labels=[])
