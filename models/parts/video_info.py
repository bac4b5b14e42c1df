"""Opens a video somebody gave: what it is, whether it is within limits, when each of its frames is shown.

Everything here reads packets; at most one frame is decoded (to know how the picture is turned).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from models.parts.problems import BadInput, readable_bytes, shown_name

# Only containers that carry a picture stream in themselves: play lists and picture sequences would make the library
# open other files or addresses.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,mxf,ivf,nut,apng"
_AGAIN = "Choose an mp4, mov, mkv, webm or avi file with a picture in it"
_BROKEN = "Export, record or download it again"
WORTH_THREADS = 300_000
"""Pixels of a frame from which several threads code it faster than one."""


@dataclass(frozen=True)
class VideoLimits:
    """What is read; all of it is checked before anything is decoded."""

    max_bytes: int = 4_000_000_000
    """Largest file, in bytes."""
    max_pixels: int = 9_000_000
    """Most pixels of a frame. 4K of cinemas (4096 x 2160) passes, 8K does not."""
    min_side: int = 16
    """Smallest width and height, in pixels."""
    max_seconds: float = 3600.0
    """Longest video."""
    max_frames: int = 220_000
    """Most frames: an hour at 60 a second."""
    max_total_pixels: float = 3e11
    """Most pixels x frames: 20 minutes of 4K at 30 a second."""
    min_frames: int = 1
    """Fewest frames."""


DEFAULT = VideoLimits()


@dataclass(frozen=True)
class VideoInfo:
    """What a video is."""

    name: str
    """Bare file name, fit to be shown."""
    width: int
    """Pixels across, as a player shows it: turned upright, with square pixels."""
    height: int
    """Pixels down, as a player shows it."""
    duration: float
    """Seconds from the first frame to the end of the last."""
    frames: int
    """Frames that are shown, counted."""
    fps: float
    """Frames a second, on average."""
    rotation: int
    """Degrees by which a player turns the stored picture counterclockwise: 0, 90, 180 or 270."""
    variable_rate: bool
    """Whether frames are shown for different times (phones in low light, screen recordings)."""
    codec: str
    """Such as h264, hevc, vp9."""
    container: str
    """Such as mov,mp4,m4a,3gp,3g2,mj2."""
    pixel_format: str
    """Such as yuv420p."""

    @property
    def plays_in_browser(self) -> bool:
        """Whether Chromium and Firefox both play the file as it is."""
        if self.pixel_format not in ("yuv420p", "yuvj420p"):
            return False
        if "mp4" in self.container:
            return self.codec in ("h264", "av1")
        return "webm" in self.container and self.codec in ("vp8", "vp9", "av1")


@dataclass(frozen=True, eq=False)
class FrameTable:
    """When each frame is shown; (N,) arrays in the order in which a player shows them.

    pts: int64 ticks of the stream; None when the file stores no times, then frames can only be counted.
    seconds: float64, from the first frame.
    key: bool, whether decoding can begin there.
    seek: int64 ticks to hand to the demuxer to get there (its decoding time).
    """

    pts: npt.NDArray[np.int64] | None
    seconds: npt.NDArray[np.float64]
    key: npt.NDArray[np.bool_]
    seek: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.seconds)


def probe(path: str | Path, limits: VideoLimits = DEFAULT, *, name: str | None = None) -> VideoInfo:
    """What the video at `path` is. Raises BadInput for what is no video, is damaged or exceeds `limits`."""
    return examined(path, limits, name=name)[0]


def examined(
    path: str | Path, limits: VideoLimits = DEFAULT, *, name: str | None = None
) -> tuple[VideoInfo, FrameTable]:
    """(information, table of frames) of the video at `path`. Raises BadInput as `probe` does."""
    title = shown_name(name or str(path), "The video")
    _check_file(Path(path), title, limits)
    with opened(path, title, limits) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        _check_frame(width, height, title, limits)
        _check_length(*_announced(container, stream), width * height, title, limits)
        announced = stream.frames
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        table = _table(container, stream, rate, title, limits)
        _check_count(len(table), announced, title, limits)
        duration = float(table.seconds[-1]) + _last_step(table.seconds, rate)
        _check_length(duration, len(table), width * height, title, limits)
        across, down, rotation = _first_frame(container, stream, title, limits)
        info = VideoInfo(
            name=title,
            width=across,
            height=down,
            duration=duration,
            frames=len(table),
            fps=len(table) / duration,
            rotation=rotation,
            variable_rate=_variable(table.seconds),
            codec=stream.codec_context.name.removeprefix("lib"),
            container=container.format.name,
            pixel_format=str(stream.codec_context.pix_fmt),
        )
    return info, table


@contextmanager
def opened(path: str | Path, title: str, limits: VideoLimits = DEFAULT) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container at `path` and its picture stream, closed afterwards; decoder errors come out as BadInput."""
    options = {"max_pixels": str(limits.max_pixels)}
    try:
        # Only the file itself may be opened, whatever it refers to.
        container = av.open(
            str(path), options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file", **options}
        )
    except av.error.FileNotFoundError as error:
        raise BadInput(title, "is no longer there", "Upload the video again") from error
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:
        raise BadInput(title, *_unreadable(Path(path))) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise BadInput(title, "cannot be opened as a video", _AGAIN) from error
    with container:
        stream = _picture_stream(container, title)
        # Handing small frames from thread to thread takes longer than decoding them.
        pixels = stream.codec_context.width * stream.codec_context.height
        stream.thread_type = "AUTO" if pixels > WORTH_THREADS else "NONE"
        stream.codec_context.options = options
        try:
            yield container, stream
        except av.error.MemoryError as error:
            raise BadInput(title, "does not fit into the free memory", "Scale the video down") from error
        except av.error.DecoderNotFoundError as error:
            raise BadInput(title, "is packed in a way this computer cannot decode", "Convert it to H.264") from error
        except av.error.FFmpegError as error:
            raise BadInput(title, "is a damaged video", _BROKEN) from error


def upright_size(frame: av.VideoFrame, stream: VideoStream) -> tuple[int, int, int]:
    """(width, height, rotation) of `frame` as a player shows it; rotation as in VideoInfo."""
    aspect = stream.sample_aspect_ratio
    width, height = frame.width, frame.height
    # Absurd ratios are mistakes of the writer, and would make a frame of any width.
    if aspect and 0.25 <= aspect <= 4 and aspect != 1:
        width = max(round(width * float(aspect)), 1)
    turn = round(frame.rotation / 90) * 90 % 360
    return (height, width, turn) if turn in (90, 270) else (width, height, turn)


def _unreadable(path: Path) -> tuple[str, str]:
    """Why a file did not open: (problem, remedy)."""
    with path.open("rb") as file:
        start = file.read(64)
        size = file.seek(0, 2)
    if start[4:8] in (b"ftyp", b"mdat", b"wide", b"free") and size:
        return "is an mp4 or mov file that breaks off before its index", _BROKEN
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")):
        return "is a picture, not a video", _AGAIN
    if start.startswith(b"#EXTM3U"):
        return "is a play list, not a video", _AGAIN
    return "is not a video, whatever its name says", _AGAIN


def _check_file(path: Path, title: str, limits: VideoLimits) -> None:
    try:
        if not path.is_file():
            raise BadInput(title, "is no longer there", "Upload the video again")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(title, "cannot be read", "Upload the video again") from error
    if size == 0:
        raise BadInput(title, "is empty", _AGAIN)
    if size > limits.max_bytes:
        raise BadInput(
            title,
            f"has {readable_bytes(size)}",
            f"The limit for a video is {readable_bytes(limits.max_bytes)}: cut it or save it smaller",
        )


def _picture_stream(container: InputContainer, title: str) -> VideoStream:
    """The first stream of moving pictures; cover pictures of songs do not count."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is None:
                raise BadInput(title, "is packed in a way this computer cannot decode", "Convert it to H.264")
            return stream
    if container.streams.audio:
        raise BadInput(title, "has sound only, no picture", _AGAIN)
    raise BadInput(title, "has no video stream", _AGAIN)


def _announced(container: InputContainer, stream: VideoStream) -> tuple[float, int]:
    """(seconds, frames) that the header promises; zeros where it is silent."""
    seconds = 0.0
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = container.duration / av.time_base
    return max(seconds, 0.0), max(stream.frames, 0)


def _check_frame(width: int, height: int, title: str, limits: VideoLimits) -> None:
    if width <= 0 or height <= 0:
        raise BadInput(title, "does not say how large its frames are", _BROKEN)
    if min(width, height) < limits.min_side:
        raise BadInput(
            title, f"has frames of {width} x {height} pixels", f"Choose one of at least {limits.min_side} on a side"
        )
    if width * height > limits.max_pixels:
        raise BadInput(
            title,
            f"has frames of {width} x {height} pixels ({width * height / 1e6:.1f} megapixels)",
            f"The limit is {limits.max_pixels / 1e6:g} megapixels: scale it down, 1920 x 1080 is enough",
        )


def _check_length(seconds: float, frames: int, pixels: int, title: str, limits: VideoLimits) -> None:
    if seconds > limits.max_seconds:
        raise BadInput(
            title,
            f"runs for {_clock(seconds)}",
            f"The limit is {_clock(limits.max_seconds)}: cut out the part that matters",
        )
    if frames > limits.max_frames:
        raise BadInput(
            title, f"has {frames:,} frames", f"The limit is {limits.max_frames:,}: cut out the part that matters"
        )
    if frames * pixels > limits.max_total_pixels:
        raise BadInput(
            title,
            f"has {frames:,} frames of {pixels / 1e6:.1f} megapixels, too much to decode",
            "Cut out the part that matters or scale it down",
        )


def _check_count(frames: int, announced: int, title: str, limits: VideoLimits) -> None:
    if frames < limits.min_frames:
        problem = "has no frames" if frames == 0 else f"has {frames} {'frame' if frames == 1 else 'frames'}"
        raise BadInput(title, problem, f"Choose a video with at least {limits.min_frames}")
    # One frame may be lost at a cut without harm; a file that stops in the middle was not wholly copied.
    if announced > frames + 1:
        raise BadInput(title, f"breaks off after {frames:,} of {announced:,} frames", _BROKEN)


def _table(container: InputContainer, stream: VideoStream, rate: float, title: str, limits: VideoLimits) -> FrameTable:
    """Reads every packet of the stream, decodes none."""
    shown: list[tuple[int | None, bool, int]] = []
    dropped = 0
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_corrupt:
            continue
        if packet.is_discard:
            dropped += 1
            continue
        start = packet.dts if packet.dts is not None else packet.pts
        shown.append((packet.pts, packet.is_keyframe, start or 0))
        if len(shown) > limits.max_frames:
            _check_length(0.0, len(shown), 1, title, limits)
    if not shown:
        raise BadInput(title, "has no frames", _AGAIN)
    base = float(stream.time_base or 1 / 90_000)
    known = [(pts, key, start) for pts, key, start in shown if pts is not None]
    if len(known) < len(shown):
        count = np.arange(len(shown))
        return FrameTable(None, count / rate, np.zeros(len(shown), bool), np.zeros(len(shown), np.int64))
    ordered = np.array(sorted(known), np.int64)
    # Two packets of one time are two fields of one frame.
    _, first = np.unique(ordered[:, 0], return_index=True)
    pts, key, start = ordered[first, 0], ordered[first, 1].astype(bool), ordered[first, 2]
    return FrameTable(pts, (pts - pts[0]) * base, key, start)


def _last_step(seconds: npt.NDArray[np.float64], rate: float) -> float:
    """How long the last frame stays: as long as half of the frames do at most."""
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1 / rate


def _variable(seconds: npt.NDArray[np.float64]) -> bool:
    """Whether the steps between frames differ by more than the rounding of clocks (a tenth, and 2 ms)."""
    if len(seconds) < 3:
        return False
    steps = np.diff(seconds)
    middle = float(np.median(steps))
    return bool(np.abs(steps - middle).max() > max(0.1 * middle, 0.002))


def _first_frame(
    container: InputContainer, stream: VideoStream, title: str, limits: VideoLimits
) -> tuple[int, int, int]:
    """Decodes one frame: whether it can be decoded, its size when shown, how it is turned."""
    container.seek(0)
    for frame in container.decode(stream):
        _check_frame(frame.width, frame.height, title, limits)
        return upright_size(frame, stream)
    raise BadInput(title, "has no frame that can be decoded", _BROKEN)


def _clock(seconds: float) -> str:
    """5400 -> "90 minutes", 10800 -> "3.0 hours"."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds <= 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
