"""Pictures on surfaces: mip pyramids in one flat buffer, sampled for all pixels of an image in one go, and procedural patterns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Pyramid:
    """One picture with its mip levels: `texels` (T,4) uint8 RGBA flattened level after level, `levels` (L,3) = offset, w, h."""

    texels: U8
    levels: NDArray[np.int64]
    cut_out: bool = False  # has texels that are see-through


def pyramid(image: U8) -> Pyramid:
    """Mip levels of a uint8 (H,W,3|4) picture, each half the size of the one before, down to one texel on the short side."""
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise ValueError(f"a texture has shape (H,W,3) or (H,W,4), not {image.shape}")
    if image.shape[2] == 3:
        image = np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)
    cut_out = bool(image[..., 3].min() < 128)
    flats, rows, at = [], [], 0
    while True:
        height, width = image.shape[:2]
        flats.append(image.reshape(-1, 4))
        rows.append((at, width, height))
        at += height * width
        if min(height, width) <= 1:
            break
        image = cv2.resize(image, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return Pyramid(np.ascontiguousarray(np.concatenate(flats)), np.array(rows, dtype=np.int64), cut_out)


class TexturePool:
    """The pyramids of a scene side by side. Textures are numbered in the order given."""

    def __init__(self, pyramids: list[Pyramid]) -> None:
        offsets = np.cumsum([0] + [len(item.texels) for item in pyramids])
        first = np.cumsum([0] + [len(item.levels) for item in pyramids])
        self.texels = np.concatenate([item.texels for item in pyramids]) if pyramids else np.zeros((1, 4), np.uint8)
        shifted = [item.levels + np.array([at, 0, 0]) for item, at in zip(pyramids, offsets[:-1], strict=True)]
        self.levels = np.concatenate(shifted) if shifted else np.array([[0, 1, 1]], dtype=np.int64)
        self.first = first[:-1].astype(np.int64)
        self.count = np.diff(first).astype(np.int64)
        self.cut_out = np.array([item.cut_out for item in pyramids] + [False], dtype=bool)  # the last is texture -1: none
        self.side = np.sqrt(np.array([item.levels[0, 1] * item.levels[0, 2] for item in pyramids], dtype=np.float32))

    def sample(self, texture: NDArray[np.int64], uv: F32, lod: F32) -> F32:
        """RGBA (N,4) in 0..1, bilinear and tiled, from the mip level nearest to `lod` (N,). v points up, as in OBJ files."""
        level = np.clip(np.rint(lod), 0, self.count[texture] - 1).astype(np.int64) + self.first[texture]
        row = self.levels[level]
        offset, width, height = row[:, 0], row[:, 1], row[:, 2]
        fraction = uv - np.floor(uv)
        x = fraction[:, 0] * width.astype(np.float32) - np.float32(0.5)
        y = (np.float32(1) - fraction[:, 1]) * height.astype(np.float32) - np.float32(0.5)
        x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
        xa, xb = np.where(x0 < 0, width - 1, x0), np.where(x0 + 1 >= width, 0, x0 + 1)
        ya, yb = np.where(y0 < 0, height - 1, y0), np.where(y0 + 1 >= height, 0, y0 + 1)
        xa, ya = np.minimum(xa, width - 1), np.minimum(ya, height - 1)
        upper, lower = offset + ya * width, offset + yb * width
        t = self.texels
        top = t[upper + xa] * (1 - fx) + t[upper + xb] * fx
        bottom = t[lower + xa] * (1 - fx) + t[lower + xb] * fx
        return ((top * (1 - fy) + bottom * fy) * np.float32(1 / 255)).astype(np.float32)


def to_linear(display: F32) -> F32:
    """Display values 0..1 to light (a plain 2.2 power: close to sRGB and cheap)."""
    return np.power(np.maximum(display, 0), np.float32(2.2), dtype=np.float32)


def to_display(light: F32) -> F32:
    return np.power(np.clip(light, 0, 1), np.float32(1 / 2.2), dtype=np.float32)


def value_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 4, tile: bool = True) -> F32:
    """Smooth noise (size,size) in 0..1, `cells` bumps across at the coarsest octave; repeats without a seam when `tile`."""
    total = np.zeros((size, size), np.float32)
    weight = 0.0
    for octave in range(octaves):
        n = min(cells * 2**octave, size)
        grid = rng.random((n, n), dtype=np.float32)
        if tile:
            pad = 2
            wrapped = np.pad(grid, pad, mode="wrap")
            zoomed = cv2.resize(wrapped, None, fx=size / n, fy=size / n, interpolation=cv2.INTER_CUBIC)
            at = round(pad * size / n)
            layer = zoomed[at : at + size, at : at + size]
        else:
            layer = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        amount = 0.5**octave
        total += amount * layer[:size, :size]
        weight += amount
    return np.clip(total / weight, 0, 1).astype(np.float32)


def _mix(a: F32, b: F32, t: F32) -> F32:
    return (a * (1 - t[..., None]) + b * t[..., None]).astype(np.float32)


def _colours(rng: np.random.Generator) -> tuple[F32, F32]:
    """A base colour and a companion: mostly muted as in homes, sometimes loud."""
    loud = rng.random() < 0.12
    hue, saturation = rng.random() * 180, rng.uniform(90, 230) if loud else rng.uniform(0, 95)
    value = rng.uniform(60, 245)
    other = np.clip(value + rng.choice([-1, 1]) * rng.uniform(15, 110), 20, 250)
    turn = hue + rng.normal(0, 12 if rng.random() < 0.7 else 70)
    hsv = np.array([[[hue, saturation, value], [turn % 180, saturation * rng.uniform(0.5, 1.2), other]]])
    rgb = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    return rgb[0, 0], rgb[0, 1]


def procedural(rng: np.random.Generator, size: int = 256) -> U8:
    """A tiling uint8 (size,size,3) surface: plaster, wood grain, planks, tiles, bricks, stripes, checks, dots or speckles."""
    base, other = _colours(rng)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    kind = str(rng.choice(["plaster", "wood", "planks", "tiles", "bricks", "stripes", "checks", "dots", "speckles", "cloth"]))
    noise = value_noise(rng, size, int(rng.integers(2, 9)), 5)
    if kind == "plaster":
        image = _mix(base, base * np.float32(0.82), noise)
    elif kind in ("wood", "planks"):
        rows = int(rng.integers(3, 9)) if kind == "planks" else 1
        plank = np.floor(y * rows)
        shift = rng.random(rows).astype(np.float32)[plank.astype(int) % rows]
        stretched = cv2.resize(noise[:, : max(size // 8, 1)], (size, size), interpolation=cv2.INTER_LINEAR)
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * (y * int(rng.integers(6, 30)) + 3 * stretched + 5 * shift))
        image = _mix(base, other * 0.4 + base * 0.6, (0.7 * rings + 0.3 * noise).astype(np.float32)) * (0.85 + 0.15 * shift)[..., None]
        if rows > 1:
            image *= np.where((y * rows) % 1 < 0.03, 0.45, 1.0)[..., None].astype(np.float32)
    elif kind in ("tiles", "bricks"):
        rows, columns = int(rng.integers(1, 7)) * 2, int(rng.integers(1, 5))
        lane = np.floor(y * rows)
        xs = x * columns + (0.5 * (lane % 2) if kind == "bricks" else 0)
        gap = rng.uniform(0.02, 0.07)
        joint = ((y * rows) % 1 < gap) | (xs % 1 < gap * columns / rows)
        tint = rng.uniform(0.8, 1.1, (rows, columns)).astype(np.float32)
        shade = tint[lane.astype(int) % rows, np.floor(xs).astype(int) % columns] * (0.9 + 0.2 * noise)
        image = np.where(joint[..., None], other, base * shade[..., None])
    elif kind == "stripes":
        count = int(rng.integers(2, 16))
        image = _mix(base, other, (((x if rng.random() < 0.5 else y) * count) % 1 < rng.uniform(0.2, 0.8)).astype(np.float32))
    elif kind == "checks":
        count = int(rng.integers(1, 8))
        cells = (np.floor(x * 2 * count) + np.floor(y * 2 * count)) % 2
        image = _mix(base, other, cells.astype(np.float32))
    elif kind == "dots":
        count, radius = int(rng.integers(2, 10)), rng.uniform(0.15, 0.4)
        far = ((x * count) % 1 - 0.5) ** 2 + ((y * count) % 1 - 0.5) ** 2
        image = _mix(base, other, (far < radius**2).astype(np.float32))
    elif kind == "speckles":
        grains = cv2.GaussianBlur(rng.random((size, size), dtype=np.float32), (0, 0), float(rng.uniform(0.6, 2.5)))
        image = _mix(base, other, (grains > np.quantile(grains, rng.uniform(0.5, 0.93))).astype(np.float32))
    else:
        count = int(rng.integers(16, 60))
        weave = 0.5 + 0.25 * np.sin(2 * np.pi * x * count) + 0.25 * np.sin(2 * np.pi * y * count)
        image = _mix(base, other * 0.5 + base * 0.5, (0.6 * weave + 0.4 * noise).astype(np.float32))
    grain = rng.normal(0, rng.uniform(0, 5), (size, size, 1)).astype(np.float32)
    return np.clip(image * (0.92 + 0.16 * noise[..., None]) + grain, 0, 255).astype(np.uint8)
