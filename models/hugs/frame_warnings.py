"""What is suspicious about a frame's static map, for the film strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.hugs.fusion import FrameCues, Fused

MOST_MASKED = 0.6
STILL_SHARE = 0.02
"""Of a frame's pixels; so much of high residual on tracked features suggests a distractor that never moves."""


@dataclass(frozen=True)
class FrameWarning:
    """key: none, masked, still or segments; said: a sentence for people."""

    key: str
    said: str


def warnings_of(cues: FrameCues, fused: Fused) -> tuple[FrameWarning, ...]:
    """What to look at in this frame; empty when nothing stands out."""
    found = []
    if len(fused.kept) == 0:
        found.append(FrameWarning("none", "No feature was seen in enough photos: only the residual speaks here"))
    if fused.masked > MOST_MASKED:
        found.append(
            FrameWarning("masked", f"{100 * fused.masked:.0f} % is masked: loosen the quantile or the threshold")
        )
    if cues.residual is not None:
        # Tracked as static and yet never explained by the field: seen by both cues in opposite ways.
        disputed = fused.sfm & ~fused.upper
        share = float(np.count_nonzero(disputed)) / disputed.size
        if share > STILL_SHARE:
            found.append(
                FrameWarning(
                    "still",
                    f"{100 * share:.0f} % has tracked features and a large residual: something may stand still in "
                    "several photos. Click it and mark it as moving",
                )
            )
    return tuple(found)
