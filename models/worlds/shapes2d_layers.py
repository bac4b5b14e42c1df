"""From a family's name to a painted layer: coverage, colours and parts of one object in its window of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds import shapes2d_outline as outlines
from models.worlds import shapes2d_patterns as patterns
from models.worlds.shapes2d_figures import HELD_OUT_FIGURES, TRAIN_FIGURES
from models.worlds.shapes2d_flat import HELD_OUT_FLAT, TRAIN_FLAT, Family
from models.worlds.shapes2d_light import bevel
from models.worlds.shapes2d_outline import F32, U8, Placement, Points, Window
from models.worlds.shapes2d_settings import SceneSettings
from models.worlds.shapes2d_solid import HELD_OUT_SOLIDS, TRAIN_SOLIDS, Drawn, draw, oriented, projected
from models.worlds.splits import is_held_out

OUTLINES: dict[str, Family] = {**TRAIN_FLAT, **HELD_OUT_FLAT, **TRAIN_FIGURES, **HELD_OUT_FIGURES}
SOLIDS = {**TRAIN_SOLIDS, **HELD_OUT_SOLIDS}
FIELDS = {**patterns.TRAIN_FIELDS, **patterns.HELD_OUT_FIELDS}
_UPRIGHT = {"animal", "person", "house", "vehicle", "tree", "bottle", "branch", "cutout"}
_TRIES = 12


@dataclass(frozen=True)
class Layer:
    """One object ready for compositing: window, alpha (h, w) uint8, colour (h, w, 3) float32, parts as boolean (h,
    w) masks.
    """

    name: str
    window: Window
    alpha: U8
    colour: F32
    parts: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True)
class Stock:
    """What the caller brings: photos (H, W, 3) and cut-outs (H, W, 4), both uint8."""

    photos: Sequence[U8]
    cutouts: Sequence[U8]
    settings: SceneSettings

    def photo(self, rng: Generator) -> U8 | None:
        return self._one(rng, self.photos)

    def cutout(self, rng: Generator) -> U8 | None:
        return self._one(rng, self.cutouts)

    def _one(self, rng: Generator, pictures: Sequence[U8]) -> U8 | None:
        """A random picture of the settings' split; None when a dozen draws find none."""
        for _ in range(_TRIES if len(pictures) else 0):
            picture = pictures[int(rng.integers(len(pictures)))]
            if is_held_out(picture) == self.settings.held_out:
                return picture
        return None

    def texture(
        self, rng: Generator, height: int, width: int, photo: float, near: NDArray[np.floating] | None = None
    ) -> U8:
        """A photo crop with the chance `photo`, else a pattern; always a pattern near the colour `near` when that
        is given.
        """
        picture = self.photo(rng) if near is None and rng.random() < photo else None
        if picture is not None:
            return patterns.photo_crop(rng, picture, height, width)
        return patterns.pattern(rng, [FIELDS[name] for name in self.settings.fields], height, width, near)


def paint(
    name: str, rng: Generator, stock: Stock, canvas: F32, light: Points, radius: float, centre: Points
) -> Layer | None:
    """Paint one object of a family. canvas: (S, S, 3) what lies behind it; None when it falls outside the picture."""
    angle = rng.normal(0, 0.15) if name in _UPRIGHT else rng.uniform(0, 2 * np.pi)
    if name == "cutout":
        picture = stock.cutout(rng)
        if picture is not None:
            return _sticker(rng, picture, canvas.shape[0], radius, centre, angle)
        name = str(rng.choice([family for family, _ in stock.settings.families if family != "cutout"]))
    if name in SOLIDS:
        return _solid(name, rng, stock, canvas, light, radius, centre)
    return _flat(name, rng, stock, canvas, light, radius, centre, angle)


def _near(rng: Generator, stock: Stock, canvas: F32, window: Window) -> NDArray[np.floating] | None:
    """With the chance of harmony, the colour of what lies behind the object."""
    if rng.random() >= stock.settings.harmony:
        return None
    colour: NDArray[np.floating] = canvas[window.slices].mean((0, 1))
    return colour


def _flat(
    name: str, rng: Generator, stock: Stock, canvas: F32, light: Points, radius: float, centre: Points, angle: float
) -> Layer | None:
    outline = OUTLINES[name](rng)
    upright = name in _UPRIGHT
    stretch = float(np.exp(rng.normal(0, 0.1 if upright else 0.22)))
    mirror = np.array([-1.0 if upright and rng.random() < 0.5 else 1.0, 1.0])
    place = outlines.placed(radius, centre, angle, stretch, 0.0 if upright else rng.normal(0, 0.12))
    place = Placement(place.matrix * mirror, place.centre, radius)
    thickest = max((line.width for line in outline.lines), default=0.0) * radius / 2
    window = outlines.window_of(place(outline.points()), canvas.shape[0], 2.0 + thickest)
    if window is None:
        return None
    alpha = outlines.coverage(outline, place, window)
    near = _near(rng, stock, canvas, window)
    colour = stock.texture(rng, *window.shape, stock.settings.photo_texture, near).astype(np.float32)
    parts = _outline_parts(rng, stock, outline, place, window, alpha, colour)
    if rng.random() < stock.settings.bevel:
        shade, highlight = bevel(alpha, light, rng.uniform(0.15, 1.2), rng.choice([0.0, rng.uniform(0.2, 0.9)]))
        colour *= shade[..., None]
        colour += (255.0 - colour) * highlight[..., None]
    elif rng.random() < 0.6:
        colour *= _slope(rng, light, *window.shape)
    return Layer(name, window, alpha, colour, parts)


def _slope(rng: Generator, light: Points, height: int, width: int) -> F32:
    """Brightness that falls off away from the light, (h, w, 1)."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    strength = np.float32(rng.uniform(0.05, 0.4))
    return (1.0 + strength * (x * np.float32(light[0]) - y * np.float32(light[1])))[..., None]


def _outline_parts(
    rng: Generator, stock: Stock, outline: outlines.Outline, place: Placement, window: Window, alpha: U8, colour: F32
) -> tuple[NDArray[np.bool_], ...]:
    """Recolour some parts in place and return their masks, later ones on top: disjoint and inside the object."""
    groups = [group for group in outline.parts if rng.random() < 0.75]
    if rng.random() < stock.settings.part:
        groups += _marks(rng, outline)
    masks: list[NDArray[np.bool_]] = []
    for group in groups:
        cover = outlines.fill([group], place, window)
        mask = (cover > 127) & (alpha > 127)
        if not mask.any():
            continue
        near = colour[mask].mean(0) if rng.random() < 0.4 else None
        _blend(colour, stock.texture(rng, *window.shape, 0.15, near), cover)
        masks = [older & ~mask for older in masks] + [mask]
    return tuple(mask for mask in masks if mask.any())


def _blend(colour: F32, texture: U8, cover: U8) -> None:
    weight = (cover * np.float32(1 / 255))[..., None]
    colour += (texture - colour) * weight


def _marks(rng: Generator, outline: outlines.Outline) -> list[list[Points]]:
    """One kind of marking: bands across, patches on, or a smaller copy of the outline inside it."""
    kind = rng.integers(3)
    if kind == 0:
        edges = np.sort(rng.uniform(-0.9, 0.9, 2 * int(rng.integers(1, 3))))
        turn = outlines.placed(1.0, (0, 0), rng.uniform(0, np.pi)).matrix
        return [
            [np.array([[low, -2], [high, -2], [high, 2], [low, 2]]) @ turn.T]
            for low, high in zip(edges[::2], edges[1::2], strict=True)
        ]
    if kind == 1:
        return [
            [rng.uniform(-0.6, 0.6, 2) + outlines.ring(40, rng.uniform(0.12, 0.4)) * (1.0, rng.uniform(0.5, 1.0))]
            for _ in range(int(rng.integers(1, 4)))
        ]
    return [[contour * rng.uniform(0.4, 0.75) for contour in group] for group in outline.fills[:1]]


def _solid(
    name: str, rng: Generator, stock: Stock, canvas: F32, light: Points, radius: float, centre: Points
) -> Layer | None:
    solid = oriented(SOLIDS[name](rng), rng)
    place = outlines.placed(radius, centre, rng.normal(0, 0.2))
    window = outlines.window_of(place(projected(solid)), canvas.shape[0])
    if window is None:
        return None
    drawn: Drawn = draw(solid, place, window, light)
    near = _near(rng, stock, canvas, window)
    colour = stock.texture(rng, *window.shape, stock.settings.photo_texture * 0.6, near).astype(np.float32)
    part = (drawn.part > 0) & (drawn.alpha > 127)
    if part.any() and rng.random() < 0.6:
        other = stock.texture(rng, *window.shape, 0.15, colour[part].mean(0) if rng.random() < 0.4 else None)
        _blend(colour, other, part.astype(np.uint8) * np.uint8(255))
    colour *= drawn.shade[..., None]
    return Layer(name, window, drawn.alpha, colour, (part,) if part.any() else ())


def _sticker(rng: Generator, picture: U8, size: int, radius: float, centre: Points, angle: float) -> Layer | None:
    """A cut-out, scaled so that its longer half-side is `radius`, turned, mirrored, sometimes recoloured."""
    height, width = picture.shape[:2]
    if rng.random() < 0.6:
        picture = _closed(picture, patterns.palette(rng)[255] if rng.random() < 0.3 else np.full(3, 250, np.uint8))
    scale = 2 * radius / max(height, width)
    if scale < 0.6:
        # Area averaging first: the warp below samples too sparsely for strong reductions.
        target = (max(2, round(width * scale)), max(2, round(height * scale)))
        picture = cv2.resize(picture, target, interpolation=cv2.INTER_AREA)
        height, width = picture.shape[:2]
        scale = 1.0
    stretch = float(np.exp(rng.normal(0, 0.08)))
    place = outlines.placed(scale, centre, angle, stretch)
    mirror = np.array([-1.0 if rng.random() < 0.5 else 1.0, 1.0])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    corners = (np.array([[0, 0], [width, 0], [width, height], [0, height]]) - middle) * mirror
    window = outlines.window_of(place(corners), size)
    if window is None:
        return None
    matrix = place.matrix * mirror
    offset = place.centre - matrix @ middle - (window.x0, window.y0)
    warp = np.concatenate([matrix, offset[:, None]], 1)
    weight = picture[..., 3:].astype(np.float32) * np.float32(1 / 255)
    whole = np.dstack([picture[..., :3] * weight, weight])
    moved = cv2.warpAffine(whole, warp, (window.shape[1], window.shape[0]), flags=cv2.INTER_LINEAR)
    colour = moved[..., :3] / np.maximum(moved[..., 3:], 1e-3)
    if rng.random() < 0.3:
        colour = patterns.recoloured(rng, np.clip(colour, 0, 255).astype(np.uint8)).astype(np.float32)
    alpha = np.clip(np.rint(moved[..., 3] * 255), 0, 255).astype(np.uint8)
    return Layer("cutout", window, alpha, colour, ())


def _closed(picture: U8, paper: U8) -> U8:
    """Fill what the silhouette encloses: clip art leaves the white of an eye or a football to the paper behind it."""
    solid = (picture[..., 3] > 127).astype(np.uint8)
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(solid)
    cv2.drawContours(whole, contours, -1, 255, cv2.FILLED)
    weight = picture[..., 3:].astype(np.float32) * np.float32(1 / 255)
    colour = picture[..., :3] * weight + paper * (1 - weight)
    inside = whole > 0
    result = picture.copy()
    result[inside, :3] = np.rint(colour[inside]).astype(np.uint8)
    result[inside, 3] = np.where(solid[inside] > 0, np.maximum(picture[inside, 3], 1), 255)
    return result
