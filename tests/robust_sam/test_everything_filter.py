"""What everything mode keeps: stability, suppression against plain twins, islands and holes, windows, run lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from models.robust_sam import frames
from models.robust_sam.everything_filter import (
    boxes_of,
    stability,
    suppressed,
    suppressed_by_mask,
    touches_cut,
    without_small_regions,
)
from models.robust_sam.everything_masks import Segment, Upscaler, label_map, runs_of, tight


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def plain_suppression(overlap: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Greedy suppression, written to be read: the best that is left stays, what overlaps it goes."""
    left = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [other for other in left if overlap[best, other] <= threshold]
    return kept


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([0.1, 0.5, 0.7]))
def test_box_suppression_is_that_of_a_brute_force_twin(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 40, (count, 2))
    boxes = np.concatenate([corner, corner + rng.integers(1, 40, (count, 2))], axis=1).astype(np.float32)
    scores = rng.permutation(count).astype(np.float32)
    overlap = np.array([[plain_iou(a, b) for b in boxes] for a in boxes])
    found = suppressed(torch.from_numpy(boxes), torch.from_numpy(scores), torch.zeros(count), threshold)
    assert found.tolist() == plain_suppression(overlap, scores, threshold)


def test_boxes_of_different_groups_do_not_suppress_each_other() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 4, 4]] * 2), torch.tensor([0.9, 0.8])
    assert suppressed(boxes, scores, torch.tensor([0, 1]), 0.5).tolist() == [0, 1]
    assert suppressed(boxes, scores, torch.tensor([1, 1]), 0.5).tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.sampled_from([0.1, 0.5, 0.9]))
def test_mask_suppression_is_that_of_a_brute_force_twin(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, 12, 12), bool)
    for mask in masks:
        y, x = rng.integers(0, 8, 2)
        mask[y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
    scores = rng.permutation(count).astype(np.float32)
    overlap = np.array([[(a & b).sum() / (a | b).sum() for b in masks] for a in masks])
    found = suppressed_by_mask(torch.from_numpy(masks), torch.from_numpy(scores), threshold)
    assert found.tolist() == plain_suppression(overlap, scores, threshold)


def test_masks_in_one_box_are_told_apart_by_mask_suppression_only() -> None:
    ring = torch.zeros(8, 8, dtype=torch.bool)
    ring[[0, -1]] = ring[:, [0, -1]] = True
    inner = ~ring
    inner[0, 0] = inner[-1, -1] = True
    masks, scores = torch.stack([ring, inner]), torch.tensor([0.9, 0.8])
    assert suppressed(boxes_of(masks), scores, torch.zeros(2), 0.7).tolist() == [0]
    assert suppressed_by_mask(masks, scores, 0.7).tolist() == [0, 1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 3))
def test_stability_is_the_iou_of_two_cuts(seed: int, offset: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (5, 9, 11)).astype(np.float32)
    logits[0] = -9
    for value, score in zip(logits, stability(torch.from_numpy(logits), offset).tolist(), strict=True):
        high, low = value > offset, value > -offset
        assert score == pytest.approx((high & low).sum() / max(1, (high | low).sum()), abs=1e-6)


def test_a_mask_without_a_cell_has_stability_0_and_no_masks_give_none() -> None:
    assert stability(torch.full((1, 4, 4), -5.0), 1.0).tolist() == [0.0]
    assert stability(torch.zeros(0, 4, 4), 1.0).shape == (0,)
    assert boxes_of(torch.zeros(0, 4, 4, dtype=torch.bool)).shape == (0, 4)


def test_boxes_end_outside_the_mask() -> None:
    masks = torch.zeros(2, 6, 8, dtype=torch.bool)
    masks[0, 2:4, 3:7] = True
    assert boxes_of(masks).tolist() == [[3, 2, 7, 4], [0, 0, 0, 0]]


def test_small_islands_go_and_small_holes_close() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:30] = True
    mask[10:12, 10:12] = False
    mask[15:25, 15:25] = False
    mask[35:37, 35:37] = True
    cleaned = without_small_regions(mask, 20)
    assert cleaned[10:12, 10:12].all()
    assert not cleaned[15:25, 15:25].any()
    assert not cleaned[35:37, 35:37].any()
    assert (without_small_regions(mask, 1) == mask).all()
    assert not without_small_regions(np.zeros((4, 4), bool), 20).any()


def test_the_largest_island_stays_when_all_are_small() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1, 1] = mask[5, 4:7] = True
    assert without_small_regions(mask, 100).sum() == 3


@pytest.mark.parametrize("size", [(384, 512), (512, 340), (30, 41), (900, 77)])
def test_window_masks_are_those_of_the_whole_upscaling(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(size))
    height, width = size
    crop = Upscaler((0, 0, width, height), 128, 32)
    coarse = torch.from_numpy(rng.normal(-1.5, 2, (1, 1, 6, 6)).astype(np.float32))
    logits = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")[0, 0]
    whole = (frames.to_original_frame(logits[None, None], size, size, 128)[0, 0] > 0).numpy()
    (x0, y0, x1, y1), inside = crop.mask(logits)
    found = np.zeros(size, bool)
    found[y0:y1, x0:x1] = inside
    # Where a logit is 0 to rounding either answer is right.
    assert (found != whole).sum() <= 2


def test_a_line_of_one_cell_survives_the_way_to_full_size() -> None:
    logits = torch.full((32, 32), -8.0)
    logits[:, 10] = 8.0
    window, inside = Upscaler((0, 0, 512, 512), 512, 32).mask(logits)
    box, line = tight(window, inside)
    assert line.all(axis=1).sum() == 0 or line.shape[0] == 512
    assert box[1] == 0
    assert box[3] == 512
    assert 8 <= box[2] - box[0] <= 24
    assert without_small_regions(line, 64).sum() == line.sum()


def test_logits_in_the_padding_make_no_mask() -> None:
    logits = torch.full((32, 32), -8.0)
    logits[25:] = 8.0
    window, inside = Upscaler((0, 0, 512, 384), 512, 32).mask(logits)
    assert window == (0, 0, 0, 0)
    assert inside.size == 0


def test_a_mask_at_a_crop_edge_counts_as_cut_unless_the_photo_ends_there() -> None:
    crop, photo = (100, 0, 300, 200), (200, 400)
    assert touches_cut((101, 50, 150, 80), crop, photo, 4)
    assert not touches_cut((120, 0, 150, 80), crop, photo, 4)
    assert not touches_cut((120, 50, 150, 200), crop, photo, 4)
    assert touches_cut((120, 50, 299, 80), crop, photo, 4)


def segment(mask: np.ndarray, **more: object) -> Segment:
    window, inside = tight((0, 0, mask.shape[1], mask.shape[0]), mask)
    values = {"predicted_iou": 0.9, "stability": 0.9, "point": (0.0, 0.0), "crop": (0, 0, 1, 1), "candidate": 0} | more
    box = (window[0], window[1], window[2] - window[0], window[3] - window[1])
    return Segment(window, runs_of(inside), mask.shape, int(mask.sum()), box, **values)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_run_lengths_are_pycocotools_and_give_the_mask_back(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    mask[seed % height, seed % width] = True
    made = segment(mask)
    assert (made.mask == mask).all()
    assert made.rle()["counts"].encode() == coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    assert int(coco.area(made.rle())) == made.area


def test_smaller_segments_lie_on_top_of_the_label_map_also_at_a_smaller_size() -> None:
    large, small = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    large[4:36, 4:50] = True
    small[10:20, 10:30] = True
    for order in ((large, small), (small, large)):
        segments = tuple(segment(mask) for mask in order)
        labels = label_map(segments, (40, 60))
        number_of_small = 1 + next(i for i, mask in enumerate(order) if mask is small)
        assert ((labels == number_of_small) == small).all()
        assert ((labels > 0) == large).all()
        assert (label_map(segments, (40, 60), (20, 30)) == labels[1::2, 1::2]).all()
