"""Training scenes from real photographs that nobody labelled: crops with the regions that stand out in them.

Each crop gets a tree of regions (models.worlds.region_tree). Objects are regions, or cuts of a colour model around
them (GrabCut, Rother et al. 2004), that are compact, bounded by real edges all round and mostly inside the picture;
parts are tree nodes inside the objects, and clear regions elsewhere. What fails any test is left as background: these
targets are fewer than what a person would click, but each should be one that a person could.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds.packs import Arrays, write_packs
from models.worlds.region_tree import RegionTree, grow

U8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

WORK = 256
"""Side at which regions are found; the network's targets are no finer."""

SMALLEST_CROP = 384
_OBJECT_AREA = (0.012, 0.62)
_PART_AREA = (0.004, 0.30)
_MOST_OBJECTS, _MOST_PARTS = 8, 20
_MOST_CUTS = 12
_TRIES = 12
_LEAST_COVER = 0.05
_CALM = 0.55
"""Pieces of bark or foliage have as many edges inside as along their outline; objects have fewer."""


@dataclass(frozen=True)
class _Quality:
    """How a region stands out: share of its outline on edges, mean gradient there, share of the outline on the
    picture's border, solidity, area as a share of the picture, gradient inside over that on the outline."""

    edges: float
    strength: float
    border: float
    solidity: float
    area: float
    calm: float


def photo_crop(photo: U8, rng: Generator) -> U8:
    """A random square window of a photo (H, W, 3): from 384 px (or 70 % of a small photo) up to its short side."""
    short = min(photo.shape[:2])
    least = min(SMALLEST_CROP, int(short * 0.7))
    side = int(np.exp(rng.uniform(np.log(least), np.log(short)))) if rng.random() < 0.7 else short
    top = int(rng.integers(photo.shape[0] - side + 1))
    left = int(rng.integers(photo.shape[1] - side + 1))
    window = photo[top : top + side, left : left + side]
    return np.ascontiguousarray(window[:, ::-1] if rng.random() < 0.5 else window)


def regions(crop: U8) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Object and part ids, int16 (256, 256), of a square crop, uint8 (S, S, 3); 0 where nothing stands out."""
    small = cv2.resize(crop, (WORK, WORK), interpolation=cv2.INTER_AREA).astype(np.uint8)
    tree = grow(small)
    edge = max(float(np.quantile(tree.gradient, 0.8)), 1.2)
    instance = np.zeros((WORK, WORK), np.int16)
    for number, mask in enumerate(_objects(small, tree, edge), 1):
        instance[mask & (instance == 0)] = number
    return instance, _parts(tree, edge, instance)


def _objects(small: U8, tree: RegionTree, edge: float) -> list[Mask]:
    """The best objects first, none overlapping another by much."""
    found: list[tuple[float, Mask]] = []
    middle = _cut(small, _inset(0.07))
    if middle is not None:
        quality = _quality(middle, tree, edge)
        if _good(quality, _OBJECT_AREA) and quality.border < 0.02:
            found.append((1.3 * _score(quality), middle))
    for node in _candidates(tree, _OBJECT_AREA, edge)[:_MOST_CUTS]:
        mask = _whole(tree.mask(node))
        quality = _quality(mask, tree, edge)
        if _good(quality, _OBJECT_AREA):
            cut = _cut(small, _trimap(mask))
            if cut is not None and _overlap(cut, mask) > 0.8:
                refined = _quality(cut, tree, edge)
                if _good(refined, _OBJECT_AREA) and _score(refined) > _score(quality):
                    mask, quality = cut, refined
            found.append((_score(quality), mask))
    chosen: list[Mask] = []
    taken = np.zeros((WORK, WORK), bool)
    for _, mask in sorted(found, key=lambda entry: -entry[0]):
        if len(chosen) == _MOST_OBJECTS:
            break
        if (mask & taken).sum() < 0.1 * mask.sum():
            chosen.append(mask)
            taken |= mask
    return chosen


def _parts(tree: RegionTree, edge: float, instance: NDArray[np.int16]) -> NDArray[np.int16]:
    part = np.zeros((WORK, WORK), np.int16)
    sizes = np.bincount(instance.ravel())
    number = 0
    found = []
    for node in _candidates(tree, _PART_AREA, edge):
        mask = tree.mask(node)
        owners = np.bincount(instance[mask], minlength=len(sizes))
        owner = int(owners.argmax())
        if owner and (mask.sum() > 0.7 * sizes[owner] or owners[owner] < 0.85 * mask.sum()):
            continue
        if not owner and owners[0] < 0.97 * mask.sum():
            continue
        mask = _whole(mask & (instance == owner))
        quality = _quality(mask, tree, edge)
        if _good(quality, _PART_AREA, 0.68 if owner else 0.78, 0.2 if owner else 0.08):
            found.append((_score(quality), mask))
    for _, mask in sorted(found, key=lambda entry: -entry[0]):
        if number == _MOST_PARTS:
            break
        if not part[mask].any():
            number += 1
            part[mask] = number
    return part


def _candidates(tree: RegionTree, area: tuple[float, float], edge: float) -> list[int]:
    """Nodes of fitting size with a strong outline that last for a while as regions are merged, the longest first."""
    share = tree.size / WORK**2
    lasting = tree.death / np.maximum(tree.birth, 1.0)
    fit = (share > area[0]) & (share < area[1]) & (tree.strength > 1.25 * edge) & (lasting > 1.15)
    nodes = np.flatnonzero(fit)
    return [int(node) for node in nodes[np.argsort(-tree.strength[nodes] * np.minimum(lasting[nodes], 3))][:24]]


def _quality(mask: Mask, tree: RegionTree, edge: float) -> _Quality:
    values = mask.astype(np.uint8)
    area = int(values.sum())
    if area < 16:
        return _Quality(0, 0, 1, 0, 0, 9)
    near = cv2.dilate(tree.gradient, np.ones((3, 3), np.uint8))
    rim = values - cv2.erode(values, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    frame = np.zeros_like(values)
    frame[0], frame[-1], frame[:, 0], frame[:, -1] = 1, 1, 1, 1
    outline = (rim > 0) & (frame == 0)
    border = float((frame & values).sum()) / max(1, int(rim.sum()))
    along = near[outline]
    if not len(along):
        return _Quality(0, 0, 1, 0, 0, 9)
    inside = tree.gradient[cv2.erode(values, np.ones((5, 5), np.uint8)) > 0]
    calm = float(inside.mean() / max(float(along.mean()), 1e-3)) if len(inside) else 9.0
    contours, _ = cv2.findContours(values, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    solidity = area / max(1.0, cv2.contourArea(hull))
    return _Quality(
        float((along > 0.8 * edge).mean()), float(along.mean() / edge), border, float(solidity), area / WORK**2, calm
    )


def _good(quality: _Quality, area: tuple[float, float], solid: float = 0.55, border: float = 0.22) -> bool:
    """Whether a region is one that stands out. What the picture cuts off has to be of a simpler shape."""
    return (
        area[0] < quality.area < area[1]
        and quality.edges > 0.78
        and quality.strength > 1.5
        and quality.calm < _CALM
        and quality.border < border
        and quality.solidity > solid + 0.8 * quality.border
    )


def _score(quality: _Quality) -> float:
    return (
        quality.edges**2 * min(quality.strength, 4) * quality.solidity * quality.area**0.3 * (1 - 1.5 * quality.border)
    )


def _whole(mask: Mask) -> Mask:
    """The largest piece, smoothed, its pinholes filled."""
    values = cv2.medianBlur(mask.astype(np.uint8), 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(values, connectivity=4)
    if count < 2:
        return mask
    values = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - values, connectivity=4)
    for hole in range(1, count):
        if stats[hole, cv2.CC_STAT_AREA] < 0.02 * values.sum():
            values[labels == hole] = 1
    return values > 0


def _inset(share: float) -> U8:
    """A trimap that calls a border of the picture background and leaves the rest open."""
    trimap = np.full((WORK, WORK), cv2.GC_PR_FGD, np.uint8)
    width = int(WORK * share)
    trimap[:width], trimap[-width:], trimap[:, :width], trimap[:, -width:] = (cv2.GC_BGD,) * 4
    return trimap


def _trimap(mask: Mask) -> U8:
    """Background far from a region, doubt along its outline."""
    values = mask.astype(np.uint8)
    trimap = np.where(cv2.dilate(values, np.ones((25, 25), np.uint8)) > 0, cv2.GC_PR_BGD, cv2.GC_BGD)
    return np.where(mask, cv2.GC_PR_FGD, trimap).astype(np.uint8)


def _cut(small: U8, trimap: U8) -> Mask | None:
    """GrabCut at half the working side, scaled up again; None when nothing or everything is foreground."""
    half = WORK // 2
    picture = cv2.resize(small, (half, half), interpolation=cv2.INTER_AREA)
    marks = cv2.resize(trimap, (half, half), interpolation=cv2.INTER_NEAREST)
    for wanted in ((cv2.GC_FGD, cv2.GC_PR_FGD), (cv2.GC_BGD, cv2.GC_PR_BGD)):
        if np.isin(marks, wanted).sum() < 20:
            return None
    cv2.setRNGSeed(1)
    cv2.grabCut(picture, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    front = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.float32)
    mask = cv2.resize(front, (WORK, WORK), interpolation=cv2.INTER_LINEAR) > 0.5
    return _whole(mask) if mask.any() and not mask.all() else None


def _overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def enlarge(ids: NDArray[np.int16], side: int) -> NDArray[np.int16]:
    """Ids (h, w) at another side with smooth outlines: each region is scaled by itself and the strongest wins."""
    best = np.full((side, side), 0.5, np.float32)
    result = np.zeros((side, side), np.int16)
    for one in np.unique(ids[ids > 0]):
        weight = cv2.resize((ids == one).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        stronger = weight > best
        result[stronger] = one
        best[stronger] = weight[stronger]
    return result


def sample_scene(photos: Sequence[U8], size: int, rng: Generator) -> Arrays:
    """One crop of a random photo with its regions: image uint8 (S, S, 3), instance and part int16 (S, S).

    Crops in which nothing stands out are drawn again, a dozen times at most. Raises ValueError without photos.
    """
    if not len(photos):
        raise ValueError("no photos; pass models.worlds.photo_packages.real_photos(held_out=False)")
    for _ in range(_TRIES):
        crop = photo_crop(photos[int(rng.integers(len(photos)))], rng)
        instance, part = regions(crop)
        if (instance > 0).mean() > _LEAST_COVER:
            break
    bigger = crop.shape[0] < size
    image = cv2.resize(crop, (size, size), interpolation=cv2.INTER_CUBIC if bigger else cv2.INTER_AREA)
    whole, pieces = enlarge(instance, size), enlarge(part, size)
    return image.astype(np.uint8), whole, pieces


def write_pack(path: str | os.PathLike[str], seed: int, count: int, size: int, photos: Sequence[U8]) -> list[str]:
    """Write `count` crops as shards of 250 (packs.write_packs) and return the shard names; a stopped run is resumed.

    Crop i depends on (seed, i) and the photos alone.
    """

    def scene(index: int) -> Arrays:
        return sample_scene(photos, size, np.random.default_rng([seed, 0x9E6, index]))

    return write_packs(path, count, size, scene)
