"""Unions with parts (animals, people, houses; held out: vehicles, trees, bottles) and text glyphs."""

from __future__ import annotations

import string
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from models.worlds.shapes2d_flat import Family
from models.worlds.shapes2d_outline import Outline, Points, capsule, ellipse, ring, smoothed

_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_GLYPH_SIDE = 160


def animal(rng: Generator) -> Outline:
    """A four-legged silhouette; the head and the tail are parts."""
    long, tall = rng.uniform(0.5, 0.75), rng.uniform(0.2, 0.4)
    leg, thin = rng.uniform(0.3, 0.75), rng.uniform(0.05, 0.12)
    fills = [[ellipse(0, 0, long, tall, rng.uniform(-0.15, 0.15))]]
    for x in (-0.8, -0.5, 0.5, 0.8):
        foot = (x * long + rng.uniform(-0.15, 0.15), tall * 0.6 + leg)
        fills.append([capsule((x * long, tall * 0.3), foot, thin * 1.5, thin)])
    neck = np.array([long + rng.uniform(0.0, 0.3), -rng.uniform(0.1, 0.7)])
    fills.append([capsule((long * 0.75, -0.05), neck, tall * 0.5, tall * 0.35)])
    head = [ellipse(neck[0] + 0.08, neck[1], rng.uniform(0.17, 0.3), rng.uniform(0.13, 0.2), rng.uniform(-0.3, 0.6))]
    fills.append(head)
    for side in (-0.07, 0.07):
        tip = -rng.uniform(0.1, 0.35)
        fills.append([neck + np.array([[side - 0.06, -0.1], [side, tip - 0.1], [side + 0.06, -0.1]])])
    tail = [capsule((-long * 0.9, -0.05), (-long - rng.uniform(0.1, 0.5), rng.uniform(-0.5, 0.3)), 0.07, 0.04)]
    return Outline([*fills, tail], parts=[head, tail])


def person(rng: Generator) -> Outline:
    """A standing figure; head, torso and legs are parts."""
    broad, thick = rng.uniform(0.2, 0.34), rng.uniform(0.06, 0.12)
    head = [ellipse(0, -0.8, rng.uniform(0.13, 0.2), rng.uniform(0.16, 0.22))]
    torso = [smoothed(np.array([[-broad, -0.55], [broad, -0.55], [broad * 0.8, 0.2], [-broad * 0.8, 0.2]]), width=3)]
    fills = [head, [capsule((0, -0.8), (0, -0.5), 0.07, 0.08)], torso]
    legs = []
    for side in (-1, 1):
        hand = (side * (broad + rng.uniform(0.0, 0.5)), rng.uniform(-0.7, 0.2))
        fills.append([capsule((side * broad * 0.9, -0.48), hand, thick, thick * 0.7)])
        legs.append(capsule((side * broad * 0.45, 0.15), (side * rng.uniform(0.05, 0.45), 1.0), thick * 1.4, thick))
    return Outline([*fills, *[[leg] for leg in legs]], parts=[head, torso, legs[:1]])


def house(rng: Generator) -> Outline:
    """Walls with a roof; the roof, the door and the windows are parts."""
    wide, high = rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.8)
    eave = wide * rng.uniform(1.0, 1.2)
    walls = np.array([[-wide, 0.0], [wide, 0.0], [wide, high], [-wide, high]])
    roof = np.array([[-eave, 0.02], [rng.uniform(-0.3, 0.3), -rng.uniform(0.3, 0.8)], [eave, 0.02]])
    x, half = rng.uniform(-0.5, 0.5) * wide, 0.12 * wide
    door = np.array([[x - half, high * 0.4], [x + half, high * 0.4], [x + half, high], [x - half, high]])
    panes = [
        np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.1 * wide + (side * 0.65 * wide, high * 0.3)
        for side in (-1, 1)
    ]
    return Outline([[walls], [roof]], parts=[[roof], [door], panes[:1], panes[1:]])


def vehicle(rng: Generator) -> Outline:
    """A car in profile; wheels and windows are parts."""
    wheel, low = rng.uniform(0.16, 0.24), 0.25
    body = smoothed(np.array([[-1.0, -0.1], [1.0, -0.1], [1.0, low], [-1.0, low]]), width=3)
    left, right, top = rng.uniform(-0.7, -0.4), rng.uniform(0.2, 0.6), -rng.uniform(0.4, 0.6)
    cabin = np.array([[left - 0.15, -0.05], [left, top], [right - 0.1, top], [right + 0.15, -0.05]])
    wheels = [ellipse(x, low, wheel, wheel) for x in (-0.58, 0.58)]
    glass = cabin * (0.8, 0.65) + (0.0, -0.06)
    return Outline([[body], [cabin], *[[item] for item in wheels]], parts=[wheels[:1], wheels[1:], [glass]])


def tree(rng: Generator) -> Outline:
    """Trunk and crown, both parts."""
    trunk = np.array([[-0.07, 0.0], [0.07, 0.0], [rng.uniform(0.08, 0.16), 1.0], [-rng.uniform(0.08, 0.16), 1.0]])
    if rng.random() < 0.5:
        crown = [
            np.array([[-0.6 + 0.13 * i, 0.3 - 0.45 * i], [0.0, -0.5 - 0.25 * i], [0.6 - 0.13 * i, 0.3 - 0.45 * i]])
            for i in range(3)
        ]
    else:
        where = rng.normal(0, 0.26, (int(rng.integers(5, 11)), 2)) + np.array([0.0, -0.4])
        crown = [centre + ring(32, rng.uniform(0.22, 0.42)) for centre in where]
    return Outline([[trunk], *[[item] for item in crown]], parts=[[trunk]])


def bottle(rng: Generator) -> Outline:
    """A turned profile (bottles, vases, lamps); cap and label are parts."""
    y = np.linspace(-1.0, 1.0, 40)
    knots = np.sort(rng.uniform(-0.8, 0.8, 3))
    width = np.interp(y, [-1.0, *knots, 1.0], rng.uniform(0.1, 0.55, 5))
    width = np.convolve(np.pad(width, 4, mode="edge"), np.ones(9) / 9, "valid")
    contour = np.concatenate([np.stack([width, y], -1), np.stack([-width, y], -1)[::-1]])
    cap = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, -0.8], [-1.0, -0.8]])
    low = rng.uniform(0.0, 0.4)
    label = np.array([[-1.0, low], [1.0, low], [1.0, low + 0.35], [-1.0, low + 0.35]])
    return Outline([[contour]], parts=[[cap], [label]])


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Paths of the installed TrueType fonts, sorted by name; empty where there are none."""
    found = [path for folder in _FONT_FOLDERS for path in Path(folder).rglob("*.ttf")]
    return tuple(str(path) for path in sorted(found, key=lambda path: path.name))


@lru_cache(maxsize=2048)
def _glyph_contours(text: str, font_file: str | None) -> tuple[Points, ...]:
    font = ImageFont.truetype(font_file, _GLYPH_SIDE) if font_file else ImageFont.load_default(_GLYPH_SIDE)
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("L", (max(1, int(right - left)) + 8, max(1, int(bottom - top)) + 8))
    ImageDraw.Draw(canvas).text((4 - left, 4 - top), text, 255, font=font)
    found, _ = cv2.findContours((np.asarray(canvas) > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    contours = [
        smoothed(item[:, 0].astype(np.float64), max(24, len(item) // 3), 0.7) for item in found if len(item) > 8
    ]
    if not contours:
        return ()
    everything = np.concatenate(contours)
    middle = (everything.min(0) + everything.max(0)) / 2
    reach = np.abs(everything - middle).max()
    return tuple((contour - middle) / reach for contour in contours)


def _text(rng: Generator, letters: str, parity: int) -> Outline:
    """One letter or a short word. Fonts alternate between training and held-out by their place in the sorted list."""
    fonts: tuple[str | None, ...] = font_files()[parity::2] or (None,)
    count = 1 if rng.random() < 0.8 else int(rng.integers(2, 5))
    for _ in range(4):
        text = "".join(rng.choice(list(letters), count))
        contours = _glyph_contours(text, fonts[int(rng.integers(len(fonts)))])
        if contours:
            return Outline([list(contours)])
    return Outline([[ring(48)]])


def glyph(rng: Generator) -> Outline:
    return _text(rng, string.ascii_uppercase + "2345678", 0)


def small_glyph(rng: Generator) -> Outline:
    return _text(rng, string.ascii_lowercase + "019&?@%", 1)


TRAIN_FIGURES: dict[str, Family] = {"animal": animal, "person": person, "house": house, "glyph": glyph}
HELD_OUT_FIGURES: dict[str, Family] = {"vehicle": vehicle, "tree": tree, "bottle": bottle, "small_glyph": small_glyph}
