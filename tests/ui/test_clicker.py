"""The segmentation room in Chromium, with a stand-in model: clicks, corrections, boxes, objects, downloads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.conftest import Visit

pytestmark = pytest.mark.ui
SIZE = (600, 400)


def opened_blocks(opened: Visit, blocks: Path) -> None:
    opened.open(blocks)
    opened.until("work.photo?.name === 'blocks.png'")
    opened.page.locator(".v-inputs").get_by_label("Degradation").click()
    opened.page.get_by_role("option", name="None (clean photo)").click()
    opened.until("!work.degradation.kind")
    opened.state("ready")


def area(opened: Visit, column: int) -> int:
    text = opened.page.locator(".rs-table tr", has_text="Area").locator("td").nth(column).inner_text()
    return int("".join(c for c in text.split("px")[0] if c.isdigit()))


def saved(opened: Visit, button: str) -> Path:
    with opened.page.expect_download(timeout=60_000) as waiting:
        opened.page.locator(".v-foot").get_by_role("button", name=button).click()
    return Path(waiting.value.path())


def test_page_opens_with_an_example_and_no_complaint(opened: Visit) -> None:
    opened.page.locator(".stage.is-example").wait_for()
    opened.page.wait_for_timeout(2500)  # the status stream connects in this time
    assert opened.complaints == []
    assert opened.page.locator(".v-state").first.get_attribute("data-state") == "example"


def test_click_gives_a_mask_of_the_object_in_both_views(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    assert area(opened, 0) == area(opened, 1) == 200 * 200
    assert opened.points()[0] == pytest.approx([150, 100, 1], abs=1.5)
    assert opened.complaints == []


def test_the_mask_is_painted_on_the_object_only(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.page.mouse.move(2, 2)
    opened.page.wait_for_timeout(100)
    colors = opened.page.evaluate("""() => {
      const c = document.querySelector('.stage-view[data-key="sam"] canvas');
      const s = Math.min(c.width / 600, c.height / 400);
      const [left, top] = [(c.width - 600 * s) / 2, (c.height - 400 * s) / 2];
      const at = (x, y) => [...c.getContext('2d').getImageData(left + x * s, top + y * s, 1, 1).data];
      return [at(250, 200), at(500, 300)];
    }""")
    red = np.array([200, 30, 30]) * 0.55 + np.array([0x00, 0x72, 0xB2]) * 0.45
    assert colors[0][:3] == pytest.approx(red.tolist(), abs=6)
    assert colors[1][:3] == pytest.approx([120, 120, 120], abs=4)


def test_first_sign_of_a_click_comes_within_100_ms(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    box = opened.canvas().bounding_box()
    assert box is not None
    opened.page.evaluate("""() => { window.sign = new Promise((done) => {
      const stage = document.querySelector('.stage');
      stage.addEventListener('pointerup', () => { const t = performance.now();
        new MutationObserver(() => { if (stage.classList.contains('is-busy')) done(performance.now() - t); })
          .observe(stage, {attributes: true}); }, {once: true, capture: true}); }); }""")
    opened.canvas().click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert opened.page.evaluate("window.sign") < 100


def test_undo_and_redo_take_the_point_away_and_bring_it_back(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.page.locator(".stage").get_by_role("button", name="Undo", exact=True).click()
    opened.page.locator(".rs-empty").wait_for()
    assert opened.points() == []
    opened.page.locator(".stage").get_by_role("button", name="Redo", exact=True).click()
    opened.page.locator(".rs-table").wait_for()
    assert len(opened.points()) == 1


def test_right_click_removes(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.click_at(500, 300, SIZE, button="right")
    opened.until("work.document.objects[0].points.length === 2")
    assert [point[2] for point in opened.points()] == [1, 0]


def test_two_clicks_make_a_box(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.page.locator(".stage").get_by_role("button", name="Box", exact=True).click()
    opened.click_at(400, 300, SIZE)
    opened.click_at(200, 100, SIZE)
    opened.state("done")
    assert opened.kept()["document"]["objects"][0]["box"] == pytest.approx([200, 100, 400, 300], abs=1.5)


def test_objects_can_be_added_renamed_hidden_and_deleted(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.page.locator(".v-button", has_text="New object").click()
    rows = opened.page.locator(".object-row")
    rows.nth(1).wait_for()
    rows.nth(1).get_by_label("Name of the object", exact=True).fill("background")
    rows.nth(1).get_by_label("Name of the object", exact=True).press("Enter")
    opened.until("work.document.objects[1].name === 'background'")
    opened.click_at(500, 300, SIZE)
    opened.until("work.document.objects[1].points.length === 1")
    rows.nth(0).get_by_role("button", name="Hide").click()
    rows.nth(0).get_by_role("button", name="Show").wait_for()
    rows.nth(0).get_by_role("button", name="Delete").click()
    opened.page.wait_for_function("document.querySelectorAll('.object-row').length === 1")
    assert opened.kept()["document"]["objects"][0]["name"] == "background"


def test_downloaded_mask_has_the_photos_size_and_the_object(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    with Image.open(saved(opened, "PNG mask")) as mask:
        assert mask.size == SIZE
        found = np.asarray(mask) > 0
    assert found.reshape(400, 600, -1).any(2).sum() == 200 * 200


def test_coco_file_carries_the_receipt(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    told = json.loads(saved(opened, "COCO RLE").read_text())
    assert told["info"]["vitrine_receipt"]["photo"] == "blocks.png"
    assert told["annotations"][0]["area"] == 200 * 200


def test_degrading_shows_consistency_and_says_what_it_is(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.page.locator(".v-inputs").get_by_label("Degradation").click()
    opened.page.get_by_role("option", name="Gaussian noise").click()
    opened.page.locator(".rs-table", has_text="IoU with own clean mask").wait_for(timeout=60_000)
    opened.page.locator(".rs-notes", has_text="consistency only").wait_for()


def test_work_survives_a_reload(opened: Visit, blocks: Path) -> None:
    opened_blocks(opened, blocks)
    opened.click_at(150, 100, SIZE)
    opened.state("done")
    opened.page.reload()
    opened.page.locator(".rs-table").wait_for(timeout=60_000)
    opened.state("done")
    assert area(opened, 0) == 200 * 200
    assert len(opened.points()) == 1


def test_portrait_of_24_megapixels_keeps_original_coordinates(opened: Visit, tmp_path: Path) -> None:
    picture = np.full((6000, 4000, 3), 90, np.uint8)
    picture[3500:5500, 500:1500] = (30, 160, 60)
    path = tmp_path / "tall.jpg"
    Image.fromarray(picture).save(path, quality=90)
    opened.open(path)
    opened.until("work.photo?.name === 'tall.jpg'")
    opened.click_at(1000, 4500, (4000, 6000))
    opened.state("done")
    x, y, _ = opened.points()[0]
    assert abs(x - 1000) <= 12
    assert abs(y - 4500) <= 12
