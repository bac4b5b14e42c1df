"""Blur kinds. Lengths are in pixels of the given image, as in the paper's code (made for pictures of 512 to 1024
pixels).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.parts.degradations.base import Image, to_uint8


def resampling_blur(image: Image, severity: float, rng: Generator) -> Image:
    """Bilinear reduction by 1 + 3 * severity and enlargement back to the old size."""
    height, width = image.shape[:2]
    factor = 1.0 + 3.0 * severity
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR)


def line_kernel(length: float, angle: float) -> NDArray[np.float32]:
    """Antialiased centred line: (K, K) float32 with sum 1; length in pixels (>= 1), angle in radians, y down."""
    reach = (max(length, 1.0) - 1.0) / 2.0
    half = max(1, math.ceil(reach))
    along = np.linspace(-reach, reach, 8 * half + 1)
    x, y = half + along * math.cos(angle), half + along * math.sin(angle)
    kernel = np.zeros((2 * half + 2, 2 * half + 2))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - column, y - row
    for dy, dx, weight in ((0, 0, (1 - fx) * (1 - fy)), (0, 1, fx * (1 - fy)), (1, 0, (1 - fx) * fy), (1, 1, fx * fy)):
        np.add.at(kernel, (row + dy, column + dx), weight)
    kernel = kernel[:-1, :-1]
    return (kernel / kernel.sum()).astype(np.float32)


def motion_blur(image: Image, severity: float, rng: Generator) -> Image:
    """Mean along a line whose length is an odd number in 3..35 at severity 1, in a random direction."""
    length = 3 + 2 * int(rng.integers(0, 17))
    angle = rng.uniform(0.0, math.pi)
    kernel = line_kernel(1.0 + severity * (length - 1.0), angle)
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def zoom_blur(image: Image, severity: float, rng: Generator) -> Image:
    """Mean of the image zoomed about its centre by 1, 1 + step, ... below 1.33; step U(.05, .07), at severity 1."""
    step = rng.uniform(0.05, 0.07)
    height, width = image.shape[:2]
    zooms = 1.0 + severity * np.arange(0.0, 0.33, step)
    total = image.astype(np.float32)
    centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0
    for zoom in zooms[1:]:
        inverse = 1.0 / zoom
        matrix = np.array([[inverse, 0.0, centre_x * (1 - inverse)], [0.0, inverse, centre_y * (1 - inverse)]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        zoomed = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cv2.accumulate(zoomed, total)
    total *= 1.0 / len(zooms)
    return to_uint8(total)
