"""The PeLK room without a browser: what its controls say, its mark-up, files and kept examples."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.guard.errors import BadInput
from app.panels import pelk_examples as examples
from app.panels import pelk_field_view, pelk_kernel_view, pelk_plot, pelk_speed_view, pelk_tasks, pelk_tasks_view
from app.panels.pelk_kernel import spec_of
from app.panels.pelk_session import TABS, Session
from models.parts.problems import BadInput as Bad
from models.pelk.designer import KernelSpec, design
from models.pelk.designer_embedding import identity
from models.pelk.pipeline_timing_types import TITLES, Timed, Timing

SETTINGS = (51, 2, 2.0, False, "", 56, 56, 96, 0)
TIMING = Timing(
    KernelSpec(),
    (
        Timed("fft", TITLES["fft"], 4.0, 4.5, 2e-7, 12, chosen=True),
        Timed("boxes", TITLES["boxes"], 18.0, 19.0, 2e-7, 9),
        Timed("direct", TITLES["direct"], skipped="3.1 G multiply-adds, the budget is 1 G"),
    ),
    1,
    "cpu",
    "2.14.1",
    3136,
    False,
    5.0,
)


def test_controls_become_a_spec() -> None:
    assert spec_of(*SETTINGS) == KernelSpec()
    assert spec_of(15.0, 1.0, 2, True, None, 1, 1, 1, 3).bins == ""


@pytest.mark.parametrize(
    ("index", "value", "part"),
    [(0, 50, "even"), (0, None, "is empty"), (0, 51.5, "whole number"), (2, None, "is empty"), (5, None, "is empty")],
)
def test_odd_controls_are_named(index: int, value: Any, part: str) -> None:
    given = [*SETTINGS[:index], value, *SETTINGS[index + 1 :]]
    with pytest.raises(Bad, match=part):
        spec_of(*given)


@pytest.mark.parametrize("kernel", [3, 51, 151])
@pytest.mark.parametrize("form", ["none", "literal", "masked"])
def test_every_picture_of_the_kernel_has_a_text(kernel: int, form: Any) -> None:
    made = design(KernelSpec(kernel, bins=",".join(["1"] * kernel) if kernel == 151 else ""))
    drawn = pelk_kernel_view.drawn(made, identity(made, form))
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in re.findall(r"<img[^>]*>", drawn))
    assert drawn.count("<svg") == drawn.count('role="img" aria-label') - 1 == 2
    assert f"sum {kernel}" in drawn
    assert ("Positional embedding: " + form) in drawn


def test_the_curve_says_its_values_to_those_who_do_not_see_it() -> None:
    made = design(KernelSpec(151))
    drawn = pelk_kernel_view.drawn(made, identity(made, "none"))
    assert "dense K² 22\u202f801" in drawn
    assert "O(log² K)" in drawn


def test_labels_at_the_end_of_lines_do_not_touch() -> None:
    moved = pelk_plot._apart([10.0, 12.0, 11.0, 60.0])
    assert sorted(moved) == [10.0, 25.0, 40.0, 60.0]


def test_a_timing_names_what_was_not_run_and_that_the_machine_was_busy() -> None:
    drawn = pelk_speed_view.drawn(TIMING)
    assert "the budget is 1 G" in drawn
    assert "The machine was busy" in drawn
    assert "FFT, minimal size *" in drawn
    saved = pelk_speed_view.saved(TIMING, {"ticket": "t"})
    rows = list(csv.DictReader(saved.files["csv"].decode().splitlines()))
    assert rows[0]["best_ms"] == "4.0"
    assert rows[2]["not_run_because"].startswith("3.1 G")
    assert json.loads(saved.files["json"])["receipt"] == {"ticket": "t"}
    assert saved.files["png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(("value", "said"), [(0.0314, "31.4 us"), (3.14159, "3.14 ms"), (18000.0, "18 s")])
def test_times_have_sensible_digits(value: float, said: str) -> None:
    assert pelk_speed_view.milliseconds(value) == said


def test_levels_keep_four_decades() -> None:
    field = np.array([[1.0, 0.1], [1e-4, 1e-9]], np.float32)
    assert pelk_field_view.levels(field).tolist() == [[255, 191], [0, 0]]
    assert not pelk_field_view.levels(np.zeros((2, 2), np.float32)).any()


def test_text_from_outside_is_escaped() -> None:
    made = design(KernelSpec(5, bins="1,1,1,1,1"))
    assert "<script" not in pelk_kernel_view.drawn(made, identity(made, "none"))
    assert "&lt;b&gt;" in pelk_tasks_view.waiting("<b>")


def test_a_hostile_or_missing_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG nothing")
    with pytest.raises(BadInput):
        examples.opened(path, "x.png")
    with pytest.raises(BadInput, match="not on this server"):
        examples.opened(tmp_path / "y.png", "y.png")
    with pytest.raises(BadInput, match="does not exist"):
        examples.example_picture("../secret")


@pytest.mark.parametrize("key", examples.PICTURES)
def test_every_example_picture_ships(key: str) -> None:
    assert min(examples.example_picture(key).image.shape[:2]) >= 96


def test_the_kept_timing_can_be_drawn() -> None:
    kept = examples.Examples()
    drawn = kept.speed()
    assert "measured earlier on" in drawn
    assert {form for form in examples.FORMS if kept.saved("speed").files[form]} == set(examples.FORMS)  # type: ignore[union-attr]


@pytest.mark.parametrize("tab", ["field", "pathfinder", "segmentation"])
def test_kept_results_are_of_trained_networks(tab: str) -> None:
    told = examples.Examples().message(tab)
    if told is None:
        pytest.skip("its weights do not ship")
    if tab == "field":
        assert all(network["trained"] for network in told["networks"])
    else:
        assert told["canvas"]["image"].startswith("data:image/png")
        assert "K = 31" in told["answers"]


def test_without_kept_results_a_tab_says_what_to_do(tmp_path: Path) -> None:
    empty = examples.Examples(tmp_path)
    assert "Press the button" in empty.speed()
    assert empty.message("field") is None
    assert empty.saved("speed") is None


def test_class_colours_are_distinct_and_every_class_has_one() -> None:
    assert len(set(pelk_tasks_view.CLASS_COLORS)) == len(pelk_tasks_view.CLASSES)


@pytest.mark.parametrize("seed", [None, -1, 2**31])
def test_odd_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(BadInput, match="The seed"):
        pelk_tasks.seed_of(seed)


def test_a_session_weighs_what_it_keeps() -> None:
    session = Session("me")
    assert session.held_bytes() == 0
    session.saved["speed"] = pelk_speed_view.saved(TIMING)
    assert session.held_bytes() > 1000
    assert session.next() < session.next()
    assert set(session.saved) <= set(TABS)


def test_the_picture_of_a_timing_opens(tmp_path: Path) -> None:
    path = tmp_path / "t.png"
    path.write_bytes(pelk_speed_view.saved(TIMING).files["png"])
    with Image.open(path) as picture:
        assert picture.width == 900
