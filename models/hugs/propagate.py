"""A correction carried to the neighbouring frames: the segment that covers the same place and has the same colours.

The camera moves between photos, so the segment is looked for at a few offsets around its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.hugs.fusion import FrameCues
from models.hugs.pipeline_work import Work

LEAST = 0.45
"""A match below this is none."""
BINS = 8
"""Colour histogram bins along each of red, green and blue."""
REACH = 0.12
"""How far a segment may have moved between two photos, as a share of the longer side."""


@dataclass(frozen=True)
class Match:
    """The segment of the other frame, with what speaks for it: overlap (IoU after the offset) and colours, 0..1."""

    segment: int
    iou: float
    colour: float
    offset: tuple[int, int]

    @property
    def score(self) -> float:
        """Geometric mean of both: neither can stand in for the other."""
        return float(np.sqrt(self.iou * self.colour))


def match(source: FrameCues, segment: int, target: FrameCues) -> Match | None:
    """The segment of ``target`` most like ``segment`` of ``source``; None when nothing is like it."""
    mask = source.segments == segment
    if not mask.any() or source.size != target.size:
        return None
    colours = _histogram(source.image[mask])
    sizes = np.bincount(target.segments.ravel())
    ys, xs = np.nonzero(mask)
    best: Match | None = None
    known: dict[int, float] = {}
    for offset in _offsets(max(source.size)):
        moved_y, moved_x = ys + offset[0], xs + offset[1]
        inside = (moved_y >= 0) & (moved_y < target.size[0]) & (moved_x >= 0) & (moved_x < target.size[1])
        if not inside.any():
            continue
        shared = np.bincount(target.segments[moved_y[inside], moved_x[inside]], minlength=len(sizes))
        iou = shared / np.maximum(sizes + len(ys) - shared, 1)
        found = int(iou.argmax())
        if found not in known:
            known[found] = float(np.minimum(colours, _histogram(target.image[target.segments == found])).sum())
        one = Match(found, float(iou[found]), known[found], offset)
        if best is None or one.score > best.score:
            best = one
    return best if best is not None and best.score >= LEAST else None


def _offsets(side: int) -> list[tuple[int, int]]:
    reach = max(1, round(REACH * side))
    steps = sorted({0, *(round(sign * reach * part / 4) for part in range(1, 5) for sign in (-1, 1))})
    return sorted(((y, x) for y in steps for x in steps), key=lambda offset: (abs(offset[0]) + abs(offset[1]), offset))


def _histogram(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(N, 3) uint8 -> shares of BINS ** 3 colours."""
    bins = (pixels.astype(np.int64) * BINS) // 256
    counts = np.bincount((bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2], minlength=BINS**3)
    return counts / max(len(pixels), 1)


def spread(work: Work, name: str, reach: int) -> tuple[dict[str, dict[int, bool]], int]:
    """All corrections with those of frame ``name`` carried along the capture, up to ``reach`` frames either way.

    Each frame's matches are looked for from the frame before it on the way, so that the offsets stay small. Corrections
    a frame already has are left. Returns them and how many segments were added.
    """
    now = {frame: dict(given) for frame, given in work.forced.items()}
    start = work.names.index(name)
    added = 0
    for step in (-1, 1):
        carried = dict(now.get(name, {}))
        source = name
        for place in range(start + step, start + step * (reach + 1), step):
            if not 0 <= place < len(work.names) or not carried:
                break
            target = work.names[place]
            found = {}
            for segment, static in carried.items():
                matched = match(work.cues(source), segment, work.cues(target))
                if matched is not None:
                    found[matched.segment] = static
            own = now.get(target, {})
            added += len([segment for segment in found if segment not in own])
            now[target] = {**found, **own}
            carried, source = found, target
    return now, added
