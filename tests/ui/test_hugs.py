"""The HuGS room in Chromium, and its functions through gradio_client, with the shipped capture."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from models.hugs import sample
from tests.ui.conftest import Visit, visit
from tests.ui.served_page import patient, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.ui, pytest.mark.slow]
SERVE = (
    "from models import registry; registry.WORKING = ('robust_sam', 'hugs'); "
    "from app.main import serve; serve(port=0, rooms=['hugs'])"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("hugs"), ("-c", SERVE)) as found:
        yield found


@pytest.fixture
def room(chromium: Browser, address: str) -> Iterator[Visit]:
    for seen in visit(chromium, address, ready=".hg canvas"):
        seen.page.set_default_timeout(patient(60))
        yield seen
        assert seen.complaints == []


def said(room: Visit, text: str, phase: str = "done") -> None:
    room.page.locator(f'#room-hugs .v-state[data-state="{phase}"]', has_text=text).wait_for()


def step(room: Visit, name: str) -> None:
    room.page.get_by_role("tab", name=name, exact=True).click()
    room.page.locator(f'#room-hugs[data-step="{name.lower()}"]').wait_for()


def test_the_page_opens_with_a_fused_frame_and_answers_a_click(room: Visit) -> None:
    said(room, "36 photos", "example")
    assert room.page.locator(".hg-cell").count() == 36
    room.page.locator(".hg-panes canvas").first.click(position={"x": 40, "y": 60})
    said(room, "Pixel (")
    assert room.page.locator(".hg-why tbody tr").count() >= 6


def test_a_correction_is_seen_undone_and_done_again(room: Visit) -> None:
    room.page.get_by_label("Moves", exact=True).check()
    room.page.wait_for_function("document.querySelector('.hg-panes canvas').style.cursor === 'crosshair'")
    caption = room.page.locator(".hg-panes figcaption span").first
    before = caption.text_content()
    room.page.locator(".hg-panes canvas").first.click(position={"x": 230, "y": 60})
    said(room, "set to moving")
    corrected = caption.text_content()
    assert corrected != before
    room.page.get_by_role("button", name="Undo", exact=True).click()
    said(room, "Undone")
    assert caption.text_content() == before
    room.page.get_by_role("button", name="Redo", exact=True).click()
    said(room, "Redone")
    assert caption.text_content() == corrected


def test_a_knob_fuses_again_and_both_thresholds_stay_the_same(room: Visit) -> None:
    field = room.page.get_by_label("number input for Track threshold (photos)")
    field.fill("9")
    field.press("Enter")
    said(room, "fused in")
    share = room.page.get_by_label("number input for The same as a share of the photos")
    room.page.wait_for_function("(field) => field.value === '0.25'", arg=share.element_handle())


def test_every_step_opens_and_arrow_keys_change_the_photo(room: Visit) -> None:
    for name in ("Load", "SfM", "Residual", "Segments", "Export", "Compare", "Fused"):
        step(room, name)
        room.page.wait_for_timeout(0)
    now = room.page.locator(".hg-where b")
    first = now.text_content()
    room.page.locator(".hg-where button").last.click()
    room.page.wait_for_function("(old) => document.querySelector('.hg-where b').textContent !== old", arg=first)


def test_scene_points_are_drawn_and_turn(room: Visit) -> None:
    step(room, "SfM")
    cloud = room.page.locator(".hg-panes canvas").last
    colours = """(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""
    room.page.locator(".hg-panes figcaption", has_text="Scene points").wait_for()
    assert cloud.evaluate(colours) > 5
    before = cloud.evaluate("(canvas) => canvas.toDataURL()")
    cloud.drag_to(cloud, source_position={"x": 60, "y": 60}, target_position={"x": 160, "y": 90})
    assert cloud.evaluate("(canvas) => canvas.toDataURL()") != before
    assert cloud.evaluate(colours) > 5


def test_the_film_strip_follows_the_photo(room: Visit) -> None:
    room.page.locator('.hg-cell[data-frame="35"]').click()
    room.page.locator(".hg-where", has_text="36 of 36").wait_for()
    room.page.locator(".hg-where button").last.click()
    room.page.locator(".hg-where", has_text=" 1 of 36").wait_for()
    assert room.page.locator("#hugs-film").evaluate("(film) => film.scrollLeft") < 10


def test_masks_are_downloaded_with_white_for_static(room: Visit, tmp_path: Path) -> None:
    step(room, "Export")
    with room.page.expect_download(timeout=patient(90)) as waiting:
        room.page.get_by_role("button", name="Download masks").click()
    waiting.value.save_as(tmp_path / "masks.zip")
    work = sample.load().work
    with zipfile.ZipFile(tmp_path / "masks.zip") as packed:
        name = next(entry for entry in packed.namelist() if entry.startswith("static_masks/"))
        picture = np.asarray(Image.open(io.BytesIO(packed.read(name))).convert("L"))
        assert "settings.json" in packed.namelist()
    assert np.array_equal(picture > 127, work.mask(work.names[0]))


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def path_of(file: Any) -> str:
    """Where the client put a file; it gives the path alone or with what belongs to it."""
    return str(file["path"] if isinstance(file, dict) else file)


def test_fuse_and_why_and_correct_agree(client: Client) -> None:
    found = client.predict(api_name="/hugs_fuse", track_threshold=4, erode=3)
    kept = client.predict(api_name="/hugs_fuse")
    assert (kept["masked"], kept["features"]) == (found["masked"], found["features"])
    assert client.predict(api_name="/hugs_fuse", erode=9)["masked"] > kept["masked"]
    mask = np.asarray(Image.open(path_of(found["static"])))
    assert (mask == 0).mean() == pytest.approx(found["masked"], abs=1e-6)
    assert found["scores"]["fused"]["miou"] > found["scores"]["residual"]["miou"]
    why = client.predict(api_name="/hugs_why", x=3, y=5)
    assert why["static"] == bool(mask[5, 3] > 127)
    corrected = client.predict(api_name="/hugs_correct", segment=why["segment"], decision="moves", neighbours=1)
    again = client.predict(api_name="/hugs_why", work=handle_file(path_of(corrected["work"])), x=3, y=5)
    assert not again["static"]
    assert any(row["step"] == "forced" for row in again["rows"])


def test_masks_sent_by_a_script_are_those_of_the_work(client: Client, tmp_path: Path) -> None:
    work = sample.load().work
    name = work.names[0]
    mask = np.zeros(work.capture.view(name).size, np.uint8)
    mask[:90] = 255
    Image.fromarray(mask).save(tmp_path / f"{name}.png")
    found = client.predict(api_name="/hugs_masks", files=[handle_file(tmp_path / f"{name}.png")])
    assert found["replaced"] == [name]
    fused = client.predict(api_name="/hugs_fuse", work=handle_file(path_of(found["work"])), frame=name)
    assert np.array_equal(np.asarray(Image.open(path_of(fused["static"]))), mask)


def test_the_divider_of_the_shipped_comparison_follows_the_arrow_keys(room: Visit) -> None:
    step(room, "Compare")
    divider = room.page.locator(".hg-divided:not([hidden]) input")
    divider.focus()
    divider.press("ArrowLeft")
    held = room.page.locator(".hg-divided:not([hidden])")
    assert held.evaluate("(one) => one.style.getPropertyValue('--at')") == "49%"
    room.page.get_by_label("Held-out view", exact=True).select_option("1")
    assert room.page.locator(".hg-divided:not([hidden])").get_attribute("data-held") == "1"


def test_stages_run_one_after_the_other_on_a_small_capture(client: Client, tmp_path: Path) -> None:
    files = []
    for view in sample.load().work.capture.views[:4]:
        Image.fromarray(view.image).save(tmp_path / view.name)
        files.append(handle_file(tmp_path / view.name))
    loaded = client.predict(api_name="/hugs_load", files=files)
    assert (loaded["photos"], loaded["posed"]) == (4, 0)
    placed = client.predict(api_name="/hugs_structure", work=handle_file(path_of(loaded["work"])))
    assert placed["points"] > 0
    segmented = client.predict(api_name="/hugs_segments", work=handle_file(path_of(placed["work"])))
    assert segmented["found_by"].startswith("Colour")
    assert len(segmented["counts"]) == 4
    trained = client.predict(api_name="/hugs_residual", work=handle_file(path_of(segmented["work"])), steps=3, side=48)
    fused = client.predict(api_name="/hugs_fuse", work=handle_file(path_of(trained["work"])), track_threshold=2)
    assert fused["mean"] > 0
    packed = client.predict(
        api_name="/hugs_export",
        work=handle_file(path_of(trained["work"])),
        formats=["static", "inverted", "nerfstudio"],
    )
    with zipfile.ZipFile(path_of(packed)) as archive:
        assert "nerfstudio/transforms.json" in archive.namelist()
    compared = client.predict(
        api_name="/hugs_compare", work=handle_file(path_of(trained["work"])), which=["none", "hugs"], steps=3, side=48
    )
    assert [one["masks"] for one in compared["fields"]] == ["none", "hugs"]


def test_scripts_are_refused_with_the_next_step(client: Client) -> None:
    for name, asked, part in (
        ("fuse", {"quantile": 3.0}, "quantile"),
        ("fuse", {"frame": "x.png"}, "not a photo"),
        ("segments", {"source": "x"}, "Choose colours or nano"),
        ("correct", {"decision": "x"}, "moves, static or auto"),
        ("export", {"formats": ["x"]}, "no export format"),
        ("masks", {"files": []}, "are not chosen"),
        ("nerfacto", {"steps": 0}, "VITRINE_NERFSTUDIO"),
        ("compare", {"which": ["x"]}, "do not exist"),
    ):
        with pytest.raises(Exception, match=part):
            client.predict(api_name=f"/hugs_{name}", **asked)
