"""What is learned from runs: intervals, certificates, calibration."""

from __future__ import annotations

import numpy as np

from models.runtime.predictor import Predictor
from tests.runtime.fakes import MB, job, spec


def test_interval_covers_most_runs_once_enough_were_seen() -> None:
    generator = np.random.default_rng(0)
    predictor = Predictor()
    inside = 0
    for number, run in enumerate(generator.lognormal(0.0, 0.3, 200)):
        if number >= 20:
            interval = predictor.run_seconds(job(), "cpu")
            assert interval is not None
            inside += interval[0] <= run <= interval[1]
        predictor.learn(job(), "cpu", float(run), None, {})
    assert inside / 180 >= 0.8


def test_another_shape_borrows_what_is_known_of_the_method() -> None:
    predictor = Predictor()
    predictor.learn(job(shape_bucket="512"), "cpu", 4.0, None, {})
    interval = predictor.run_seconds(job(shape_bucket="1024"), "cpu")
    assert interval is not None
    assert interval[0] < 4.0 < interval[1]
    assert predictor.run_seconds(job(method="other"), "cpu") is None


def test_devices_of_one_kind_share_and_kinds_differ() -> None:
    predictor = Predictor()
    predictor.learn(job(), "cuda:0", 1.0, None, {})
    assert predictor.run_seconds(job(), "cuda:1") is not None
    assert predictor.run_seconds(job(), "cpu") is None


def test_largest_peak_counts_with_a_margin() -> None:
    predictor = Predictor()
    for peak in (10 * MB, 30 * MB, 20 * MB):
        predictor.learn(job(), "cpu", 1.0, None, {"device": peak})
    assert predictor.working_bytes(job(), "cpu") == ({"device": int(30 * MB * 1.1)}, True)


def test_declared_peak_holds_until_one_was_measured() -> None:
    predictor = Predictor()
    predictor.learn(job(), "cpu", 1.0, None, {})
    assert predictor.working_bytes(job(peak_bytes={"device": 5}), "cpu") == ({"device": 5}, False)


def test_intervals_widen_when_waits_miss_them_and_narrow_again() -> None:
    predictor = Predictor()
    for _ in range(10):
        predictor.settle(1.0, 2.0, 9.0)
    wide = predictor.spread
    for _ in range(200):
        predictor.settle(1.0, 2.0, 1.5)
    assert wide > 2.0
    assert predictor.spread == 1.0


def test_saved_text_restores_everything() -> None:
    saved: dict[str, str] = {}
    predictor = Predictor(save=saved.__setitem__)
    work = job(model=spec("sam"), shrink=({"size": 1}, {"size": 2}))
    predictor.learn(work, "cpu", 2.0, 3.0, {"device": MB})
    predictor.out_of_memory(work, "cpu", 4 * MB, retry=True)
    predictor.settle(0.0, 1.0, 0.5)
    again = Predictor(saved.items())
    assert again.run_seconds(work, "cpu") == predictor.run_seconds(work, "cpu")
    assert again.load_seconds(work, "cpu") == 3.0
    assert again.working_bytes(work, "cpu") == predictor.working_bytes(work, "cpu")
    assert again.calibration == (1.0, 1)
    assert again.out_of_memory(work, "cpu", 0, retry=False) == 1
