"""Textures and backdrops of flat scenes: scalar fields coloured through a palette, and crops of given photos."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds.shapes2d_outline import F32, U8

Field = Callable[[Generator, int, int], F32]


def _axes(rng: Generator, height: int, width: int) -> tuple[F32, F32]:
    """Coordinates along a random direction and across it, in pixels, (h, w) each."""
    angle = rng.uniform(0, 2 * np.pi)
    x = np.arange(width, dtype=np.float32)[None] - width / 2
    y = np.arange(height, dtype=np.float32)[:, None] - height / 2
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def noise(rng: Generator, height: int, width: int, cell: float, octaves: int = 4, decay: float = 0.55) -> F32:
    """Fractal value noise about 0.5, mostly within 0..1: random grids with cells from `cell` pixels down, halving."""
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        size = cell / 2**octave
        if size < 1.5:
            break
        rows, columns = math.ceil(height / size) + 2, math.ceil(width / size) + 2
        layer = cv2.resize(
            rng.random((rows, columns), dtype=np.float32), None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC
        )
        dy, dx = rng.integers(0, max(1, int(size)), 2)
        layer = layer[dy : dy + height, dx : dx + width]
        if layer.shape != total.shape:
            layer = cv2.resize(layer, (width, height))
        total += layer * np.float32(decay**octave)
        weight += decay ** (2 * octave)
    return (total - total.mean()) * np.float32(1.1 / math.sqrt(weight or 1.0)) + np.float32(0.5)


def _cell(rng: Generator, low: float = 6.0, high: float = 60.0) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def gradient(rng: Generator, height: int, width: int) -> F32:
    along, across = _axes(rng, height, width)
    if rng.random() < 0.3:
        distance: F32 = np.hypot(along, across, dtype=np.float32)
        return distance / np.float32(max(height, width))
    return along / np.float32(max(height, width)) + np.float32(0.5)


def cloudy(rng: Generator, height: int, width: int) -> F32:
    return noise(rng, height, width, _cell(rng, 10, 150), int(rng.integers(2, 6)), rng.uniform(0.4, 0.8))


def stripes(rng: Generator, height: int, width: int) -> F32:
    along, _ = _axes(rng, height, width)
    wave = np.sin(along * np.float32(2 * np.pi / _cell(rng)))
    return wave * np.float32(rng.choice([0.5, 4.0])) + np.float32(0.5)


def checker(rng: Generator, height: int, width: int) -> F32:
    along, across = _axes(rng, height, width)
    cell = np.float32(_cell(rng, 8, 50))
    return (np.floor(along / cell) + np.floor(across / cell)) % 2


def marble(rng: Generator, height: int, width: int) -> F32:
    along, _ = _axes(rng, height, width)
    bend = noise(rng, height, width, _cell(rng, 30, 120), 4) * np.float32(rng.uniform(2, 9))
    return np.sin(along * np.float32(2 * np.pi / _cell(rng, 20, 100)) + bend) * np.float32(0.5) + np.float32(0.5)


def dots(rng: Generator, height: int, width: int) -> F32:
    along, across = _axes(rng, height, width)
    cell = np.float32(_cell(rng, 8, 40))
    distance = np.hypot(along / cell % 1 - np.float32(0.5), across / cell % 1 - np.float32(0.5))
    return (np.float32(rng.uniform(0.2, 0.42)) - distance) * cell * np.float32(0.5) + np.float32(0.5)


def rings(rng: Generator, height: int, width: int) -> F32:
    """Growth rings of a plank."""
    along, across = _axes(rng, height, width)
    bend = noise(rng, height, width, _cell(rng, 40, 160), 3) * np.float32(rng.uniform(10, 40))
    distance = np.hypot(along * np.float32(rng.uniform(0.08, 0.3)), across + np.float32(rng.uniform(-80, 80))) + bend
    return np.float32(1.0) - distance / np.float32(_cell(rng, 6, 20)) % 1


def weave(rng: Generator, height: int, width: int) -> F32:
    along, across = _axes(rng, height, width)
    cell = np.float32(_cell(rng, 6, 24))
    over = (np.floor(along / cell) + np.floor(across / cell)) % 2
    a, b = np.abs(along / cell % 1 - np.float32(0.5)), np.abs(across / cell % 1 - np.float32(0.5))
    return np.float32(1.0) - np.float32(1.4) * np.where(over > 0, a, b)


def cells(rng: Generator, height: int, width: int) -> F32:
    """Cracked ground or scales: distance to the nearest of random points plus a tone per cell."""
    seeds = np.full((height, width), 255, np.uint8)
    count = max(3, int(height * width / _cell(rng, 12, 60) ** 2))
    seeds[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    distance, label = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    tone = rng.random(int(label.max()) + 1, dtype=np.float32)[label]
    return tone * np.float32(0.7) + distance * np.float32(0.3 / max(1e-3, float(distance.max())))


def zigzag(rng: Generator, height: int, width: int) -> F32:
    along, across = _axes(rng, height, width)
    cell = np.float32(_cell(rng, 8, 40))
    return np.sin((along + np.abs(across % (2 * cell) - cell)) * (2 * np.float32(np.pi) / cell)) * 2 + np.float32(0.5)


TRAIN_FIELDS: dict[str, Field] = {
    "gradient": gradient,
    "cloudy": cloudy,
    "stripes": stripes,
    "checker": checker,
    "marble": marble,
    "dots": dots,
}
HELD_OUT_FIELDS: dict[str, Field] = {"rings": rings, "weave": weave, "cells": cells, "zigzag": zigzag}


def palette(rng: Generator, near: NDArray[np.floating] | None = None) -> U8:
    """A colour ramp (256, 3). With `near` (a colour in 0..255) all tones stay within about 40 levels of it: hard
    cases.
    """
    stops = int(rng.integers(2, 5))
    if near is not None:
        shift = rng.normal(0.0, 1.0, 3)
        shift *= rng.uniform(14, 40) / (np.linalg.norm(shift) + 1e-6)
        colours = near + shift + rng.normal(0, 9, (stops, 3))
    else:
        hue = rng.uniform(0, 180) + rng.normal(0, 1, stops) * rng.choice([4.0, 25.0, 90.0])
        saturation = np.clip(rng.beta(1.4, 1.6) + rng.normal(0, 0.12, stops), 0, 1)
        value = np.clip(rng.uniform(0.15, 1.0) + rng.normal(0, 0.22, stops), 0.03, 1)
        hsv = np.stack([hue % 180, saturation * 255, value * 255], -1).astype(np.uint8)
        colours = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0].astype(np.float64)
    ramp = np.linspace(0, stops - 1, 256)
    return np.stack([np.interp(ramp, np.arange(stops), np.clip(colours[:, c], 0, 255)) for c in range(3)], -1).astype(
        np.uint8
    )


def coloured(field: F32, ramp: U8) -> U8:
    """Colour a field in 0..1 through a ramp: (h, w, 3)."""
    return ramp[np.clip(field * 255.0, 0, 255).astype(np.uint8)]


def photo_crop(rng: Generator, photo: U8, height: int, width: int) -> U8:
    """A random region of a photo, resized to (height, width), mirrored and recoloured at random."""
    tall, wide = photo.shape[:2]
    most = min(tall / height, wide / width)
    scale = most * rng.uniform(0.3, 1.0) if most < 2 else float(np.exp(rng.uniform(np.log(0.6), np.log(most))))
    h, w = max(2, min(tall, round(height * scale))), max(2, min(wide, round(width * scale)))
    y, x = int(rng.integers(0, tall - h + 1)), int(rng.integers(0, wide - w + 1))
    region = photo[y : y + h, x : x + w]
    crop = cv2.resize(region, (width, height), interpolation=cv2.INTER_AREA if scale > 1.3 else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return recoloured(rng, crop) if rng.random() < 0.6 else np.ascontiguousarray(crop)


def recoloured(rng: Generator, image: U8) -> U8:
    """Random tone curve per channel; rarely another hue."""
    x = np.arange(256, dtype=np.float64) / 255
    gamma, gain = rng.uniform(0.65, 1.5), rng.uniform(0.8, 1.15, 3)
    table = np.clip(x[:, None] ** gamma * gain * 255, 0, 255).astype(np.uint8)
    result = cv2.LUT(np.ascontiguousarray(image), table.reshape(1, 256, 3))
    if rng.random() < 0.25:
        hsv = cv2.cvtColor(result, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(rng.integers(0, 180))) % 180
        result = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return result


def pattern(
    rng: Generator, fields: Sequence[Field], height: int, width: int, near: NDArray[np.floating] | None = None
) -> U8:
    """One random field in one random palette, often over a faint grain: (h, w, 3)."""
    field = np.broadcast_to(fields[int(rng.integers(len(fields)))](rng, height, width), (height, width))
    if rng.random() < 0.5:
        field = field + (noise(rng, height, width, _cell(rng, 4, 30), 2) - np.float32(0.5)) * np.float32(
            rng.uniform(0.05, 0.4)
        )
    return coloured(field, palette(rng, near))
