"""Frames as the network reads them: the authors' resize and statistics, crops, and what a clip's frames come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.parts.clip import ClipConfig
from models.parts.problems import BadInput
from models.parts.video import Video

Frame = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Crop = Literal["middle", "first", "last"]
CROPS: tuple[Crop, ...] = ("middle", "first", "last")
"""Of three crops: the middle one and the two ends of the longer side."""

STATISTICS = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "clip": ((122.7709383, 116.7460125, 104.09373615), (68.5005327, 66.6321579, 70.32316305)),
}
"""Mean and deviation of R, G, B on 0..255. The authors normalise CLIP's frames with ImageNet's numbers."""
_OFFICIAL_SIDE = 224
_OFFICIAL_SHORT = 256
_CLIPS = 4
_CLIP_SIDES_KEPT = 2


@dataclass(frozen=True)
class Preparation:
    """How a frame becomes the network's input. ``short``: pixels of its shorter side before the crop of ``side``."""

    side: int
    short: int
    statistics: Literal["imagenet", "clip"] = "imagenet"
    area: bool = False
    """Shrink by area averages instead of the authors' plain bilinear samples."""

    @property
    def key(self) -> str:
        """Names the preparation in cache keys."""
        return f"{self.side}-{self.short}-{self.statistics}-{'area' if self.area else 'bilinear'}"


def preparation(config: ClipConfig, statistics: Literal["imagenet", "clip"] = "imagenet") -> Preparation:
    """The authors' for CLIP's sizes (224 out of 256); for ost-mini the whole short side, shrunk by area averages."""
    if statistics not in STATISTICS:
        raise BadInput("The statistics", f"are {statistics!r}", "Choose imagenet or clip")
    if config.image_size < _OFFICIAL_SIDE:
        return Preparation(config.image_size, config.image_size, statistics, area=True)
    return Preparation(config.image_size, int(config.image_size * _OFFICIAL_SHORT / _OFFICIAL_SIDE + 0.5), statistics)


def resized_size(height: int, width: int, short: int) -> tuple[int, int]:
    """(height, width) with the shorter side at ``short`` pixels: int(side * scale + 0.5)."""
    scale = short / min(height, width)
    return max(int(height * scale + 0.5), short), max(int(width * scale + 0.5), short)


def cropped(frame: Frame, prepared: Preparation, crop: Crop = "middle") -> Frame:
    """frame (H, W, 3) uint8 -> (side, side, 3) uint8: resized to integers, then cut out.

    "middle" is the authors' centre crop. "first" and "last" are the two ends of the longer side of a frame whose
    shorter side is the crop's.
    """
    short = prepared.short if crop == "middle" else prepared.side
    before = (frame.shape[0], frame.shape[1])
    height, width = resized_size(before[0], before[1], short)
    shrinks = prepared.area and min(before) > short
    if (height, width) != before:
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    share = {"middle": 0.5, "first": 0.0, "last": 1.0}[crop]
    top, left = int((height - prepared.side) * share), int((width - prepared.side) * share)
    return np.ascontiguousarray(frame[top : top + prepared.side, left : left + prepared.side])


def normalised(frames: npt.NDArray[np.uint8], statistics: Literal["imagenet", "clip"] = "imagenet") -> Tensor:
    """frames (N, S, S, 3) uint8 -> float32 (N, 3, S, S)."""
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in STATISTICS[statistics])
    return (torch.from_numpy(frames).permute(0, 3, 1, 2).float() - mean) / deviation


def views(count: int) -> tuple[tuple[int, int, Crop], ...]:
    """(clip, clips, crop) of each view: 1; 3 = one clip x 3 crops; 12 = 4 clips x 3 crops. Raises BadInput."""
    if count not in (1, 3, 12):
        raise BadInput("The number of views", f"is {count}", "Choose 1, 3 or 12")
    clips = _CLIPS if count == 12 else 1
    return tuple((clip, clips, crop) for clip in range(clips) for crop in CROPS[: 1 if count == 1 else 3])


class Source(Protocol):
    """Where frames come from."""

    @property
    def digest(self) -> str:
        """Names the content, for caches."""

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """(N,) when each frame is shown."""

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""

    def each(self, indices: Sequence[int] | Indices, short: int | None) -> Iterator[tuple[int, Frame]]:
        """(index, frame) of each different index, ascending. short: frames may come smaller, but with a shorter side of
        at least so many pixels; None keeps their size."""


@dataclass(frozen=True, eq=False)
class VideoSource:
    """A video file."""

    video: Video
    name_of_content: str | None = None
    """A digest that is known already; otherwise the file is read for it once."""

    @cached_property
    def digest(self) -> str:
        """Of the file's bytes."""
        if self.name_of_content is not None:
            return self.name_of_content
        with open(self.video.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """(N,) when each frame is shown."""
        return self.video.seconds

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.video.info.duration

    def each(self, indices: Sequence[int] | Indices, short: int | None) -> Iterator[tuple[int, Frame]]:
        """Decodes each different index once, ascending. Raises BadInput."""
        side = None
        if short is not None:
            # Decoded a little larger than needed, so that the exact resize still averages.
            width, height = self.video.info.width, self.video.info.height
            side = int(_CLIP_SIDES_KEPT * short * max(width, height) / min(width, height) + 0.5)
        return self.video.each(indices, max_side=side)


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Frames already in memory: uint8 (N, H, W, 3), shown ``fps`` a second. Raises BadInput for anything else."""

    frames: npt.NDArray[np.uint8]
    fps: float = 25.0

    def __post_init__(self) -> None:
        shape = self.frames.shape
        if self.frames.dtype != np.uint8 or len(shape) != 4 or shape[-1] != 3:
            raise BadInput("The clip", f"is {self.frames.dtype} {shape}", "Give uint8 frames (N, H, W, 3)")
        if not len(self.frames):
            raise BadInput("The clip", "has no frames", "Give at least one")
        if not self.fps > 0:
            raise BadInput("The clip's rate", f"is {self.fps:g} frames a second", "Give a number above 0")

    @cached_property
    def digest(self) -> str:
        """Of the pixels and the rate."""
        content = hashlib.blake2b(repr((self.frames.shape, self.fps)).encode(), digest_size=8)
        content.update(np.ascontiguousarray(self.frames).data)
        return content.hexdigest()

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """(N,) when each frame is shown."""
        return np.arange(len(self.frames)) / self.fps

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.frames) / self.fps

    def each(self, indices: Sequence[int] | Indices, short: int | None) -> Iterator[tuple[int, Frame]]:
        """Each different index once, ascending."""
        del short
        return ((index, self.frames[index]) for index in sorted({int(index) for index in indices}))
