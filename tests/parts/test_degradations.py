"""The 15 degradations: identity, determinism, monotone strength, moved ground truth, and clear errors."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parts.degradations import BENDING, DESCRIPTIONS, KINDS, TITLES, DegradationError, degrade, warp_mask
from models.parts.degradations.blur import line_kernel

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


def scene(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A picture with edges, gradients and texture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 220, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        centre = tuple(int(v) for v in rng.integers(0, (width, height)))
        cv2.circle(image, centre, int(rng.integers(6, 20)), tuple(int(v) for v in rng.integers(0, 255, 3)), -1)
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def mean_square(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))


def test_fifteen_kinds_each_have_a_title_and_an_explanation() -> None:
    assert len(KINDS) == 15
    assert set(KINDS) == set(TITLES) == set(DESCRIPTIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_severity_zero_returns_an_equal_copy(kind: str) -> None:
    image = scene(0)
    result = degrade(image, kind, 0.0, seed=5)
    np.testing.assert_array_equal(result.image, image)
    assert not np.shares_memory(result.image, image)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_pixels_other_seed_other_pixels(kind: str) -> None:
    image = scene(1)
    before = image.copy()
    first, second = degrade(image, kind, 0.8, seed=3), degrade(image, kind, 0.8, seed=3)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(image, before)
    if kind != "resampling_blur":  # has nothing to draw
        assert any(not np.array_equal(first.image, degrade(image, kind, 0.8, seed).image) for seed in range(4, 8))


@pytest.mark.parametrize("kind", KINDS)
def test_psnr_falls_as_severity_rises(kind: str) -> None:
    errors = []
    for severity in SEVERITIES:
        pairs = [(scene(index), seed) for index, seed in enumerate(range(6))]
        errors.append(
            np.mean([mean_square(image, degrade(image, kind, severity, seed).image) for image, seed in pairs])
        )
    psnr = [10 * np.log10(255**2 / error) if error else np.inf for error in errors]
    assert all(before > after for before, after in pairwise(psnr)), psnr
    assert psnr[4] < 32, psnr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 2), (130, 40), (31, 200)])
def test_any_size_keeps_its_size_and_type(kind: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for severity in (0.3, 1.5):
        result = degrade(image, kind, severity, seed=1)
        assert result.image.shape == image.shape
        assert result.image.dtype == np.uint8
        if result.warp is not None:
            assert result.warp.shape == (*shape, 2)
            assert result.warp.dtype == np.float32
            assert result.warp.min() >= 0
            assert (result.warp.reshape(-1, 2).max(0) <= (shape[1] - 1, shape[0] - 1)).all()


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    severity=st.floats(0, 1.5),
    seed=st.integers(-(2**70), 2**70),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_every_accepted_input_gives_a_picture(kind: str, severity: float, seed: int, height: int, width: int) -> None:
    image = np.full((height, width, 3), 128, np.uint8)
    assert degrade(image, kind, severity, seed).image.shape == (height, width, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_grey_is_degraded_like_its_rgb_copy(kind: str) -> None:
    grey = scene(2)[..., 0]
    expected = degrade(np.repeat(grey[..., None], 3, axis=2), kind, 1.0, seed=2).image
    np.testing.assert_array_equal(degrade(grey, kind, 1.0, seed=2).image, expected)
    np.testing.assert_array_equal(degrade(grey[..., None], kind, 1.0, seed=2).image, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_strided_views_are_degraded_like_their_copies(kind: str) -> None:
    view = scene(3)[::2, ::-1]
    np.testing.assert_array_equal(degrade(view, kind, 1.0, 4).image, degrade(view.copy(), kind, 1.0, 4).image)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8, 4), np.uint8), "alpha"),
        (np.zeros((8, 8, 3), np.float32), "float32"),
        (np.zeros((8, 8, 2), np.uint8), r"\(8, 8, 2\)"),
        (np.zeros((0, 8, 3), np.uint8), "at least one pixel"),
        ([[1, 2], [3, 4]], "list"),
    ],
)
def test_unusable_image_is_named_with_a_remedy(image: object, words: str) -> None:
    with pytest.raises(DegradationError, match=words):
        degrade(image, "fog", 1.0, seed=0)


@pytest.mark.parametrize("severity", [-0.01, 1.51, float("nan"), float("inf"), "strong", None])
def test_severity_out_of_range_is_named_with_the_range(severity: object) -> None:
    with pytest.raises(DegradationError, match=r"\[0, 1.5\]"):
        degrade(scene(0), "fog", severity, seed=0)  # type: ignore[arg-type]


def test_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'hail'.*snow.*contrast"):
        degrade(scene(0), "hail", 1.0, seed=0)


def test_compression_leaves_steps_at_the_block_borders() -> None:
    x = np.linspace(20, 230, 128, dtype=np.float32)
    image = np.repeat(np.add.outer(x, x)[..., None] / 2, 3, axis=2).astype(np.uint8)
    step = np.abs(np.diff(degrade(image, "compression", 1.0, seed=0).image.astype(np.float64).mean(2), axis=1)).mean(0)
    border = step[7::8].mean()
    inside = np.delete(step, np.arange(7, 127, 8)).mean()
    assert border > 2 * inside


@pytest.mark.parametrize("kind", ["elastic", "frosted_glass"])
def test_warp_moves_a_mask_with_its_object(kind: str) -> None:
    mask = np.zeros((160, 120), bool)
    cv2.circle(view := mask.view(np.uint8), (60, 80), 35, 1, -1)
    image = np.repeat(view[..., None] * np.uint8(255), 3, axis=2)
    result = degrade(image, kind, 1.5, seed=8)
    assert result.warp is not None
    moved = warp_mask(mask, result.warp)
    assert moved.dtype == bool
    seen = result.image[..., 0] > 127
    assert (seen & moved).sum() / (seen | moved).sum() > 0.985
    assert (mask ^ seen).sum() > (moved ^ seen).sum()


def test_only_coherent_warps_are_listed_as_bending() -> None:
    grid = np.stack(np.meshgrid(np.arange(90), np.arange(90)), -1)
    for kind in KINDS:
        warp = degrade(scene(0, 90, 90), kind, 1.0, seed=0).warp
        if kind in BENDING:
            assert warp is not None
            inner = (warp - grid)[20:-20, 20:-20]
            assert np.abs(np.diff(inner, axis=1)).max() < 1.0


def test_warp_mask_keeps_ids_and_refuses_other_sizes() -> None:
    ids = np.arange(24, dtype=np.int16).reshape(4, 6)
    warp = degrade(np.zeros((4, 6, 3), np.uint8), "elastic", 1.0, seed=1).warp
    assert warp is not None
    assert set(np.unique(warp_mask(ids, warp))) <= set(range(24))
    soft = warp_mask(ids.astype(np.float32), warp)
    assert soft.dtype == np.float32
    with pytest.raises(DegradationError, match="size"):
        warp_mask(ids[:3], warp)


@pytest.mark.parametrize(("kind", "low", "high"), [("brightness", 0.6, 0.8), ("impulse_noise", 1.4, 1.5)])
def test_gain_at_severity_one_is_the_papers(kind: str, low: float, high: float) -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    for seed in range(12):
        assert low * 100 - 1 <= degrade(image, kind, 1.0, seed).image.mean() <= high * 100 + 1


def test_gaussian_noise_at_severity_one_has_the_papers_variance() -> None:
    image = np.full((200, 200, 3), 128, np.uint8)
    assert 245 < degrade(image, "gauss_noise", 1.0, seed=0).image.astype(np.float64).var() < 265


def test_frosted_glass_reads_from_at_most_three_pixels_away() -> None:
    warp = degrade(np.zeros((50, 60, 3), np.uint8), "frosted_glass", 1.0, seed=0).warp
    assert warp is not None
    grid = np.stack(np.meshgrid(np.arange(60), np.arange(50)), -1)
    assert set(np.unique((warp - grid)[5:-5, 5:-5])) == {-3, -2, -1, 0, 1, 2, 3}


@settings(max_examples=40, deadline=None)
@given(length=st.floats(1, 60), angle=st.floats(0, 3.2))
def test_line_kernel_sums_to_one_and_is_centred(length: float, angle: float) -> None:
    kernel = line_kernel(length, angle).astype(np.float64)
    at = np.arange(len(kernel)) - (len(kernel) - 1) / 2
    assert len(kernel) % 2 == 1
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel.sum(0) @ at, kernel.sum(1) @ at) == pytest.approx((0, 0), abs=1e-3)
