"""The residual that forgives blur and small shifts, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hugs.cues import Residual
from models.hugs.tolerance import tolerant_residual


def stripes() -> np.ndarray:
    picture = np.zeros((40, 48, 3), np.uint8)
    picture[:, (np.arange(48) // 8) % 2 == 1] = (200, 120, 60)
    return picture


def test_blur_and_a_shift_of_a_pixel_are_forgiven() -> None:
    photo = stripes()
    for changed in (cv2.GaussianBlur(photo, (0, 0), 1.0), np.roll(photo, 1, axis=1)):
        plain, tolerant = Residual.between(photo, changed).values, tolerant_residual(photo, changed).values
        assert plain[5:-5, 5:-5].mean() > 0.02
        assert tolerant[5:-5, 5:-5].max() < 0.02


def test_something_else_in_the_picture_is_seen() -> None:
    photo = stripes()
    changed = photo.copy()
    changed[10:26, 12:32] = (40, 220, 220)
    residual = tolerant_residual(photo, changed).values
    assert residual[14:22, 16:28].min() > 0.15
    assert residual[:4].max() < 0.01


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_it_is_never_above_the_residual_of_the_blurred_pictures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo, render = (rng.random((12, 15, 3)).astype(np.float32) for _ in range(2))
    blurred = [cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in (photo, render)]
    plain = np.abs(blurred[0] - blurred[1]).mean(-1)
    assert (tolerant_residual(photo, render).values <= plain + 1e-6).all()
    assert tolerant_residual(photo, photo).values.max() == pytest.approx(0)
