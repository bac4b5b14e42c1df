"""Training batches from packed scenes: crops, targets (objects and their parts) and, for the robust stage, degraded
twins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from models.parts.degradations import BENDING, KINDS, degrade, warp_mask
from models.parts.efficientnet_lite import PIXEL_MEAN
from models.robust_sam.grouping import UNKNOWN
from models.worlds.packs import Shard

MIN_AREA = 0.003
"""Targets smaller than this share of the crop are not asked for."""

WHOLE_SHARE = 0.72
"""How often a target is a whole object rather than one of its parts."""


@dataclass(frozen=True)
class Batch:
    """N images with P targets each.

    ``images``: (N, 3, S, S) float32 in 0..255, already padded; ``degraded``: the same or None. ``targets``:
    (N, P, S/2, S/2) bool, ``degraded_targets`` where a bend moved them. ``content``: (N, 2) height and width of each
    photo inside its square. ``ids``: (N, 2, S/8, S/8) int64, object and part of each cell, 0 none, -1 padding.
    """

    images: Tensor
    targets: Tensor
    content: Tensor
    ids: Tensor
    degraded: Tensor | None = None
    degraded_targets: Tensor | None = None


def photometric(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """image: (H, W, 3) uint8 -> the same scene under another camera: gain, gamma, saturation, tint; mild by design."""
    values = image.astype(np.float32) / 255
    values = np.clip(values * rng.uniform(0.8, 1.2, size=3) ** 0.5 * rng.uniform(0.8, 1.2), 0, 1)
    values = values ** rng.uniform(0.8, 1.25)
    grey = values.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.4)
    return (np.clip(grey + (values - grey) * saturation, 0, 1) * 255 + 0.5).astype(np.uint8)


def crop(
    image: np.ndarray, ids: Sequence[np.ndarray], side: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray], tuple[int, int]]:
    """A random window of random shape, long side resized to ``side`` and padded; returns image, ids and the content
    size.
    """
    full = image.shape[0]
    aspect = rng.uniform(0.6, 1.0) if rng.random() < 0.5 else 1.0
    long_side = int(full * rng.uniform(0.6, 1.0))
    short_side = max(int(long_side * aspect), 32)
    height, width = (long_side, short_side) if rng.random() < 0.5 else (short_side, long_side)
    top, left = rng.integers(0, full - height + 1), rng.integers(0, full - width + 1)
    window = np.s_[top : top + height, left : left + width]
    scale = side / max(height, width)
    size = (max(int(width * scale + 0.5), 1), max(int(height * scale + 0.5), 1))
    flip = rng.random() < 0.5
    picture = cv2.resize(image[window], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    maps = [cv2.resize(np.ascontiguousarray(m[window]), size, interpolation=cv2.INTER_NEAREST) for m in ids]
    if flip:
        picture, maps = picture[:, ::-1], [m[:, ::-1] for m in maps]
    return np.ascontiguousarray(picture), maps, picture.shape[:2]


def targets(instance: np.ndarray, part: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray | None:
    """(count, H, W) bool masks drawn from the visible objects and their parts; None when nothing is large enough.

    A part that covers nearly all of its object is the object, and is left out.
    """
    least = MIN_AREA * instance.size
    sizes = {int(i): int(n) for i, n in zip(*np.unique(instance, return_counts=True), strict=True) if i and n >= least}
    pieces = []
    for i, n in zip(*np.unique(part, return_counts=True), strict=True):
        if i and n >= least:
            mask = part == i
            owners, owned = np.unique(instance[mask], return_counts=True)
            owner = int(owners[owned.argmax()])
            if owner == 0 or n < 0.85 * sizes.get(owner, n):
                pieces.append((mask, int(n)))
    if not sizes and not pieces:
        return None
    whole = [(instance == i, n) for i, n in sizes.items()]
    chosen = [
        _draw(whole if whole and (not pieces or rng.random() < WHOLE_SHARE) else pieces, rng) for _ in range(count)
    ]
    return np.stack(chosen)


def _draw(masks: list[tuple[np.ndarray, int]], rng: np.random.Generator) -> np.ndarray:
    """One of the masks, the larger the likelier: a scene has many specks, but people click what they see."""
    weight = np.sqrt([area for _, area in masks])
    return masks[rng.choice(len(masks), p=weight / weight.sum())][0]


def pad(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W, ...) -> (side, side, ...), filled at the right and bottom with what the network sees as zero, or with no
    mask.
    """
    value = int(PIXEL_MEAN) if image.ndim == 3 else 0
    widths = [(0, side - image.shape[0]), (0, side - image.shape[1]), *[(0, 0)] * (image.ndim - 2)]
    return np.pad(image, widths, constant_values=value)


class SceneSampler:
    """Draws batches from shards, each with the weight of one of its scenes."""

    def __init__(
        self, shards: Sequence[tuple[Shard, float]], side: int, batch: int, per_image: int, pairs: bool, seed: int
    ) -> None:
        self.shards = [shard for shard, _ in shards]
        self.side, self.batch, self.per_image, self.pairs = side, batch, per_image, pairs
        share = np.array([len(shard) * weight for shard, weight in shards], dtype=np.float64)
        self.share = share / share.sum()
        self.rng = np.random.default_rng(seed)

    def one(self) -> tuple[np.ndarray, ...]:
        """Image, targets, content size, ids and, for pairs, the degraded image with its targets."""
        rng = self.rng
        while True:
            shard = self.shards[rng.choice(len(self.shards), p=self.share)]
            row = int(rng.integers(len(shard)))
            picture, (instance, part), size = crop(
                np.asarray(shard.image[row]),
                [np.asarray(shard.instance[row]), np.asarray(shard.part[row])],
                self.side,
                rng,
            )
            chosen = targets(instance, part, self.per_image, rng)
            if chosen is None:
                continue
            picture = photometric(picture, rng)
            half = self.side // 2
            small = np.stack([_halve(pad(mask, self.side), half) for mask in chosen])
            square = pad(picture, self.side)
            cells = np.stack([_cells(ids, self.side) for ids in (instance, part)])
            if not self.pairs:
                return square, small, np.array(size), cells
            bad, bad_masks = self._degraded(picture, chosen, rng)
            moved = small if bad_masks is chosen else np.stack([_halve(pad(m, self.side), half) for m in bad_masks])
            return square, small, np.array(size), cells, pad(bad, self.side), moved

    def _degraded(
        self, picture: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """One of the 15 kinds or, as often as each of them, none; severity 0.3 to 1.2 (method document section 7)."""
        kind = rng.integers(len(KINDS) + 1)
        if kind == len(KINDS):
            return picture, masks
        result = degrade(picture, KINDS[kind], float(rng.uniform(0.3, 1.2)), int(rng.integers(2**31)))
        if result.warp is None or KINDS[kind] not in BENDING:
            return result.image, masks
        return result.image, np.stack([warp_mask(mask, result.warp) for mask in masks])

    def draw(self) -> Batch:
        """The next batch."""
        rows = [self.one() for _ in range(self.batch)]
        columns = [np.stack(column) for column in zip(*rows, strict=True)]
        as_images = [torch.from_numpy(column).permute(0, 3, 1, 2).float() for column in columns[0::4]]
        return Batch(
            images=as_images[0],
            targets=torch.from_numpy(columns[1]),
            content=torch.from_numpy(columns[2]),
            ids=torch.from_numpy(columns[3]),
            degraded=as_images[1] if self.pairs else None,
            degraded_targets=torch.from_numpy(columns[5]) if self.pairs else None,
        )

    def stream(self) -> Iterator[Batch]:
        """Batches without end, drawn when they are asked for: a thread ahead of the optimiser would take the cores that
        the optimiser's own threads wait for each other on, and cost more than it saves.
        """
        while True:
            yield self.draw()


def _cells(ids: np.ndarray, side: int) -> np.ndarray:
    """ids: (H, W) -> (side/8, side/8) int64, the id in the middle of each cell."""
    padded = np.full((side, side), UNKNOWN, np.int64)
    padded[: ids.shape[0], : ids.shape[1]] = ids
    return padded[4::8, 4::8]


def _halve(mask: np.ndarray, half: int) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), (half, half), interpolation=cv2.INTER_AREA) > 0.5
