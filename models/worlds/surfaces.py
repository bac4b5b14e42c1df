"""Procedural surfaces that repeat without a seam: plaster, wood, planks, tiles, bricks, cloth and printed
patterns."""

from __future__ import annotations

import cv2
import numpy as np

from models.worlds.textures import F32, U8


def value_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 4) -> F32:
    """Smooth noise (size,size) in 0..1, `cells` bumps across at the coarsest octave; repeats without a seam."""
    total = np.zeros((size, size), np.float32)
    weight = 0.0
    for octave in range(octaves):
        n = min(cells * 2**octave, size)
        wrapped = np.pad(rng.random((n, n), dtype=np.float32), 2, mode="wrap")
        zoomed = cv2.resize(wrapped, None, fx=size / n, fy=size / n, interpolation=cv2.INTER_CUBIC)
        at = round(2 * size / n)
        total += 0.5**octave * zoomed[at : at + size, at : at + size]
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1).astype(np.float32)


def mix(a: F32, b: F32, share: F32) -> F32:
    """Colours (3,) or (H,W,3) blended by the share (H,W) of the second."""
    return (a * (1 - share[..., None]) + b * share[..., None]).astype(np.float32)


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
    """A tiling uint8 (size,size,3) surface: plaster, wood grain, planks, tiles, bricks, stripes, checks, dots or
    speckles."""
    base, other = _colours(rng)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    kind = str(
        rng.choice(["plaster", "wood", "planks", "tiles", "bricks", "stripes", "checks", "dots", "speckles", "cloth"])
    )
    noise = value_noise(rng, size, int(rng.integers(2, 9)), 5)
    if kind == "plaster":
        image = mix(base, base * np.float32(0.82), noise)
    elif kind in ("wood", "planks"):
        rows = int(rng.integers(3, 9)) if kind == "planks" else 1
        plank = np.floor(y * rows)
        shift = rng.random(rows).astype(np.float32)[plank.astype(int) % rows]
        stretched = cv2.resize(noise[:, : max(size // 8, 1)], (size, size), interpolation=cv2.INTER_LINEAR)
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * (y * int(rng.integers(6, 30)) + 3 * stretched + 5 * shift))
        image = (
            mix(base, other * 0.4 + base * 0.6, (0.7 * rings + 0.3 * noise).astype(np.float32))
            * (0.85 + 0.15 * shift)[..., None]
        )
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
        image = mix(
            base, other, (((x if rng.random() < 0.5 else y) * count) % 1 < rng.uniform(0.2, 0.8)).astype(np.float32)
        )
    elif kind == "checks":
        count = int(rng.integers(1, 8))
        cells = (np.floor(x * 2 * count) + np.floor(y * 2 * count)) % 2
        image = mix(base, other, cells.astype(np.float32))
    elif kind == "dots":
        count, radius = int(rng.integers(2, 10)), rng.uniform(0.15, 0.4)
        far = ((x * count) % 1 - 0.5) ** 2 + ((y * count) % 1 - 0.5) ** 2
        image = mix(base, other, (far < radius**2).astype(np.float32))
    elif kind == "speckles":
        grains = cv2.GaussianBlur(rng.random((size, size), dtype=np.float32), (0, 0), float(rng.uniform(0.6, 2.5)))
        image = mix(base, other, (grains > np.quantile(grains, rng.uniform(0.5, 0.93))).astype(np.float32))
    else:
        count = int(rng.integers(16, 60))
        weave = 0.5 + 0.25 * np.sin(2 * np.pi * x * count) + 0.25 * np.sin(2 * np.pi * y * count)
        image = mix(base, other * 0.5 + base * 0.5, (0.6 * weave + 0.4 * noise).astype(np.float32))
    grain = rng.normal(0, rng.uniform(0, 5), (size, size, 1)).astype(np.float32)
    return np.clip(image * (0.92 + 0.16 * noise[..., None]) + grain, 0, 255).astype(np.uint8)
