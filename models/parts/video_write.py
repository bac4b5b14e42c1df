"""Writes small videos that every browser plays: H.264 (or VP9) in mp4, 4:2:0, index at the front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.stream import VideoStream

from models.parts.video import Frame, Video, upright
from models.parts.video_info import WORTH_THREADS, opened

_TICKS = 90_000
# What a build of the library may have, best first.
_ENCODERS = ("libx264", "libopenh264", "libvpx-vp9", "mpeg4")


@lru_cache(maxsize=1)
def encoder() -> str:
    """The encoder in use: H.264 when this build of the library has one, else VP9."""
    for name in _ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise RuntimeError("This build of PyAV has no encoder for H.264, VP9 or MPEG-4: install the wheel from PyPI")


def write_video(path: str | Path, frames: Iterable[Frame], fps: float = 12.0, *, quality: int = 23) -> Path:
    """Writes `frames`, (H, W, 3) uint8 RGB of one size, as mp4 at `fps` frames a second; returns `path`.

    quality: 0 (best) to 51 (smallest). Odd sizes get one more row or column, as 4:2:0 needs even ones.
    Raises ValueError for no frames, a wrong shape or a change of size; then no file is left behind.
    """
    if not 0 < fps <= 240:
        raise ValueError(f"A video cannot have {fps} frames a second: choose 1 to 240")
    step = round(_TICKS / fps)
    return _write(Path(path), ((place * step, frame) for place, frame in enumerate(frames)), fps, quality)


def for_browser(video: Video, path: str | Path, *, max_side: int = 1280, quality: int = 23) -> Path:
    """Writes `video` again so that a browser plays it: upright, at most `max_side` pixels, each frame at its time.

    Sound is left out. Raises BadInput when the video cannot be decoded to its end.
    """
    size = video.scaled_size(max_side)

    def shown() -> Iterator[tuple[int, Frame]]:
        with opened(video.path, video.info.name, video.limits) as (container, stream):
            last = -1
            for place, frame in enumerate(container.decode(stream)):
                if frame.pts is None or video.table.pts is None:
                    ticks = round(place * _TICKS / video.info.fps)
                else:
                    ticks = round(float((frame.pts - video.table.pts[0]) * (stream.time_base or 0)) * _TICKS)
                # Frames before the first shown one are there for the decoder only.
                if ticks > last:
                    last = ticks
                    yield ticks, upright(frame, stream, size, video.limits, video.info.name)

    return _write(Path(path), shown(), video.info.fps, quality)


def _write(path: Path, timed: Iterable[tuple[int, Frame]], fps: float, quality: int) -> Path:
    """`timed`: (ticks of 1/90000 s, frame), ascending."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            _encode(container, timed, fps, quality)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _encode(container: OutputContainer, timed: Iterable[tuple[int, Frame]], fps: float, quality: int) -> None:
    stream: VideoStream | None = None
    shape: tuple[int, ...] = ()
    for ticks, pixels in timed:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"A frame must be (H, W, 3) uint8, this one is {pixels.shape} {pixels.dtype}")
        if stream is None:
            shape = pixels.shape
            stream = _stream(container, shape, fps, quality)
        elif pixels.shape != shape:
            raise ValueError(f"All frames must have one size: the first is {shape}, another {pixels.shape}")
        frame = av.VideoFrame.from_ndarray(_even(pixels), format="rgb24")
        frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
        container.mux(stream.encode(frame))
    if stream is None:
        raise ValueError("A video needs at least one frame")
    container.mux(stream.encode(None))


def _stream(container: OutputContainer, shape: tuple[int, ...], fps: float, quality: int) -> VideoStream:
    name = encoder()
    stream = cast(VideoStream, container.add_stream(name, rate=Fraction(fps).limit_denominator(1001)))
    stream.width, stream.height = shape[1] + shape[1] % 2, shape[0] + shape[0] % 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, _TICKS)
    if shape[0] * shape[1] <= WORTH_THREADS:
        # One thread: quicker for small pictures, and the same frames give the same file.
        stream.codec_context.thread_count = 1
    if name == "libx264":
        # Macroblock trees read memory nobody wrote: with them, equal frames give files that differ.
        stream.options = {"crf": str(quality), "preset": "veryfast", "x264-params": "mbtree=0"}
    elif name == "libvpx-vp9":
        stream.options = {"crf": str(quality + 8), "b": "0", "deadline": "realtime", "cpu-used": "6"}
    else:
        stream.bit_rate = max(round(shape[0] * shape[1] * fps * 0.12), 100_000)
    return stream


def _even(pixels: Frame) -> npt.NDArray[np.uint8]:
    rows, columns = pixels.shape[0] % 2, pixels.shape[1] % 2
    if rows or columns:
        pixels = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)
