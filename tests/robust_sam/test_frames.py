"""Coordinates and sizes, down-scaling included, which the recorded resize does not cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.robust_sam import frames

SIDES = st.integers(1, 7000)


@given(SIDES, SIDES, st.sampled_from([128, 512, 1024]))
def test_the_long_side_becomes_the_model_side(height: int, width: int, side: int) -> None:
    resized = frames.resized_size((height, width), side)
    assert max(resized) == side
    assert min(resized) >= 1


@given(st.integers(2, 7000), st.integers(2, 7000), st.floats(0, 1), st.floats(0, 1))
def test_points_stay_inside_the_resized_photo(height: int, width: int, x: float, y: float) -> None:
    points = np.array([[x * (width - 1), y * (height - 1)]])
    moved = frames.to_model_frame(points, (height, width), 512)
    new_height, new_width = frames.resized_size((height, width), 512)
    assert (moved >= 0).all()
    assert moved[0, 0] <= new_width
    assert moved[0, 1] <= new_height


def test_downscaling_is_antialiased_as_torch_and_pillow_do_it() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 211, 3), dtype=np.uint8)
    height, width = frames.resized_size((300, 211), 128)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    torch_way = torch.nn.functional.interpolate(tensor, (height, width), mode="bilinear", antialias=True)
    torch.testing.assert_close(frames.resize_image(image, 128), torch_way)
    pillow_way = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    ours = frames.resize_image(image, 128, "pillow")[0].permute(1, 2, 0).numpy()
    assert np.array_equal(ours, pillow_way)
    assert np.abs(ours - torch_way[0].permute(1, 2, 0).numpy()).max() < 2


@pytest.mark.parametrize("size", [(6000, 4000), (400, 600), (33, 500)])
def test_a_mask_comes_back_where_it_was(size: tuple[int, int]) -> None:
    """A disc drawn in the low-resolution frame lands on the original pixels that map to it."""
    height, width = size
    grown_height, grown_width = frames.resized_size(size, 512)
    centre = np.array([grown_width * 0.4, grown_height * 0.6]) / 4
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    radius = min(grown_width, grown_height) / 4 * 0.3
    logits = radius - torch.hypot(columns + 0.5 - centre[0], rows + 0.5 - centre[1])
    mask = frames.to_original_frame(logits[None, None], size, size, 512)[0, 0] > 0
    found = torch.nonzero(mask).float().mean(dim=0)
    assert found[1] / width == pytest.approx(0.4, abs=0.02)
    assert found[0] / height == pytest.approx(0.6, abs=0.02)
