"""The everything tab without a browser: settings, forecasts, messages, colours, files, and segments as objects."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from app.guard.errors import BadInput
from app.panels import robust_sam_everything as panel
from app.panels import robust_sam_everything_run as running
from app.panels import robust_sam_everything_view as view
from app.panels.robust_sam_session import Photo, Session
from models.robust_sam.everything import Everything, EverythingConfig, Progress
from models.robust_sam.everything_masks import Segment, runs_of
from models.robust_sam.pipeline import BadPrompt

SIZE = (40, 60)


def segment(x0: int, y0: int, x1: int, y1: int) -> Segment:
    inside = np.ones((y1 - y0, x1 - x0), bool)
    return Segment(
        window=(x0, y0, x1, y1),
        runs=runs_of(inside),
        size=SIZE,
        area=int(inside.sum()),
        bbox=(x0, y0, x1 - x0, y1 - y0),
        predicted_iou=0.91,
        stability=0.87,
        point=(x0 + 1.0, y0 + 1.0),
        crop=(0, 0, 60, 40),
        candidate=1,
    )


def found(branch: Any = "robust") -> Everything:
    return Everything(SIZE, branch, (segment(5, 5, 45, 35), segment(10, 10, 20, 20)), EverythingConfig(), 800.0)


def session() -> Session:
    made = Session("me")
    made.set_photo(Photo("photo.png", {}, np.zeros((*SIZE, 3), np.uint8), "digest"))
    return made


def outcome(of: Session, *results: Everything) -> running.Outcome:
    return running.Outcome(of.photo_id(), "photo.png", results, running.about(of, [{"ticket": "t"}]))


def labels_in(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        pixels = np.asarray(picture).astype(int)
    return pixels[..., 0] + 256 * pixels[..., 1]


@settings(max_examples=20)
@given(st.integers(1, 65535))
def test_label_maps_travel_without_loss(highest: int) -> None:
    labels = np.random.default_rng(highest).integers(0, highest + 1, (7, 9)).astype(np.int32)
    assert (labels_in(view.labels_address(labels)) == labels).all()


def test_neighbours_have_different_colours() -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.permutation(30).reshape(5, 6) + 1, np.ones((4, 4), int)).astype(np.int32)
    colors = view.colors_of(labels, 30)
    assert len(colors) == 30
    for a, b in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        for first, second in zip(a[a != b], b[a != b], strict=True):
            assert colors[first - 1] != colors[second - 1]
    assert len(set(view.palette())) == 21


def test_the_message_holds_what_hovering_needs_and_is_plain_json() -> None:
    told = view.whole(found())
    json.dumps(told)
    assert (labels_in(told["labels"]) == found().labels()).all()
    assert told["segments"][1] == {
        "number": 2,
        "area": 100,
        "bbox": [10, 10, 10, 10],
        "predicted_iou": 0.91,
        "stability": 0.87,
        "point": [11.0, 11.0],
    }
    assert "2 segments, 50 % of the photo" in told["caption"]


def test_a_partial_message_says_how_far_the_search_is() -> None:
    labels = np.zeros((10, 15), np.uint16)
    labels[2:5, 2:5] = 3
    told = view.partly(Progress(64, 256, 3, labels), "sam")
    assert told["partial"]
    assert told["caption"] == "64 of 256 points, 3 masks so far"
    assert len(told["colors"]) == 3
    json.dumps(told)


def test_csv_has_a_row_for_each_segment_of_each_model() -> None:
    rows = list(csv.DictReader(io.StringIO(view.as_csv([found("sam"), found()]).decode())))
    assert [row["model"] for row in rows] == ["SAM", "SAM", "RobustSAM", "RobustSAM"]
    assert rows[1]["area_px"] == "100"
    assert float(rows[1]["share"]) == pytest.approx(100 / 2400, abs=1e-6)
    assert [rows[1][key] for key in ("x", "y", "width", "height")] == ["10"] * 4


def test_coco_is_read_by_pycocotools_and_gives_the_masks_back() -> None:
    record = json.loads(view.as_coco([found()], "photo.png", {"photo": "photo.png"}))
    assert record["images"] == [{"id": 1, "file_name": "photo.png", "width": 60, "height": 40}]
    assert record["info"]["settings"]["points_per_side"] == 16
    for entry, made in zip(record["annotations"], found().segments, strict=True):
        assert (coco.decode(entry["segmentation"]).astype(bool) == made.mask).all()
        assert entry["area"] == made.area
        assert entry["category_id"] == 2


def test_the_label_map_png_holds_the_numbers_and_the_origin() -> None:
    with Image.open(io.BytesIO(view.as_png(found(), {"photo": "x"}))) as picture:
        assert (np.asarray(picture) == found().labels()).all()
        assert json.loads(picture.text["receipt"]) == {"photo": "x"}  # type: ignore[attr-defined]


def test_more_than_255_segments_need_16_bits() -> None:
    many = tuple(segment(index % 60, index // 60, index % 60 + 1, index // 60 + 1) for index in range(300))
    result = Everything(SIZE, "sam", many, EverythingConfig(), 1.0)
    with Image.open(io.BytesIO(view.as_png(result, {}))) as picture:
        assert (np.asarray(picture) == result.labels()).all()


@pytest.mark.parametrize("key", ["csv", "coco", "png"])
def test_each_download_has_a_name_and_a_content(key: str) -> None:
    name, data = panel.written(outcome(session(), found()), key)
    assert name.startswith("photo_everything")
    assert data


def test_a_segment_becomes_an_object_with_its_exact_mask_and_undo_takes_it_back() -> None:
    made = session()
    before = made.history.now
    revision, name = running.add_object(made, outcome(made, found()), "robust", 2)
    thing = made.history.now.current
    assert (thing.name, name, thing.drawn) == ("Segment 2", "Segment 2", True)
    assert revision == made.revision
    answer = made.shown_answer(made.shown_key(thing))
    assert answer is not None
    assert all((branch.mask == found().segments[1].mask).all() for branch in answer.branches.values())
    running.add_object(made, outcome(made, found()), "robust", 1)
    assert [o.name for o in made.history.now.objects] == ["Segment 2", "Segment 1"]
    made.act([{"do": "undo"}, {"do": "undo"}], 1)
    assert made.history.now == before


def test_nested_segments_are_added_whole() -> None:
    made = session()
    running.add_object(made, outcome(made, found()), "robust", 1)
    answer = made.shown_answer(made.shown_key(made.history.now.current))
    assert answer is not None
    assert answer.branches["sam"].mask.sum() == 40 * 30


@pytest.mark.parametrize(("branch", "number"), [("robust", 0), ("robust", 3), ("sam", 1), ("odd", 1)])
def test_unknown_segments_are_refused_and_nothing_changes(branch: str, number: int) -> None:
    made = session()
    before = made.history
    with pytest.raises(BadInput, match="does not exist"):
        running.add_object(made, outcome(made, found()), branch, number)
    assert made.history == before


def test_a_result_of_another_picture_is_not_added() -> None:
    made = session()
    old = outcome(made, found())
    made.set_photo(Photo("other.png", {}, np.ones((*SIZE, 3), np.uint8), "other"))
    with pytest.raises(BadInput, match="another picture"):
        running.add_object(made, old, "robust", 1)


def test_settings_of_the_page_are_checked() -> None:
    config = panel.config_of({"points_per_side": 12.0, "min_area": 30, "max_percent": 80, "overlap": "flat"})
    assert (config.points_per_side, config.min_area, config.max_share, config.overlap) == (12, 30, 0.8, "flat")
    for bad in ({"points_per_side": 64}, {"min_area": None}, {"max_percent": None}, {"overlap": "x"}):
        with pytest.raises(BadPrompt):
            panel.config_of(bad)


def test_models_follow_the_choice_and_the_weights() -> None:
    assert running.branches_of("both", True) == ("sam", "robust")
    assert running.branches_of("both", False) == ("sam",)
    assert running.branches_of("sam", False) == ("sam",)
    with pytest.raises(BadInput, match="does not exist"):
        running.branches_of("all", True)


def test_the_forecast_learns_from_runs() -> None:
    rates = running.Rates()
    assert rates.seconds("nano", True, ("sam",), 256) == pytest.approx(256 * 0.005)
    assert rates.seconds("big.pth", False, ("sam",), 256) is None
    rates.learn("big.pth", found("sam"))
    assert rates.seconds("big.pth", False, ("sam",), 512) == pytest.approx(1.6)


def test_a_missing_photo_is_told() -> None:
    with pytest.raises(BadInput, match="missing"):
        running.needs_degrading(Session("me"))
