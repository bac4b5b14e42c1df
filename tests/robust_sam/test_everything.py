"""Everything mode on both branches: the fast decoder against its slow twin, crops, partial results, cancel, limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.robust_sam import everything, pipeline
from models.robust_sam.everything import EverythingConfig, everything_recall, everything_steps, segment_everything
from models.robust_sam.everything_config import helps
from models.robust_sam.everything_decode import GridDecoder
from models.robust_sam.network import CONFIGS, RobustSam
from models.robust_sam.pipeline import BadPrompt
from models.runtime import Cancelled, JobContext, Runtime, RuntimeConfig

ALL = EverythingConfig(
    points_per_side=8, iou_threshold=0.0, stability_threshold=0.0, min_area=0, max_share=1.0, nms_threshold=0.9
)
"""Random weights have no good masks: everything passes."""


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime(RuntimeConfig(devices=("cpu",)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def plain() -> RobustSam:
    torch.manual_seed(1)
    return RobustSam(CONFIGS["nano"], robust=False).eval()


@pytest.mark.parametrize("branch", ["sam", "robust"])
@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 4)])
def test_the_grid_decoder_gives_what_single_prompts_give(
    tiny: RobustSam, photo: np.ndarray, branch: str, chosen: slice
) -> None:
    features = pipeline.embed_image(JobContext(), tiny, photo)
    points = np.array([[3.0, 4.0], [40.0, 30.0], [79.0, 59.0], [0.0, 0.0], [10.5, 50.5]])
    with torch.inference_mode():
        decoder = GridDecoder(tiny, features, branch)  # type: ignore[arg-type]
        attended = decoder.attend(points)
        logits = decoder.masks(attended, chosen)
        some = decoder.masks(attended[torch.tensor([3, 1])], chosen)
    for index, point in enumerate(points):
        slow = pipeline.predict(tiny, features, point[None, None], np.ones((1, 1)))[branch]
        scale = float(slow.logits.abs().max())
        torch.testing.assert_close(logits[index], slow.logits[0, chosen], atol=1e-4 * scale, rtol=1e-4)
        torch.testing.assert_close(attended.iou[index], slow.iou[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(some, logits[[3, 1]], atol=1e-4 * float(logits.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("branch", ["sam", "robust"])
def test_results_are_consistent_in_themselves(tiny: RobustSam, photo: np.ndarray, branch: str) -> None:
    found = segment_everything(JobContext(), tiny, photo, branch=branch, config=ALL)  # type: ignore[arg-type]
    assert found.branch == branch
    assert found.segments
    areas = [s.area for s in found.segments]
    assert areas == sorted(areas, reverse=True)
    for number, (row, s) in enumerate(zip(found.table(), found.segments, strict=True), start=1):
        mask = s.mask
        assert mask.shape == (60, 80)
        assert s.area == mask.sum() == row["area"]
        x, y, width, height = s.bbox
        assert mask[y : y + height, x : x + width].sum() == s.area
        assert row["number"] == number
        assert 0 <= s.predicted_iou <= 1
        assert 0 <= s.stability <= 1
        assert (found.labels_of(number) == mask).all()
    labels = found.labels()
    assert labels.dtype == np.int32
    assert labels.shape == (60, 80)
    assert labels.max() <= len(found.segments)


def test_both_branches_differ(tiny: RobustSam, photo: np.ndarray) -> None:
    sam, robust = (segment_everything(JobContext(), tiny, photo, branch=b, config=ALL) for b in ("sam", "robust"))
    assert not np.array_equal(sam.labels() > 0, robust.labels() > 0) or sam.table() != robust.table()


def test_the_same_search_repeats_exactly(tiny: RobustSam, photo: np.ndarray) -> None:
    first, again = (segment_everything(JobContext(), tiny, photo, config=ALL) for _ in range(2))
    assert first.table() == again.table()
    assert np.array_equal(first.labels(), again.labels())


def test_thresholds_drop_what_is_below_them(tiny: RobustSam, photo: np.ndarray) -> None:
    found = segment_everything(JobContext(), tiny, photo, branch="sam", config=ALL)
    middle = float(np.median([s.stability for s in found.segments]))
    strict = segment_everything(
        JobContext(), tiny, photo, branch="sam", config=replace(ALL, stability_threshold=middle, min_area=40)
    )
    assert all(s.stability >= middle and s.area >= 40 for s in strict.segments)
    none = segment_everything(JobContext(), tiny, photo, branch="sam", config=replace(ALL, iou_threshold=1.0))
    assert none.segments == ()
    assert none.labels().max() == 0
    small = segment_everything(JobContext(), tiny, photo, branch="sam", config=replace(ALL, max_share=0.3))
    assert all(s.area <= 0.3 * 60 * 80 for s in small.segments)


def test_flat_segments_do_not_overlap_and_are_the_label_map(tiny: RobustSam, photo: np.ndarray) -> None:
    found = segment_everything(JobContext(), tiny, photo, config=replace(ALL, overlap="flat"))
    assert sum(s.mask.astype(int) for s in found.segments).max() <= 1
    assert all((found.labels() == n).sum() == s.area for n, s in enumerate(found.segments, start=1))


@pytest.mark.parametrize("suppression", ["mask", "box"])
def test_no_two_segments_overlap_more_than_asked(tiny: RobustSam, photo: np.ndarray, suppression: str) -> None:
    config = replace(ALL, nms_threshold=0.5, suppression=suppression)  # type: ignore[arg-type]
    found = segment_everything(JobContext(), tiny, photo, config=config)
    if suppression == "mask":
        # Suppression sees quarter-size masks, so the overlap at full size may exceed the limit a little.
        masks = [s.mask for s in found.segments if s.area > 200]
        worst = max((pipeline.iou(a, b) for i, a in enumerate(masks) for b in masks[:i]), default=0.0)
        assert worst < 0.6
    assert found.segments


@pytest.mark.parametrize("size", [(61, 17), (17, 61), (1, 1), (1, 40), (5, 3), (700, 31)])
def test_portrait_and_tiny_pictures_work(tiny: RobustSam, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = segment_everything(JobContext(), tiny, picture, config=replace(ALL, crop_layers=1))
    assert found.labels().shape == size
    assert all(s.mask.shape == size and s.area for s in found.segments)


def test_partial_results_grow_and_end_with_the_whole(
    tiny: RobustSam, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.robust_sam.everything_search.PARTIAL_S", -1.0)
    steps = everything_steps(JobContext(), tiny, image=photo, digest="d", config=ALL)
    seen = list(steps)
    assert len(seen) > 2
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert [p.found for p in seen] == sorted(p.found for p in seen)
    assert seen[-1].done == seen[-1].prompts == 64
    assert seen[-1].found > seen[0].found
    assert all(p.labels.dtype == np.uint16 and p.labels.shape == (60, 80) for p in seen)
    assert seen[-1].labels.any()


def test_progress_is_told_often_and_never_falls(tiny: RobustSam, photo: np.ndarray) -> None:
    told: list[float] = []
    context = JobContext(report=lambda share, message: told.append(share or 0.0))
    segment_everything(context, tiny, photo, config=replace(ALL, crop_layers=1))
    search = [share for share in told if share > 0]
    assert len(search) > 64
    assert max(search) <= 0.98
    assert search == sorted(search)


def test_cancel_stops_at_the_next_batch_and_leaves_the_photos_features(tiny: RobustSam, photo: np.ndarray) -> None:
    ticks = 0

    def cancelled() -> bool:
        nonlocal ticks
        ticks += 1
        return ticks > 30

    context = JobContext(is_cancelled=cancelled)
    with pytest.raises(Cancelled):
        segment_everything(context, tiny, photo, config=ALL, digest="d")
    ticks = -(10**6)
    assert segment_everything(context, tiny, photo, config=ALL, digest="d").segments


def test_a_job_gives_partial_results_a_receipt_and_uses_cached_features(
    runtime: Runtime, nano_file: Path, photo: np.ndarray
) -> None:
    config = replace(ALL, candidates="single")
    job = everything.everything_job("me", photo, "photo", "sam", config, path=str(nano_file))
    ticket = runtime.submit(job)
    found = ticket.result(timeout=120)
    assert found.segments
    assert ticket.receipt is not None
    assert ticket.receipt.inputs_digest == "photo"
    labels = [resident.label for resident in runtime.status().residents]
    runtime.submit(job).result(timeout=120)
    assert [resident.label for resident in runtime.status().residents] == labels


def test_plain_sam_weights_run_their_one_branch_and_say_so(
    tmp_path: Path, plain: RobustSam, photo: np.ndarray, runtime: Runtime
) -> None:
    file = tmp_path / "plain.safetensors"
    save_file({k: v.contiguous() for k, v in plain.state_dict().items()}, file)
    with pytest.raises(BadPrompt, match="no robust part; choose SAM"):
        everything.everything_job("me", photo, "photo", "robust", ALL, path=str(file))
    job = everything.everything_job("me", photo, "photo", "sam", ALL, path=str(file))
    assert runtime.submit(job).result(timeout=120).segments
    with pytest.raises(BadPrompt, match="no robust part"):
        segment_everything(JobContext(), plain, photo, branch="robust", config=ALL)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"points_per_side": 7}, "points_per_side is 7; give a whole number from 8 to 32"),
        ({"points_per_side": 16.5}, "whole number"),
        ({"iou_threshold": 1.1}, "from 0 to 1"),
        ({"stability_offset": float("nan")}, "stability_offset"),
        ({"min_area": -1}, "min_area"),
        ({"crop_layers": 3}, "from 0 to 2"),
        ({"crop_layers": True}, "whole number"),
        ({"overlap": "odd"}, "nested or flat"),
        ({"max_share": "1"}, "max_share"),
    ],
)
def test_settings_out_of_range_are_refused_in_words(change: dict[str, object], part: str) -> None:
    with pytest.raises(BadPrompt, match=part):
        replace(EverythingConfig(), **change).checked()  # type: ignore[arg-type]


def test_every_setting_has_a_help_text() -> None:
    assert set(helps()) == set(EverythingConfig.__dataclass_fields__)
    assert all(text.endswith(".") for text in helps().values())


def test_recall_counts_true_objects_met_by_half() -> None:
    truth = np.zeros((3, 10, 10), bool)
    truth[0, :5] = truth[1, 5:, :5] = truth[2, 5:, 5:] = True
    half = truth[1].copy()
    half[5:7] = False
    found = everything_recall([truth[0], half], truth)
    assert found.recall == pytest.approx(2 / 3)
    assert found.mean_best_iou == pytest.approx((1 + 0.6 + 0) / 3)
    assert found.objects == 3
    assert everything_recall([], truth).recall == 0
    with pytest.raises(ValueError, match="no true object"):
        everything_recall([half], [])
    with pytest.raises(ValueError, match="different sizes"):
        everything_recall([half[:5]], truth)
