"""Objects lifted out of finished scenes with their masks and parts, ready to be pasted elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds.packs import Shard

_AREA = (0.008, 0.45)
_LEAST_SIDE = 40
_LOOKS_PER_SPRITE = 6


@dataclass(frozen=True)
class Sprite:
    """colour: uint8 (h, w, 3), alpha: uint8 (h, w), part: int16 (h, w), numbered from 1, 0 for none."""

    colour: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    part: NDArray[np.int16]


def lift(
    image: NDArray[np.uint8], instance: NDArray[np.int16], part: NDArray[np.int16], number: int, max_side: int
) -> Sprite | None:
    """Object `number` of a scene (S, S): None when it is small, large, in pieces or cut by the picture's border.

    The mask is drawn in by half a pixel and feathered, so that no rim of the old background comes along.
    """
    mask = (instance == number).astype(np.uint8)
    share = float(mask.mean())
    if not _AREA[0] < share < _AREA[1]:
        return None
    if mask[:2].any() or mask[-2:].any() or mask[:, :2].any() or mask[:, -2:].any():
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_AREA] < 0.93 * mask.sum():
        return None
    mask = (labels == largest).astype(np.uint8)
    x, y, width, height = (int(value) for value in stats[largest, :4])
    if min(width, height) < _LEAST_SIDE:
        return None
    window = np.s_[y - 2 : y + height + 2, x - 2 : x + width + 2]
    soft = cv2.GaussianBlur(mask[window].astype(np.float32), (0, 0), 0.9)
    alpha = np.clip((soft - 0.5) * 2.2, 0, 1)
    colour = np.ascontiguousarray(image[window])
    pieces = np.where(mask[window] > 0, part[window], 0).astype(np.int16)
    scale = min(1.0, max_side / max(colour.shape[:2]))
    if scale < 1:
        size = (max(2, round(colour.shape[1] * scale)), max(2, round(colour.shape[0] * scale)))
        colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        pieces = cv2.resize(pieces, size, interpolation=cv2.INTER_NEAREST).astype(np.int16)
    return Sprite(colour, np.rint(alpha * 255).astype(np.uint8), pieces)


def collect(shards: Sequence[Shard], rng: Generator, count: int, max_side: int = 288) -> list[Sprite]:
    """Up to `count` sprites from random scenes of the shards, at most one of each scene that is looked at."""
    found: list[Sprite] = []
    for _ in range(count * _LOOKS_PER_SPRITE if shards else 0):
        if len(found) == count:
            break
        shard = shards[int(rng.integers(len(shards)))]
        row = int(rng.integers(len(shard)))
        instance = np.asarray(shard.instance[row])
        numbers = np.unique(instance[instance > 0])
        if not len(numbers):
            continue
        number = int(numbers[int(rng.integers(len(numbers)))])
        sprite = lift(np.asarray(shard.image[row]), instance, np.asarray(shard.part[row]), number, max_side)
        if sprite is not None:
            found.append(sprite)
    return found
