"""Thin things: poles, wires, fences, ropes, grilles and words, as outlines of shapes2d_outline."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from models.worlds.shapes2d_outline import U8, Line, Outline, Points


def pole(rng: Generator) -> Outline:
    """A tapered post, sometimes with an arm or a plate."""
    bottom, top = rng.uniform(0.03, 0.09), rng.uniform(0.02, 0.05)
    shaft = np.array([[-bottom, 1.0], [bottom, 1.0], [top, -1.0], [-top, -1.0]])
    fills: list[list[Points]] = [[shaft]]
    if rng.random() < 0.5:
        at, reach, thick = rng.uniform(-0.95, -0.5), rng.uniform(0.15, 0.6), rng.uniform(0.02, 0.06)
        fills.append([np.array([[-reach, at], [reach, at], [reach, at + thick], [-reach, at + thick]])])
    if rng.random() < 0.4:
        half, at = rng.uniform(0.1, 0.25), rng.uniform(-0.95, -0.6)
        fills.append([np.array([[-half, at - half], [half, at - half], [half, at + half], [-half, at + half]])])
    return Outline(fills=fills, parts=fills[1:])


def wire(rng: Generator) -> Outline:
    """A hanging or coiling cable."""
    t = np.linspace(-1, 1, 60)
    sag = rng.uniform(-0.5, 0.5)
    wave = rng.uniform(0, 0.12) * np.sin(t * rng.uniform(2, 14) + rng.uniform(0, 6.3))
    return Outline(lines=[Line(np.stack([t, sag * (1 - t**2) + wave], -1), rng.uniform(0.012, 0.05))])


def fence(rng: Generator) -> Outline:
    """Pickets on two rails."""
    count, width = int(rng.integers(3, 9)), rng.uniform(0.02, 0.07)
    x = np.linspace(-1, 1, count)
    height = rng.uniform(0.35, 0.8)
    lines = [Line(np.array([[at, -height], [at, height]]), width) for at in x]
    for level in (-0.5, 0.5):
        lines.append(Line(np.array([[-1.0, level * height], [1.0, level * height]]), width * rng.uniform(0.6, 1.2)))
    return Outline(lines=lines)


def hoop(rng: Generator) -> Outline:
    """A ring of wire with spokes, as of a wheel, a bracelet or a basket's rim."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    squash = rng.uniform(0.35, 1.0)
    rim = np.stack([np.cos(angle), squash * np.sin(angle)], -1)
    lines = [Line(rim, rng.uniform(0.03, 0.12), closed=True)]
    for spoke in rng.uniform(0, 2 * np.pi, int(rng.integers(0, 7))):
        lines.append(Line(np.array([[0, 0], [np.cos(spoke), squash * np.sin(spoke)]]), rng.uniform(0.015, 0.05)))
    return Outline(lines=lines)


def twig(rng: Generator) -> Outline:
    """A bent stem with a few side shoots."""
    t = np.linspace(0, 1, 24)
    bend = rng.uniform(-0.5, 0.5)
    stem = np.stack([bend * t**2 + rng.normal(0, 0.01, 24), 1 - 2 * t], -1)
    thick = rng.uniform(0.03, 0.08)
    lines = [Line(stem, thick)]
    for _ in range(int(rng.integers(2, 7))):
        root = stem[int(rng.integers(5, 22))]
        heading, length = rng.uniform(-1.1, 1.1) - np.pi / 2, rng.uniform(0.2, 0.7)
        tip = root + length * np.array([np.cos(heading), np.sin(heading)])
        lines.append(Line(np.stack([root, (root + tip) / 2 + rng.normal(0, 0.03, 2), tip]), thick * 0.55))
    return Outline(lines=lines)


THIN = {"pole": pole, "wire": wire, "fence": fence, "hoop": hoop, "twig": twig}

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZabcdefghikmnoprstuvwy0123456789"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def word(rng: Generator, height: int) -> tuple[U8, list[tuple[int, int]]]:
    """A random word about `height` pixels high: coverage uint8 (h, w), and the columns [from, to) of each letter."""
    text = "".join(_LETTERS[int(rng.integers(len(_LETTERS)))] for _ in range(int(rng.integers(2, 8))))
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    thick = max(1, round(height * rng.uniform(0.06, 0.2)))
    scale = height / 22
    columns: list[tuple[int, int]] = []
    at = thick + 2
    pieces: list[tuple[str, int]] = []
    for letter in text:
        (width, _), _ = cv2.getTextSize(letter, font, scale, thick)
        pieces.append((letter, at))
        columns.append((at, at + width))
        at += width
    canvas = np.zeros((int(height * 1.7) + 2 * thick, at + thick + 2), np.uint8)
    for letter, left in pieces:
        cv2.putText(canvas, letter, (left, int(height * 1.15) + thick), font, scale, 255, thick, cv2.LINE_AA)
    return canvas, columns
