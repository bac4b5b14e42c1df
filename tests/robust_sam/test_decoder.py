"""The decoder: batches, the shared pass, the two Fourier forms, the two orders of masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import embed_image, predict
from models.runtime import JobContext

Give = Callable[[np.random.Generator, int], dict[str, np.ndarray]]
KINDS: dict[str, Give] = {
    "one point": lambda rng, n: {"coordinates": rng.uniform(1, 59, (n, 1, 2)), "labels": np.ones((n, 1))},
    "three points, one removed": lambda rng, n: {
        "coordinates": rng.uniform(1, 59, (n, 3, 2)),
        "labels": np.tile([1, 1, 0], (n, 1)),
    },
    "box": lambda rng, n: {
        "coordinates": None,
        "labels": None,
        "boxes": np.concatenate([rng.uniform(0, 25, (n, 2)), rng.uniform(30, 59, (n, 2))], axis=1),
    },
    "box and point": lambda rng, n: {
        "coordinates": rng.uniform(1, 59, (n, 1, 2)),
        "labels": np.ones((n, 1)),
        "boxes": np.concatenate([rng.uniform(0, 25, (n, 2)), rng.uniform(30, 59, (n, 2))], axis=1),
    },
    "point and mask": lambda rng, n: {
        "coordinates": rng.uniform(1, 59, (n, 1, 2)),
        "labels": np.ones((n, 1)),
        "masks": rng.normal(size=(n, 32, 32)),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_seven_prompts_at_once_equal_seven_single_ones(tiny: RobustSam, photo: np.ndarray, kind: str) -> None:
    features = embed_image(JobContext(), tiny, photo)
    given = KINDS[kind](np.random.default_rng(1), 7)
    together = predict(tiny, features, **given)
    for index in range(7):
        alone = predict(
            tiny, features, **{name: None if v is None else v[index : index + 1] for name, v in given.items()}
        )
        for branch in ("sam", "robust"):
            torch.testing.assert_close(together[branch].logits[index], alone[branch].logits[0], atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(together[branch].iou[index], alone[branch].iou[0], atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_both_branches_in_one_pass_equal_two_passes(tiny: RobustSam) -> None:
    generator = torch.Generator().manual_seed(2)
    decoder, position = tiny.mask_decoder, tiny.prompt_encoder.get_dense_pe()
    embedding = torch.randn(1, 64, 8, 8, generator=generator)
    points = torch.rand(3, 2, 2, generator=generator) * 128
    sparse, dense = tiny.prompt_encoder((points, torch.ones(3, 2)), None, None)
    together = decoder.decode_both(embedding, position, sparse, dense)
    for branch, shared in zip(("sam", "robust"), together, strict=True):
        alone = decoder.decode(embedding, position, sparse, dense, branch)
        for name in ("tokens", "upscaled", "iou", "image_tokens"):
            torch.testing.assert_close(getattr(shared, name), getattr(alone, name), atol=2e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("shape", [(8, 8), (7, 12), (32, 31)])
def test_half_plane_transform_equals_the_full_one(tiny: RobustSam, shape: tuple[int, int]) -> None:
    block = tiny.mask_decoder.fourier_mask_features.fgm_block
    x = torch.randn(2, 16, *shape, generator=torch.Generator().manual_seed(3))
    fast = block(x)
    block.full_plane = True
    try:
        slow = block(x)
    finally:
        block.full_plane = False
    torch.testing.assert_close(fast, slow, atol=2e-5, rtol=1e-4)


def test_fourier_suppression_has_a_finite_gradient_where_the_spectrum_vanishes(tiny: RobustSam) -> None:
    block = tiny.mask_decoder.fourier_mask_features.fgm_block
    x = torch.zeros(1, 16, 8, 8, requires_grad=True)
    block(x).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@torch.no_grad()
def test_the_four_masks_are_the_first_chunk_of_the_released_sixteen(tiny: RobustSam) -> None:
    generator = torch.Generator().manual_seed(4)
    decoder = tiny.mask_decoder
    sparse, dense = tiny.prompt_encoder((torch.rand(2, 1, 2, generator=generator) * 128, torch.ones(2, 1)), None, None)
    position = tiny.prompt_encoder.get_dense_pe()
    decoded = decoder.decode(torch.randn(1, 64, 8, 8, generator=generator), position, sparse, dense, "robust")
    feature: Tensor = torch.randn(2, 8, 32, 32, generator=generator)
    sixteen = decoder.robust_masks(decoded, feature, all16=True)
    assert sixteen.shape[1] == 16
    torch.testing.assert_close(decoder.robust_masks(decoded, feature), sixteen[:, :4], atol=2e-5, rtol=1e-4)


def test_selector_names_the_sides_it_cannot_divide(tiny: RobustSam) -> None:
    with pytest.raises(ValueError, match="multiples of 4, got 6 x 8"):
        tiny.mask_decoder.fourier_mask_features(torch.zeros(1, 8, 6, 8), clean=False)
