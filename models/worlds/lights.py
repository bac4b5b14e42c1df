"""Light for ray-cast scenes: lamps with soft shadows and surroundings made from a photograph."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds.textures import F32, to_linear


@dataclass(frozen=True)
class Lamp:
    """A round light. `towards` (3,) is its position in metres, or, when `distant`, the unit direction to it.

    `radius` blurs its shadow: metres, or radians when distant. `colour` (3,) is the irradiance it gives a surface
    that faces it (at `reach` metres when it is near).
    """

    towards: F32
    colour: F32
    radius: float
    distant: bool = True
    reach: float = 2.0
    shadows: bool = True

    def directions(self, points: F32, spread: F32) -> tuple[F32, F32, F32]:
        """Unit directions (N,3) to points of the light, distances (N,) and falloff (N,); `spread` (N,2) lies in the
        unit disc."""
        if self.distant:
            to = self.towards[None, :]
            far = np.full(len(points), 1e4, np.float32)
            fall = np.ones(len(points), np.float32)
            reach = np.float32(self.radius)
        else:
            to = self.towards - points
            far = np.linalg.norm(to, axis=1).astype(np.float32)
            to = to / np.maximum(far, 1e-6)[:, None]
            fall = np.clip(np.float32(self.reach**2) / np.maximum(far, 0.05) ** 2, 0, 8).astype(np.float32)
            reach = (np.float32(self.radius) / np.maximum(far, 0.05))[:, None]
        side, above = tangents(to.astype(np.float32))
        moved = to + (side * spread[:, :1] + above * spread[:, 1:]) * reach
        moved = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return moved.astype(np.float32), far, fall


def tangents(normal: F32) -> tuple[F32, F32]:
    """Two unit vectors (N,3) square to each unit vector (N,3) (Duff et al. 2017, branch-free basis)."""
    x, y, z = normal[:, 0], normal[:, 1], normal[:, 2]
    sign = np.where(z >= 0, 1.0, -1.0).astype(np.float32)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = np.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=1)
    second = np.stack([b, sign + y * y * a, -y], axis=1)
    return first.astype(np.float32), second.astype(np.float32)


class Surroundings:
    """Light from everywhere, as a small equirectangular picture (64 x 128) with blurred copies for dull
    reflections."""

    def __init__(self, panorama: F32) -> None:
        """`panorama` (h,w,3) holds light (linear); row 0 is straight up, columns go once around y."""
        self.levels = [cv2.resize(panorama, (128, 64), interpolation=cv2.INTER_AREA).astype(np.float32)]
        while self.levels[-1].shape[0] > 4:
            last = self.levels[-1]
            self.levels.append(cv2.resize(last, (last.shape[1] // 2, last.shape[0] // 2), interpolation=cv2.INTER_AREA))
        self.irradiance = _irradiance(self.levels[2])

    @staticmethod
    def from_photo(photo: NDArray[np.uint8], rng: np.random.Generator, ceiling: float = 1.0) -> Surroundings:
        """The photo in front and, mirrored, behind; brightened upwards by `ceiling` as rooms and skies are."""
        half = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        light = to_linear(np.concatenate([half, half[:, ::-1]], axis=1))
        grey = light.mean(axis=2, keepdims=True)
        light = grey + (light - grey) * np.float32(
            rng.uniform(0.2, 0.8)
        )  # walls around us are greyer than what is photographed
        light = light * np.float32(0.35 / max(float(light.mean()), 0.02))
        height = np.linspace(1, -1, 64, dtype=np.float32)[:, None, None]
        light = light * (1 + np.float32(ceiling) * np.maximum(height, 0)) * (1 + 0.5 * np.minimum(height, 0))
        for _ in range(int(rng.integers(0, 3))):  # windows and lamps: what gives glossy things their highlights
            x, y = int(rng.integers(0, 128)), int(rng.integers(4, 26))
            w, h = int(rng.integers(4, 16)), int(rng.integers(4, 14))
            light[y : y + h, x : x + w] += np.float32(rng.uniform(1, 5))
        return Surroundings(np.roll(light, int(rng.integers(0, 128)), axis=1))

    def look(self, directions: F32, level: int) -> F32:
        """Light (N,3) from unit directions, from blur level 0 (sharp) to len(levels)-1."""
        image = self.levels[min(max(level, 0), len(self.levels) - 1)]
        return _lookup(image, directions)

    def ambient(self, normals: F32) -> F32:
        """Cosine-weighted mean light (N,3) for unit normals."""
        return _lookup(self.irradiance, normals)


def _lookup(image: F32, directions: F32) -> F32:
    """Bilinear lookup of an equirectangular picture."""
    height, width = image.shape[:2]
    x = (np.arctan2(directions[:, 0], -directions[:, 2]) / (2 * np.pi) + 0.5) * width
    y = np.arccos(np.clip(directions[:, 1], -1, 1)) / np.pi * height
    padded = np.concatenate([image[:, -1:], image, image[:, :1]], axis=1)
    map_x, map_y = (x + 0.5).astype(np.float32), np.clip(y - 0.5, 0, height - 1).astype(np.float32)
    out = np.empty((len(directions), 3), np.float32)
    step = 1 << 14  # remap takes at most 32767 columns
    for start in range(0, len(directions), step):
        piece = slice(start, start + step)
        out[piece] = cv2.remap(padded, map_x[None, piece], map_y[None, piece], cv2.INTER_LINEAR)[0]
    return out


def _irradiance(image: F32) -> F32:
    """Cosine convolution of a small panorama with itself as the grid of normals: (h,w,3)."""
    height, width = image.shape[:2]
    polar = (np.arange(height) + 0.5) / height * np.pi
    around = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    p, a = np.meshgrid(polar, around, indexing="ij")
    unit = np.stack([np.sin(p) * np.sin(a), np.cos(p), -np.sin(p) * np.cos(a)], axis=-1).reshape(-1, 3)
    solid = (np.sin(p) * (np.pi / height) * (2 * np.pi / width)).reshape(-1)
    weight = np.maximum(unit @ unit.T, 0) * solid / np.pi
    return (weight @ image.reshape(-1, 3)).reshape(height, width, 3).astype(np.float32)
