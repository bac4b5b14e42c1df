"""A tree of regions of one picture: small basins between edges, merged step by step into larger regions.

Basins are those of the gradient's watershed (Beucher and Lantuejoul 1979); the merging order is that of a region
adjacency graph whose edges cost colour difference plus boundary strength, small regions first (Ward 1963 for the
weighting by size, Arbelaez et al. 2011 for the use of boundary strength).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class RegionTree:
    """The tree over K basins; nodes 0..K-1 are basins, later nodes are unions of two, 2K-1 in all for one picture.

    basins: int32 (H, W), 0..K-1. children: int32 (M, 2), -1 for basins. size: pixels (M,). birth and death: the cost
    at which a node came to be and was merged away (M,); death of the root is infinite. strength: mean gradient along
    the node's outline (M,). gradient: float32 (H, W), Lab units a pixel.
    """

    basins: NDArray[np.int32]
    children: NDArray[np.int32]
    size: NDArray[np.float64]
    birth: NDArray[np.float64]
    death: NDArray[np.float64]
    strength: NDArray[np.float64]
    gradient: F32

    def mask(self, node: int) -> NDArray[np.bool_]:
        """The pixels of one node, bool (H, W)."""
        member = np.zeros(int(self.basins.max()) + 1, bool)
        waiting = [node]
        while waiting:
            one = waiting.pop()
            left, right = self.children[one]
            if left < 0:
                member[one] = True
            else:
                waiting += [int(left), int(right)]
        found: NDArray[np.bool_] = member[self.basins]
        return found


def lab(image: NDArray[np.uint8]) -> F32:
    """uint8 RGB (H, W, 3) to float32 Lab with L in 0..100."""
    return cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).astype(np.float32)


def gradient_of(values: F32) -> F32:
    """Length of the colour gradient of (H, W, 3) values: the root of the sum over channels, (H, W)."""
    dx = cv2.Scharr(values, cv2.CV_32F, 1, 0, scale=1 / 32)
    dy = cv2.Scharr(values, cv2.CV_32F, 0, 1, scale=1 / 32)
    return np.sqrt((dx * dx + dy * dy).sum(axis=2)).astype(np.float32)


def grow(image: NDArray[np.uint8], sigma: float = 1.0, spacing: int = 7) -> RegionTree:
    """The tree of one picture, uint8 RGB (H, W, 3). sigma: smoothing in pixels; spacing: least basin width."""
    values = cv2.GaussianBlur(cv2.bilateralFilter(lab(image), 5, 12, 3), (0, 0), sigma).astype(np.float32)
    gradient = gradient_of(values)
    basins = _basins(gradient, spacing)
    return _merged(basins, values, gradient)


def _basins(gradient: F32, spacing: int) -> NDArray[np.int32]:
    """Watershed basins around the flattest places, numbered from 0 without gaps."""
    smooth = cv2.GaussianBlur(gradient, (0, 0), 1.0)
    low = smooth <= cv2.erode(smooth, np.ones((spacing, spacing), np.uint8)) + np.float32(0.02)
    _, markers = cv2.connectedComponents(low.astype(np.uint8), connectivity=4)
    relief = np.clip(gradient * 12, 0, 255).astype(np.uint8)
    flooded = cv2.watershed(np.dstack([relief] * 3), markers.astype(np.int32))
    # The dams between basins go to whichever neighbour has the higher number; dams may be two pixels thick.
    grown = np.maximum(flooded, 0).astype(np.float32)
    while (empty := grown == 0).any():
        grown[empty] = cv2.dilate(grown, np.ones((3, 3), np.uint8))[empty]
    _, numbered = np.unique(grown.astype(np.int32), return_inverse=True)
    return numbered.reshape(gradient.shape).astype(np.int32)


def _borders(basins: NDArray[np.int32], gradient: F32, count: int) -> list[dict[int, tuple[float, float]]]:
    """For each basin its neighbours with (length, summed gradient) of the common border."""
    pairs, weights = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = basins[first].ravel(), basins[second].ravel()
        strength = np.maximum(gradient[first], gradient[second]).ravel()
        differ = a != b
        low, high = np.minimum(a, b)[differ].astype(np.int64), np.maximum(a, b)[differ]
        pairs.append(low * count + high)
        weights.append(strength[differ])
    codes, place = np.unique(np.concatenate(pairs), return_inverse=True)
    lengths = np.bincount(place)
    sums = np.bincount(place, np.concatenate(weights))
    borders: list[dict[int, tuple[float, float]]] = [{} for _ in range(count)]
    for code, length, total in zip(codes.tolist(), lengths.tolist(), sums.tolist(), strict=True):
        a, b = divmod(code, count)
        borders[a][b] = borders[b][a] = (float(length), total)
    return borders


def _merged(basins: NDArray[np.int32], values: F32, gradient: F32) -> RegionTree:
    count = int(basins.max()) + 1
    flat = basins.ravel()
    size = np.bincount(flat, minlength=count).astype(float).tolist()
    means = np.stack([np.bincount(flat, values[..., k].ravel(), count) for k in range(3)], axis=1)
    colour = [tuple(row) for row in (means / np.array(size)[:, None]).tolist()]
    borders = _borders(basins, gradient, count)
    birth, death = [0.0] * count, [np.inf] * count
    children = [(-1, -1)] * count
    strength = [_strength(each) for each in borders]

    def cost(a: int, b: int) -> float:
        length, total = borders[a][b]
        away = sum((x - y) ** 2 for x, y in zip(colour[a], colour[b], strict=True)) ** 0.5
        small = min(size[a], size[b])
        return float((0.25 * away + total / length) * small**0.3)

    queue = [(cost(a, b), a, b) for a in range(count) for b in borders[a] if a < b]
    heapq.heapify(queue)
    alive = [True] * count
    while queue:
        price, a, b = heapq.heappop(queue)
        if not (alive[a] and alive[b]):
            continue
        new = len(size)
        alive[a] = alive[b] = False
        alive.append(True)
        death[a] = death[b] = price
        whole = size[a] + size[b]
        colour.append(tuple((size[a] * x + size[b] * y) / whole for x, y in zip(colour[a], colour[b], strict=True)))
        size.append(whole)
        birth.append(price)
        death.append(np.inf)
        children.append((a, b))
        around: dict[int, tuple[float, float]] = {}
        for old in (a, b):
            for other, (length, total) in borders[old].items():
                if other not in (a, b):
                    had = around.get(other, (0.0, 0.0))
                    around[other] = (had[0] + length, had[1] + total)
                    borders[other].pop(old, None)
        borders.append(around)
        strength.append(_strength(around))
        for other, line in around.items():
            borders[other][new] = line
            heapq.heappush(queue, (cost(new, other), new, other))
    return RegionTree(
        basins,
        np.array(children, np.int32),
        np.array(size),
        np.array(birth),
        np.array(death),
        np.array(strength),
        gradient,
    )


def _strength(border: dict[int, tuple[float, float]]) -> float:
    length = sum(line[0] for line in border.values())
    return sum(line[1] for line in border.values()) / length if length else 0.0
