"""The report card of HuGS: scores, intervals, the journal, a whole tiny run with stand-ins, the card's tables."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.record.hugs_card import COMMANDS, card
from models.hugs import METHOD, evaluation, evaluation_captures, evaluation_measure, evaluation_run, sample
from models.hugs.evaluation_config import FULL, MAPS, QUICK, TRAININGS, EvaluationConfig
from models.hugs.evaluation_figures import figures, interval
from models.hugs.evaluation_measure import map_score, with_silhouettes
from models.hugs.evaluation_records import FieldScore, MapScore, Record, journal
from models.hugs.field_config import FieldConfig
from models.hugs.fusion_config import suited_to
from models.parts.capture import Capture, Keypoints, Structure, View
from tests.hugs.box_room import box_room

FIELD = FieldConfig(iterations=8, side=24, rays=128, samples=8, probes=12, nodes=4000)
TINY = EvaluationConfig(scenes=2, seeds=1, side=40, frames=5, cue=FIELD, final=FIELD)


def record_of(scene: str, seed: int, miou: float = 0.8, gain: float = 2.0) -> Record:
    maps = {name: MapScore(miou if name in ("hugs", "silhouettes") else 0.5, 0.6, 0.7, 0.8) for name in MAPS}
    fields = {name: FieldScore(20.0 + gain * (name in ("hugs", "true")), 0.8, 21.0, 22.0) for name in TRAININGS}
    return Record(scene, seed, f"{scene}{seed}", 0.1, 5, 40, "colour", maps, fields, {"structure": 1.5})


def structured(capture: Capture, *_: object, **__: object) -> Capture:
    """Structure from motion's stand-in: three features a view, matched in all."""
    keypoints = {
        view.name: Keypoints(np.array([[5, 5], [20, 20], [30, 12]], np.float32), np.arange(3)) for view in capture.views
    }
    points = np.random.default_rng(0).uniform([-2.5, -2, 0], [2.5, 2, 2.5], (60, 3))
    length = np.full(60, len(capture.views))
    return replace(capture, structure=Structure(keypoints, np.arange(60), points, np.zeros((60, 3), np.uint8), length))


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    made: list[str] = []

    def scene(setting: str, seed: int, side: int, frames: int) -> Capture:
        made.append(setting)
        return box_room(seed, side=side, frames=frames, clean=2)

    monkeypatch.setenv("VITRINE_CACHE", str(tmp_path))
    monkeypatch.setattr(evaluation_captures.scenes, "hugs_scene", scene)
    monkeypatch.setattr(evaluation_measure, "run_sfm", structured)
    return made


def test_a_run_measures_every_map_and_training_and_gives_the_named_figures(small_world: list[str]) -> None:
    records = evaluation_run.run(TINY, processes=0)
    assert [record.scene for record in records] == small_world
    found = figures(records)
    for name in ("miou_sfm", "miou_residual", "miou_hugs", "psnr_none", "psnr_hugs", "psnr_true", "ssim_robust"):
        low, middle, high = found[name]  # type: ignore[misc]
        assert low <= middle <= high
    assert set(records[0].fields) == set(TRAININGS)
    assert set(records[0].maps) == set(MAPS)
    assert records[0].placed == 5
    assert all(np.isfinite(score.psnr) for score in records[0].fields.values())
    described = evaluation.describe(records)
    assert described["captures"] == 2
    assert not evaluation_run.journal_file(TINY).exists()


def test_a_stopped_run_goes_on_and_the_captures_are_kept(
    small_world: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = evaluation_measure.measure
    calls: list[str] = []

    def stopped_at_the_second(scene: str, *rest: object) -> Record:
        calls.append(scene)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return record_of(scene, 0)

    monkeypatch.setattr(evaluation_measure, "measure", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        evaluation_run.run(TINY, processes=0)
    records = evaluation_run.run(TINY, processes=0)
    assert len(records) == 2
    assert calls[1] == calls[2]
    assert len(calls) == 3
    assert len(small_world) == 2
    assert measure is not stopped_at_the_second


def test_the_shipped_report_was_measured_with_the_settings_of_now() -> None:
    config = json.loads((METHOD.weights_folder / "report.json").read_text())["config"]
    words = [command for command, known in COMMANDS.items() if asdict(known).items() <= config.items()]
    assert words
    assert f"Measured by `{words[0]}`" in card({}, config)
    assert f"Measured by `{words[0]}`" in METHOD.card.read_text()


def test_the_report_card_fuses_as_the_room_does() -> None:
    assert FULL.fusion == QUICK.fusion == suited_to(FULL.frames, FULL.side) == sample.load().work.fusion
    assert sample.load().work.suited == FULL.fusion


def test_the_quick_run_is_a_part_of_the_full_one() -> None:
    assert set(evaluation_run.all_tasks(QUICK)) < set(evaluation_run.all_tasks(FULL))
    assert len(evaluation_run.all_tasks(FULL)) == 18
    assert evaluation_run.journal_file(QUICK) == evaluation_run.journal_file(FULL)
    other = replace(FULL, final=replace(FULL.final, iterations=1))
    assert evaluation_run.journal_file(other) != evaluation_run.journal_file(FULL)


def test_records_survive_the_journal_and_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    written = journal(tmp_path / "folder" / "journal.jsonl")
    assert written.read() == {}
    written.add(record_of("a", 0))
    with written.path.open("a") as file:
        file.write('\n{"scene": "cut')
    written.add(record_of("b", 1))
    assert written.read() == {"a 0": record_of("a", 0), "b 1": record_of("b", 1)}
    written.finish()
    assert not written.path.exists()


def test_captures_are_kept_whole_and_a_damaged_file_is_built_anew(tmp_path: Path, small_world: list[str]) -> None:
    capture = box_room(1, side=40, frames=5, clean=2)
    evaluation_captures.keep(capture, tmp_path / "one.npz")
    assert evaluation_captures.kept(tmp_path / "one.npz").digest == capture.digest
    first = evaluation_captures.capture_of("a", 1, TINY)
    assert evaluation_captures.capture_of("a", 1, TINY).digest == first.digest == capture.digest
    assert small_world == ["a"]
    next(evaluation_captures.folder().glob("a-1-*.npz")).write_bytes(b"cut")
    assert evaluation_captures.capture_of("a", 1, TINY).digest == first.digest
    assert small_world == ["a", "a"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_intervals_hold_their_mean(values: list[float]) -> None:
    low, middle, high = interval(values)
    assert low <= middle <= high
    assert middle == pytest.approx(np.mean(values), abs=1e-4)


def test_scores_of_known_maps() -> None:
    truth = {"a": np.array([[True, True, False, False]])}
    assert map_score(truth, truth) == MapScore(1.0, 1.0, 1.0, 1.0)
    half = map_score({"a": np.array([[True, True, True, False]])}, truth)
    assert half.moving == 0.5
    assert half.recall == 0.5
    assert half.miou == pytest.approx((0.5 + 2 / 3) / 2, abs=1e-4)


def test_silhouettes_cut_segments_along_what_moves() -> None:
    segments = np.zeros((6, 9), np.int32)
    segments[:, 3:] = 1
    truth = np.ones((6, 9), bool)
    truth[2:4, 2:5] = False
    truth[1:3, 7:] = False
    cut = with_silhouettes(segments, View("a", np.zeros((6, 9, 3), np.uint8), truth=truth))
    assert len(np.unique(cut)) == 4
    assert len(np.unique(cut[2:4, 2:5])) == len(np.unique(cut[1:3, 7:])) == 1
    assert set(np.unique(cut[~truth])).isdisjoint(np.unique(cut[truth]))


def test_the_card_says_what_the_numbers_say() -> None:
    good = [record_of("walking person", seed) for seed in range(2)] + [record_of("flat card", 0)]
    config = {"side": 192, "frames": 36, "seeds": 2} | evaluation.describe(good)
    text = card(figures(good), config)
    assert "goal of 0.75 is reached" in text
    assert "above every single cue in every scene" in text
    assert "+2.00 dB" in text
    assert "| HuGS |" in text
    assert "| walking person |" in text
    bad = [record_of("flat card", 0, miou=0.4, gain=0.2)]
    text = card(figures(bad), evaluation.describe(bad))
    assert "goal of 0.75 is not reached" in text
    assert "not above every single cue in: flat card" in text
