"""The shell of a room: floor, four walls with skirting boards, ceiling."""

from __future__ import annotations

import numpy as np

from models.worlds.objects import ObjectModel
from models.worlds.room_materials import flooring, trim, wallpaper
from models.worlds.room_pieces import Kit
from models.worlds.room_shapes import box, quad

WALL_NAMES = ("back wall", "right wall", "front wall", "left wall")


def shell(rng: np.random.Generator, size: tuple[float, float, float], texture_px: int) -> list[ObjectModel]:
    """Models in room coordinates for a room of (width, height, depth) metres: floor, walls, ceiling."""
    w, h, d = size[0] / 2, size[1], size[2] / 2
    models = []
    kit = Kit("floor")
    floor = quad([[-w, 0, d], [w, 0, d], [w, 0, -d], [-w, 0, -d]]).fitted()
    kit.add(floor, "floor", flooring(rng, texture_px), None, 0.03)
    models.append(kit.model(centred=False))
    corners = {
        0: [[-w, 0, -d], [w, 0, -d], [w, h, -d], [-w, h, -d]],
        1: [[w, 0, -d], [w, 0, d], [w, h, d], [w, h, -d]],
        2: [[w, 0, d], [-w, 0, d], [-w, h, d], [w, h, d]],
        3: [[-w, 0, d], [-w, 0, -d], [-w, h, -d], [-w, h, d]],
    }
    accent = int(rng.integers(4))  # one wall differs from the other three, as in many homes
    common = str(rng.choice(["plaster", "print", "stripes"], p=[0.4, 0.35, 0.25]))
    special = str(rng.choice(["print", "stripes", "bricks", "panels"]))
    seed = int(rng.integers(1 << 31))
    board = trim(rng)
    for number, name in enumerate(WALL_NAMES):
        # walls of one paper share its colours (same seed) but each has its own stretch of it
        kind = special if number == accent else common
        picture = wallpaper(np.random.default_rng([seed, 0 if number != accent else 1]), texture_px, kind)
        face = quad(corners[number]).fitted()
        picture = np.roll(picture, number * texture_px // 4, axis=1)
        wall = Kit(name)
        wall.add(face, "wall", picture, None, 0.02)
        across = number in (0, 2)
        length, thick = (2 * w if across else 2 * d), 0.018
        at = {0: (0, -d), 1: (w, 0), 2: (0, d), 3: (-w, 0)}[number]
        inward = {0: (0, 1), 1: (-1, 0), 2: (0, -1), 3: (1, 0)}[number]
        centre = (at[0] + inward[0] * thick / 2, 0.05, at[1] + inward[1] * thick / 2)
        wall.add(box((length, 0.1, thick) if across else (thick, 0.1, length), centre), "skirting", board, 0.8)
        models.append(wall.model(centred=False))
    top = Kit("ceiling")
    plain = wallpaper(rng, texture_px // 2, "plaster").astype(np.float32)
    grey = plain.mean(axis=2, keepdims=True)
    shade = np.clip(236 + 0.35 * (grey - grey.mean()), 0, 255).repeat(3, axis=2).astype(np.uint8)
    ceiling = quad([[-w, h, -d], [w, h, -d], [w, h, d], [-w, h, d]]).fitted()
    top.add(ceiling, "ceiling", shade, None, 0.0)
    models.append(top.model(centred=False))
    return models
