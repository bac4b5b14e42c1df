"""Recording: tables between markers, tours that are checked before they run, pages that must not complain."""

from __future__ import annotations

import functools
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.record import tables, tour
from app.record.errors import MarkerMissing, TourProblem
from models import registry

GOOD = {"title": "t", "steps": [{"do": "click", "element": "#a", "at": [0.5, 0.5]}, {"do": "shot", "text": "x"}]}


@given(st.text(), st.text(), st.text(alphabet=st.characters(blacklist_characters="<>\r\n"), max_size=30))
def test_what_is_put_between_markers_is_read_back_and_the_rest_stays(before: str, after: str, content: str) -> None:
    text = f"{before}<!-- a -->old<!-- /a -->{after}"
    if "<!-- a -->" in before:
        return
    new = tables.put_between(text, "a", content)
    assert tables.between(new, "a") == content
    assert new.startswith(before)
    assert new.endswith(after)


def test_a_document_without_markers_is_named() -> None:
    with pytest.raises(MarkerMissing, match="no markers for figures x"):
        tables.between("text", "figures x")


def test_recorded_figures_become_a_table_with_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.json"
    quick = tmp_path / "report_quick.json"
    monkeypatch.setattr(tables, "report_file", lambda method, quick=False: tmp_path / f"report{'_quick' * quick}.json")
    method = registry.methods()[0]
    assert "evaluate" in tables.figures_table(method)
    file.write_text(
        json.dumps({"figures": {"real_box_iou": [0.5, 0.6, 0.7], "degraded_gain": 0.0312}}), encoding="utf-8"
    )
    lines = tables.figures_table(method).splitlines()
    assert lines[2].endswith("| 0.031 |")
    assert lines[3] == "| `real_box_iou` | IoU on real photos, one box, RobustSAM | 0.600 (0.500 to 0.700) |"
    assert lines[2] in tables.figures_table(method, "all figures")
    quick.write_text(json.dumps({"figures": {"degraded_gain": 0.02}}), encoding="utf-8")
    lines = tables.figures_table(method).splitlines()
    assert [lines[2].endswith("| 0.031 | 0.020 |"), lines[3].endswith("| 0.600 (0.500 to 0.700) | - |")] == [True, True]


def test_a_good_tour_is_read() -> None:
    read = tour.parse("x", GOOD)
    assert [step.do for step in read.steps] == ["click", "shot"]
    assert read.steps[0].at == (0.5, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "none"}, "list of steps"),
        ({"speed": 3}, "speed is unknown"),
        ({"themes": ["sepia"]}, "light and dark"),
        ({"steps": [{"do": "fly"}]}, "step 1: do must be one of"),
        ({"steps": [{"do": "click"}]}, "step 1: click needs element"),
        ({"steps": [{"do": "shot"}]}, "step 1: shot needs text"),
        ({"steps": [{"do": "click", "element": "a", "at": [2, 0]}]}, "two shares"),
        ({"steps": [{"do": "drag", "element": "a", "at": [0, 0]}]}, "drag needs at and to"),
        ({"steps": [{"do": "click", "element": "a", "wait": 3}]}, "wait is unknown"),
    ],
)
def test_a_faulty_tour_is_refused_with_the_step(change: dict[str, object], message: str) -> None:
    with pytest.raises(TourProblem, match=message):
        tour.parse("x", {**GOOD, **change})


def test_every_tour_that_ships_is_readable() -> None:
    for file in tour.TOURS.glob("*.yaml"):
        assert tour.load(file.stem).steps


def test_an_unknown_tour_names_those_that_exist() -> None:
    with pytest.raises(TourProblem, match=r"there are .*readme"):
        tour.load("no_such_tour")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, format: str, *_: object) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and its address; the test writes its index.html."""
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


PAGE = """<!doctype html><link rel="icon" href="data:,">
<canvas id="stage" width="200" height="100"></canvas><p id="at"></p>
<script>
document.getElementById("stage").onclick = (click) => {{
  at.textContent = click.offsetX + "," + click.offsetY; at.className = "done"; {extra}
}}
</script>"""
STEPS = {
    "steps": [
        {"do": "click", "element": "#stage", "at": [0.25, 0.5]},
        {"do": "wait", "element": "#at.done"},
        {"do": "shot", "text": "end", "element": "#at"},
    ]
}


@pytest.mark.ui
def test_a_tour_clicks_where_it_says_and_takes_its_picture(site, chromium) -> None:
    from app.record import play

    folder, url = site
    (folder / "index.html").write_text(PAGE.format(extra=""), encoding="utf-8")
    ((name, picture),) = play.play(chromium, url, tour.parse("x", STEPS), "dark")
    assert name == "end"
    assert Image.open(io.BytesIO(picture)).format == "PNG"


@pytest.mark.ui
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("throw new Error('lost')", "page error: lost"),
        ("fetch('http://127.0.0.1:9/').catch(() => 0)", "request to http://127.0.0.1:9/"),
    ],
)
def test_a_tour_fails_when_the_page_reports_an_error_or_asks_another_server(site, chromium, extra, message) -> None:
    from app.record import play

    folder, url = site
    (folder / "index.html").write_text(PAGE.format(extra=extra), encoding="utf-8")
    with pytest.raises(TourProblem, match=message):
        list(play.play(chromium, url, tour.parse("x", STEPS), "light"))


@pytest.mark.ui
def test_a_step_that_finds_nothing_is_named(site, chromium) -> None:
    from app.record import play

    folder, url = site
    (folder / "index.html").write_text("<p>nothing</p>", encoding="utf-8")
    short = {"steps": [{"do": "click", "element": "#absent", "seconds": 0.2}]}
    with pytest.raises(TourProblem, match=r"step 1 \(click #absent\)"):
        list(play.play(chromium, url, tour.parse("x", short), "light"))


def test_pictures_are_made_smaller_and_keep_their_size() -> None:
    from app.record import play

    big = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((640, 400)).save(big, "PNG", compress_level=0)
    small = play.compressed(big.getvalue())
    assert len(small) < len(big.getvalue()) / 2
    assert Image.open(io.BytesIO(small)).size == (640, 400)
