"""Photographic composites: things lifted from renderings and photos, camouflaged shapes, thin structures and words,
pasted into real photographs with matched light, blur, shadow and grain.

The truth is exact, as in shapes2d; what differs is how much the result looks like a photograph, and how often an
object has nearly the colour and texture of what lies behind it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.worlds import shapes2d_outline as outlines
from models.worlds.packs import Arrays, write_packs
from models.worlds.shapes2d_layers import OUTLINES, Layer, Stock, paint
from models.worlds.shapes2d_light import camera
from models.worlds.shapes2d_outline import F32, U8, Points
from models.worlds.shapes2d_paste import paste, shadow
from models.worlds.shapes2d_patterns import palette, photo_crop
from models.worlds.shapes2d_settings import TRAIN
from models.worlds.shapes2d_thin import THIN, word
from models.worlds.sprites import Sprite

SETTINGS = replace(
    TRAIN, name="photo", photo_backdrop=1.0, photo_texture=0.8, harmony=0.35, clutter=0.0, noise=10.0, jpeg=0.6
)
_SEED = 0xF07
SHARP_BELOW = 0.4
"""Blur in pixels from which a thing is drawn out of focus."""
_SOLID_FAMILIES = ("polygon", "blob", "superellipse", "star", "animal", "person", "house", "glyph")


@dataclass(frozen=True)
class PhotoStock:
    """What composites are made of: photos uint8 (H, W, 3), sprites of renderings and of photos, cut-outs (H, W, 4).

    Everything is of the training split already. Raises ValueError without photos.
    """

    photos: Sequence[U8]
    rendered: Sequence[Sprite] = ()
    lifted: Sequence[Sprite] = ()
    cutouts: Sequence[U8] = ()

    def __post_init__(self) -> None:
        if not len(self.photos):
            raise ValueError("no photos; pass models.worlds.photo_packages.real_photos(held_out=False)")


@dataclass(frozen=True)
class _Spot:
    """One object to be: its radius and centre in pixels, before the canvas (S, S, 3) as it is by then."""

    radius: float
    centre: Points
    canvas: F32
    light: Points


def sample_scene(rng: Generator, size: int, stock: PhotoStock) -> Arrays:
    """One scene: image uint8 (S, S, 3), instance and part int16 (S, S); see packs for their meaning."""
    photo = stock.photos[int(rng.integers(len(stock.photos)))]
    canvas = _window(rng, photo, size).astype(np.float32)
    if rng.random() < 0.35:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.6, 5.0) * size / 512)
    light = np.array([rng.uniform(-1, 1), rng.uniform(0.2, 1.0), rng.uniform(0.5, 1.2)])
    light = light / np.linalg.norm(light)
    texture = canvas.copy()
    instance, part = np.zeros((size, size), np.int16), np.zeros((size, size), np.int16)
    focus, reach = rng.uniform(0, 1), rng.uniform(1.0, 4.0) if rng.random() < 0.4 else 0.0
    shadowed, hidden = rng.random() < 0.75, rng.random() < 0.3
    number, pieces = 0, 0
    places = _places(rng, size)
    for order, (radius, centre) in enumerate(places):
        layer = _layer(rng, stock, _Spot(radius, centre, canvas, light), texture, hidden)
        if layer is None or not (layer.alpha > 127).any():
            continue
        _match(rng, layer, canvas, 0.8 if hidden else 0.35)
        if shadowed:
            _shade(rng, canvas, layer, light, radius)
        number += 1
        mask = layer.alpha > 127
        instance[layer.window.slices][mask] = number
        part[layer.window.slices][mask] = 0
        for piece in layer.parts:
            pieces += 1
            part[layer.window.slices][piece] = pieces
        depth = 1.0 - order / max(1, len(places) - 1)
        paste(canvas, layer, abs(depth - focus) * reach * size / 512, SHARP_BELOW)
    return camera(canvas, rng, SETTINGS.noise, SETTINGS.jpeg), instance, part


def write_pack(path: str | os.PathLike[str], seed: int, count: int, size: int, stock: PhotoStock) -> list[str]:
    """Write `count` scenes as shards of 250 (packs.write_packs) and return the shard names; a stopped run is resumed.

    Scene i depends on (seed, i) and the stock alone.
    """

    def scene(index: int) -> Arrays:
        return sample_scene(np.random.default_rng([seed, _SEED, index]), size, stock)

    return write_packs(path, count, size, scene)


def _window(rng: Generator, photo: U8, size: int) -> U8:
    """A square window of a photo in its own colours, now and then in others: (S, S, 3)."""
    if rng.random() < 0.12:
        return photo_crop(rng, photo, size, size)
    short = min(photo.shape[:2])
    side = int(short * rng.uniform(0.45, 1.0))
    top, left = int(rng.integers(photo.shape[0] - side + 1)), int(rng.integers(photo.shape[1] - side + 1))
    piece = photo[top : top + side, left : left + side]
    mode = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    whole = cv2.resize(np.ascontiguousarray(piece), (size, size), interpolation=mode).astype(np.uint8)
    return whole[:, ::-1] if rng.random() < 0.5 else whole


def _places(rng: Generator, size: int) -> list[tuple[float, Points]]:
    """Radii and centres, mostly from large behind to small in front; often a single thing in the middle."""
    if rng.random() < 0.2:
        return [(rng.uniform(0.15, 0.42) * size, rng.uniform(0.35, 0.65, 2) * size)]
    count = int(rng.integers(2, 9))
    radii = np.exp(rng.uniform(np.log(0.06), np.log(0.40), count))
    radii = radii[np.argsort(-np.log(radii) + rng.normal(0, 0.5, count))]
    if rng.random() < 0.4:
        centres = rng.uniform(0.35, 0.65, 2) + rng.normal(0, 0.16, (count, 2))
    else:
        centres = rng.uniform(0.05, 0.95, (count, 2))
    return [(float(radius * size), centre * size) for radius, centre in zip(radii, centres, strict=True)]


def _layer(rng: Generator, stock: PhotoStock, spot: _Spot, texture: F32, hidden: bool) -> Layer | None:
    weights = {
        "rendered": 3.5 if len(stock.rendered) else 0.0,
        "lifted": 3.0 if len(stock.lifted) else 0.0,
        "camouflage": 3.0 if hidden else 0.8,
        "thin": 1.3,
        "word": 0.5,
        "shape": 1.0,
    }
    chance = np.array(list(weights.values()))
    kind = str(rng.choice(list(weights), p=chance / chance.sum()))
    if kind == "rendered":
        return _pasted(rng, stock.rendered[int(rng.integers(len(stock.rendered)))], spot, float(rng.normal(0, 0.25)))
    if kind == "lifted":
        return _pasted(rng, stock.lifted[int(rng.integers(len(stock.lifted)))], spot, float(rng.normal(0, 0.2)))
    if kind == "camouflage":
        return _camouflaged(rng, spot, texture)
    if kind == "thin":
        return _thin(rng, stock, spot)
    if kind == "word":
        return _word(rng, spot)
    families = [name for name, _ in SETTINGS.families]
    chances = np.array([weight for _, weight in SETTINGS.families])
    name = str(rng.choice(families, p=chances / chances.sum()))
    flat = Stock(stock.photos, stock.cutouts, SETTINGS)
    return paint(name, rng, flat, spot.canvas, spot.light, spot.radius, spot.centre)


def _pasted(rng: Generator, sprite: Sprite, spot: _Spot, angle: float) -> Layer | None:
    """A sprite scaled so that its longer half-side is the radius, turned and mirrored."""
    height, width = sprite.alpha.shape
    scale = min(2 * spot.radius / max(height, width), 1.6)
    colour, alpha, part = sprite.colour, sprite.alpha, sprite.part
    if scale < 0.6:
        size = (max(2, round(width * scale)), max(2, round(height * scale)))
        weight = alpha[..., None].astype(np.float32) / 255
        whole = cv2.resize(np.dstack([colour * weight, weight]), size, interpolation=cv2.INTER_AREA)
        colour = np.clip(whole[..., :3] / np.maximum(whole[..., 3:], 1e-3), 0, 255).astype(np.uint8)
        alpha = np.rint(whole[..., 3] * 255).astype(np.uint8)
        part = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST).astype(np.int16)
        height, width = alpha.shape
        scale = 1.0
    place = outlines.placed(scale, spot.centre, angle, float(np.exp(rng.normal(0, 0.06))))
    mirror = np.array([-1.0 if rng.random() < 0.5 else 1.0, 1.0])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    corners = (np.array([[0, 0], [width, 0], [width, height], [0, height]]) - middle) * mirror
    window = outlines.window_of(place(corners), spot.canvas.shape[0])
    if window is None:
        return None
    matrix = place.matrix * mirror
    warp = np.concatenate([matrix, (place.centre - matrix @ middle - (window.x0, window.y0))[:, None]], 1)
    target = (window.shape[1], window.shape[0])
    weight = alpha[..., None].astype(np.float32) / 255
    moved = cv2.warpAffine(np.dstack([colour * weight, weight]), warp, target, flags=cv2.INTER_LINEAR)
    pieces = cv2.warpAffine(part, warp, target, flags=cv2.INTER_NEAREST)
    solid = moved[..., 3] > 0.5
    parts = tuple((pieces == one) & solid for one in np.unique(pieces[solid & (pieces > 0)]))
    return Layer(
        "sprite",
        window,
        np.clip(np.rint(moved[..., 3] * 255), 0, 255).astype(np.uint8),
        moved[..., :3] / np.maximum(moved[..., 3:], 1e-3),
        parts,
    )


def _outlined(
    outline: outlines.Outline, spot: _Spot, angle: float, paint_on: Callable[[outlines.Window], F32]
) -> Layer | None:
    thickest = max((line.width for line in outline.lines), default=0.0) * spot.radius / 2
    place = outlines.placed(spot.radius, spot.centre, angle)
    window = outlines.window_of(place(outline.points()), spot.canvas.shape[0], 2.0 + thickest)
    if window is None:
        return None
    alpha = outlines.coverage(outline, place, window)
    parts: list[NDArray[np.bool_]] = []
    for group in outline.parts:
        mask = (outlines.fill([group], place, window) > 127) & (alpha > 127)
        parts = [older & ~mask for older in parts] + [mask]
    return Layer("shape", window, alpha, paint_on(window), tuple(mask for mask in parts if mask.any()))


def _camouflaged(rng: Generator, spot: _Spot, texture: F32) -> Layer | None:
    """A solid shape in the photograph's own texture, taken from elsewhere in it and a little lighter or darker."""
    name = _SOLID_FAMILIES[int(rng.integers(len(_SOLID_FAMILIES)))]
    size = texture.shape[0]
    gain = np.float32(rng.uniform(0.7, 1.35)) * (1 + rng.normal(0, 0.04, 3)).astype(np.float32)
    flip = rng.random() < 0.5

    def elsewhere(window: outlines.Window) -> F32:
        rows, columns = window.shape
        top, left = int(rng.integers(size - rows + 1)), int(rng.integers(size - columns + 1))
        piece = texture[top : top + rows, left : left + columns]
        y = np.linspace(1, -1, rows, dtype=np.float32)[:, None, None]
        x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :, None]
        shade = 1 + np.float32(0.25) * (x * np.float32(spot.light[0]) + y * np.float32(spot.light[1]))
        return (piece[:, ::-1] if flip else piece) * gain * shade

    return _outlined(OUTLINES[name](rng), spot, rng.uniform(0, 6.3) if name != "person" else 0.0, elsewhere)


def _thin(rng: Generator, stock: PhotoStock, spot: _Spot) -> Layer | None:
    """Something thin, larger than other things so that it can be clicked; plain or in a photo's texture."""
    name = list(THIN)[int(rng.integers(len(THIN)))]
    spot = replace(spot, radius=spot.radius * rng.uniform(1.2, 2.4))
    photo = stock.photos[int(rng.integers(len(stock.photos)))] if rng.random() < 0.4 else None
    plain = palette(rng)[int(rng.integers(256))].astype(np.float32)

    def finish(window: outlines.Window) -> F32:
        if photo is not None:
            return photo_crop(rng, photo, *window.shape).astype(np.float32)
        ramp = np.linspace(0.8, 1.15, window.shape[1], dtype=np.float32)[None, :, None]
        return np.broadcast_to(plain * ramp, (*window.shape, 3)).astype(np.float32)

    angle = float(rng.normal(0, 0.12)) if name in ("pole", "fence") else rng.uniform(0, 6.3)
    return _outlined(THIN[name](rng), spot, angle, finish)


def _word(rng: Generator, spot: _Spot) -> Layer | None:
    """A word of one colour, each letter a part."""
    alpha, columns = word(rng, int(np.clip(spot.radius * 0.7, 10, 90)))
    part = np.zeros(alpha.shape, np.int16)
    for number, (first, last) in enumerate(columns, 1):
        part[:, first:last] = number
    part[alpha < 128] = 0
    plain = np.broadcast_to(palette(rng)[int(rng.integers(256))], (*alpha.shape, 3)).astype(np.uint8)
    return _pasted(rng, Sprite(plain, alpha, part), replace(spot, radius=max(alpha.shape) / 2), rng.normal(0, 0.2))


def _match(rng: Generator, layer: Layer, canvas: F32, strongly: float) -> None:
    """Pull the layer's colours towards those behind it, in place: as one light would, sometimes until they are
    nearly the same."""
    solid = layer.alpha > 127
    around = canvas[layer.window.slices].reshape(-1, 3)
    own = layer.colour[solid]
    if rng.random() < 0.25 or not len(own):
        return
    amount = np.float32(rng.uniform(0.55, 0.95) if rng.random() < strongly else rng.uniform(0.0, 0.35))
    shift = around.mean(0) - own.mean(0)
    # Keep some lightness apart: nobody can click what cannot be seen at all.
    least = np.float32(rng.uniform(10, 28)) * (1 if shift.mean() < 0 else -1)
    spread = np.clip((around.std(0) + 4) / (own.std(0) + 4), 0.5, 1.6)
    contrast = 1 + amount * np.float32(0.6) * (spread.astype(np.float32) - 1)
    layer.colour[...] = (layer.colour - own.mean(0)) * contrast + own.mean(0) + amount * (shift + least)


def _shade(rng: Generator, canvas: F32, layer: Layer, light: Points, radius: float) -> None:
    """A soft cast shadow and a dark contact line below, in place."""
    for lift, strength in ((radius * rng.uniform(0.05, 0.3), rng.uniform(0.15, 0.55)), (1.5, rng.uniform(0.1, 0.4))):
        offset = (round(-light[0] * lift * 1.5), round(abs(light[1]) * lift))
        shadow(canvas, layer, offset, max(1.0, lift * rng.uniform(0.4, 0.9)), strength)
