"""Snow, fog and rain, drawn procedurally.

The look follows the parameters of the method document, section 2.1; lengths that the libraries give as a fraction of
the image are in pixels of a 512-pixel image here and do not grow with larger ones.
Severity thickens a scene that the seed fixes: the flakes and drops of a lower severity are a subset of those of a
higher one.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.parts.degradations.base import MAX_SEVERITY, Image, to_uint8
from models.parts.degradations.blur import line_kernel

_REFERENCE_SIDE = 512.0
# (gaussian radius px, flakes per pixel at severity 1, opacity, share of the fall's streak) from far to near.
_FLAKES = ((0.7, 0.020, 0.75, 0.6), (1.3, 0.0045, 0.9, 1.0), (2.6, 0.0007, 0.95, 1.6))
# (drops per pixel at severity 1, opacity, width px, share of the streak) from far to near.
_DROPS = ((0.0060, 0.28, 1, 0.45), (0.0030, 0.42, 1, 0.8), (0.0012, 0.50, 2, 1.2))


def _veil(image: Image, alpha: NDArray[np.float32], tint: NDArray[np.float32] | float) -> Image:
    """Blend towards `tint` (grey levels) by alpha (H, W) in [0, 1]."""
    work = image.astype(np.float32)
    work += (tint - work) * alpha[..., None]
    return to_uint8(work)


def _cloud(rng: Generator, height: int, width: int, cell: float, octaves: int, decay: float) -> NDArray[np.float32]:
    """Smooth noise (H, W) about 0 with unit deviation: cubic-interpolated random grids, cells halving per octave."""
    total = np.zeros((height, width), np.float32)
    power = 0.0
    for octave in range(octaves):
        size = max(2.0, cell / 2**octave)
        grid = rng.standard_normal((math.ceil(height / size) + 3, math.ceil(width / size) + 3), dtype=np.float32)
        # Sampling through an affine keeps the cell size in pixels exact, whatever the image size.
        scale = 1.0 / size
        offset = rng.uniform(1.0, 1.99, 2)
        matrix = np.array([[scale, 0.0, offset[0]], [0.0, scale, offset[1]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        layer = cv2.warpAffine(grid, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        total += layer * np.float32(decay**octave)
        power += decay ** (2 * octave)
    # A cubic-interpolated normal grid keeps about two thirds of its deviation.
    total *= 1.5 / math.sqrt(power)
    return total


def fog(image: Image, severity: float, rng: Generator) -> Image:
    """A bright veil of intensity U(220, 255), about half opaque at severity 1, in drifts and with a finer texture."""
    height, width = image.shape[:2]
    tint = rng.uniform(220.0, 255.0)
    density = rng.uniform(0.45, 0.65)
    drifts = _cloud(rng, height, width, rng.uniform(130.0, 260.0), 4, 0.55)
    texture = _cloud(rng, height, width, 40.0, 3, 0.7)
    lean = rng.uniform(0.0, 0.12) * np.linspace(1.0, -1.0, height, dtype=np.float32)[:, None]
    alpha = np.clip(density + 0.13 * drifts + lean, 0.1, 0.92) * np.float32(severity)
    np.minimum(alpha, 0.97, out=alpha)
    bright = np.clip(tint + 4.0 * texture, 0.0, 255.0).astype(np.float32)[..., None]
    return _veil(image, alpha, bright)


def _scattered(
    rng: Generator, height: int, width: int, density: float, severity: float
) -> tuple[NDArray[np.intp], ...]:
    """Rows and columns of points thrown on the image: the first `severity` share of a list fixed by the seed."""
    most = rng.poisson(density * MAX_SEVERITY * height * width)
    rows, columns = rng.integers(0, height, most), rng.integers(0, width, most)
    shown = round(most * severity / MAX_SEVERITY)
    return rows[:shown], columns[:shown]


def snow(image: Image, severity: float, rng: Generator) -> Image:
    """Flakes in three depths, falling straight down with a streak of U(.01, .015) of 512 px, under a thin white
    haze.
    """
    height, width = image.shape[:2]
    streak = rng.uniform(0.01, 0.015) * _REFERENCE_SIDE
    size = rng.uniform(0.6, 0.8) / 0.7
    angle = math.pi / 2 + rng.normal(0.0, 0.08)
    clear = np.full((height, width), 1.0 - 0.08 * severity, np.float32)
    for radius, density, opacity, share in _FLAKES:
        rows, columns = _scattered(rng, height, width, density, severity)
        sigma = radius * size
        # The peak of a blurred impulse, so that flakes reach full opacity whatever their size.
        peak = 2.0 * math.pi * sigma**2 + 1.0
        flakes = np.zeros((height, width), np.float32)
        flakes[rows, columns] = 2.2 * peak * (0.5 + 0.5 * ((rows * 7 + columns * 13) % 17) / 16.0)
        flakes = cv2.GaussianBlur(flakes, (0, 0), sigma)
        flakes = cv2.filter2D(flakes, -1, line_kernel(max(1.0, streak * share), angle))
        clear *= 1.0 - opacity * np.minimum(flakes, 1.0)
    return _veil(image, 1.0 - clear, rng.uniform(240.0, 255.0))


def rain(image: Image, severity: float, rng: Generator) -> Image:
    """Streaks in three depths, U(.05, .1) of 512 px long and leaning up to 15 degrees, under a grey haze."""
    height, width = image.shape[:2]
    streak = rng.uniform(0.05, 0.1) * _REFERENCE_SIDE
    thin = rng.uniform(0.40, 0.50) / 0.45
    lean = rng.uniform(-math.radians(15), math.radians(15))
    clear = np.full((height, width), 1.0 - 0.12 * severity, np.float32)
    for density, opacity, thickness, share in _DROPS:
        rows, columns = _scattered(rng, height, width, density * 0.25, severity)
        # Lengths vary with the drop, not with the severity: index by place so that subsets stay the same drops.
        reach = streak * share * (0.6 + 0.8 * ((rows * 31 + columns * 17) % 101) / 100.0)
        start = np.stack([columns, rows], -1).astype(np.float64)
        end = start + reach[:, None] * np.array([math.sin(lean), math.cos(lean)])
        start -= (end - start) * 0.5
        lines = np.rint(np.stack([start, end], 1) * 16.0).astype(np.int32)
        drops = np.zeros((height, width), np.uint8)
        if len(lines):
            cv2.polylines(drops, list(lines), False, 255, thickness, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(drops, (0, 0), 0.45 * thin * thickness + 0.2)
        clear *= 1.0 - soft.astype(np.float32) * np.float32(min(1.0, opacity * 1.5) / 255.0)
    return _veil(image, 1.0 - clear, rng.uniform(205.0, 235.0))
