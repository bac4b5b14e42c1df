"""The two weak cues of a frame: colour residual and features of structure from motion (method document, 2.2 and 2.3).

Numbers are float32 in the order of the released code's operations, so that the masks are its masks to the last pixel.
Everywhere True means static.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from models.hugs.fusion_config import FusionConfig
from models.hugs.partition import Segments
from models.parts.problems import BadInput

Map = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ResidualCue:
    """The two maps of a frame's residual, (H, W); ``mean`` and ``limit`` are the frame's own statistics."""

    base: Map
    upper: Map
    mean: float
    limit: float


@dataclass(frozen=True, eq=False)
class Residual:
    """(H, W) float32 in 0..1: mean over RGB of |prediction - photo|, with the statistics every threshold comes from."""

    values: Float

    @classmethod
    def between(cls, photo: npt.NDArray[np.generic], prediction: npt.NDArray[np.generic]) -> Residual:
        """photo, prediction: (H, W, 3), uint8 or floats in 0..1. Raises BadInput when their sizes differ."""
        if photo.shape != prediction.shape:
            (height, width), (other_height, other_width) = photo.shape[:2], prediction.shape[:2]
            raise BadInput(
                "The rendered picture",
                f"is {other_width} x {other_height} and the photo {width} x {height}",
                "Render it at the photo's size",
            )
        apart = np.abs(as_float(prediction) - as_float(photo))
        return cls((apart[..., 0] + apart[..., 1] + apart[..., 2]) / np.float32(3))

    @cached_property
    def ordered(self) -> Float:
        """All values, rising."""
        return np.sort(self.values, axis=None)

    @cached_property
    def mean(self) -> np.float32:
        """The threshold of the base map."""
        return np.float32(self.values.mean(dtype=np.float64))

    @cached_property
    def base(self) -> Map:
        """(H, W): at most the mean."""
        return np.asarray(self.values <= self.mean)

    def limit(self, quantile: float) -> np.float32:
        """The value below which the share ``quantile`` of the pixels lies, linear between ranks.

        The rank is computed in float32, as torch.quantile does: with many pixels it falls between others otherwise.
        """
        rank = np.float32(quantile) * np.float32(len(self.ordered) - 1)
        below, above = self.ordered[int(np.floor(rank))], self.ordered[int(np.ceil(rank))]
        weight = np.float32(rank - np.floor(rank))
        start, share = (below, weight) if weight < 0.5 else (above, weight - np.float32(1))
        return np.float32(float(start) + float(share) * float(above - below))

    def cue(self, quantile: float) -> ResidualCue:
        """Both maps; ``upper`` contains ``base``."""
        limit = self.limit(quantile)
        upper = np.asarray((self.values <= limit) | self.base)
        return ResidualCue(self.base, upper, float(self.mean), float(limit))


def as_float(image: npt.NDArray[np.generic]) -> Float:
    """uint8 0..255 to float32 0..1; floats as they are."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.float32) / np.float32(255)
    return np.asarray(image, np.float32)


def frame_points(xy: npt.NDArray[np.generic], frame: tuple[int, int], size: tuple[int, int]) -> Points:
    """Features in pixels of a ``frame`` (width, height) -> (N, 2) pixels of a picture of ``size`` (H, W), inside it."""
    height, width = size
    scale = np.array([width / frame[0], height / frame[1]])
    points = np.asarray(xy, np.float64).reshape(-1, 2) * scale
    return np.clip(points, 0.0, np.array([width, height], np.float64))


def kept_points(points: Points, lengths: npt.NDArray[np.int64], config: FusionConfig) -> npt.NDArray[np.int64]:
    """(M,) indices into ``points`` of those that speak: long enough track, no doubles, outliers gone when asked."""
    if config.track_threshold > 0:
        index = np.flatnonzero(lengths >= config.track_threshold)
    else:
        index = np.arange(len(points))
    index = index[without_doubles(points[index], config.dedup)]
    if config.outliers:
        index = index[without_outliers(points[index])]
    return np.asarray(index, np.int64)


def without_doubles(points: npt.NDArray[np.generic], distance: float) -> npt.NDArray[np.int64]:
    """Indices of the points kept in order: one nearer than ``distance`` pixels to a kept one goes; equal stays."""
    count = len(points)
    if count < 2 or distance <= 0:
        return np.arange(count)
    xy = np.asarray(points, np.float64)
    pairs = cKDTree(xy).query_pairs(distance, output_type="ndarray")
    if len(pairs) == 0:
        return np.arange(count)
    apart = np.sqrt(((xy[pairs[:, 0]] - xy[pairs[:, 1]]) ** 2).sum(1))
    pairs = np.sort(pairs[apart < distance], axis=1)
    kept = np.ones(count, bool)
    for earlier, later in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]:
        # By the later point, so that the earlier one's fate is settled.
        if kept[earlier]:
            kept[later] = False
    return np.flatnonzero(kept)


def without_outliers(points: npt.NDArray[np.generic], deviations: float = 3.0) -> npt.NDArray[np.int64]:
    """Indices of points whose nearest neighbour is nearer than mean + ``deviations`` std of all ordered pair distances.

    The deviation is the sample's (n - 1). Fewer than three points are all kept: there is nothing to compare with.
    """
    count = len(points)
    if count < 3:
        return np.arange(count)
    xy = np.asarray(points, np.float64)
    distances = pdist(xy)
    both_ways = np.concatenate([distances, distances])
    limit = both_ways.mean() + deviations * both_ways.std(ddof=1)
    nearest = cKDTree(xy).query(xy, k=2)[0][:, 1]
    return np.flatnonzero(nearest < limit)


def fill_gap(mask: Map, kernel: int) -> Map:
    """Zeros flip where at least half of the window is one; ones stay. An even ``kernel`` acts as the next odd one.

    Beyond the border the picture is mirrored without repeating its last pixel.
    """
    if kernel <= 1:
        return np.asarray(mask, bool)
    side = kernel + 1 - kernel % 2
    counts = _window_sums(mask, side, cv2.BORDER_REFLECT_101)
    return np.asarray(mask | (2 * counts >= side * side))


def smooth(mask: Map, kernel: int) -> Map:
    """As ``fill_gap`` with nothing beyond the border; 0 leaves the mask as it is."""
    if kernel <= 1:
        return np.asarray(mask, bool)
    side = kernel + 1 - kernel % 2
    counts = _window_sums(mask, side, cv2.BORDER_CONSTANT)
    return np.asarray(mask | (2 * counts >= side * side))


def erode(mask: Map, kernel: int) -> Map:
    """Erosion by a ``kernel`` x ``kernel`` rectangle; the picture's edge does not erode. 0 leaves the mask."""
    if kernel <= 1:
        return np.asarray(mask, bool)
    window = np.ones((kernel, kernel), np.uint8)
    return cv2.erode(np.asarray(mask, np.uint8), window).astype(bool)


def _window_sums(mask: Map, side: int, border: int) -> npt.NDArray[np.float32]:
    """How many ones lie in the ``side`` x ``side`` window around each pixel. Exact: counts stay far below 2^24."""
    return cv2.boxFilter(np.asarray(mask, np.uint8), cv2.CV_32F, (side, side), normalize=False, borderType=border)


def good_masks(logits: npt.NDArray[np.generic], iou: npt.NDArray[np.generic], config: FusionConfig) -> Map:
    """logits: (M, 3, H, W), iou: (M, 3) of M point prompts -> (M, H, W): each one's best mask, empty when not good.

    Best is the highest predicted IoU; good is an IoU above ``predicted_iou`` and a stability of at least ``stability``.
    """
    count = len(logits)
    best = np.argmax(iou, axis=1)
    rows = np.arange(count)
    chosen = np.asarray(logits)[rows, best]
    inner = np.count_nonzero(chosen > config.stability_offset, axis=(1, 2))
    outer = np.count_nonzero(chosen > -config.stability_offset, axis=(1, 2))
    stable = np.zeros(count, np.float32)
    np.divide(inner, outer, out=stable, where=outer > 0, casting="unsafe")
    good = (np.asarray(iou)[rows, best] > config.predicted_iou) & (stable >= np.float32(config.stability))
    return np.asarray((chosen > 0) & good[:, None, None])


def segment_cue(points: npt.NDArray[np.generic], segments: Segments, gap: int) -> Map:
    """For proposals that cannot be prompted: union of the segments that contain a point, gaps closed."""
    hit = np.zeros(int(segments.max()) + 1, bool)
    hit[segments_at(points, segments)] = True
    return fill_gap(hit[segments], gap)


def segments_at(points: npt.NDArray[np.generic], segments: Segments) -> Segments:
    """(M, 2) points in pixels -> (M,) ids of the segments they lie in; a point on the far edge counts as inside."""
    height, width = segments.shape
    places = np.floor(np.asarray(points, np.float64).reshape(-1, 2)).astype(np.int64)
    return segments[np.clip(places[:, 1], 0, height - 1), np.clip(places[:, 0], 0, width - 1)]


def vote(segments: Segments, mask: Map, threshold: float) -> tuple[Map, Float]:
    """Segments of which at least ``threshold`` is in ``mask``: their union (H, W), and each segment's share (K,)."""
    flat = segments.ravel()
    count = int(segments.max()) + 1
    sizes = np.bincount(flat, minlength=count)
    inside = np.bincount(flat[mask.ravel()], minlength=count)
    shares = np.zeros(count, np.float32)
    np.divide(inside, sizes, out=shares, where=sizes > 0, casting="unsafe")
    return (shares >= np.float32(threshold))[segments], shares


def vote_overlapping(masks: Map, mask: Map, threshold: float) -> Map:
    """``vote`` for masks (N, H, W) that may overlap, as in the released code: the union of those kept. Its check."""
    flat = masks.reshape(len(masks), -1)
    sizes = flat.sum(1)
    inside = flat[:, mask.ravel()].sum(1)
    shares = np.zeros(len(masks), np.float32)
    np.divide(inside, sizes, out=shares, where=sizes > 0, casting="unsafe")
    return np.asarray(masks[shares >= np.float32(threshold)].any(0))
