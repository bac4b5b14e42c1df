"""The severity tab in Chromium and its endpoints, with the shipped weights."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from models.method import ASSETS
from models.parts.degradations import KINDS
from tests.ui.conftest import Visit, visit
from tests.ui.served_page import patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.ui, pytest.mark.slow]
COFFEE = ASSETS / "examples" / "robust_sam" / "coffee.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("sweep")) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Visit]:
    for opened in visit(chromium, address):
        opened.page.set_default_timeout(patient(120))
        opened.page.get_by_role("tab", name="Severity").click()
        yield opened


def saved(page: Visit, name: str) -> str:
    with page.page.expect_download() as waiting:
        page.page.get_by_role("link", name=name).click()
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def done(page: Visit) -> None:
    page.page.locator(".sw-frame:not([aria-busy]) .sw-saves").wait_for()


def test_the_first_state_says_what_will_come(page: Visit) -> None:
    assert "consistency only" in page.page.locator(".sw-frame").inner_text()
    assert page.page.locator(".sw-plot").is_visible()
    assert page.complaints == []


def test_a_sweep_draws_a_curve_names_its_reference_and_can_be_saved(page: Visit) -> None:
    page.page.get_by_role("button", name="Sweep severity").click()
    page.page.locator(".sw-frame[aria-busy] .sw-dot").first.wait_for()  # the curve grows
    done(page)
    assert page.page.locator(".sw-plot .sw-hit").count() == 7
    assert page.page.locator(".sw-shot").count() == 7
    assert "Measured against a true mask" in page.page.locator(".sw-plot .sw-said").text_content()
    rows = list(csv.DictReader(saved(page, "Download CSV").splitlines()))
    assert len(rows) == 14
    assert all(row["reference"].startswith("true mask") for row in rows)
    told = json.loads(saved(page, "Download JSON"))
    assert told["reference"]["is_accuracy"] is True
    assert told["object"] == "Cup"
    assert len(told["points"]) == 7
    assert page.complaints == []


def test_own_clean_masks_are_called_consistency_in_the_plot(page: Visit) -> None:
    page.page.get_by_label("Reference").click()
    page.page.get_by_role("option", name="Own clean-photo masks").click()
    page.page.get_by_role("button", name="Sweep severity").click()
    done(page)
    assert "Consistency only" in page.page.locator(".sw-plot .sw-said").text_content()
    first = page.page.locator(".sw-hit").first.get_attribute("aria-label")
    assert "SAM 1.000, RobustSAM 1.000" in first


def test_values_are_shown_under_the_pointer(page: Visit) -> None:
    page.page.get_by_role("button", name="Sweep severity").click()
    done(page)
    page.page.locator(".sw-hit").nth(2).hover()
    page.page.wait_for_function("getComputedStyle(document.querySelectorAll('.sw-hit .sw-tip')[2]).opacity === '1'")
    assert "severity 0.5" in page.page.locator(".sw-hit .sw-tip").nth(2).text_content()


def test_all_kinds_give_a_row_each_and_a_click_sets_the_room(page: Visit) -> None:
    page.page.get_by_role("button", name="Compare all").click()
    done(page)
    assert page.page.locator(".sw-plot .sw-hit").count() == len(KINDS)
    gains = [float(t) for t in page.page.locator(".sw-plot .sw-gain").all_text_contents()]
    assert gains == sorted(gains, reverse=True)
    page.page.locator(".sw-shot", has_text="Zoom blur").click()
    page.until("work.degradation?.kind === 'zoom_blur' && work.degradation.severity === 1")
    assert page.page.get_by_label("Degradation").first.input_value() == "Zoom blur"


def test_a_sweep_can_be_cancelled_and_keeps_its_points(page: Visit) -> None:
    page.page.get_by_role("button", name="Compare all").click()
    page.page.locator(".sw-frame[aria-busy] .sw-shot").first.wait_for()
    page.page.locator(".v-tools .v-cancel:visible").click()
    page.page.locator('.v-tools .v-state[data-state="cancelled"]').wait_for()
    assert 0 < page.page.locator(".sw-shot").count() < len(KINDS)


def test_an_object_without_a_click_is_told_what_to_do(page: Visit) -> None:
    page.page.get_by_role("button", name="New object").first.click()
    page.until("work.document?.objects.length === 2")
    page.page.get_by_role("button", name="Sweep severity").click()
    page.page.locator(".v-tools .v-error", has_text="has no prompt yet").wait_for()


def call(client: Client, name: str, **arguments: Any) -> Any:
    asked = {"image": handle_file(COFFEE), "points": [[330, 130]], "labels": [1], "box": None} | arguments
    return client.predict(api_name=f"/robust_sam_{name}", **asked)


def test_sweep_endpoint_gives_the_curve_with_its_reference(client: Client) -> None:
    told = call(client, "sweep", kind="brightness", severities=[0.0, 1.0])
    assert [point["severity"] for point in told["points"]] == [0.0, 1.0]
    assert told["reference"]["kind"] == "truth"
    assert told["receipt"]["method"] == "robust_sam"
    own = call(client, "sweep", kind="brightness", severities=[0.0], reference="own")
    assert own["reference"]["kind"] == "clean"
    assert own["points"][0]["sam"]["mean"] == own["points"][0]["robust"]["mean"] == 1.0


def test_a_given_mask_file_is_the_truth(client: Client, tmp_path: Path) -> None:
    mask = np.zeros((400, 600), np.uint8)
    mask[30:300, 180:480] = 255
    path = tmp_path / "mine.png"
    Image.fromarray(mask).save(path)
    told = call(client, "sweep", severities=[0.0], truth=handle_file(path))
    assert "taken as true by the user" in told["reference"]["title"]
    Image.fromarray(mask[:100]).save(path)
    with pytest.raises(Exception, match="600 x 100 pixels"):
        call(client, "sweep", severities=[0.0], truth=handle_file(path))


def test_radar_endpoint_has_all_kinds(client: Client) -> None:
    told = call(client, "radar", severity=0.5)
    assert [point["kind"] for point in told["points"]] == list(KINDS)
    assert told["mode"] == "radar"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"points": [], "labels": []}, "no prompt"),
        ({"kind": "haze"}, "haze"),
        ({"severities": [9.0]}, "out of range"),
        ({"seeds": 99}, "1 to 5"),
        ({"reference": "mine"}, "does not exist"),
    ],
)
def test_bad_input_is_told_in_words(client: Client, arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(Exception, match=part):
        call(client, "sweep", **arguments)
