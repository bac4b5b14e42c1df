"""The states that are rarely seen: cancelled, failed, a checkpoint without a robust part, kept work that is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.conftest import Visit
from tests.ui.stand_in import FAILING_WIDTH, PLAIN_WIDTH, SLOW_WIDTH

pytestmark = pytest.mark.ui


def open_wide(opened: Visit, folder: Path, width: int) -> tuple[int, int]:
    path = folder / f"w{width}.png"
    Image.fromarray(np.full((200, width, 3), 128, np.uint8)).save(path)
    opened.open(path)
    opened.until(f"work.photo?.name === 'w{width}.png'")
    return width, 200


def test_running_click_can_be_cancelled(opened: Visit, tmp_path: Path) -> None:
    size = open_wide(opened, tmp_path, SLOW_WIDTH)
    opened.click_at(100, 100, size)
    opened.state("running")
    opened.page.locator(".v-cancel").first.click()
    opened.state("cancelled")
    opened.page.locator(".stage:not(.is-busy)").wait_for()
    assert len(opened.points()) == 1


def test_failure_is_told_where_the_user_looks_and_the_page_goes_on(opened: Visit, tmp_path: Path, blocks: Path) -> None:
    size = open_wide(opened, tmp_path, FAILING_WIDTH)
    opened.click_at(100, 100, size)
    opened.state("failed")
    opened.page.locator(".v-error", has_text="stumbled").wait_for()
    opened.open(blocks)
    opened.until("work.photo?.name === 'blocks.png'")
    opened.click_at(150, 100, (600, 400))
    opened.state("done")
    assert opened.page.locator(".v-error").count() == 0


def test_plain_sam_shows_one_view(opened: Visit, tmp_path: Path) -> None:
    size = open_wide(opened, tmp_path, PLAIN_WIDTH)
    opened.click_at(100, 100, size)
    opened.state("done")
    opened.page.locator('.stage-view[data-key="robust"]').wait_for(state="hidden")
    assert opened.canvas("sam").is_visible()


def test_kept_work_whose_photo_is_gone_is_said_and_the_example_stays(opened: Visit) -> None:
    opened.page.evaluate(
        """() => localStorage.setItem('vitrine.robust_sam.work', JSON.stringify({
        photo: {upload: '/nowhere/x.png', name: 'x.png'}, document: {active: 1, objects: []}, degradation: {}}))"""
    )
    opened.page.reload()
    opened.page.locator(".v-state", has_text="no longer").first.wait_for()
    opened.page.locator(".stage.is-example").wait_for()
    assert opened.complaints == []


def test_first_page_keeps_the_mark_of_the_example(opened: Visit) -> None:
    opened.page.wait_for_timeout(1500)
    assert opened.page.locator(".v-state").first.get_attribute("data-state") == "example"
    assert opened.page.locator(".stage.is-example").count() == 1
