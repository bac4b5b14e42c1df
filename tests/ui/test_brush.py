"""Brush and eraser: strokes change the mask at once, are undone, survive a reload and reach the exported file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.conftest import Visit
from tests.ui.strokes import Hand
from tests.ui.test_clicker import SIZE, area, opened_blocks, saved

pytestmark = pytest.mark.ui
EDITS = "work.document.objects[0].edits.length"


def tool(opened: Visit, name: str) -> None:
    opened.page.locator(f'.stage [data-tool="{name}"]').click()


def test_painting_adds_erasing_takes_away_and_undo_brings_back(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    tool(opened, "mode:brush")
    hand = Hand(opened, SIZE)
    hand.drag((350, 300), (450, 300))
    opened.until(f"{EDITS} === 1")
    painted = area(opened, 0)
    radius = 14 / hand.scale
    assert painted - 200 * 200 == pytest.approx(100 * 2 * radius + np.pi * radius**2, rel=0.06)
    hand.drag((150, 150), (200, 150), button="right")
    opened.until(f"{EDITS} === 2")
    opened.page.wait_for_function(f"!document.querySelector('.rs-table').textContent.includes('{painted}')")
    assert area(opened, 0) < painted
    opened.canvas().press("z")
    opened.canvas().press("z")
    opened.until(f"{EDITS} === 0")
    assert opened.complaints == []


def test_brush_size_follows_the_bracket_keys(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    tool(opened, "mode:brush")
    size = opened.page.locator(".stage-brush")
    first = size.inner_text()
    opened.canvas().press("]")
    larger = size.inner_text()
    opened.canvas().press("[")
    assert size.inner_text() == first != larger


def test_painting_stays_over_the_next_answer_and_a_reload(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    tool(opened, "mode:brush")
    Hand(opened, SIZE).drag((450, 300), (500, 300))
    opened.until(f"{EDITS} === 1")
    alone = area(opened, 0)
    tool(opened, "mode:add")
    opened.click_at(150, 100, SIZE)
    opened.page.locator(".rs-notes", has_text="include the painting").wait_for()
    assert area(opened, 0) == 200 * 200 + alone
    opened.page.reload()
    opened.page.locator(".rs-notes", has_text="include the painting").wait_for()
    assert area(opened, 0) == 200 * 200 + alone


def test_exports_hold_the_painting_at_the_photos_size(opened: Visit, tmp_path: Path) -> None:
    picture = np.full((1600, 2400, 3), 120, np.uint8)
    path = tmp_path / "blocks.png"
    Image.fromarray(picture).save(path)
    opened_blocks(opened, path)
    tool(opened, "mode:brush")
    hand = Hand(opened, (2400, 1600))
    hand.drag((1000, 800), (1400, 800))
    opened.until(f"{EDITS} === 1")
    radius = opened.kept()["document"]["objects"][0]["edits"][0]["radius"]
    with Image.open(saved(opened, "PNG mask")) as file:
        mask = np.asarray(file).reshape(1600, 2400, -1).any(2)
    assert mask.sum() == pytest.approx(400 * 2 * radius + np.pi * radius**2, rel=0.02)
    assert mask[800, 1200]
    assert not mask[800, round(1400 + radius + 8)]


def test_a_painting_can_be_the_prompt(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    tool(opened, "mode:brush")
    Hand(opened, SIZE).drag((120, 80), (280, 80), (280, 220), (120, 220))
    opened.until(f"{EDITS} === 1")
    tool(opened, "switch:paint_prompt")
    opened.page.locator(".rs-table", has_text="Predicted score").wait_for()
    assert opened.kept()["document"]["objects"][0]["paint_prompt"] is True
