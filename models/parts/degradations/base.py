"""What every degradation shares: the result type, the typed error, the input checks and the names shown to people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Warp = NDArray[np.float32]

MAX_SEVERITY = 1.5

TITLES: dict[str, str] = {
    "snow": "Snow",
    "fog": "Fog",
    "rain": "Rain",
    "gauss_noise": "Gaussian noise",
    "iso_noise": "ISO noise",
    "impulse_noise": "Multiplicative gain",
    "resampling_blur": "Resampling blur",
    "motion_blur": "Motion blur",
    "zoom_blur": "Zoom blur",
    "color_jitter": "Colour jitter",
    "compression": "JPEG compression",
    "elastic": "Elastic warp",
    "frosted_glass": "Frosted glass",
    "brightness": "Darkening",
    "contrast": "Hard contrast",
}

KINDS: tuple[str, ...] = tuple(TITLES)

DESCRIPTIONS: dict[str, str] = {
    "snow": "Falling flakes in three depths; severity adds flakes.",
    "fog": "A bright, uneven veil that hides far detail; severity thickens it.",
    "rain": "Slanted bright streaks over a light haze; severity adds drops.",
    "gauss_noise": "Independent sensor noise, about 16 grey levels at severity 1.",
    "iso_noise": "High-ISO grain: scrambled hues and noisy, lifted shadows.",
    "impulse_noise": "One gain of 1.4 to 1.5 for the whole image; highlights clip (the paper calls it impulse noise).",
    "resampling_blur": "Shrunk four times and enlarged again.",
    "motion_blur": "Camera shake along a straight line of up to 35 pixels.",
    "zoom_blur": "The lens zooms up to 1.33 times during the exposure.",
    "color_jitter": "Random brightness, contrast, saturation and hue.",
    "compression": "JPEG at quality 5 to 10: blocks and smeared colour.",
    "elastic": "The picture is bent smoothly; the ground truth is bent with it.",
    "frosted_glass": "Each pixel is taken from up to 3 pixels away.",
    "brightness": "The picture is darkened to 60 to 80 percent.",
    "contrast": "Contrast is raised 1.6 to 1.7 times about mid-grey; both ends clip.",
}


class DegradationError(ValueError):
    """A degradation was asked for something it cannot do; the message names the input and the remedy."""


@dataclass(frozen=True)
class Degraded:
    """Result of one degradation.

    image: (H, W, 3) uint8.
    warp: (H, W, 2) float32 sampling map or None: output pixel (x, y) was read from source pixel warp[y, x] = (x, y).
    """

    image: Image
    warp: Warp | None = None


def checked_image(image: Any) -> Image:
    """Return `image` as contiguous RGB uint8 (H, W, 3); grey (H, W) or (H, W, 1) becomes three equal channels.

    Raises DegradationError for any other type or shape. Alpha is refused because what lies under it is the caller's
    choice.
    """
    if not isinstance(image, np.ndarray):
        raise DegradationError(f"image is a {type(image).__name__}; pass a numpy array, e.g. np.asarray(picture)")
    if image.dtype != np.uint8:
        raise DegradationError(f"image has dtype {image.dtype}; pass uint8 values in 0..255")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim == 3 and image.shape[2] == 4:
        raise DegradationError(
            f"image has shape {image.shape}, with an alpha channel; "
            "composite it over a background or pass image[..., :3]"
        )
    if image.ndim != 3 or image.shape[2] != 3:
        raise DegradationError(f"image has shape {image.shape}; pass (H, W, 3) RGB or (H, W) grey")
    if min(image.shape[:2]) < 1:
        raise DegradationError(f"image has shape {image.shape}; it needs at least one pixel")
    return np.ascontiguousarray(image)


def checked_severity(severity: Any) -> float:
    """Return `severity` as a float in [0, 1.5]; raises DegradationError otherwise."""
    try:
        value = float(severity)
    except (TypeError, ValueError):
        raise DegradationError(f"severity {severity!r} is not a number; pass one in [0, {MAX_SEVERITY}]") from None
    if not math.isfinite(value) or not 0.0 <= value <= MAX_SEVERITY:
        raise DegradationError(f"severity {severity!r} is out of range; pass a number in [0, {MAX_SEVERITY}]")
    return value


def to_uint8(values: NDArray[np.floating[Any]]) -> Image:
    """Round and clip float values in grey levels to uint8, reusing the buffer."""
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)


def lookup(table: NDArray[np.floating[Any]], image: Image) -> Image:
    """Apply a 256-entry tone table to every channel."""
    return to_uint8(table.astype(np.float32))[image]
