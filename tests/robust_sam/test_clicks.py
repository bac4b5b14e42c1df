"""Clicks answered with the mask before them, and paintings as prompts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.robust_sam.clicks import PAINTED_LOGIT, click_by_click, innermost, painted_logits, predict
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import BadPrompt, Prompts, embed_image
from models.runtime import JobContext

CLICKS = Prompts(((10.0, 12.0), (30.0, 20.0), (5.0, 40.0)), (1, 1, 0), refine=True)


def test_the_newest_click_alone_gives_what_all_from_the_first_give(tiny: RobustSam, photo: np.ndarray) -> None:
    features = embed_image(JobContext(), tiny, photo)
    whole = click_by_click(tiny, features, CLICKS)
    earlier = click_by_click(tiny, features, replace(CLICKS, points=CLICKS.points[:-1], labels=CLICKS.labels[:-1]))
    last = {name: raw.logits[0, 0].numpy() for name, raw in earlier.items()}
    short = click_by_click(tiny, features, replace(CLICKS, last=last))
    for name, raw in whole.items():
        torch.testing.assert_close(short[name].logits, raw.logits, atol=2e-5, rtol=1e-4)


def test_each_branch_is_given_its_own_mask(tiny: RobustSam, photo: np.ndarray) -> None:
    features = embed_image(JobContext(), tiny, photo)
    rng = np.random.default_rng(0)
    masks = {name: rng.normal(size=(1, 32, 32)) for name in ("sam", "robust")}
    where = np.array([[[10.0, 12.0]]])
    together = predict(tiny, features, where, np.ones((1, 1)), masks=masks)
    for name, mask in masks.items():
        alone = predict(tiny, features, where, np.ones((1, 1)), masks=mask)
        torch.testing.assert_close(together[name].logits, alone[name].logits, atol=2e-5, rtol=1e-4)


def test_one_click_has_nothing_to_refine(tiny: RobustSam, photo: np.ndarray) -> None:
    features = embed_image(JobContext(), tiny, photo)
    one = Prompts(((10.0, 12.0),), (1,), refine=True)
    refined, plain = click_by_click(tiny, features, one), click_by_click(tiny, features, replace(one, refine=False))
    assert torch.equal(refined["sam"].logits, plain["sam"].logits)


@pytest.mark.parametrize(
    ("prompts", "steps"),
    [
        (Prompts(((1.0, 1.0),), (1,)), [1]),
        (Prompts(((1.0, 1.0),) * 3, (0, 1, 0)), [2, 3]),
        (Prompts(((1.0, 1.0),) * 2, (0, 1), box=(0, 0, 5, 5)), [0, 1, 2]),
        (Prompts(painted=np.ones((4, 4), bool)), [0]),
    ],
)
def test_the_first_run_ends_with_the_first_adding_point_unless_a_box_or_painting_frames_it(
    prompts: Prompts, steps: list[int]
) -> None:
    assert prompts.steps() == steps


def test_a_painting_lies_where_it_was_painted() -> None:
    painted = np.zeros((60, 120), bool)
    painted[:30, :60] = True
    logits = painted_logits(painted, (600, 1200), 512, 128)
    assert logits.shape == (128, 128)
    assert (logits[:32, :64] == PAINTED_LOGIT).all()
    assert (logits[32:] == -PAINTED_LOGIT).all()
    assert (logits[:, 64:] == -PAINTED_LOGIT).all()


def test_an_empty_painting_is_no_prompt() -> None:
    with pytest.raises(BadPrompt):
        Prompts(painted=np.zeros((4, 4), bool)).checked((40, 40))


def test_a_painting_alone_is_answered(tiny: RobustSam, photo: np.ndarray) -> None:
    features = embed_image(JobContext(), tiny, photo)
    painted = np.zeros(photo.shape[:2], bool)
    painted[5:20, 5:20] = True
    answers = click_by_click(tiny, features, Prompts(painted=painted).checked((photo.shape[0], photo.shape[1])))
    assert all(bool(torch.isfinite(raw.logits).all()) for raw in answers.values())


def test_the_innermost_point_is_in_pixels_of_the_photo() -> None:
    painted = np.zeros((50, 100), bool)
    painted[10:21, 40:81] = True
    x, y = innermost(painted, (500, 1000))
    assert y == pytest.approx(155, abs=1)
    assert 450 <= x <= 760
