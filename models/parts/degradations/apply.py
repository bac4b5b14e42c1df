"""One entry for the 15 degradations of RobustSAM (method document, section 2.1)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from models.parts.degradations import blur, color, geometry, noise, weather
from models.parts.degradations.base import KINDS, DegradationError, Degraded, Image, checked_image, checked_severity

_PLAIN: dict[str, Callable[[Image, float, Generator], Image]] = {
    "snow": weather.snow,
    "fog": weather.fog,
    "rain": weather.rain,
    "gauss_noise": noise.gauss_noise,
    "iso_noise": noise.iso_noise,
    "impulse_noise": noise.impulse_noise,
    "resampling_blur": blur.resampling_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "color_jitter": color.color_jitter,
    "compression": color.compression,
    "brightness": color.brightness,
    "contrast": color.contrast,
}
_MOVING: dict[str, Callable[[Image, float, Generator], Degraded]] = {
    "elastic": geometry.elastic,
    "frosted_glass": geometry.frosted_glass,
}


def degrade(image: Any, kind: str, severity: float, seed: int) -> Degraded:
    """Degrade an image.

    image: uint8 (H, W, 3) RGB, or grey (H, W) which becomes RGB; never changed in place. kind: one of KINDS.
    severity: 0 returns an equal copy, 1 uses the paper's constants, up to 1.5. seed: fixes every random choice, the
    same ones at every severity. Lengths in pixels do not scale with the image: they were chosen for pictures of 512
    to 1024 pixels.
    Raises DegradationError (a ValueError) for an unknown kind, a severity out of range or an unusable image.
    """
    picture = checked_image(image)
    if kind not in KINDS:
        raise DegradationError(f"unknown degradation {kind!r}; choose one of {', '.join(KINDS)}")
    amount = checked_severity(severity)
    if amount == 0.0:
        return Degraded(picture.copy())
    # The kind is part of the seed, so that one seed does not draw the same numbers for two kinds.
    rng = np.random.default_rng([int(seed) % 2**63, zlib.crc32(kind.encode())])
    if kind in _MOVING:
        return _MOVING[kind](picture, amount, rng)
    return Degraded(_PLAIN[kind](picture, amount, rng))
