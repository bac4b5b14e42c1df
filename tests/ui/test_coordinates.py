"""A click on a known pixel is that pixel in the document: any zoom, portrait and very wide photos, dense screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.ui.conftest import Visit, visit
from tests.ui.strokes import Hand

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.ui


@pytest.fixture
def dense(chromium: Browser, address: str) -> Iterator[Visit]:
    yield from visit(chromium, address, device_scale_factor=2)


def opened_photo(opened: Visit, folder: Path, size: tuple[int, int]) -> Hand:
    path = folder / f"{size[0]}x{size[1]}.jpg"
    Image.fromarray(np.full((size[1], size[0], 3), 120, np.uint8)).save(path, quality=60)
    opened.open(path)
    opened.until(f"work.photo?.name === '{path.name}'")
    opened.page.wait_for_function("!document.querySelector('.stage').classList.contains('is-busy')")
    opened.canvas().scroll_into_view_if_needed()
    return Hand(opened, size)


def last_point(opened: Visit, count: int) -> list[float]:
    opened.until(f"work.document.objects[0].points.length === {count}")
    return opened.points()[-1][:2]


def clicked(opened: Visit, hand: Hand, place: tuple[float, float], count: int) -> None:
    on_screen, pixel = hand.snapped(*place)
    hand.mouse.click(*on_screen)
    assert last_point(opened, count) == pytest.approx(pixel, abs=min(0.5 / hand.scale, 0.5) + 0.011)


@pytest.mark.parametrize("size", [(4000, 6000), (7680, 4320)])
def test_known_pixels_at_several_zooms(opened: Visit, tmp_path: Path, size: tuple[int, int]) -> None:
    hand = opened_photo(opened, tmp_path, size)
    target = (size[0] * 0.31, size[1] * 0.42)
    clicked(opened, hand, target, 1)
    for count, delta in ((2, -500), (3, -700), (4, 300)):
        hand.wheel(*target, delta)
        near = (target[0] + 40 / hand.scale, target[1] - 25 / hand.scale)
        clicked(opened, hand, near, count)


def test_known_pixels_on_a_dense_screen_and_after_a_resize(dense: Visit, tmp_path: Path) -> None:
    size = (4000, 6000)
    hand = opened_photo(dense, tmp_path, size)
    clicked(dense, hand, (1234, 4321), 1)
    assert dense.page.evaluate("(c => c.width / c.clientWidth)(document.querySelector('.stage-view canvas'))") > 1.9
    dense.page.set_viewport_size({"width": 1180, "height": 760})
    dense.page.wait_for_function("document.querySelector('.stage').clientWidth < 900")
    dense.canvas().scroll_into_view_if_needed()
    clicked(dense, Hand(dense, size), (3210, 987), 2)


@pytest.mark.parametrize("way", ["middle button", "space bar"])
def test_the_photo_moves_with_the_hand_while_the_brush_is_out(opened: Visit, tmp_path: Path, way: str) -> None:
    hand = opened_photo(opened, tmp_path, (1200, 800))
    target = (500.0, 300.0)
    hand.wheel(*target, -700)
    opened.page.locator('.stage [data-tool="mode:brush"]').click()
    opened.canvas().focus()
    (x, y), _ = hand.snapped(*target)
    hand.mouse.move(x, y)
    if way == "space bar":
        opened.page.keyboard.down(" ")
    hand.mouse.down(button="middle" if way == "middle button" else "left")
    hand.mouse.move(x + 30, y + 20, steps=3)
    hand.mouse.up(button="middle" if way == "middle button" else "left")
    if way == "space bar":
        opened.page.keyboard.up(" ")
    hand.left, hand.top = hand.left + 30, hand.top + 20
    opened.page.locator('.stage [data-tool="mode:add"]').click()
    clicked(opened, hand, target, 1)
    assert opened.kept()["document"]["objects"][0]["edits"] == []
