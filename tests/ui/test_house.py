"""The whole house in one page: every room opens from its tab and from its link, without a complaint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from models import registry
from tests.ui.conftest import visit
from tests.ui.served_page import ALL_ROOMS, patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.ui
SLUGS = [method.slug for method in registry.methods()]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("house"), ALL_ROOMS) as found:
        yield found


@pytest.mark.parametrize("slug", SLUGS)
def test_a_link_opens_its_room_and_it_fits_a_small_window(chromium: Browser, house: str, slug: str) -> None:
    window = {"width": 1024, "height": 700}
    for guest in visit(chromium, f"{house}?room={slug}", ready=f"#room-{slug}", viewport=window):
        guest.page.locator(f"#room-{slug} .v-state").first.wait_for(timeout=patient(60))
        wide = guest.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        assert guest.complaints == []


def test_every_tab_opens_its_room_in_its_first_state(chromium: Browser, house: str) -> None:
    for guest in visit(chromium, house, ready=".v-room"):
        for method in registry.methods():
            guest.page.locator("#v-rooms").get_by_role("tab", name=method.title, exact=True).click()
            room = guest.page.locator(f"#room-{method.slug}")
            room.wait_for(state="visible", timeout=patient(60))
            room.locator(".v-state").first.wait_for(timeout=patient(60))
            assert method.sentence in room.locator(".v-head").first.inner_text()
        assert guest.complaints == []
