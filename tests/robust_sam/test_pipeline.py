"""Segmenting through the runtime: cached features, sizes, candidates, bad prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.robust_sam import pipeline
from models.robust_sam.pipeline import BadPrompt, Compat, Prompts, difference, iou
from models.runtime import JobContext, Runtime, RuntimeConfig

CLICK = Prompts(points=((40.0, 30.0),), labels=(1,))


def segment(photo: np.ndarray, file: Path, prompts: Prompts = CLICK, **more: object) -> pipeline.Segmentation:
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    try:
        job = pipeline.segment_job("me", photo, pipeline.image_digest(photo), prompts, path=str(file), **more)
        return runtime.submit(job).result(timeout=120)
    finally:
        runtime.close()


def test_masks_come_at_the_asked_size_with_their_area_in_original_pixels(nano_file: Path, photo: np.ndarray) -> None:
    full = segment(photo, nano_file)
    small = segment(photo, nano_file, output_size=(30, 40))
    assert full.robust is not None
    assert full.sam.mask.shape == (60, 80)
    assert full.sam.area == full.sam.mask.sum()
    assert small.sam.mask.shape == (30, 40)
    assert small.sam.area == pytest.approx(full.sam.area, abs=60 * 80 * 0.03)
    assert 0 <= full.robust.confidence <= 1


def test_the_second_click_uses_the_features_of_the_first(nano_file: Path, photo: np.ndarray) -> None:
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    digest = pipeline.image_digest(photo)
    try:
        first, second = (
            runtime.submit(pipeline.segment_job("me", photo, digest, CLICK, path=str(nano_file))).result(timeout=120)
            for _ in range(2)
        )
    finally:
        runtime.close()
    assert first.image_ms > 0
    assert second.image_ms == 0
    assert np.array_equal(first.sam.mask, second.sam.mask)
    assert np.array_equal(first.robust.low_res_logits, second.robust.low_res_logits)


def test_cached_features_give_what_fresh_ones_give(tiny: object, photo: np.ndarray) -> None:
    answers = [
        pipeline.segment(JobContext(), tiny, image=photo, digest="d", prompts=CLICK, model_key=str(run))
        for run in range(2)
    ]
    assert np.array_equal(answers[0].sam.low_res_logits, answers[1].sam.low_res_logits)


def test_a_former_answer_is_a_prompt(nano_file: Path, photo: np.ndarray) -> None:
    first = segment(photo, nano_file)
    again = segment(photo, nano_file, Prompts(CLICK.points, CLICK.labels, mask=first.sam.low_res_logits))
    assert not np.array_equal(first.sam.low_res_logits, again.sam.low_res_logits)


def test_pillow_resize_and_other_candidates_are_switches(nano_file: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    logits = [
        segment(photo, nano_file, output_size=(70, 90), compat=compat).sam.low_res_logits
        for compat in (Compat(), Compat(resize="pillow"), Compat(candidate=2))
    ]
    assert not np.array_equal(logits[0], logits[1])
    assert np.abs(logits[0] - logits[1]).max() < np.abs(logits[0] - logits[2]).max()


def test_a_portrait_of_24_megapixels_keeps_original_coordinates(nano_file: Path) -> None:
    photo = np.zeros((6000, 4000, 3), dtype=np.uint8)
    photo[4000:5000, 1000:2000] = 200
    answer = segment(photo, nano_file, Prompts(((1500.0, 4500.0),), (1,)))
    assert answer.sam.mask.shape == (6000, 4000)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (Prompts(), "no prompt"),
        (Prompts(((80.0, 3.0),), (1,)), r"point 1 at \(80, 3\) lies outside the photo of 80 x 60"),
        (Prompts(((3.0, -1.0),), (1,)), "outside"),
        (Prompts(((float("nan"), 1.0),), (1,)), "outside"),
        (Prompts(((3.0, 3.0),), (1, 0)), "1 points came with 2 labels"),
        (Prompts(((3.0, 3.0),), (2,)), "label 2 is unknown"),
        (Prompts(box=(10, 10, 10.5, 40)), "covers no pixel"),
        (Prompts(box=(10, float("inf"), 20, 40)), "no number"),
    ],
)
def test_bad_prompts_are_refused_before_anything_is_queued(prompts: Prompts, said: str, photo: np.ndarray) -> None:
    with pytest.raises(BadPrompt, match=said):
        pipeline.segment_job("me", photo, "d", prompts)


def test_a_box_drawn_from_any_corner_is_put_in_order(photo: np.ndarray) -> None:
    assert Prompts(box=(70, 50, 10, -5)).checked((60, 80)).box == (10, 0, 70, 50)


MASKS = st.lists(st.booleans(), min_size=12, max_size=12).map(lambda bits: np.array(bits).reshape(3, 4))


@given(MASKS, MASKS)
def test_difference_and_iou_agree(a: np.ndarray, b: np.ndarray) -> None:
    parts = difference(a, b)
    assert np.array_equal(parts == 3, a & b)
    assert np.array_equal((parts == 1) | (parts == 3), a)
    union = (parts > 0).sum()
    assert iou(a, b) == (1.0 if union == 0 else (parts == 3).sum() / union)
    assert iou(a, b) == iou(b, a)


def test_the_digest_tells_shape_and_content_apart() -> None:
    a = np.zeros((2, 6, 3), np.uint8)
    assert pipeline.image_digest(a) != pipeline.image_digest(a.reshape(6, 2, 3))
    assert pipeline.image_digest(a) == pipeline.image_digest(a.copy())
    assert pipeline.image_digest(a[:, ::-1]) == pipeline.image_digest(a)
