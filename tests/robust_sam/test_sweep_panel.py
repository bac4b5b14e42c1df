"""The severity tab without a browser: true masks of shipped photos, drawings, the request a press makes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.guard.errors import BadInput
from app.panels import robust_sam_examples as examples
from app.panels import robust_sam_sweep as panel
from app.panels import robust_sam_sweep_plot as plot
from app.panels import robust_sam_sweep_truth as truths
from app.panels.robust_sam_jobs import degrade_job
from app.panels.robust_sam_session import Session
from app.panels.robust_sam_state import Outlined, Point
from models.parts.degradations import KINDS
from models.parts.degradations import photo as degrading
from models.robust_sam.sweep_types import CONSISTENCY, Look, Reference
from models.robust_sam.sweep_types import Point as Measured
from models.runtime import JobContext

CLICK = Outlined(1, "Object 1", "#0072B2", points=(Point(330.0, 130.0, 1),))


def measured(kind: str, severity: float, sam: float, robust: float) -> Measured:
    mask = np.zeros((20, 30), bool)
    mask[5:15, 8:20] = True
    look = Look(np.zeros((20, 30, 3), np.uint8), {"sam": mask, "robust": mask}, {"sam": mask, "robust": mask})
    return Measured(kind, severity, (3,), {"sam": (sam,), "robust": (robust,)}, look)


REFERENCE = Reference("clean", CONSISTENCY, {})
POINTS = (measured("fog", 0.0, 1.0, 1.0), measured("fog", 1.0, 0.81, 0.86))


@pytest.mark.parametrize("example", examples.listed(), ids=lambda e: e.name)
def test_every_shipped_photo_has_true_masks_of_its_own_size(example: examples.Example) -> None:
    photo = examples.photo(example.name)
    known = truths.known(photo)
    assert known
    assert {truth.mask.shape for truth in known} == {photo.image.shape[:2]}
    assert all(truth.mask.any() for truth in known)


def test_a_photo_that_is_not_shipped_has_none() -> None:
    photo = examples.photo("cat")
    assert truths.known(replace(photo, digest="0" * 32)) == ()


def test_true_masks_that_fit_hold_adding_and_no_removing_clicks() -> None:
    photo = examples.photo("coffee")
    both = truths.fitting(photo, CLICK)
    assert {truth.title.split(",")[0].split(" (")[0] for truth in both} >= {"cup with handle", "coffee in the cup"}
    fewer = truths.fitting(photo, replace(CLICK, points=(*CLICK.points, Point(160.0, 200.0, 0))))
    assert len(fewer) < len(both)
    assert all(truth.mask[130, 330] and not truth.mask[200, 160] for truth in fewer)


def test_a_box_fits_the_true_mask_it_frames() -> None:
    photo = examples.photo("cat")
    eye = next(truth for truth in truths.known(photo) if truth.title.startswith("left eye"))
    rows, columns = np.flatnonzero(eye.mask.any(1)), np.flatnonzero(eye.mask.any(0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1]))
    assert [truth.title for truth in truths.fitting(photo, Outlined(1, "x", "#000000", box=box))] == [eye.title]


def test_a_mask_file_must_fit_and_mark_something(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    Image.fromarray(np.full((12, 16), 255, np.uint8)).save(path)
    with pytest.raises(BadInput, match="everything"):
        truths.read_truth(path, "m.png", (16, 12))
    with pytest.raises(BadInput, match="own size"):
        truths.read_truth(path, "m.png", (17, 12))


@pytest.mark.parametrize("size", [(60, 80), (1100, 300)])
@pytest.mark.parametrize("kind", ["fog", "elastic", "frosted_glass"])
def test_a_sweep_degrades_as_the_stage_does(kind: str, size: tuple[int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 255, (*size, 3), dtype=np.uint8)
    shown, _, warp = degrade_job(JobContext(), None, image=photo, digest="d", kind=kind, severity=0.8, seed=4)
    picture, own = degrading.degraded_copy(photo, kind, 0.8, 4)
    assert np.array_equal(shown, picture)
    assert (warp is None) == (own is None)
    assert warp is None or np.array_equal(warp, own)


def test_the_curve_carries_its_reference_and_every_value() -> None:
    drawn = plot.curve(POINTS, REFERENCE)
    assert "Consistency only" in re.search(r'class="sw-said"[^>]*>([^<]*)', drawn).group(1)  # type: ignore[union-attr]
    assert "axis starts at 0.7" in drawn
    assert "Fog at 1: SAM 0.810, RobustSAM 0.860, gain +0.050" in drawn
    assert "true mask" in plot.curve(POINTS, replace(REFERENCE, kind="truth"))


def test_bars_are_sorted_by_gain() -> None:
    points = [measured(kind, 1.0, 0.5, 0.5 + 0.01 * i) for i, kind in enumerate(KINDS)]
    gains = re.findall(r'class="sw-gain"[^>]*>([^<]*)', plot.bars(points, REFERENCE, 1.0, len(KINDS)))
    assert gains == [f"{0.01 * i:+.3f}" for i in reversed(range(len(KINDS)))]


def test_outlines_follow_the_mask() -> None:
    assert plot.outline(np.zeros((5, 5), bool)) == ""
    assert plot.outline(POINTS[0].look.masks["sam"]).startswith("M8.5 5.5")


def test_text_from_outside_is_escaped() -> None:
    about = {"photo": "<img src=x>", "object": "<b>", "weights": "nano"}
    drawn = panel._caption("severity", POINTS, 1.0, about, "<script>")
    assert "<img" not in drawn
    assert "<script" not in drawn


def test_a_press_without_an_object_says_what_to_do() -> None:
    session = Session("me")
    with pytest.raises(BadInput, match="Open one first"):
        panel.sweep_request(session, "severity", "fog", 1.0, 1, panel.AUTOMATIC, None)
    session.set_photo(examples.photo("cat"))
    with pytest.raises(BadInput, match="has no prompt yet"):
        panel.sweep_request(session, "severity", "fog", 1.0, 1, panel.AUTOMATIC, None)


def test_a_press_asks_for_the_prompts_seeds_and_truth_of_the_page() -> None:
    session = Session("me").like(examples.first().session)
    job = panel.sweep_request(session, "radar", "fog", 0.8, 2, panel.AUTOMATIC, None)
    assert job.arguments["seeds"] == (session.degradation.seed, session.degradation.seed + 1)
    assert job.arguments["prompts"].points == ((330.0, 130.0),)
    assert len(job.arguments["truths"]) == 3
    assert panel.sweep_request(session, "severity", "fog", 1.0, 1, panel.OWN, None).arguments["truths"] == ()
    with pytest.raises(BadInput, match="another photo"):
        panel.sweep_request(session, "severity", "fog", 1.0, 1, "0123 0", None)
