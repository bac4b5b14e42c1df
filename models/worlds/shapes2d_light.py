"""Light on flat objects, their shadows, and the camera that takes the finished scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from models.worlds.shapes2d_outline import F32, U8, Points

_SHADING_SIDE = 128


def bevel(alpha: U8, light: Points, roundness: float, gloss: float) -> tuple[F32, F32]:
    """Shade a silhouette as if its edge were rounded.

    alpha: (h, w) uint8 coverage; light: unit vector (3,), y up; roundness: how far the rounding reaches in, as a
    share of the thickest place. Returns (brightness factor about 1, highlight 0..1 to add), both (h, w) float32.
    Computed at a reduced size, because shading is smooth.
    """
    height, width = alpha.shape
    scale = min(1.0, _SHADING_SIDE / max(height, width))
    small = cv2.resize(
        alpha, (max(2, round(width * scale)), max(2, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    depth = cv2.distanceTransform((small > 127).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(1.0, roundness * float(depth.max()))
    inward = np.minimum(depth / np.float32(reach), 1.0)
    surface = np.sqrt(1.0 - (1.0 - inward) ** 2) * np.float32(reach)
    surface = cv2.GaussianBlur(surface, (0, 0), max(0.8, reach * 0.15))
    slope_x, slope_y = (
        cv2.Sobel(surface, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(surface, cv2.CV_32F, 0, 1, scale=0.125),
    )
    length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    facing = (-slope_x * np.float32(light[0]) + slope_y * np.float32(light[1]) + np.float32(light[2])) / length
    shade = np.float32(0.45) + np.float32(0.75) * np.maximum(facing, 0.0)
    highlight = np.float32(gloss) * np.maximum(facing, 0.0) ** 24
    full = cv2.resize(np.dstack([shade, highlight]), (width, height), interpolation=cv2.INTER_LINEAR)
    return full[..., 0], full[..., 1]


def soft_shadow(alpha: U8, offset: tuple[int, int], sigma: float) -> F32:
    """Shadow density 0..1, (h, w): the silhouette moved by (dx, dy) pixels and blurred, at a quarter of the size."""
    height, width = alpha.shape
    factor = 4 if min(height, width) >= 32 else 1
    small = cv2.resize(alpha, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    move = np.array([[1.0, 0.0, offset[0] / factor], [0.0, 1.0, offset[1] / factor]])
    moved = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]))
    blurred = cv2.GaussianBlur(moved, (0, 0), max(0.5, sigma / factor))
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) * np.float32(1 / 255)


def camera(canvas: F32, rng: Generator, noise: float, jpeg: float) -> U8:
    """Take the picture: exposure, white balance, vignette, softness, sensor noise and JPEG, each at random.

    canvas: (S, S, 3) float32 grey levels, changed in place. noise: largest sigma; jpeg: chance of compression.
    """
    size = canvas.shape[0]
    canvas *= (rng.uniform(0.8, 1.15) * (1 + rng.normal(0, 0.03, 3))).astype(np.float32)
    if rng.random() < 0.4:
        x = np.linspace(-1, 1, size, dtype=np.float32)
        canvas *= (1 - np.float32(rng.uniform(0.05, 0.3)) * (x[None] ** 2 + x[:, None] ** 2))[..., None]
    if rng.random() < 0.4:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 1.0))
    sigma = noise * rng.beta(1.0, 2.5)
    if sigma > 0.3:
        grain = np.empty_like(canvas, dtype=np.int16)
        # Seeded from the scene's generator; OpenCV draws normals about four times faster than numpy.
        cv2.setRNGSeed(int(rng.integers(0, 2**31)))
        cv2.randn(grain, 0, sigma * 16)
        canvas = cv2.add(canvas, grain * np.float32(1 / 16), dtype=cv2.CV_32F)
    image = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    if rng.random() < jpeg:
        quality = int(rng.integers(45, 96))
        _, code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.cvtColor(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8), cv2.COLOR_BGR2RGB)
    return image
