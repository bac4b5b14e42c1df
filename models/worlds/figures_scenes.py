"""Backdrops of the figures: eight places for training, four that are kept for the evaluation. Flat, seeded, quick."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Rng = np.random.Generator
HORIZON = 0.56
"""Share of the height at which the floor begins."""


def _tone(rng: Rng, red: float, green: float, blue: float, spread: float = 16.0) -> tuple[int, int, int]:
    r, g, b = np.clip(np.array([red, green, blue]) + rng.normal(0, spread) + rng.normal(0, spread / 2, 3), 8, 250)
    return int(r), int(g), int(b)


class _Stage:
    """A picture with floor and wall, and elements given in shares of its height (x from 0 to the aspect)."""

    def __init__(self, rng: Rng, height: int, width: int, wall: tuple[int, ...], floor: tuple[int, ...]) -> None:
        self.rng = rng
        self.size = height
        self.wide = width / height
        self.picture = np.empty((height, width, 3), np.uint8)
        split = int(HORIZON * height)
        fade = np.linspace(0.94, 1.05, split)[:, None, None]
        self.picture[:split] = np.clip(np.array(wall) * fade, 0, 255)
        fade = np.linspace(0.86, 1.08, height - split)[:, None, None]
        self.picture[split:] = np.clip(np.array(floor) * fade, 0, 255)

    def box(self, x: float, y: float, w: float, h: float, colour: tuple[int, ...]) -> None:
        s = self.size
        cv2.rectangle(
            self.picture, (int(x * s), int(y * s)), (int((x + w) * s), int((y + h) * s)), colour, -1, cv2.LINE_AA
        )

    def dot(self, x: float, y: float, r: float, colour: tuple[int, ...]) -> None:
        cv2.circle(
            self.picture, (int(x * self.size), int(y * self.size)), max(1, int(r * self.size)), colour, -1, cv2.LINE_AA
        )

    def line(self, x: float, y: float, u: float, v: float, w: float, colour: tuple[int, ...]) -> None:
        s = self.size
        cv2.line(
            self.picture, (int(x * s), int(y * s)), (int(u * s), int(v * s)), colour, max(1, int(w * s)), cv2.LINE_AA
        )

    def area(self, points: list[tuple[float, float]], colour: tuple[int, ...]) -> None:
        cv2.fillPoly(self.picture, [(np.array(points) * self.size).astype(np.int32)], colour, cv2.LINE_AA)

    def along(self, step: float) -> list[float]:
        """Places from left to right about ``step`` apart."""
        return [float(x) for x in np.arange(self.rng.uniform(-step, 0), self.wide, step)]


def _room(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 214, 200, 178, 22), _tone(rng, 150, 112, 78))
    s.box(0, HORIZON - 0.03, s.wide, 0.03, _tone(rng, 235, 230, 222, 8))
    x = rng.uniform(0.1, 0.5)
    s.box(x, 0.12, 0.3, 0.26, (245, 245, 240))
    s.box(x + 0.02, 0.14, 0.26, 0.22, _tone(rng, 165, 205, 235))
    s.box(x + 0.145, 0.14, 0.012, 0.22, (245, 245, 240))
    s.box(x + rng.uniform(0.45, 0.7), 0.14, 0.16, 0.13, _tone(rng, 170, 90, 80, 50))
    s.area([(0.2, 0.98), (s.wide - 0.2, 0.98), (s.wide - 0.4, 0.7), (0.4, 0.7)], _tone(rng, 140, 70, 80, 35))
    return s.picture


def _street(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 165, 200, 230), _tone(rng, 112, 112, 116))
    for x in s.along(0.36):
        top = rng.uniform(0.06, 0.26)
        s.box(x, top, 0.34, HORIZON - top, _tone(rng, 165, 125, 105, 30))
        for i in range(3):
            for j in range(3):
                s.box(x + 0.04 + 0.1 * i, top + 0.05 + 0.12 * j, 0.055, 0.06, _tone(rng, 70, 85, 105, 20))
    s.box(0, HORIZON, s.wide, 0.09, _tone(rng, 176, 172, 166, 8))
    for x in s.along(0.3):
        s.box(x, 0.86, 0.16, 0.025, (235, 232, 220))
    return s.picture


def _tree(s: _Stage, x: float, foot: float, tall: float) -> None:
    s.box(x - 0.018, foot - 0.5 * tall, 0.036, 0.5 * tall, _tone(s.rng, 105, 75, 48, 8))
    green = _tone(s.rng, 62, 125, 58, 16)
    for _ in range(5):
        s.dot(x + s.rng.normal(0, 0.05), foot - 0.7 * tall + s.rng.normal(0, 0.04), s.rng.uniform(0.07, 0.11), green)


def _park(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 160, 205, 238), _tone(rng, 105, 160, 78))
    for x in s.along(0.42):
        _tree(s, x + 0.2, HORIZON + rng.uniform(0, 0.05), rng.uniform(0.4, 0.5))
    s.area([(0.2, 1.0), (0.7, 1.0), (s.wide * 0.6, HORIZON), (s.wide * 0.55, HORIZON)], _tone(rng, 205, 185, 145))
    return s.picture


def _gym(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 205, 210, 205, 12), _tone(rng, 205, 150, 88))
    for x in s.along(0.55):
        for i in range(8):
            s.line(x, 0.12 + 0.052 * i, x + 0.34, 0.12 + 0.052 * i, 0.016, _tone(rng, 165, 120, 65, 6))
        for edge in (x, x + 0.34):
            s.line(edge, 0.08, edge, HORIZON, 0.022, _tone(rng, 140, 98, 52, 6))
    for place, colour in ((0.72, (210, 60, 50)), (0.9, (50, 90, 190))):
        s.line(0, place, s.wide, place - 0.05, 0.014, colour)
    return s.picture


def _office(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 222, 226, 230, 8), _tone(rng, 105, 115, 130))
    for x in s.along(0.6):
        s.box(x, 0.1, 0.3, 0.38, _tone(rng, 120, 95, 75, 10))
        for i in range(3):
            for j in range(7):
                s.box(x + 0.015 + 0.039 * j, 0.13 + 0.12 * i, 0.03, 0.085, _tone(rng, 130, 110, 110, 55))
        s.box(x + 0.36, 0.16, 0.17, 0.12, (35, 40, 48))
    return s.picture


def _kitchen(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 238, 232, 210, 8), _tone(rng, 190, 182, 170))
    for x in s.along(0.12):
        s.line(x, 0.26, x, 0.4, 0.006, _tone(rng, 175, 200, 200, 6))
    colour = _tone(rng, 95, 145, 140, 40)
    for x in s.along(0.26):
        s.box(x, 0.06, 0.24, 0.19, colour)
        s.box(x, 0.42, 0.24, HORIZON - 0.42, colour)
        s.dot(x + 0.2, 0.2, 0.012, (240, 240, 240))
        s.dot(x + 0.2, 0.46, 0.012, (240, 240, 240))
    s.box(0, 0.4, s.wide, 0.025, _tone(rng, 90, 80, 75, 8))
    for x in s.along(0.25):
        s.line(x, HORIZON, (x - s.wide / 2) * 1.8 + s.wide / 2, 1.0, 0.006, _tone(rng, 160, 152, 142, 4))
    return s.picture


def _stage(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, (70, 18, 28), _tone(rng, 125, 92, 62))
    base = np.array(_tone(rng, 150, 30, 45, 12))
    for x in s.along(0.1):
        s.box(x, 0, 0.05, HORIZON, tuple(int(v) for v in base))
    for x in (0.3, s.wide - 0.3):
        beam = s.picture.copy()
        cv2.fillPoly(
            beam, [(np.array([(x, -0.05), (x - 0.3, 1.0), (x + 0.3, 1.0)]) * h).astype(np.int32)], (255, 240, 190)
        )
        s.picture = cv2.addWeighted(s.picture, 0.8, beam, 0.2, 0)
    return s.picture


def _field(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 190, 215, 235), _tone(rng, 85, 150, 70))
    for number, x in enumerate(s.along(0.3)):
        if number % 2:
            s.box(x, HORIZON, 0.3, 1 - HORIZON, _tone(rng, 98, 165, 80, 3))
    for row in range(3):
        s.box(0, 0.38 + 0.055 * row, s.wide, 0.03, _tone(rng, 130, 130, 140, 12))
        for x in s.along(0.06):
            s.dot(x, 0.375 + 0.055 * row, 0.016, _tone(rng, 160, 120, 110, 55))
    s.line(0, 0.8, s.wide, 0.8, 0.014, (240, 245, 240))
    return s.picture


def _beach(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 170, 215, 245), _tone(rng, 228, 205, 155))
    s.box(0, 0.42, s.wide, 0.16, _tone(rng, 60, 140, 180))
    for x in s.along(0.22):
        s.line(x, 0.57, x + 0.13, 0.57, 0.014, (245, 250, 250))
    s.dot(rng.uniform(0.1, s.wide - 0.1), 0.14, 0.07, (255, 235, 140))
    return s.picture


def _snow(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 175, 190, 210), (236, 240, 246))
    s.area([(0, HORIZON), (0.35, 0.2), (0.75, HORIZON), (1.1, 0.15), (s.wide, HORIZON)], _tone(rng, 140, 155, 180))
    for x in s.along(0.3):
        for k in range(3):
            s.area(
                [(x, HORIZON - 0.1 * k), (x + 0.16, HORIZON - 0.1 * k), (x + 0.08, HORIZON - 0.14 - 0.1 * k)],
                _tone(rng, 40, 90, 75, 8),
            )
    for _ in range(60):
        s.dot(rng.uniform(0, s.wide), rng.uniform(0, 1), 0.006, (250, 250, 252))
    return s.picture


def _rooftop(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 240, 190, 150), _tone(rng, 125, 118, 115))
    for x in s.along(0.16):
        top = rng.uniform(0.12, 0.42)
        s.box(x, top, 0.14, HORIZON - top, _tone(rng, 95, 90, 115, 14))
    s.line(0, 0.47, s.wide, 0.47, 0.02, (70, 70, 75))
    for x in s.along(0.14):
        s.line(x, 0.47, x, HORIZON + 0.03, 0.014, (70, 70, 75))
    return s.picture


def _forest(rng: Rng, h: int, w: int) -> U8:
    s = _Stage(rng, h, w, _tone(rng, 120, 150, 110), _tone(rng, 110, 100, 65))
    for x in s.along(0.14):
        wide = rng.uniform(0.03, 0.07)
        s.box(x, 0, wide, HORIZON + rng.uniform(-0.03, 0.06), _tone(rng, 80, 62, 45, 12))
    for _ in range(50):
        s.dot(rng.uniform(0, s.wide), rng.uniform(0, 0.25), rng.uniform(0.03, 0.07), _tone(rng, 60, 110, 60, 14))
    return s.picture


def _abstract(rng: Rng, h: int, w: int) -> U8:
    """Any two colours with any shapes before them: places without a name, so that no place is learnt by heart."""
    wall, floor = (tuple(int(v) for v in rng.integers(15, 245, 3)) for _ in range(2))
    s = _Stage(rng, h, w, wall, floor)
    split = int(rng.uniform(0.35, 0.75) * h)
    s.picture[:split] = np.array(wall) * np.linspace(rng.uniform(0.7, 1), 1, split)[:, None, None]
    s.picture[split:] = np.array(floor) * np.linspace(rng.uniform(0.7, 1), 1, h - split)[:, None, None]
    for _ in range(int(rng.integers(2, 6))):
        colour = tuple(int(v) for v in rng.integers(10, 250, 3))
        x, y = float(rng.uniform(-0.1, s.wide)), float(rng.uniform(0, 0.9))
        size = float(rng.uniform(0.03, 0.3))
        kind = int(rng.integers(6))
        if kind == 0:
            s.box(x, y, size, float(rng.uniform(0.03, 0.5)), colour)
        elif kind == 1:
            s.dot(x, y, size / 2, colour)
        elif kind == 2:
            s.line(x, y, float(rng.uniform(0, s.wide)), float(rng.uniform(0, 1)), size / 6, colour)
        elif kind == 3:
            s.area([(x, y), (x + size, y), (x + size / 2, y - 1.5 * size)], colour)
        elif kind == 4:
            for place in s.along(0.4 * size + 0.06):
                s.box(place, y, 0.2 * size + 0.02, float(rng.uniform(0.1, 0.5)), colour)
        else:
            for place in s.along(0.1 + size):
                s.dot(place, y, 0.25 * size, colour)
    return s.picture


SCENES: dict[str, Callable[[Rng, int, int], U8]] = {
    "room": _room,
    "street": _street,
    "park": _park,
    "gym": _gym,
    "office": _office,
    "kitchen": _kitchen,
    "stage": _stage,
    "field": _field,
}
UNSEEN_SCENES: dict[str, Callable[[Rng, int, int], U8]] = {
    "beach": _beach,
    "snow": _snow,
    "rooftop": _rooftop,
    "forest": _forest,
}


ABSTRACT = "abstract"
"""A backdrop of random shapes that no caption mentions; for training alone."""


def backdrop(name: str, rng: Rng, height: int, width: int) -> U8:
    """The named place with random details, (height, width, 3). KeyError for an unknown name."""
    picture = {**SCENES, **UNSEEN_SCENES, ABSTRACT: _abstract}[name](rng, height, width)
    grain = rng.normal(0, 5, (height // 4 + 1, width // 4 + 1, 1)).astype(np.float32)
    rough = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.clip(picture + rough, 0, 255).astype(np.uint8)
