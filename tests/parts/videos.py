"""Makes tiny videos for the tests: each frame carries its number in its grey level."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STEP = 6
"""Grey levels between neighbouring frames; a codec changes a flat frame by less than half of it."""


def numbered(index: int, width: int = 48, height: int = 32) -> np.ndarray:
    """A frame whose left half shows `index` and whose right half is black, (H, W, 3) uint8."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2] = 10 + STEP * index
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number in a frame made by `numbered`."""
    height, width = frame.shape[:2]
    return round((float(frame[height // 4 : 3 * height // 4, width // 8 : 3 * width // 8].mean()) - 10) / STEP)


def make_video(
    path: Path,
    frames: list[np.ndarray],
    *,
    times: list[float] | None = None,
    codec: str = "libx264",
    gop: int = 8,
    rotation: int = 0,
    aspect: Fraction | None = None,
    container_format: str | None = None,
    options: dict[str, str] | None = None,
    b_frames: int = 2,
) -> Path:
    """Writes `frames` (RGB) at 10 a second, or at `times` in seconds."""
    times = times or [index / 10 for index in range(len(frames))]
    with av.open(str(path), "w", format=container_format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt = "yuv420p" if codec != "mjpeg" else "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000) if codec != "mpeg4" else Fraction(1, 10)
        stream.gop_size = gop
        stream.bit_rate = 4_000_000
        if codec == "libx264":
            stream.options = {"crf": "4", "bf": str(b_frames), "preset": "ultrafast"}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            base = stream.codec_context.time_base
            frame.pts, frame.time_base = round(time / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_sound(path: Path) -> Path:
    """A tenth of a second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
