"""Flat layered scenes with exact masks, for class-agnostic interactive segmentation.

Objects are painted from behind to front over a backdrop; a pixel belongs to the frontmost object that covers at least
half of it.
Source of the recipe: method document of RobustSAM, section 7, stage A.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds import shapes2d_outline as outlines
from models.worlds import shapes2d_patterns as patterns
from models.worlds.packs import Arrays, write_packs
from models.worlds.shapes2d_layers import OUTLINES, Layer, Stock, paint
from models.worlds.shapes2d_light import camera
from models.worlds.shapes2d_outline import F32, U8, Points
from models.worlds.shapes2d_paste import paste, shadow
from models.worlds.shapes2d_settings import HELD_OUT, TRAIN, SceneSettings

__all__ = ["HELD_OUT", "TRAIN", "Sample", "SceneError", "SceneSettings", "sample_scene", "write_pack"]

_SMALLEST = 16
SHARP_BELOW = 0.5
"""Blur in pixels from which a thing is drawn out of focus."""


class SceneError(ValueError):
    """A scene that cannot be made as asked; the message names the input and the remedy."""


@dataclass(frozen=True)
class Sample:
    """One scene.

    image: uint8 (S, S, 3) RGB. instance: int16 (S, S), id of the visible object, 0 for the backdrop. part: int16 (S,
    S), id of the visible part, 0 where there is none; parts are counted for themselves from 1. names: family of
    object i at names[i - 1]; an object that others hide completely keeps its number. owners: (part id, instance id)
    pairs, each part lies inside its object.
    """

    image: U8
    instance: NDArray[np.int16]
    part: NDArray[np.int16]
    names: tuple[str, ...]
    owners: tuple[tuple[int, int], ...]


def sample_scene(
    rng: Generator,
    size: int,
    *,
    photos: Sequence[U8] = (),
    cutouts: Sequence[U8] = (),
    settings: SceneSettings = TRAIN,
) -> Sample:
    """Draw one scene of `size` pixels a side.

    photos: uint8 (H, W, 3) for backdrops and textures; cutouts: uint8 (H, W, 4). Of both only the settings' split is
    used (splits.is_held_out); without any, patterns and drawn shapes take their place. Raises SceneError for sizes
    under 16 pixels and pictures of another kind.
    """
    _check(size, photos, cutouts)
    stock = Stock(photos, cutouts, settings)
    light = _light(rng)
    canvas = _backdrop(rng, stock, size)
    instance = np.zeros((size, size), np.int16)
    part = np.zeros((size, size), np.int16)
    names: list[str] = []
    owners: list[tuple[int, int]] = []
    count = int(rng.integers(settings.objects[0], settings.objects[1] + 1))
    focus = _focus(rng, settings)
    shadowed = rng.random() < settings.shadow
    for number, (radius, centre) in enumerate(_stand(rng, settings, size, count)):
        layer = paint(_family(rng, settings), rng, stock, canvas, light, radius, centre)
        if layer is None or not (layer.alpha > 127).any():
            continue
        if shadowed:
            _cast(rng, canvas, layer, light, radius)
        names.append(layer.name)
        mask = layer.alpha > 127
        instance[layer.window.slices][mask] = len(names)
        part[layer.window.slices][mask] = 0
        for piece in layer.parts:
            owners.append((len(owners) + 1, len(names)))
            part[layer.window.slices][piece] = len(owners)
        depth = 1.0 - number / max(1, count - 1)
        paste(canvas, layer, _blur(depth, focus, size), SHARP_BELOW)
    return Sample(camera(canvas, rng, settings.noise, settings.jpeg), instance, part, tuple(names), tuple(owners))


def write_pack(
    path: str | os.PathLike[str],
    seed: int,
    count: int,
    size: int,
    settings: SceneSettings = TRAIN,
    photos: Sequence[U8] = (),
    cutouts: Sequence[U8] = (),
) -> list[str]:
    """Write `count` scenes as shards of 250 (packs.write_packs) and return the shard names; a stopped run is resumed.

    Scene i depends on (seed, settings' name, i) and the given pictures only.
    """

    def scene(index: int) -> Arrays:
        rng = np.random.default_rng([seed, zlib.crc32(settings.name.encode()), index])
        sample = sample_scene(rng, size, photos=photos, cutouts=cutouts, settings=settings)
        return sample.image, sample.instance, sample.part

    return write_packs(path, count, size, scene)


def _check(size: int, photos: Sequence[U8], cutouts: Sequence[U8]) -> None:
    if size < _SMALLEST:
        raise SceneError(f"size {size} is too small for objects; use {_SMALLEST} pixels or more")
    for title, pictures, channels in (("photo", photos, 3), ("cut-out", cutouts, 4)):
        for index, picture in enumerate(pictures):
            if (
                picture.dtype != np.uint8
                or picture.ndim != 3
                or picture.shape[2] != channels
                or min(picture.shape[:2]) < 2
            ):
                raise SceneError(
                    f"{title} {index} is {picture.dtype} {picture.shape}; "
                    f"pass uint8 (H, W, {channels}) of at least 2 pixels a side"
                )


def _light(rng: Generator) -> Points:
    """Unit vector towards the light: from above and the viewer's side, y up."""
    direction = np.array([rng.uniform(-1, 1), rng.uniform(0.1, 1.0), rng.uniform(0.5, 1.2)])
    unit: Points = direction / np.linalg.norm(direction)
    return unit


def _family(rng: Generator, settings: SceneSettings) -> str:
    weights = np.array([weight for _, weight in settings.families])
    return settings.families[int(rng.choice(len(weights), p=weights / weights.sum()))][0]


def _stand(rng: Generator, settings: SceneSettings, size: int, count: int) -> list[tuple[float, Points]]:
    """Radii and centres in pixels, from behind to front: larger objects tend to stand behind.

    Sometimes all gather around one place, sometimes one large object dominates.
    """
    low, high = np.log(settings.radius[0]), np.log(settings.radius[1])
    # Many objects are smaller ones, or they would hide each other.
    radii = np.exp(rng.uniform(low, high, count)) * (1.0 if count < 6 else 0.8)
    order = np.argsort(-np.log(radii) + rng.normal(0, 0.5, count))
    radii = radii[order]
    if rng.random() < 0.3:
        radii[int(rng.integers(count))] = rng.uniform(0.28, 0.45)
    if rng.random() < 0.35:
        centres = rng.uniform(0.3, 0.7, 2) + rng.normal(0, 0.17, (count, 2))
    else:
        centres = rng.uniform(0.02, 0.98, (count, 2))
    return [(float(radius * size), centre * size) for radius, centre in zip(radii, centres, strict=True)]


def _backdrop(rng: Generator, stock: Stock, size: int) -> F32:
    """Photo, pattern, or a wall and a floor; sometimes cluttered with small unnamed shapes or out of focus: (S, S,
    3).
    """
    backdrop = stock.texture(rng, size, size, stock.settings.photo_backdrop)
    if rng.random() < 0.15:
        horizon = int(size * rng.uniform(0.4, 0.8))
        backdrop = backdrop.copy()
        backdrop[horizon:] = stock.texture(rng, size - horizon, size, 0.5)
    if rng.random() < stock.settings.clutter:
        backdrop = _cluttered(rng, stock, backdrop, size)
    if rng.random() < 0.25:
        backdrop = cv2.GaussianBlur(backdrop, (0, 0), rng.uniform(0.5, 4.0) * size / 512)
    return backdrop.astype(np.float32)


def _cluttered(rng: Generator, stock: Stock, backdrop: U8, size: int) -> U8:
    """Scatter small one-coloured shapes of two families; they are part of the backdrop."""
    result = np.ascontiguousarray(backdrop)
    ramp = patterns.palette(rng)
    plain = [name for name, _ in stock.settings.families if name in OUTLINES]
    shapes = [OUTLINES[plain[int(rng.integers(len(plain)))]](rng) for _ in range(2)]
    largest = rng.uniform(0.02, 0.07)
    for _ in range(int(rng.integers(15, 60))):
        shape = shapes[int(rng.integers(2))]
        place = outlines.placed(size * largest * rng.uniform(0.5, 1.0), rng.uniform(0, size, 2), rng.uniform(0, 6.3))
        window = outlines.window_of(place(shape.points()), size)
        if window is not None:
            weight = outlines.coverage(shape, place, window)[..., None] * np.float32(1 / 255)
            under = result[window.slices]
            under[...] = np.rint(under + (ramp[int(rng.integers(256))] - under.astype(np.float32)) * weight)
    return result


def _focus(rng: Generator, settings: SceneSettings) -> tuple[float, float]:
    """(depth in focus 0..1, blur in pixels of a 512-pixel picture per unit of depth)."""
    if rng.random() >= settings.depth_of_field:
        return 0.0, 0.0
    return rng.uniform(0, 1), rng.uniform(1.0, 5.0)


def _blur(depth: float, focus: tuple[float, float], size: int) -> float:
    return abs(depth - focus[0]) * focus[1] * size / 512


def _cast(rng: Generator, canvas: F32, layer: Layer, light: Points, radius: float) -> None:
    """Darken what lies behind the object, away from the light."""
    lift = radius * rng.uniform(0.03, 0.25)
    offset = (round(-light[0] * lift * 1.5), round(light[1] * lift * 1.5))
    sigma = max(0.8, lift * rng.uniform(0.3, 0.9))
    shadow(canvas, layer, offset, sigma, rng.uniform(0.25, 0.7))
