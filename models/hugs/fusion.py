"""Both cues and the segments of a frame to its static map (method document, 2.4), with the reason for every pixel.

What does not depend on a knob is kept in ``FrameCues``, so that a knob costs milliseconds:

    cues = FrameCues.build(photo, prediction, points, lengths, segments)
    fused = fuse(cues, FusionConfig(quantile=0.9), forced={12: False})
    fused.static, fused.why(cues, 40, 25)

Everywhere True means static: use the pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.hugs.cues import (
    Float,
    Map,
    Points,
    Residual,
    erode,
    fill_gap,
    kept_points,
    segment_cue,
    segments_at,
    smooth,
    vote,
)
from models.hugs.fusion_config import FusionConfig
from models.hugs.partition import Segments
from models.hugs.reasons import Reason, Row
from models.parts.problems import BadInput

DEFAULTS = FusionConfig()
Forced = Mapping[int, bool]
"""Segment id -> True for static, False for what moves; segments not named are decided by the vote."""


@dataclass(frozen=True, eq=False)
class PointMasks:
    """What a promptable segmenter answered at each feature of a frame, eight pixels a byte.

    packed: (M, ceil(H W / 8)) uint8 of the accepted masks, all zero where none was good enough.
    """

    packed: npt.NDArray[np.uint8]
    size: tuple[int, int]

    @classmethod
    def pack(cls, masks: Iterable[Map], size: tuple[int, int]) -> PointMasks:
        """masks: (H, W) bool in the order of the frame's features."""
        width = (size[0] * size[1] + 7) // 8
        rows = [np.packbits(np.asarray(mask, bool)) for mask in masks]
        return cls(np.stack(rows) if rows else np.zeros((0, width), np.uint8), size)

    def union(self, rows: npt.NDArray[np.int64]) -> Map:
        """(H, W): in at least one of the named features' masks."""
        if len(rows) == 0:
            return np.zeros(self.size, bool)
        joined = np.bitwise_or.reduce(self.packed[rows], axis=0)
        count = self.size[0] * self.size[1]
        return np.unpackbits(joined, count=count).astype(bool).reshape(self.size)


@dataclass(frozen=True, eq=False)
class FrameCues:
    """All that the knobs work on, for one frame of H x W pixels.

    image: (H, W, 3) uint8. residual: None before a radiance field was trained. points: (M, 2) all features in pixels of
    this frame, lengths: (M,) their track lengths, 0 when unmatched. segments: (H, W) ids. prompted: masks at the points
    when the segmenter can be asked, else None and the segments that contain a point speak for it.
    """

    image: npt.NDArray[np.uint8]
    residual: Residual | None
    points: Points
    lengths: npt.NDArray[np.int64]
    segments: Segments
    prompted: PointMasks | None = None

    def __post_init__(self) -> None:
        size = self.image.shape[:2]
        for name, shape in (
            ("The segments", self.segments.shape),
            ("The residual", size if self.residual is None else self.residual.values.shape),
            ("The prompted masks", size if self.prompted is None else self.prompted.size),
        ):
            if tuple(shape) != size:
                raise BadInput(
                    name,
                    f"are {shape[1]} x {shape[0]} pixels and the photo {size[1]} x {size[0]}",
                    "Compute them on this photo",
                )
        if len(self.points) != len(self.lengths):
            raise BadInput("The features", f"are {len(self.points)} with {len(self.lengths)} lengths", "Give one each")

    @classmethod
    def build(
        cls,
        image: npt.NDArray[np.uint8],
        prediction: npt.NDArray[np.generic] | None,
        points: npt.NDArray[np.generic],
        lengths: npt.NDArray[np.int64],
        segments: Segments,
        prompted: PointMasks | None = None,
    ) -> FrameCues:
        """prediction: (H, W, 3) the field's picture of this frame, uint8 or floats in 0..1. Raises BadInput."""
        residual = None if prediction is None else Residual.between(image, prediction)
        places = np.asarray(points, np.float64).reshape(-1, 2)
        return cls(image, residual, places, np.asarray(lengths, np.int64), segments, prompted)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, eq=False)
class Fused:
    """The maps of one frame, all (H, W) bool with True = static, from the cues to the answer.

    sfm: the feature cue. agreed: (sfm or base) and upper. smoothed: agreed with holes closed. voted: union of the
    segments that won, corrections applied. static: voted after erosion, the answer. shares: (K,) static share of each
    segment in ``smoothed``. kept: indices of the features that spoke. mean, limit: the frame's residual statistics, nan
    without a residual.
    """

    base: Map
    upper: Map
    sfm: Map
    agreed: Map
    smoothed: Map
    voted: Map
    static: Map
    shares: Float
    kept: npt.NDArray[np.int64]
    mean: float
    limit: float
    config: FusionConfig
    forced: Forced = field(default_factory=dict)

    @property
    def masked(self) -> float:
        """Share of the frame that is not used, 0..1."""
        return 1.0 - float(np.count_nonzero(self.static)) / self.static.size

    def why(self, cues: FrameCues, x: int, y: int) -> Reason:
        """The truth table of the pixel in column ``x``, row ``y``. Raises BadInput outside the frame."""
        height, width = self.static.shape
        if not (0 <= x < width and 0 <= y < height):
            raise BadInput("The pixel", f"({x}, {y}) is outside the frame", f"Stay within {width} x {height} pixels")
        segment = int(cues.segments[y, x])
        rows = (
            *self._residual_rows(cues, x, y),
            self._feature_row(cues, segment, x, y),
            *self._rows_after(segment, x, y),
        )
        return Reason(x, y, segment, rows, bool(self.static[y, x]))

    def _residual_rows(self, cues: FrameCues, x: int, y: int) -> tuple[Row, Row]:
        if cues.residual is None:
            missing = "no residual yet"
            return Row("base", "Residual at most the mean", missing, False), Row(
                "upper", f"Residual at most quantile {self.config.quantile:g}", missing, True
            )
        value = float(cues.residual.values[y, x])
        return (
            Row("base", "Residual at most the mean", f"{value:.3f}, mean {self.mean:.3f}", bool(self.base[y, x])),
            Row(
                "upper",
                f"Residual at most quantile {self.config.quantile:g}, or base",
                f"{value:.3f}, limit {self.limit:.3f}",
                bool(self.upper[y, x]),
            ),
        )

    def _feature_row(self, cues: FrameCues, segment: int, x: int, y: int) -> Row:
        inside = segments_at(cues.points, cues.segments) == segment if len(cues.points) else np.zeros(0, bool)
        longest = int(cues.lengths[inside].max()) if inside.any() else 0
        spoke = int(np.count_nonzero(inside[self.kept])) if len(self.kept) else 0
        if inside.any():
            found = f"{int(inside.sum())} in the segment, longest track {longest}; {spoke} long enough"
        else:
            found = "none in the segment"
        return Row("sfm", f"Features seen in {self.config.track_threshold} photos or more", found, bool(self.sfm[y, x]))

    def _rows_after(self, segment: int, x: int, y: int) -> tuple[Row, ...]:
        share = float(self.shares[segment])
        rows = [
            Row("agreed", "(features or base) and upper", "", bool(self.agreed[y, x])),
            Row("smoothed", f"Holes closed, window {self.config.smooth} px", "", bool(self.smoothed[y, x])),
            Row(
                "vote",
                f"At least {self.config.vote:g} of the segment is static",
                f"segment {segment}: {share:.2f}",
                bool(share >= np.float32(self.config.vote)),
            ),
        ]
        if segment in self.forced:
            chosen = self.forced[segment]
            rows.append(Row("forced", "Your correction", "static" if chosen else "moves", chosen))
        rows.append(Row("eroded", f"Away from what moves, window {self.config.erode} px", "", bool(self.static[y, x])))
        return tuple(rows)


def fuse(cues: FrameCues, config: FusionConfig = DEFAULTS, forced: Forced | None = None) -> Fused:
    """The static map of one frame with everything on the way to it.

    A frame without a feature that speaks has an empty feature cue (the released code stops there); without a residual
    the feature cue decides alone. ``forced`` overrules the vote, before the erosion. Raises BadInput for settings out
    of range and for segments the frame does not have.
    """
    config.checked()
    count = int(cues.segments.max()) + 1
    given = dict(forced or {})
    for segment in given:
        if not 0 <= segment < count:
            raise BadInput("The correction", f"names segment {segment} of {count}", f"Name one from 0 to {count - 1}")
    if cues.residual is None:
        base, upper, mean, limit = np.zeros(cues.size, bool), np.ones(cues.size, bool), np.nan, np.nan
    else:
        residual = cues.residual.cue(config.quantile)
        base, upper, mean, limit = residual.base, residual.upper, residual.mean, residual.limit
    kept = kept_points(cues.points, cues.lengths, config)
    sfm = feature_cue(cues, kept, config.gap)
    agreed = (sfm | base) & upper
    smoothed = smooth(agreed, config.smooth)
    voted, shares = vote(cues.segments, smoothed, config.vote)
    if given:
        winners = shares >= np.float32(config.vote)
        winners[list(given)] = list(given.values())
        voted = winners[cues.segments]
    static = erode(voted, config.erode)
    return Fused(base, upper, sfm, agreed, smoothed, voted, static, shares, kept, mean, limit, config, given)


def feature_cue(cues: FrameCues, kept: npt.NDArray[np.int64], gap: int) -> Map:
    """The feature cue of the features ``kept`` speaks for, gaps closed."""
    if cues.prompted is not None:
        return fill_gap(cues.prompted.union(kept), gap)
    return segment_cue(cues.points[kept], cues.segments, gap)


Single = Literal["residual", "sfm", "residual x segments"]


def single_cue(cues: FrameCues, config: FusionConfig, which: Single) -> Map:
    """The map one cue alone would give, to compare with: the base residual, it voted over segments, or the features."""
    if which == "sfm":
        return feature_cue(cues, kept_points(cues.points, cues.lengths, config), config.gap)
    if cues.residual is None:
        return np.zeros(cues.size, bool)
    if which == "residual":
        return cues.residual.base
    return fill_gap(vote(cues.segments, cues.residual.base, config.vote)[0], config.gap)
