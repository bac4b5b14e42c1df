"""The page around the room: errors, themes, narrow windows, keyboard, help, links."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.conftest import Visit
from tests.ui.test_clicker import opened_blocks

pytestmark = pytest.mark.ui
CONTRASTS = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


def test_text_file_named_png_is_refused_and_nothing_is_lost(opened: Visit, blocks: Path, tmp_path: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, (600, 400))
    opened.state("done")
    bad = tmp_path / "notes.png"
    bad.write_text("this is no picture\n" * 20)
    opened.open(bad)
    opened.page.locator(".v-error", has_text="notes.png").wait_for(timeout=60_000)
    assert opened.page.locator(".v-state:not(.v-results *)").get_attribute("data-state") == "refused"
    assert len(opened.points()) == 1
    opened.page.locator(".rs-table").wait_for()


def test_refused_first_photo_leaves_the_example_and_is_not_busy(opened: Visit, tmp_path: Path) -> None:
    bad = tmp_path / "empty.jpg"
    bad.write_bytes(b"")
    opened.open(bad)
    opened.state("refused")
    opened.page.locator(".stage:not(.is-busy)").wait_for()
    opened.page.locator(".v-error", has_text="empty.jpg").wait_for()


def test_example_can_be_opened_and_clicked(opened: Visit) -> None:
    opened.page.get_by_role("button", name="Coffee").click()
    opened.until("work.photo?.example === 'coffee'")
    opened.click_at(300, 200, (600, 400))
    opened.state("done")
    assert opened.complaints == []


def test_keyboard_alone_segments_undoes_and_draws_a_box(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    keys = opened.page.keyboard
    opened.canvas().focus()
    for _ in range(4):
        keys.press("ArrowLeft")
    keys.press("Enter")
    opened.state("done")
    assert opened.points()[0][0] < 300
    keys.press("Shift+Enter")
    opened.until("work.document.objects[0].points.length === 2")
    keys.press("z")
    opened.until("work.document.objects[0].points.length === 1")
    keys.press("b")
    keys.press("Enter")
    for _ in range(5):
        keys.press("ArrowDown")
        keys.press("ArrowRight")
    keys.press("Enter")
    opened.until("work.document.objects[0].box !== null")


def test_zoom_keeps_the_point_under_the_pointer(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    box = opened.canvas().bounding_box()
    assert box is not None
    scale = min(box["width"] / 600, box["height"] / 400)
    x = (box["width"] - 600 * scale) / 2 + 150 * scale
    y = (box["height"] - 400 * scale) / 2 + 100 * scale
    opened.page.mouse.move(box["x"] + x, box["y"] + y)
    opened.page.mouse.wheel(0, -900)
    opened.page.wait_for_function("parseInt(document.querySelector('.stage-zoom').textContent) > 200")
    opened.canvas().click(position={"x": x, "y": y})
    opened.state("done")
    assert opened.points()[0] == pytest.approx([150, 100, 1], abs=1.5)


def test_question_mark_lists_the_shortcuts(opened: Visit) -> None:
    opened.page.keyboard.press("?")
    opened.page.locator("#v-help[open]").wait_for()
    assert "right click" in opened.page.locator("#v-help").inner_text()


def test_theme_switch_is_remembered(opened: Visit) -> None:
    button = opened.page.locator('[data-shell="theme"]')
    button.wait_for()
    was = opened.page.evaluate("document.body.classList.contains('dark')")
    button.click()
    opened.page.reload()
    opened.page.locator(".stage-view canvas").first.wait_for()
    opened.page.wait_for_function(f"document.body.classList.contains('dark') === {str(not was).lower()}")


def test_dark_theme_has_readable_text(dark: Visit) -> None:
    ratios = dark.page.evaluate(CONTRASTS)
    assert min(ratio for _, ratio in ratios) >= 4.5, [r for r in ratios if r[1] < 4.5]


def test_light_theme_has_readable_text(opened: Visit) -> None:
    ratios = opened.page.evaluate(CONTRASTS)
    assert min(ratio for _, ratio in ratios) >= 4.5, [r for r in ratios if r[1] < 4.5]


def test_phone_has_one_column_and_nothing_sticks_out(phone: Visit) -> None:
    phone.page.wait_for_timeout(300)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    sam, robust = phone.canvas("sam").bounding_box(), phone.canvas("robust").bounding_box()
    assert sam is not None
    assert robust is not None
    assert robust["y"] > sam["y"] + sam["height"]


def test_touch_adds_a_point(phone: Visit) -> None:
    phone.canvas("sam").tap()
    phone.until("work.document?.objects[0].points.length > 0")


def test_status_strip_names_device_and_model_after_a_click(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, (600, 400))
    opened.state("done")
    opened.page.locator("#v-status", has_text="cpu").wait_for(timeout=10_000)
    opened.page.locator("#v-status", has_text="stand-in").wait_for()
