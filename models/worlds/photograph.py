"""What a camera does to light: depth of field, exposure, white balance, tone curve, vignette, noise, sharpening,
JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds.textures import F32


@dataclass(frozen=True)
class Development:
    """Settings of one exposure. `aperture` is the blur radius in pixels at infinite distance from the focus plane
    (0: none)."""

    exposure: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 0.0
    saturation: float = 1.0
    aperture: float = 0.0
    focus_m: float = 2.0
    vignette: float = 0.0
    noise: float = 0.0
    soften: float = 0.0
    sharpen: float = 0.0
    jpeg: int | None = None


def sample_development(rng: np.random.Generator, focus_m: float, size: int) -> Development:
    """Settings as casual photos have them: mostly clean, sometimes blurred, noisy, tinted or over-compressed."""
    warm = rng.normal(0, 0.07)
    green = rng.normal(0, 0.02)
    blurred = rng.random() < 0.45
    return Development(
        exposure=float(np.exp(rng.normal(0, 0.25))),
        balance=(float(np.exp(warm)), float(np.exp(green)), float(np.exp(-warm))),
        contrast=float(rng.uniform(-0.1, 0.6)),
        saturation=float(np.clip(rng.normal(1.0, 0.2), 0.0 if rng.random() < 0.05 else 0.5, 1.6)),
        aperture=float(size / 512 * rng.uniform(1.5, 9)) if blurred else 0.0,
        focus_m=focus_m,
        vignette=float(rng.uniform(0, 0.35)) if rng.random() < 0.4 else 0.0,
        noise=float(rng.exponential(0.008)),
        soften=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.4 else 0.0,
        sharpen=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.3 else 0.0,
        jpeg=int(rng.integers(45, 98)) if rng.random() < 0.7 else None,
    )


def blur_by_depth(light: F32, depth: F32, focus_m: float, aperture: float) -> F32:
    """Blend three blurs of (H,W,3) by the circle of confusion |1/z - 1/focus| * focus * aperture (pixels, capped)."""
    inverse = np.where(np.isfinite(depth), 1 / np.maximum(depth, 1e-3), 0).astype(np.float32)
    circle = np.minimum(np.abs(inverse - 1 / focus_m) * focus_m, 1.5).astype(np.float32) * np.float32(aperture)
    circle = cv2.GaussianBlur(circle, (0, 0), max(aperture * 0.35, 0.5))
    out = light
    radii = [0.0, aperture * 0.3, aperture * 0.7, aperture * 1.4]
    for lower, upper in pairwise(radii):
        if upper < 0.4:
            continue
        blurred = cv2.GaussianBlur(light, (0, 0), upper * 0.6)
        share = np.clip((circle - lower) / max(upper - lower, 1e-6), 0, 1)[..., None]
        out = out * (1 - share) + blurred * share
    return out.astype(np.float32)


def develop(light: F32, depth: F32, settings: Development, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light (H,W,3) and depth (H,W) metres to a uint8 picture. Exposure is relative to the picture's own
    brightness."""
    if settings.aperture > 0.3:
        light = blur_by_depth(light, depth, settings.focus_m, settings.aperture)
    grey = light @ np.array([0.25, 0.6, 0.15], np.float32)
    middle = float(np.exp(np.log(np.maximum(grey[::4, ::4], 1e-3)).mean()))
    bright = float(np.quantile(grey[::4, ::4], 0.98))
    gain = settings.exposure * min(0.22 / max(middle, 1e-3), 1.15 / max(bright, 1e-3))
    light = light * (np.float32(gain) * np.array(settings.balance, np.float32))
    if settings.vignette > 0:
        height, width = light.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        light = light * (1 - np.float32(settings.vignette) * (x**2 + y**2) / 2)[..., None]
    if settings.noise > 0:
        sigma = settings.noise * np.sqrt(np.maximum(light, 0) + 0.03)
        light = light + sigma.astype(np.float32) * rng.standard_normal(light.shape, dtype=np.float32)
    light = np.maximum(light, 0)
    shoulder = light * (1 + light * np.float32(0.15)) / (1 + light * np.float32(0.55))  # rolls highlights off
    image = np.power(np.minimum(shoulder, 1), np.float32(1 / 2.2))
    if settings.saturation != 1:
        plain = (image @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
        image = plain + (image - plain) * np.float32(settings.saturation)
    if settings.contrast:
        curve = image * image * (3 - 2 * image)
        image = image + np.float32(settings.contrast) * (curve - image)
    image = np.clip(image, 0, 1).astype(np.float32)
    if settings.soften > 0:
        image = cv2.GaussianBlur(image, (0, 0), settings.soften)
    if settings.sharpen > 0:
        image = image + np.float32(settings.sharpen) * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    shown = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    if settings.jpeg is not None:
        done, data = cv2.imencode(
            ".jpg", np.ascontiguousarray(shown[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, settings.jpeg]
        )
        if done:
            shown = cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB).astype(np.uint8)
    return shown
