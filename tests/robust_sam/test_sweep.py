"""Severity sweep and radar: what is compared with what, partial curves, repeatability, cancelling, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.degradations import BENDING, KINDS, MAX_SEVERITY, DegradationError, warp_mask
from models.parts.degradations import photo as degrading
from models.robust_sam import pipeline, sweep, sweep_export, sweep_pictures
from models.robust_sam.network import RobustSam
from models.robust_sam.prompts import BadPrompt, Prompts
from models.robust_sam.sweep_types import Partial, SweepResult
from models.runtime import Cancelled, JobContext, Runtime, RuntimeConfig

CLICK = Prompts(points=((40.0, 30.0),), labels=(1,))


def finished(steps: Iterator[Partial]) -> tuple[list[Partial], SweepResult]:
    """All partial results and the last one."""
    partials = []
    while True:
        try:
            partials.append(next(steps))
        except StopIteration as end:
            return partials, end.value


def swept(model: RobustSam, photo: np.ndarray, **more: object) -> SweepResult:
    options: dict[str, object] = {"kind": "fog", "severities": (0.0, 1.0)} | more
    return finished(sweep.severity_sweep(JobContext(), model, image=photo, digest="d", prompts=CLICK, **options))[1]


@pytest.mark.parametrize("kind", KINDS)
def test_consistency_at_severity_zero_is_one(tiny: RobustSam, photo: np.ndarray, kind: str) -> None:
    point = swept(tiny, photo, kind=kind, severities=(0.0,)).points[0]
    assert point.iou == {"sam": (1.0,), "robust": (1.0,)}
    assert point.gain == 0.0


def test_without_a_true_mask_the_result_says_consistency_only(tiny: RobustSam, photo: np.ndarray) -> None:
    result = swept(tiny, photo)
    assert result.reference.kind == "clean"
    assert "consistency only" in result.reference.title
    assert result.clean == {"sam": 1.0, "robust": 1.0}
    assert "consistency only" in sweep_export.as_csv(result).splitlines()[1]
    assert sweep_export.as_dict(result)["reference"]["is_accuracy"] is False


def test_what_the_figures_are_of_never_replaces_them(tiny: RobustSam, photo: np.ndarray) -> None:
    told = sweep_export.as_dict(swept(tiny, photo), {"photo": "x.png", "points": "none", "mode": "none"})
    assert told["photo"] == "x.png"
    assert told["mode"] == "severity"
    assert [point["severity"] for point in told["points"]] == [0.0, 1.0]


def test_with_a_true_mask_both_branches_are_measured_against_it(tiny: RobustSam, photo: np.ndarray) -> None:
    truth = np.zeros(photo.shape[:2], bool)
    truth[10:50, 20:60] = True
    result = swept(tiny, photo, truths=(sweep.Truth("box drawn here", truth),))
    assert result.reference.kind == "truth"
    assert "box drawn here" in result.reference.title
    features, _ = sweep_pictures.look_at(tiny, photo, "cpu", lambda share: None)
    masks = sweep_pictures.masks_of(tiny, features, CLICK, photo.shape[:2])
    assert result.clean == {branch: pytest.approx(pipeline.iou(mask, truth)) for branch, mask in masks.items()}
    rows = sweep_export.as_csv(result).splitlines()
    assert len(rows) == 1 + 2 * 2
    assert all("box drawn here" in row for row in rows[1:])


def test_of_several_true_masks_the_nearest_to_the_clean_masks_is_used() -> None:
    clean = np.zeros((8, 8), bool)
    clean[2:6, 2:6] = True
    near, far = clean.copy(), ~clean
    near[2, 2] = False
    found = sweep.reference_for({"sam": clean}, (sweep.Truth("far", far), sweep.Truth("near", near)), (8, 8))
    assert "true mask: near" in found.title
    assert "of 2" in found.title


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_follows_only_kinds_that_bend(kind: str) -> None:
    rng = np.random.default_rng(3)
    photo = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
    mask = np.zeros((64, 96), bool)
    mask[16:48, 30:70] = True
    _, warp = degrading.degraded_copy(photo, kind, 1.0, 5)
    moved = degrading.followed(mask, kind, warp)
    if kind in BENDING:
        assert warp is not None
        assert np.array_equal(moved, warp_mask(mask, warp))
        assert not np.array_equal(moved, mask)
    else:
        assert np.array_equal(moved, mask)


def test_a_perfect_mask_bent_with_the_picture_stays_perfect() -> None:
    """The bright square of a bent picture, found by its brightness, is the bent mask: nothing is lost to the warp."""
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[60:140, 50:150] = 255
    bent, warp = degrading.degraded_copy(photo, "elastic", 1.0, 2)
    found = bent[..., 0] > 127
    moved = degrading.followed(photo[..., 0] > 0, "elastic", warp)
    assert pipeline.iou(found, moved) > 0.99
    assert pipeline.iou(found, photo[..., 0] > 0) < 0.97


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), longest=st.integers(1, 1500))
def test_shrunk_sizes_fit_and_are_never_enlarged(height: int, width: int, longest: int) -> None:
    small = degrading.shrunk((height, width), longest)
    assert 1 <= max(small) <= longest
    assert small[0] <= height
    assert small[1] <= width


def test_a_seed_repeats_and_another_differs(tiny: RobustSam, photo: np.ndarray) -> None:
    first, again, other = (swept(tiny, photo, kind="gauss_noise", seeds=(seed,)) for seed in (4, 4, 5))
    assert first.points[1].iou == again.points[1].iou
    assert np.array_equal(first.points[1].look.picture, again.points[1].look.picture)
    assert not np.array_equal(first.points[1].look.picture, other.points[1].look.picture)


def test_several_seeds_give_mean_and_range(tiny: RobustSam, photo: np.ndarray) -> None:
    both = swept(tiny, photo, kind="gauss_noise", seeds=(4, 5)).points[1]
    single = [swept(tiny, photo, kind="gauss_noise", seeds=(s,)).points[1].iou["robust"][0] for s in (4, 5)]
    assert both.iou["robust"] == tuple(single)
    assert both.mean("robust") == pytest.approx(np.mean(single))
    assert both.span("robust") == (min(single), max(single))


def test_the_curve_grows_point_by_point(tiny: RobustSam, photo: np.ndarray) -> None:
    severities = (0.0, 0.5, 1.0)
    steps = sweep.severity_sweep(
        JobContext(), tiny, image=photo, digest="d", prompts=CLICK, kind="fog", severities=severities
    )
    partials, result = finished(steps)
    assert [len(partial.points) for partial in partials] == [1, 2, 3]
    assert [partial.total for partial in partials] == [3, 3, 3]
    assert partials[-1].points == result.points
    assert tuple(point.severity for point in result.points) == severities


def test_the_radar_has_every_kind_once(tiny: RobustSam, photo: np.ndarray) -> None:
    _, result = finished(sweep.radar(JobContext(), tiny, image=photo, digest="d", prompts=CLICK, severity=0.5))
    assert tuple(point.kind for point in result.points) == KINDS
    assert {point.severity for point in result.points} == {0.5}
    assert all(0 <= value <= 1 for point in result.points for values in point.iou.values() for value in values)


def test_the_shared_cache_keeps_no_degraded_features(tiny: RobustSam, photo: np.ndarray) -> None:
    context = JobContext()
    held: list[str] = []
    lease = context.resource

    def counted(spec: object) -> object:
        held.append(spec.key)  # type: ignore[attr-defined]
        return lease(spec)  # type: ignore[arg-type]

    context.resource = counted  # type: ignore[method-assign, assignment]
    finished(sweep.radar(context, tiny, image=photo, digest="photo", prompts=CLICK, model_key="model"))
    assert held == ["model/torch/photo"]


def test_cancelling_stops_before_the_next_picture(tiny: RobustSam, photo: np.ndarray) -> None:
    stopped = False
    context = JobContext(is_cancelled=lambda: stopped)
    steps = sweep.severity_sweep(context, tiny, image=photo, digest="d", prompts=CLICK, kind="fog")
    assert len(next(steps).points) == 1
    stopped = True
    with pytest.raises(Cancelled):
        next(steps)


def test_an_object_without_prompts_is_refused_before_anything_is_queued(nano_file: Path, photo: np.ndarray) -> None:
    with pytest.raises(BadPrompt, match="click the object"):
        sweep.sweep_job("me", photo, "d", Prompts(), "fog", path=str(nano_file))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"kind": "haze"}, "haze"),
        ({"kind": "fog", "severities": (MAX_SEVERITY + 1,)}, "out of range"),
        ({"kind": "fog", "severities": (float("nan"),)}, "out of range"),
        ({"kind": "fog", "severities": ()}, "0 steps"),
        ({"kind": "fog", "seeds": ()}, "seeds"),
        ({"kind": "fog", "seeds": (-1,)}, "seeds"),
        ({"kind": "fog", "seeds": tuple(range(99))}, "seeds"),
    ],
)
def test_bad_settings_are_named(nano_file: Path, photo: np.ndarray, arguments: dict[str, object], part: str) -> None:
    with pytest.raises(DegradationError, match=part):
        sweep.sweep_job("me", photo, "d", CLICK, path=str(nano_file), **arguments)


def test_a_true_mask_of_another_size_is_refused(nano_file: Path, photo: np.ndarray) -> None:
    truth = sweep.Truth("mine", np.ones((3, 4), bool))
    with pytest.raises(BadPrompt, match=r"mine.*4 x 3.*80 x 60"):
        sweep.radar_job("me", photo, "d", CLICK, truths=(truth,), path=str(nano_file))


def test_a_plain_sam_checkpoint_gives_one_curve(photo: np.ndarray) -> None:
    from tests.robust_sam.conftest import TINY

    result = swept(RobustSam(TINY, robust=False).eval(), photo)
    assert set(result.points[0].iou) == {"sam"}
    assert result.points[0].gain is None
    assert "RobustSAM" not in sweep_export.as_csv(result)


def test_the_job_runs_through_the_runtime_with_a_receipt(nano_file: Path, photo: np.ndarray) -> None:
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    try:
        ticket = runtime.submit(sweep.sweep_job("me", photo, "d", CLICK, "fog", (0.0, 1.0), (7,), path=str(nano_file)))
        result = ticket.result(timeout=300)
        partials = [event.value for event in ticket.events() if event.kind == "partial"]
    finally:
        runtime.close()
    assert [len(partial.points) for partial in partials] == [1, 2]
    assert result.seeds == (7,)
    assert ticket.receipt is not None
    assert ticket.receipt.seed == 7
