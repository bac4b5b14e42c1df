"""Families of flat outlines. The first group is for training, the second (held out) shares no family with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from models.worlds.shapes2d_outline import Line, Outline, Points, capsule, ellipse, ring, smoothed

Family = Callable[[Generator], Outline]


def _fourier(rng: Generator, harmonics: int, amount: float, count: int = 128) -> Points:
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    radius = np.ones(count)
    for order in range(2, 2 + harmonics):
        radius += amount / order**0.8 * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    return ring(count, np.clip(radius, 0.25, 1.8))


def _holes(rng: Generator, chance: float) -> list[Points]:
    """Up to three round or square holes near the middle."""
    if rng.random() > chance:
        return []
    if rng.random() < 0.5:
        return [ring(int(rng.integers(4, 40)), rng.uniform(0.2, 0.5), rng.uniform(0, 6))]
    where = ring(int(rng.integers(2, 4)), 0.42, rng.uniform(0, 6))
    return [centre + ring(int(rng.integers(4, 30)), rng.uniform(0.1, 0.25)) for centre in where]


def polygon(rng: Generator) -> Outline:
    count = int(rng.integers(3, 10))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count) * 0.6 + np.linspace(0, 2 * np.pi, count, endpoint=False) * 0.4)
    radius = rng.uniform(0.55, 1.0, count)
    contour = np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1)
    if rng.random() < 0.4:
        contour = smoothed(contour, width=rng.uniform(1.0, 6.0))
    return Outline([[contour, *_holes(rng, 0.2)]])


def blob(rng: Generator) -> Outline:
    return Outline([[_fourier(rng, int(rng.integers(2, 9)), rng.uniform(0.1, 0.35)), *_holes(rng, 0.12)]])


def superellipse(rng: Generator) -> Outline:
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    power = 2.0 / np.exp(rng.uniform(np.log(0.8), np.log(10.0)))
    cos, sin = np.cos(angle), np.sin(angle)
    contour = np.stack([np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power], -1)
    return Outline([[contour * (1.0, rng.uniform(0.35, 1.0)), *_holes(rng, 0.15)]])


def star(rng: Generator) -> Outline:
    tips = int(rng.integers(4, 13))
    radius = np.where(np.arange(2 * tips) % 2 == 0, 1.0, rng.uniform(0.3, 0.75))
    contour = ring(2 * tips, radius)
    if rng.random() < 0.4:
        contour = smoothed(contour, 192, rng.uniform(1.0, 3.0))
    return Outline([[contour, *_holes(rng, 0.2)]])


def gear(rng: Generator) -> Outline:
    teeth = int(rng.integers(7, 22))
    radius = np.where((np.arange(4 * teeth) // 2) % 2 == 0, 1.0, rng.uniform(0.72, 0.88))
    hub = [ring(40, rng.uniform(0.12, 0.5))]
    spokes = [centre + ring(20, 0.13) for centre in ring(int(rng.integers(3, 7)), 0.5)] if rng.random() < 0.3 else []
    return Outline([[ring(4 * teeth, radius), *(spokes or hub)]])


def frame(rng: Generator) -> Outline:
    sides = int(rng.choice([3, 4, 4, 5, 6, 64, 64]))
    inner = rng.uniform(0.5, 0.88)
    return Outline([[ring(sides, 1.0, np.pi / sides), ring(sides, inner, np.pi / sides)]])


def stroke(rng: Generator) -> Outline:
    """Wires and brush strokes: a random smooth path, sometimes branching in two."""
    lines = []
    width = np.exp(rng.uniform(np.log(0.03), np.log(0.3)))
    for _ in range(int(rng.integers(1, 3))):
        corners = rng.uniform(-1.0, 1.0, (int(rng.integers(2, 6)), 2))
        there_and_back = np.concatenate([corners, corners[-2:0:-1]])
        path = smoothed(there_and_back, 160, rng.uniform(2.0, 9.0))[: 81 if len(corners) > 2 else 80]
        lines.append(Line(path, width))
    return Outline(lines=lines)


def grid(rng: Generator) -> Outline:
    """Bars: fences, racks, nets."""
    width = rng.uniform(0.03, 0.1)
    lines = []
    across, down = int(rng.integers(0, 7)), int(rng.integers(3, 9))
    height = rng.uniform(0.4, 1.0)
    for x in np.linspace(-1, 1, down):
        lines.append(Line(np.array([[x, -height], [x, height]]), width))
    for y in np.linspace(-height, height, across) if across else ():
        lines.append(Line(np.array([[-1.0, y], [1.0, y]]), width))
    return Outline(lines=lines)


def rose(rng: Generator) -> Outline:
    petals = int(rng.integers(3, 8))
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = rng.uniform(0.25, 0.45) + np.abs(np.cos(petals * angle / 2)) ** rng.uniform(0.6, 1.6) * 0.7
    middle = [ring(32, rng.uniform(0.15, 0.3))]
    return Outline([[ring(240, radius)]], parts=[middle])


def crescent(rng: Generator) -> Outline:
    bend = rng.uniform(0.3, 0.8)
    outer = ring(64, 1.0, 0.5, 2 * np.pi - 0.5)
    inner = outer[::-1] * (bend, 1.0)
    inner[:, 0] += np.cos(0.5) * (1 - bend)
    return Outline([[np.concatenate([outer, inner])]])


def arrow(rng: Generator) -> Outline:
    neck, shaft, wing = rng.uniform(-0.2, 0.4), rng.uniform(0.12, 0.3), rng.uniform(0.45, 0.9)
    half = np.array([[-1.0, shaft], [neck, shaft], [neck, wing], [1.0, 0.0]])
    return Outline([[np.concatenate([half, half[-2::-1] * (1, -1)])]])


def leaf(rng: Generator) -> Outline:
    along = np.linspace(0, 1, 60)
    width = np.sin(np.pi * along ** rng.uniform(0.6, 1.4)) * rng.uniform(0.25, 0.6)
    width *= 1 + rng.uniform(0, 0.15) * np.sin(along * rng.uniform(30, 60))
    x = along * 2 - 1
    blade = np.concatenate([np.stack([x, width], -1), np.stack([x, -width], -1)[::-1]])
    return Outline([[blade]], [Line(np.array([[-1.35, 0.0], [-0.9, 0.0]]), 0.07)])


def branch(rng: Generator) -> Outline:
    """A bare tree: a recursive thin structure."""
    lines: list[Line] = []

    def grow(start: Points, angle: float, length: float, width: float, depth: int) -> None:
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        lines.append(Line(np.stack([start, end]), width))
        if depth:
            for side in (-1, 1):
                grow(
                    end, angle + side * rng.uniform(0.25, 0.75), length * rng.uniform(0.6, 0.8), width * 0.65, depth - 1
                )

    grow(np.array([0.0, 1.0]), -np.pi / 2, 0.65, rng.uniform(0.1, 0.2), int(rng.integers(2, 5)))
    return Outline(lines=lines)


def spiral(rng: Generator) -> Outline:
    turns = rng.uniform(1.5, 3.5)
    angle = np.linspace(0.5, turns * 2 * np.pi, 160)
    radius = angle / angle[-1]
    return Outline(
        lines=[Line(np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1), rng.uniform(0.05, 0.16))]
    )


def chain(rng: Generator) -> Outline:
    """Links in a row: each a ring of its own group, so that overlaps unite."""
    count = int(rng.integers(3, 7))
    at = np.linspace(-0.85, 0.85, count)
    reach = 1.05 / count
    fills = []
    for index, x in enumerate(at):
        tall = 0.5 if index % 2 else 0.8
        fills.append([ellipse(x, 0, reach * 1.1, reach * tall), ellipse(x, 0, reach * 0.75, reach * (tall - 0.32))])
    return Outline(fills)


def club(rng: Generator) -> Outline:
    """Bones, bats, spoons: a tapering handle with a head."""
    head = rng.uniform(0.2, 0.45)
    handle = capsule((-1.0, 0.0), (0.6, 0.0), rng.uniform(0.06, 0.16), rng.uniform(0.06, 0.2))
    return Outline(
        [[handle], [ellipse(0.7, 0.0, head * rng.uniform(0.8, 1.4), head)]], parts=[[ellipse(0.7, 0.0, head, head)]]
    )


TRAIN_FLAT: dict[str, Family] = {
    "polygon": polygon,
    "blob": blob,
    "superellipse": superellipse,
    "star": star,
    "gear": gear,
    "frame": frame,
    "stroke": stroke,
    "grid": grid,
}
HELD_OUT_FLAT: dict[str, Family] = {
    "rose": rose,
    "crescent": crescent,
    "arrow": arrow,
    "leaf": leaf,
    "branch": branch,
    "spiral": spiral,
    "chain": chain,
    "club": club,
}
