"""Reads frames of a video: by number, by time, spread over it; upright, in RGB, and never all at once.

    video = open_video("walk.mp4")
    video.info                                       # size, duration, frames a second
    video.read(evaluation_indices(len(video), 16))         # (16, H, W, 3) uint8
    video.read(video.at([0.0, 1.5]))                 # what a player shows at those seconds

Writing is in `video_write`, the sampling rules in `video_sampling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from models.parts.problems import BadInput, readable_bytes
from models.parts.sizes import shrunk
from models.parts.video_info import DEFAULT, FrameTable, VideoInfo, VideoLimits, examined, opened, probe, upright_size
from models.parts.video_sampling import evaluation_indices, even_indices, training_indices

__all__ = [
    "DEFAULT",
    "Video",
    "VideoInfo",
    "VideoLimits",
    "evaluation_indices",
    "even_indices",
    "open_video",
    "probe",
    "training_indices",
    "upright",
]

Frame = npt.NDArray[np.uint8]
# Skipping fewer frames than this costs less than seeking, which starts again at a key frame.
_WORTH_SEEKING = 12
_MOST_BYTES = 1_500_000_000


@dataclass(frozen=True, eq=False)
class Video:
    """A video that was examined; holds no file open, so it can be kept and read again."""

    path: Path
    info: VideoInfo
    table: FrameTable
    limits: VideoLimits = DEFAULT

    def __len__(self) -> int:
        return len(self.table)

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """(N,) when each frame is first shown, in seconds from the first."""
        return self.table.seconds

    def at(self, seconds: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The frame a player shows at each of `seconds`; times outside the video give its first or last frame."""
        # A clock written with six digits may fall just before its frame.
        place = np.searchsorted(self.table.seconds, np.asarray(seconds, np.float64) + 1e-6, side="right") - 1
        return np.clip(place, 0, len(self) - 1).astype(np.int64)

    def each(
        self, indices: Sequence[int] | npt.NDArray[np.int64], *, max_side: int | None = None
    ) -> Iterator[tuple[int, Frame]]:
        """Yields (index, (H, W, 3) uint8 RGB) for each different index, ascending, one frame in memory at a time.

        max_side: frames are scaled down while they are converted, so that the longer side has at most so many pixels.
        Raises BadInput when the video cannot be decoded up to a frame, IndexError for an index outside the video.
        """
        wanted = sorted({int(index) for index in indices})
        if wanted and not 0 <= wanted[0] <= wanted[-1] < len(self):
            raise IndexError(f"{self.info.name} has frames 0 to {len(self) - 1}, asked for {wanted[0]} to {wanted[-1]}")
        if not wanted:
            return
        size = self.scaled_size(max_side)
        with opened(self.path, self.info.name, self.limits) as (container, stream):
            source = _counted if self.table.pts is None else _sought
            for index, frame in source(container, stream, self.table, wanted):
                yield index, upright(frame, stream, size, self.limits, self.info.name)
                wanted.remove(index)
        if wanted:
            raise BadInput(
                self.info.name,
                f"cannot be decoded from frame {wanted[0]:,} on, {self.table.seconds[wanted[0]]:.1f} s into it",
                "Export or record it again, or cut it before that",
            )

    def read(self, indices: Sequence[int] | npt.NDArray[np.int64], *, max_side: int | None = None) -> Frame:
        """(N, H, W, 3) uint8 RGB: the frames `indices` in the given order; an index may come twice. Errors: `each`."""
        order = [int(index) for index in indices]
        width, height = self.scaled_size(max_side)
        needed = len(order) * height * width * 3
        if needed > _MOST_BYTES:
            raise BadInput(
                self.info.name,
                f"would take {readable_bytes(needed)} for {len(order)} frames of {width} x {height}",
                "Choose fewer frames or a smaller size",
            )
        places: dict[int, list[int]] = {}
        for place, index in enumerate(order):
            places.setdefault(index, []).append(place)
        frames = np.empty((len(order), height, width, 3), np.uint8)
        for index, frame in self.each(order, max_side=max_side):
            frames[places[index]] = frame
        return frames

    def thumbnails(self, count: int = 12, height: int = 90) -> tuple[npt.NDArray[np.int64], Frame]:
        """(indices, (n, h, w, 3) uint8) of at most `count` frames spread over the video, about `height` pixels high."""
        indices = even_indices(len(self), count)
        longer = max(self.info.width, self.info.height) * height / self.info.height
        return indices, self.read(indices, max_side=max(round(longer), 1))

    def scaled_size(self, max_side: int | None) -> tuple[int, int]:
        """(width, height) of the frames that come out."""
        size = self.info.width, self.info.height
        return size if max_side is None else shrunk(size, max_side)


def open_video(path: str | Path, limits: VideoLimits = DEFAULT, *, name: str | None = None) -> Video:
    """Examines the video at `path`; `name` is what messages call it.

    Raises BadInput for what is no video, has no picture or no frames, is damaged or exceeds `limits`.
    """
    info, table = examined(path, limits, name=name)
    return Video(Path(path), info, table, limits)


def upright(frame: av.VideoFrame, stream: VideoStream, size: tuple[int, int], limits: VideoLimits, title: str) -> Frame:
    """`frame` as (H, W, 3) uint8 RGB, turned as a player turns it and scaled to `size` = (width, height)."""
    if frame.width * frame.height > limits.max_pixels:
        raise BadInput(title, f"grows to {frame.width} x {frame.height} pixels on the way", "Record it in one size")
    turn = upright_size(frame, stream)[2]
    width, height = size[::-1] if turn in (90, 270) else size
    # Area averages when scaling down (no moire), bicubic for the small steps of odd pixel shapes.
    smaller = width < frame.width or height < frame.height
    pixels = frame.reformat(
        width=width, height=height, format="rgb24", interpolation="AREA" if smaller else "BICUBIC"
    ).to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, turn // 90))


def _counted(
    container: InputContainer, stream: VideoStream, _: FrameTable, wanted: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames by their number from the start, for files without times."""
    left = set(wanted)
    for index, frame in enumerate(container.decode(stream)):
        if index in left:
            yield index, frame
        if index >= max(left):
            return


def _sought(
    container: InputContainer, stream: VideoStream, table: FrameTable, wanted: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames by their time, ascending; jumps to a key frame when that is well ahead of the present place.

    A frame the decoder leaves out is answered by the next one it shows.
    """
    assert table.pts is not None
    keys = np.flatnonzero(table.key)
    queue = list(wanted)
    start, landed = _seek(container, stream, table, keys, queue[0], -1), False
    # A demuxer may land before the key frame asked for: never ask for the same one again.
    furthest = start
    frames = container.decode(stream)
    while queue:
        frame = next(frames, None)
        if frame is None:
            return
        if frame.pts is None:
            continue
        if not landed and start > 0 and frame.pts > table.pts[queue[0]]:
            # The demuxer landed behind the frame; from the start nothing can be missed.
            container.seek(0, stream=stream)
            frames, start = container.decode(stream), 0
            continue
        landed = True
        while queue and frame.pts >= table.pts[queue[0]]:
            yield queue.pop(0), frame
        if queue:
            here = int(np.searchsorted(table.pts, frame.pts))
            jumped = _seek(container, stream, table, keys, queue[0], max(here, furthest))
            if jumped >= 0:
                frames, start, furthest, landed = container.decode(stream), jumped, jumped, False


def _seek(
    container: InputContainer,
    stream: VideoStream,
    table: FrameTable,
    keys: npt.NDArray[np.int64],
    target: int,
    here: int,
) -> int:
    """Jumps to the last key frame before `target` when that spares decoding; returns its index, or -1."""
    before = keys[keys <= target]
    if len(before) == 0 or int(before[-1]) - here < _WORTH_SEEKING:
        return -1
    container.seek(int(table.seek[before[-1]]), stream=stream)
    return int(before[-1])
