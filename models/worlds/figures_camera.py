"""The camera of the figures: slow pan and zoom, and what a cheap camera does to frames (blur, noise, light, JPEG)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class Camera:
    """zoom, across and up at the start and the end; tilt radians; then the disturbances, 0 for none.

    blur: Gaussian sigma in pixels; noise: standard deviation in grey levels; light: gain per channel; quality: of JPEG,
    0 for none.
    """

    start: tuple[float, float, float]
    stop: tuple[float, float, float]
    tilt: float
    blur: float
    noise: float
    light: tuple[float, float, float]
    quality: int

    @staticmethod
    def drawn(rng: Rng, disturbance: float = 1.0) -> Camera:
        """A camera at random; ``disturbance`` scales movement, blur, noise and light."""
        zoom = rng.uniform(0.82, 1.15)
        start = (float(zoom), float(rng.uniform(-0.22, 0.22)), float(rng.uniform(-0.03, 0.06)))
        move = rng.normal(0, 1, 3) * np.array([0.08, 0.1, 0.01]) * disturbance
        stop = (
            float(np.clip(zoom + move[0], 0.78, 1.22)),
            float(np.clip(start[1] + move[1], -0.28, 0.28)),
            float(start[2] + move[2]),
        )
        blur = float(rng.uniform(0.3, 0.9) * disturbance) if rng.random() < 0.35 else 0.0
        noise = float(rng.uniform(2, 9) * disturbance) if rng.random() < 0.5 else 0.0
        gain = np.clip(1 + disturbance * (rng.normal(0, 0.1) + rng.normal(0, 0.04, 3)), 0.6, 1.4)
        quality = int(rng.integers(35, 90)) if rng.random() < 0.5 * disturbance else 0
        light = (float(gain[0]), float(gain[1]), float(gain[2]))
        return Camera(start, stop, float(rng.uniform(0.06, 0.26)), blur, noise, light, quality)

    def at(self, share: float) -> tuple[float, float, float]:
        """Zoom, across and up at a share 0..1 of the clip."""
        zoom, across, up = (a + (b - a) * share for a, b in zip(self.start, self.stop, strict=True))
        return zoom, across, up


def filmed(frames: U8, camera: Camera, rng: Rng) -> U8:
    """Frames (N, H, W, 3) as the camera records them."""
    out = np.empty_like(frames)
    table = np.clip(np.arange(256)[:, None] * np.array(camera.light), 0, 255).astype(np.uint8)[None]
    for number, frame in enumerate(frames):
        seen = cv2.GaussianBlur(frame, (0, 0), camera.blur) if camera.blur > 0.25 else frame
        seen = cv2.LUT(seen, table)
        if camera.noise > 0:
            grain = rng.standard_normal(seen.shape, dtype=np.float32) * np.float32(camera.noise)
            seen = np.clip(seen + grain, 0, 255).astype(np.uint8)
        if camera.quality:
            stored = cv2.imencode(".jpg", seen, (cv2.IMWRITE_JPEG_QUALITY, camera.quality))[1]
            seen = cv2.imdecode(stored, cv2.IMREAD_COLOR)
        out[number] = seen
    return out
