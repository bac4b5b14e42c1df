"""Chooses the frames of a video that make a capture: spread over it, the sharpest of each stretch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.hugs.loading_photos import sharpness
from models.parts.capture import View
from models.parts.problems import BadInput
from models.parts.video import DEFAULT, Video, VideoLimits, open_video

Tick = Callable[[float, str], None]
_LOOKED_AT = 4


def candidates(frames: int, count: int) -> list[npt.NDArray[np.int64]]:
    """For each of at most `count` equal stretches of a video, up to four frames spread over its middle.

    The parts of the stretch next to its neighbours are left out, so that chosen frames keep their distance.
    """
    edges = np.linspace(0, frames, min(count, frames) + 1).astype(np.int64)
    stretches = []
    for start, end in pairwise(edges):
        margin = (end - start) / 6
        spread = np.linspace(start + margin, end - margin, _LOOKED_AT)
        stretches.append(np.unique(np.clip(spread.astype(np.int64), start, end - 1)))
    return stretches


def pick_frames(
    path: str | Path,
    count: int,
    max_side: int,
    tick: Tick,
    limits: VideoLimits = DEFAULT,
    name: str | None = None,
) -> tuple[tuple[View, ...], list[str]]:
    """(views, notes): at most `count` sharp frames of the video at `path`, in the order of time.

    A view is named after its frame, frame_000120.png. BadInput as `open_video`, and for fewer than three frames.
    """
    video = open_video(path, limits, name=name)
    if len(video) < 3:
        raise BadInput(
            video.info.name,
            f"has {len(video)} {'frame' if len(video) == 1 else 'frames'}, too few to find depth",
            "Film for at least ten seconds while walking around the scene",
        )
    stretches = candidates(len(video), count)
    best = _sharpest(video, stretches, max_side, tick)
    width, height = video.info.width, video.info.height
    views = tuple(
        View(
            f"frame_{index:06d}.png",
            picture,
            original_size=None if picture.shape[:2] == (height, width) else (height, width),
        )
        for index, picture in sorted(best.items())
    )
    looked = sum(len(stretch) for stretch in stretches)
    apart = f"{video.info.duration / len(views):.2g} seconds"
    notes = [f"{len(views)} of {len(video):,} frames were chosen, the sharpest of each {apart} ({looked} looked at)."]
    if video.info.rotation:
        notes.append("The video was turned upright by its own mark.")
    return views, notes


def _sharpest(
    video: Video, stretches: list[npt.NDArray[np.int64]], max_side: int, tick: Tick
) -> dict[int, npt.NDArray[np.uint8]]:
    """Index -> picture of the sharpest candidate of each stretch; one pass, one picture a stretch in memory."""
    stretch_of = {int(index): place for place, stretch in enumerate(stretches) for index in stretch}
    chosen: dict[int, tuple[float, int, npt.NDArray[np.uint8]]] = {}
    for done, (index, picture) in enumerate(video.each(list(stretch_of), max_side=max_side)):
        tick(done / len(stretch_of), f"Looking at frame {done + 1} of {len(stretch_of)}")
        value = sharpness(picture)
        place = stretch_of[index]
        if place not in chosen or value > chosen[place][0]:
            chosen[place] = (value, index, picture)
    return {index: picture for _, index, picture in chosen.values()}
