"""Where segments come from: a promptable segmenter handed in, the user's SAM, or colours alone as the last resort.

Methods do not import each other, so RobustSAM comes as an object of the app (``registry.offered("segments")``). What
answered names itself, and the panel says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.hugs.colour_segments import colour_partition, colour_segments
from models.hugs.cues import Points, good_masks, kept_points
from models.hugs.fusion import PointMasks
from models.hugs.fusion_config import FusionConfig
from models.hugs.partition import Segments, partition
from models.runtime import JobContext

COLOUR_NAME = "Colour segments (Felzenszwalb)"


class Segmenter(Protocol):
    """A network that finds regions and answers points."""

    @property
    def name(self) -> str:
        """What the panel calls it."""
        ...

    def regions(self, context: JobContext, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """image: (H, W, 3) uint8 -> (N, H, W) bool, overlapping; N may be 0."""
        ...

    def at_points(
        self, context: JobContext, image: npt.NDArray[np.uint8], points: Points
    ) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """points: (P, 2) pixels, a positive prompt each -> batches of logits (B, 3, H, W) and predicted IoU (B, 3)."""
        ...


@dataclass(frozen=True)
class ProposalConfig:
    """How a segmenter's answer becomes segments."""

    prompt_features: bool = False
    """Ask the segmenter at every feature, as the paper does; without it the segment that holds a feature speaks."""

    split_rest: bool = True
    """Split what no region covers by colour; without it, as in the released code, it is joined by contact."""


DEFAULTS, FUSION = ProposalConfig(), FusionConfig()


@dataclass(frozen=True, eq=False)
class Proposal:
    """Segments of one frame (H, W) and whose they are; ``prompted``: its masks at the frame's features, if asked."""

    name: str
    segments: Segments
    prompted: PointMasks | None = None

    @property
    def count(self) -> int:
        """How many segments there are."""
        return int(self.segments.max()) + 1


def propose(
    context: JobContext,
    image: npt.NDArray[np.uint8],
    points: Points,
    lengths: npt.NDArray[np.int64],
    segmenter: Segmenter | None = None,
    config: ProposalConfig = DEFAULTS,
    fusion: FusionConfig = FUSION,
) -> Proposal:
    """Segments of one photo (H, W, 3) uint8; by colour when no ``segmenter`` is given or it finds nothing.

    points: (M, 2) all features in pixels, lengths: (M,) their track lengths; asked are those that some threshold of two
    photos or more would keep. Ticks through the segmenter.
    """
    context.tick(None, "looking for segments")
    if segmenter is None:
        return Proposal(COLOUR_NAME, colour_segments(image))
    regions = segmenter.regions(context, image)
    if len(regions) == 0:
        return Proposal(f"{COLOUR_NAME}; {segmenter.name} found no region", colour_segments(image))
    segments = colour_partition(regions, image) if config.split_rest else partition(regions)
    prompted = None
    if config.prompt_features:
        prompted = _ask(context, segmenter, image, points, lengths, fusion)
    return Proposal(segmenter.name, segments, prompted)


def _ask(
    context: JobContext,
    segmenter: Segmenter,
    image: npt.NDArray[np.uint8],
    points: Points,
    lengths: npt.NDArray[np.int64],
    fusion: FusionConfig,
) -> PointMasks:
    """Masks at all features with a track of two photos or more; of all when the threshold is 0."""
    size = image.shape[:2]
    least = min(fusion.track_threshold, 2)
    # Doubles stay in: which of them speaks depends on the threshold, which may still change.
    asked = kept_points(points, lengths, replace(fusion, track_threshold=least, dedup=0.0, outliers=False))
    packed = np.zeros((len(points), (size[0] * size[1] + 7) // 8), np.uint8)
    done = 0
    for logits, iou in segmenter.at_points(context, image, points[asked]):
        masks = good_masks(logits, iou, fusion)
        packed[asked[done : done + len(masks)]] = PointMasks.pack(masks, (size[0], size[1])).packed
        done += len(masks)
    return PointMasks(packed, (size[0], size[1]))
