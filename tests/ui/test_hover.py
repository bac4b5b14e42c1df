"""Hover preview: an outline of what a click would give, without any change to the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Visit
from tests.ui.strokes import Hand
from tests.ui.test_clicker import SIZE, opened_blocks

if TYPE_CHECKING:
    from playwright.sync_api import Request

pytestmark = pytest.mark.ui
PREVIEW = "**/vitrine/direct/robust_sam/preview"


def ready(opened: Visit, blocks: Path) -> Hand:
    """A photo, the model loaded by a first click and taken back, the direct way open."""
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.canvas().press("z")
    opened.until("work.document.objects[0].points.length === 0")
    opened.page.wait_for_function("!document.querySelector('.stage').classList.contains('is-busy')")
    return Hand(opened, SIZE)


def test_a_resting_pointer_outlines_the_object_and_changes_nothing(opened: Visit, blocks: Path) -> None:
    hand = ready(opened, blocks)
    hand.mouse.move(*hand.at(400, 300))
    before = opened.kept()
    with opened.page.expect_response(lambda reply: reply.url.endswith("/preview") and "masks" in reply.json()) as told:
        hand.mouse.move(*hand.at(200, 150), steps=3)
    mask = told.value.json()["masks"]["sam"]
    assert (mask["width"], mask["height"]) == (300, 200)
    opened.page.wait_for_function("""() => {
      const c = document.querySelector('.stage-view[data-key="sam"] canvas');
      const s = Math.min(c.width / 600, c.height / 400);
      const [left, top] = [(c.width - 600 * s) / 2, (c.height - 400 * s) / 2];
      const row = c.getContext('2d').getImageData(left + 110 * s, top + 50 * s - 2, 80 * s, 5).data;
      let white = 0;
      let dark = 0;
      for (let i = 0; i < row.length; i += 4) { if (row[i + 1] > 200) white += 1; if (row[i] < 60) dark += 1; }
      return white > 8 && dark > 8;
    }""")
    assert opened.kept() == before
    assert opened.complaints == []


def test_one_request_at_a_time_and_none_while_moving(opened: Visit, blocks: Path) -> None:
    hand = ready(opened, blocks)
    open_now: set[Request] = set()
    most = [0, 0]

    def began(request: Request) -> None:
        if request.url.endswith("/preview"):
            open_now.add(request)
            most[:] = max(most[0], len(open_now)), most[1] + 1

    opened.page.on("request", began)
    opened.page.on("requestfinished", lambda request: open_now.discard(request))
    opened.page.on("requestfailed", lambda request: open_now.discard(request))
    with opened.page.expect_response(PREVIEW):
        for step in range(60):
            hand.mouse.move(*hand.at(100 + 3 * step, 150))
    assert most[0] == 1
    assert most[1] < 20


def test_the_key_turns_it_off_and_a_touch_screen_has_none(opened: Visit, blocks: Path) -> None:
    hand = ready(opened, blocks)
    opened.canvas().press("p")
    button = opened.page.locator('.stage [data-tool="switch:previews"]')
    assert button.get_attribute("aria-pressed") == "false"
    asked: list[str] = []
    opened.page.on("request", lambda request: asked.append(request.url) if "preview" in request.url else None)
    hand.mouse.move(*hand.at(200, 150))
    opened.page.wait_for_timeout(400)
    assert asked == []
    opened.canvas().press("p")
    with opened.page.expect_response(PREVIEW):
        hand.mouse.move(*hand.at(210, 150))
