"""PSNR, SSIM and colour correction against known values and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from models.parts.metrics import colour_correct, psnr, ssim


def test_psnr_of_a_known_error() -> None:
    assert psnr(np.full((4, 4, 3), 0.6), np.full((4, 4, 3), 0.5)) == pytest.approx(20)
    assert psnr(np.ones((2, 2)), np.ones((2, 2))) == float("inf")


def test_ssim_is_that_of_scikit_image_and_one_for_equal_pictures() -> None:
    rng = np.random.default_rng(0)
    a = rng.random((40, 30, 3))
    b = np.clip(a + rng.normal(0, 0.1, a.shape), 0, 1)
    expected = structural_similarity(
        a, b, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(a, b) == pytest.approx(expected, abs=1e-9)
    assert ssim(a, a) == pytest.approx(1)


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        psnr(np.zeros((2, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="at least 11"):
        ssim(np.zeros((8, 20)), np.zeros((8, 20)))


def test_a_quadratic_change_of_colour_is_undone() -> None:
    truth = np.random.default_rng(1).uniform(0.2, 0.8, (12, 9, 3))
    changed = 0.1 + 0.7 * truth
    assert psnr(colour_correct(changed, truth), truth) > 60
