"""The fusion's invariants, its corrections, its reasons, and the frames the released code stops at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hugs.cues import (
    Residual,
    fill_gap,
    good_masks,
    segments_at,
    vote,
    vote_overlapping,
    without_doubles,
    without_outliers,
)
from models.hugs.fusion import FrameCues, PointMasks, fuse, single_cue
from models.hugs.fusion_config import FusionConfig, count_threshold, fraction_threshold, helps
from models.hugs.partition import masks_of, partition
from models.parts.problems import BadInput


def frame(seed: int, points: int = 20, size: tuple[int, int] = (24, 32), prediction: bool = True) -> FrameCues:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    masks = np.zeros((6, *size), bool)
    for mask in masks:
        y, x = rng.integers(0, size[0] - 4), rng.integers(0, size[1] - 4)
        mask[y : y + rng.integers(3, 14), x : x + rng.integers(3, 14)] = True
    return FrameCues.build(
        image,
        np.clip(image + rng.normal(0, 30, image.shape), 0, 255).astype(np.uint8) if prediction else None,
        rng.uniform(0, 1, (points, 2)) * size[::-1],
        rng.integers(0, 12, points),
        partition(masks),
    )


seeds = st.integers(0, 10_000)
configs = st.builds(
    FusionConfig,
    track_threshold=st.integers(0, 12),
    quantile=st.floats(0, 1),
    vote=st.floats(0, 1),
    smooth=st.integers(0, 9),
    erode=st.integers(0, 7),
    gap=st.integers(0, 9),
)


@settings(max_examples=60, deadline=None)
@given(seeds, configs)
def test_maps_contain_each_other_in_order(seed: int, config: FusionConfig) -> None:
    cues = frame(seed)
    fused = fuse(cues, config)
    assert (fused.upper | ~fused.base).all()
    assert (fused.upper | ~fused.agreed).all()
    assert (fused.smoothed | ~fused.agreed).all()
    assert (fused.voted | ~fused.static).all()
    won = {segment for segment in range(len(fused.shares)) if fused.shares[segment] >= np.float32(config.vote)}
    assert np.array_equal(fused.voted, np.isin(cues.segments, sorted(won)))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 400))
def test_count_and_fraction_thresholds_keep_the_same_features(count: int, images: int) -> None:
    lengths = np.arange(images + 2)
    fraction = fraction_threshold(count, images)
    assert count_threshold(fraction, images) == count
    assert np.array_equal(lengths >= count_threshold(fraction, images), lengths >= count)


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(0, 1))
def test_quantile_cuts_where_torch_quantile_does(seed: int, quantile: float) -> None:
    values = np.random.default_rng(seed).integers(0, 40, (7, 9)).astype(np.float32) / np.float32(255)
    wanted = torch.quantile(torch.from_numpy(values), quantile)
    limit = Residual(values).limit(quantile)
    # Between two ranks torch's last bit differs by build; no pixel lies there, so the maps are the same.
    assert limit == pytest.approx(float(wanted), abs=1e-7)
    assert np.array_equal(values <= limit, (torch.from_numpy(values) <= wanted).numpy())


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(0.01, 3))
def test_doubles_go_as_one_after_the_other(seed: int, distance: float) -> None:
    points = np.random.default_rng(seed).integers(0, 5, (12, 2)).astype(float)
    kept: list[int] = []
    for index, point in enumerate(points):
        if all(np.linalg.norm(point - points[other]) >= distance for other in kept):
            kept.append(index)
    assert without_doubles(points, distance).tolist() == kept


def test_a_distance_of_exactly_the_limit_is_kept() -> None:
    assert without_doubles(np.array([[0.0, 0.0], [2.0, 0.0], [3.9, 0.0]]), 2.0).tolist() == [0, 1]


def test_a_lone_point_far_away_is_an_outlier() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 1, (60, 2)), [[400.0, 400.0]]])
    assert without_outliers(points).tolist() == list(range(60))
    assert without_outliers(points[:2]).tolist() == [0, 1]


def test_even_windows_act_as_the_next_odd_one() -> None:
    mask = np.random.default_rng(1).random((12, 15)) > 0.5
    assert np.array_equal(fill_gap(mask, 4), fill_gap(mask, 5))


def test_a_frame_without_qualifying_points_is_fused_from_the_residual_alone() -> None:
    fused = fuse(frame(3), FusionConfig(track_threshold=1000))
    assert not fused.sfm.any()
    assert np.array_equal(fused.agreed, fused.base)
    assert fuse(frame(3, points=0)).static.shape == (24, 32)


def test_without_a_residual_the_features_decide() -> None:
    cues = frame(4, prediction=False)
    fused = fuse(cues, FusionConfig(track_threshold=3))
    assert np.array_equal(fused.agreed, fused.sfm)
    assert not single_cue(cues, FusionConfig(), "residual").any()
    assert fused.why(cues, 0, 0).rows[0].found == "no residual yet"


def test_a_correction_changes_exactly_one_segment() -> None:
    cues = frame(5)
    before = fuse(cues, FusionConfig(erode=0))
    segment = int(cues.segments[10, 10])
    after = fuse(cues, FusionConfig(erode=0), {segment: not before.voted[10, 10]})
    assert np.array_equal(before.static != after.static, cues.segments == segment)


def test_a_correction_of_an_unknown_segment_is_refused() -> None:
    with pytest.raises(BadInput, match="names segment 99"):
        fuse(frame(5), forced={99: True})


@settings(max_examples=40, deadline=None)
@given(seeds, configs, st.integers(0, 31), st.integers(0, 23))
def test_the_reason_agrees_with_the_maps(seed: int, config: FusionConfig, x: int, y: int) -> None:
    cues = frame(seed)
    forced = {int(cues.segments[y, x]): bool(seed % 2)} if seed % 3 == 0 else {}
    fused = fuse(cues, config, forced)
    reason = fused.why(cues, x, y)
    by_step = {row.step: row.static for row in reason.rows}
    assert reason.static == bool(fused.static[y, x]) == by_step["eroded"]
    assert by_step["agreed"] == ((by_step["sfm"] or by_step["base"]) and by_step["upper"])
    assert reason.segment == cues.segments[y, x]
    assert ("forced" in by_step) == bool(forced)
    assert reason.sentence.startswith(f"Pixel ({x}, {y}) is {'static' if reason.static else 'masked'}")


def test_a_pixel_outside_the_frame_has_no_reason() -> None:
    cues = frame(0)
    with pytest.raises(BadInput, match="outside the frame"):
        fuse(cues).why(cues, 32, 0)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.05, 1))
def test_votes_over_a_partition_equal_votes_over_its_masks(seed: int, threshold: float) -> None:
    segments = frame(seed).segments
    mask = np.random.default_rng(seed).random(segments.shape) > 0.5
    assert np.array_equal(vote(segments, mask, threshold)[0], vote_overlapping(masks_of(segments), mask, threshold))


def test_a_vote_at_six_tenths_keeps_some_and_drops_others() -> None:
    masks = np.zeros((2, 1, 10), bool)
    masks[0, 0, :5] = masks[1, 0, 5:] = True
    mask = np.array([[1, 1, 1, 0, 0, 1, 1, 0, 0, 0]], bool)
    assert vote_overlapping(masks, mask, 0.6).tolist() == masks[0].tolist()


def test_prompted_masks_join_as_their_union() -> None:
    masks = np.random.default_rng(0).random((5, 7, 9)) > 0.7
    packed = PointMasks.pack(masks, (7, 9))
    assert np.array_equal(packed.union(np.array([0, 3])), masks[0] | masks[3])
    assert not packed.union(np.zeros(0, np.int64)).any()


def test_unsure_and_unstable_prompted_masks_are_left_out() -> None:
    logits = np.full((3, 3, 4, 4), -5.0, np.float32)
    logits[:, 1, :2] = 5.0
    logits[2, 1, 2:] = -0.5
    iou = np.array([[0.1, 0.95, 0.2], [0.1, 0.8, 0.2], [0.1, 0.95, 0.2]], np.float32)
    got = good_masks(logits, iou, FusionConfig())
    assert [int(mask.sum()) for mask in got] == [8, 0, 0]


def test_points_on_the_far_edge_lie_in_the_last_pixel() -> None:
    segments = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert segments_at(np.array([[3.0, 2.0], [0.0, 0.0]]), segments).tolist() == [5, 0]


def test_cues_of_another_size_are_refused() -> None:
    cues = frame(0)
    with pytest.raises(BadInput, match="segments"):
        FrameCues(cues.image, None, cues.points, cues.lengths, np.zeros((3, 3), np.int32))
    with pytest.raises(BadInput, match="rendered picture"):
        FrameCues.build(cues.image, cues.image[:5], cues.points, cues.lengths, cues.segments)


@pytest.mark.parametrize(
    "wrong", [{"quantile": 1.5}, {"track_threshold": 2.5}, {"vote": True}, {"smooth": -1}, {"outliers": 1}]
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        FusionConfig(**wrong).checked()  # type: ignore[arg-type]


def test_every_setting_has_a_help_text() -> None:
    assert set(helps()) == set(FusionConfig.__dataclass_fields__)
