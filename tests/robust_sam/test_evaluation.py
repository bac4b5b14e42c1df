"""The evaluation: held-out means held out, records survive a stop, figures are what they say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.degradations import KINDS
from models.robust_sam import dataset, evaluation_backdrops, evaluation_run, evaluation_scenes, protocol, real_photos
from models.robust_sam.evaluation_calibration import expected_calibration_error, reliability
from models.robust_sam.evaluation_config import FULL, QUICK, SEVERITIES, EvaluationConfig, conditions
from models.robust_sam.evaluation_figures import figures
from models.robust_sam.evaluation_intervals import interval, mixture, percentiles
from models.robust_sam.evaluation_measure import Condition, Panel, Scene, degraded, grabcut, measure
from models.robust_sam.evaluation_records import Answer, Clicks, Found, Record, journal
from models.robust_sam.evaluation_scenes import objects_of
from models.worlds import packages
from models.worlds.shapes2d_settings import HELD_OUT, TRAIN


def square(x0: int, y0: int, x1: int, y1: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def answer(number: int, plain: float, robust: float, **changes) -> Answer:
    about = {"object": number, "share": 0.02, "prompt": "three_points", "kind": None, "severity": 0.0, "predicted": 0.5}
    return Answer(iou={"plain": plain, "robust": robust, "augmented": plain}, **about | changes)


# What is held out


def test_seeds_settings_and_packages_of_training_and_evaluation_are_disjoint() -> None:
    assert FULL.seed == QUICK.seed
    assert FULL.seed not in {*dataset.OBJECT_SCENES, *dataset.SHAPE_SCENES}
    families = [{name for name, _ in settings.families} - {"cutout"} for settings in (TRAIN, HELD_OUT)]
    assert not families[0] & families[1]
    assert not set(TRAIN.fields) & set(HELD_OUT.fields)
    assert evaluation_backdrops.PACKAGE not in packages.PHOTO_PACKAGES


def test_photos_of_the_hand_drawn_set_stand_behind_no_scene_and_in_no_training_package() -> None:
    described = real_photos.description()["photos"]
    assert not {photo["name"] for photo in described} & {*evaluation_backdrops.PHOTOS, *evaluation_backdrops.SURFACES}
    assert not [photo["name"] for photo in described for name in packages.PHOTO_PACKAGES if name in photo["source"]]


@pytest.mark.slow
def test_no_model_clip_or_picture_of_the_held_out_stock_is_in_the_training_stock() -> None:
    from models.worlds import objects
    from models.worlds.splits import is_held_out

    held = evaluation_scenes.held_out_entries()
    trained = [entry for entry in objects.catalogue() if objects.split(entry) == "train"]
    assert len(held) >= 50
    assert not {entry.name.strip().lower() for entry in held} & {entry.name.strip().lower() for entry in trained}
    assert all(is_held_out(clip) for clip in evaluation_scenes.held_out_cutouts()[:20])
    whole = list(evaluation_backdrops.pictures())
    assert len(whole) == len(evaluation_backdrops.PHOTOS) + len(evaluation_backdrops.SURFACES)
    windows = evaluation_backdrops.tiles()
    assert len(windows) >= 20
    assert all(is_held_out(window) for window in windows)


def test_the_quick_scenes_are_the_first_of_the_full_ones() -> None:
    full, quick = asdict(FULL), asdict(QUICK)
    assert full.pop("scenes") > quick.pop("scenes")
    assert full == quick
    names = [set(evaluation_scenes.names(config)) for config in (FULL, QUICK)]
    assert len(names[0]) == 400
    assert names[1] < names[0]


# How each scene is asked


@given(st.integers(0, 300))
def test_two_scenes_after_each_other_meet_every_kind_at_both_severities(index: int) -> None:
    met = {(c.kind, c.severity) for i in (index, index + 1) for c in conditions(i, 5) if c.kind}
    assert met == {(kind, severity) for kind in KINDS for severity in SEVERITIES}
    assert conditions(index, 5)[0].kind is None
    extra = [c.kind for i in range(index, index + 5) for c in conditions(i, 5) if c.kind and c.extra]
    assert sorted(extra) == sorted(KINDS)


def test_objects_are_large_enough_and_chosen_by_name() -> None:
    config = EvaluationConfig(scenes=1, objects=2, least_share=0.01)
    instance = np.zeros((40, 40), np.int16)
    instance[:10, :10], instance[20:30, 20:30], instance[35:, 35:], instance[0, 39] = 1, 2, 3, 4
    masks = objects_of(instance, config, "scene")
    assert len(masks) == 2
    assert all(mask.sum() >= 16 for mask in masks)
    assert all(np.array_equal(a, b) for a, b in zip(masks, objects_of(instance, config, "scene"), strict=True))


def test_a_bend_moves_the_masks_and_other_kinds_do_not() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    mask = square(30, 30, 80, 80, 120)
    scene = Scene("s", "rendered", 0, image, [mask])
    _, bent = degraded(scene, Condition("elastic", 1.0, False))
    _, same = degraded(scene, Condition("fog", 1.0, False))
    assert not np.array_equal(bent[0], mask)
    assert same[0] is mask


@pytest.mark.parametrize("colour", [200, 90])
def test_grabcut_finds_a_plain_object(colour: int) -> None:
    rng = np.random.default_rng(1)
    mask = square(10, 12, 30, 28)
    image = rng.integers(0, 30, (40, 40, 3)).astype(np.uint8)
    image[mask] = colour + rng.integers(0, 20, (int(mask.sum()), 3)).astype(np.uint8)
    found = grabcut(image, protocol.true_box(square(7, 9, 33, 31)))
    assert (found & mask).sum() / (found | mask).sum() > 0.9


def test_grabcut_answers_a_box_around_the_whole_picture_with_the_box() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert grabcut(image, protocol.true_box(square(0, 0, 40, 40))).all()


def test_a_scene_is_measured_with_every_prompt_kind_and_row(tiny, photo, monkeypatch) -> None:
    from models.robust_sam import evaluation_measure

    monkeypatch.setattr(evaluation_measure, "found", lambda panel, image, masks: [Found(0, "plain", 0.5)])
    monkeypatch.setattr(protocol, "MOST_CLICKS", 2)
    mask = np.zeros(photo.shape[:2], dtype=bool)
    mask[20:40, 30:50] = True
    panel = Panel(protocol.Subject(tiny), protocol.Subject(tiny))
    record = measure(panel, Scene("real-x", "real", 0, photo, [mask]), EvaluationConfig(scenes=1, grabcut_every=8))
    asked = [(a.prompt, a.kind) for a in record.answers]
    assert {kind for prompt, kind in asked if prompt == "three_points"} == {None, *KINDS}
    assert sum(prompt == "box" for prompt, _ in asked) == 1 + len(KINDS) // 5
    assert all(
        set(a.iou)
        == {"plain", "robust", "augmented"} | ({"grabcut"} if a.prompt == "box" and a.kind is None else set())
        for a in record.answers
    )
    assert all(a.iou["plain"] == a.iou["augmented"] for a in record.answers)
    assert [(c.object, c.row) for c in record.clicks] == [(0, "plain"), (0, "robust")]
    assert record.found
    json.dumps(asdict(record))


# Records and the run


def test_a_journal_gives_back_what_was_added_and_forgets_a_line_that_was_cut_off(tmp_path: Path) -> None:
    written = journal(tmp_path / "folder" / "journal.jsonl")
    assert written.read() == {}
    records = [
        Record(
            f"rendered-{n}",
            "rendered",
            "d",
            [answer(0, 0.5, 0.6)],
            [Clicks(0, "plain", [1, 21])],
            [Found(0, "plain", 1)],
        )
        for n in range(3)
    ]
    for record in records[:2]:
        written.add(record)
    whole = written.path.read_bytes()
    written.path.write_bytes(whole[: len(whole) - 40])
    assert list(written.read()) == ["rendered-0"]
    written.add(records[2])
    assert written.read() == {"rendered-0": records[0], "rendered-2": records[2]}
    written.finish()
    assert written.read() == {}


@pytest.fixture
def small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A run of two photos and two scenes that are not measured but counted; the list of what was measured."""
    done: list[str] = []

    def work(task):
        if task == ("rendered", 0) and len(done) < 3:
            raise KeyboardInterrupt
        done.append(evaluation_run.name_of(task))
        return Record(done[-1], task[0], "d", [answer(0, 0.5, 0.6)])

    scene = [
        Scene("real-a", "real", 0, np.zeros((4, 4, 3), np.uint8), []),
        Scene("real-b", "real", 1, np.zeros((4, 4, 3), np.uint8), []),
    ]
    monkeypatch.setenv("VITRINE_CACHE", str(tmp_path))
    monkeypatch.setattr(evaluation_scenes, "prepare", lambda config, report: tmp_path)
    monkeypatch.setattr(evaluation_scenes, "photos", lambda: iter(scene))
    monkeypatch.setattr(evaluation_run, "_open", lambda config, scenes: None)
    monkeypatch.setattr(evaluation_run, "_work", work)
    return done


def test_a_stopped_run_goes_on_and_a_finished_one_begins_anew(small_run: list[str]) -> None:
    config = EvaluationConfig(scenes=1)
    with pytest.raises(KeyboardInterrupt):
        evaluation_run.run(config, processes=0)
    assert small_run == ["real-0", "real-1"]
    small_run.append("stop no more")
    records = evaluation_run.run(config, processes=0)
    assert small_run[3:] == ["rendered-0", "composed-0"]
    assert [record.picture for record in records] == ["real-0", "real-1", "rendered-0", "composed-0"]
    assert not evaluation_run.journal_file(config).exists()
    assert evaluation_run.journal_file(config) != evaluation_run.journal_file(EvaluationConfig(scenes=2))


# Figures


def test_gains_are_paired_and_photos_are_kept_apart_from_scenes() -> None:
    scenes = [
        Record(
            f"rendered-{n}",
            "rendered",
            "d",
            [answer(0, 0.1 * n, 0.1 * n + 0.05), answer(0, 0.2, 0.3, kind="fog", severity=1.0)],
        )
        for n in range(8)
    ]
    photos = [Record("real-0", "real", "d", [answer(0, 0.9, 0.8), answer(0, 0.9, 0.7, prompt="box")])]
    found = figures(scenes + photos)
    assert found["clean_gain"] == [0.05, 0.05, 0.05]
    assert found["degraded_gain"] == [0.1, 0.1, 0.1]
    assert found["fog_iou_robust"][1] == 0.3
    assert found["severity_1_gain"][1] == 0.1
    assert "severity_0.5_gain" not in found
    assert found["medium_objects"] == 8
    assert found["clean_iou_plain"][0] < found["clean_iou_plain"][1] < found["clean_iou_plain"][2]
    assert found["real_box_iou"][1] == 0.7
    assert found["real_box_iou_plain"][1] == 0.9
    assert found["real_objects"] == 1


def test_an_object_that_is_never_reached_counts_21_in_the_median_and_20_in_the_mean() -> None:
    clicks = [Clicks(n, "robust", [needed, 21]) for n, needed in enumerate((2, 4, 21))]
    found = figures([Record("real-0", "real", "d", [answer(0, 0.5, 0.5)], clicks)])
    assert found["real_clicks_to_80"][1] == 4
    assert found["real_clicks_to_90"][1] == 21
    assert found["real_noc_90"][1] == 20
    assert found["real_noc_80"][1] == pytest.approx(26 / 3, abs=1e-3)
    assert found["real_reached_80_share"][1] == pytest.approx(2 / 3, abs=1e-3)


def test_figures_that_scripts_name_are_all_there_as_intervals() -> None:
    asked = [answer(0, 0.5, 0.6), answer(0, 0.4, 0.6, kind="fog", severity=0.5), answer(0, 0.4, 0.6, prompt="box")]
    clicks = [Clicks(0, "robust", [3, 9])]
    found = figures(
        [Record(f"{part}-{n}", part, "d", asked, clicks) for part in ("rendered", "real") for n in range(2)]
    )  # type: ignore[arg-type]
    for name in (
        "clean_iou_plain",
        "clean_iou_robust",
        "degraded_iou_plain",
        "degraded_iou_robust",
        "degraded_gain",
        "degraded_gain_over_augmented",
        "real_box_iou",
        "real_clicks_to_80",
    ):
        low, middle, high = found[name]
        assert low <= middle <= high


def test_a_perfect_calibration_has_no_error_and_a_constant_offset_is_found() -> None:
    true = np.random.default_rng(0).uniform(0.1, 0.85, 500)
    assert expected_calibration_error(reliability(true, true)) == pytest.approx(0)
    assert expected_calibration_error(reliability(true + 0.1, true)) == pytest.approx(0.1)
    rows = reliability([0.0, 0.05, 1.0], [0.2, 0.1, 1.0])
    assert [count for count, _, _ in rows] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="no answers"):
        expected_calibration_error(reliability([], []))


def test_intervals_hold_the_mean_and_shrink_with_more_pictures() -> None:
    rng = np.random.default_rng(0)
    few = [list(rng.normal(0.5, 0.1, 3)) for _ in range(5)]
    many = [list(rng.normal(0.5, 0.1, 3)) for _ in range(200)]
    low, middle, high = interval(many)
    assert low < middle < high
    few_low, _, few_high = interval(few)
    assert high - low < few_high - few_low
    tails = [percentiles(count)[0] for count in (2, 5, 13, 400)]
    assert tails == sorted(tails)
    assert tails[-1] == pytest.approx(2.5, abs=0.1)


def test_intervals_of_a_dozen_pictures_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        groups = [list(0.5 + rng.normal(0, 0.1) + rng.normal(0, 0.05, 3)) for _ in range(13)]
        low, _, high = interval(groups, seed=trial)
        held += low <= 0.5 <= high
    assert held >= 180


@given(st.lists(st.lists(st.floats(0, 1), max_size=4), min_size=1, max_size=6).filter(lambda g: any(g)))
def test_intervals_are_ordered_for_any_groups(groups: list[list[float]]) -> None:
    low, middle, high = interval(groups)
    assert low <= middle <= high
    assert mixture([(1.0, groups)])[1] == pytest.approx(middle, abs=1e-3)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        interval([[], []])
