"""Tone and colour kinds, and JPEG compression. Constants at severity 1: method document section 2.1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from models.parts.degradations.base import DegradationError, Image, lookup, to_uint8

_JPEG_LARGEST_SIDE = 65500


def brightness(image: Image, severity: float, rng: Generator) -> Image:
    """Darkening: factor U(0.6, 0.8) at severity 1."""
    factor = 1.0 - severity * rng.uniform(0.2, 0.4)
    return lookup(np.arange(256, dtype=np.float32) * factor, image)


def contrast(image: Image, severity: float, rng: Generator) -> Image:
    """Contrast about 128: factor U(1.6, 1.7) at severity 1."""
    factor = 1.0 + severity * rng.uniform(0.6, 0.7)
    return lookup((np.arange(256, dtype=np.float32) - 128.0) * factor + 128.0, image)


def color_jitter(image: Image, severity: float, rng: Generator) -> Image:
    """Brightness .7, contrast .3, saturation .7, hue .7, each uniform about no change, always in this order.

    The hue shift is taken in turns and wrapped to half a turn before severity scales it: a shift of .7 is one of -.3.
    """
    light, spread, colour = (severity * rng.uniform(-limit, limit) for limit in (0.7, 0.3, 0.7))
    turn = (rng.uniform(-0.7, 0.7) + 0.5) % 1.0 - 0.5
    shift = float(np.clip(severity * turn, -0.5, 0.5))
    lit = np.clip(np.arange(256, dtype=np.float32) * max(0.05, 1.0 + light), 0, 255)
    bright = to_uint8(lit)[image]
    mean = float(cv2.cvtColor(bright, cv2.COLOR_RGB2GRAY).mean())
    work = lookup((np.arange(256, dtype=np.float32) - mean) * (1.0 + spread) + mean, bright).astype(np.float32)
    work *= np.float32(1 / 255)
    grey = cv2.cvtColor(work, cv2.COLOR_RGB2GRAY)[..., None]
    work = np.clip(grey + (work - grey) * np.float32(max(0.0, 1.0 + colour)), 0.0, 1.0)
    hsv = cv2.cvtColor(work, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = np.mod(hsv[..., 0] + shift * 360.0, 360.0)
    return to_uint8(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255.0)


def compression(image: Image, severity: float, rng: Generator) -> Image:
    """JPEG, quality U(5, 10) at severity 1.

    Severity scales the quantisation steps (5000 / quality percent for qualities under 50) with exponent 1.5, because
    the quality number itself is far from linear in what the eye sees.
    """
    if max(image.shape[:2]) > _JPEG_LARGEST_SIDE:
        raise DegradationError(
            f"image has shape {image.shape}; JPEG ends at {_JPEG_LARGEST_SIDE} pixels a side, resize it first"
        )
    steps = 5000.0 / rng.uniform(5.0, 10.0) * severity**1.5
    quality = 5000.0 / steps if steps > 100.0 else (200.0 - steps) / 2.0
    flags = [cv2.IMWRITE_JPEG_QUALITY, int(np.clip(round(quality), 1, 100))]
    ok, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)
    if not ok:
        raise DegradationError(f"JPEG encoding failed for an image of shape {image.shape}; try a smaller image")
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
