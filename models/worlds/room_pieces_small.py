"""Rugs, lamps, plants, and what hangs on walls or stands on tables. See room_pieces."""

from __future__ import annotations

import numpy as np

from models.worlds.room_materials import cloth, paint, painting, round_rug, rug, sky, trim, wood
from models.worlds.room_pieces import Kit, Maker, Piece
from models.worlds.room_shapes import Shape, ball, box, cushion, quad, rod, sheet, turned


def carpet(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("rug")
    w, d = rng.uniform(1.6, 2.4), rng.uniform(1.1, 1.6)
    picture = rug(rng) if design == 0 else round_rug(rng)
    if design == 0:
        face = quad([[-w / 2, 0.012, d / 2], [w / 2, 0.012, d / 2], [w / 2, 0.012, -d / 2], [-w / 2, 0.012, -d / 2]])
        kit.add(box((w, 0.01, d), (0, 0.005, 0)), "edge", cloth(rng), 0.4)
    else:
        face = turned([(d / 1.7, 0.012), (0.0, 0.012)], 40)
        flat = face.corners[..., [0, 2]] * np.array([1, -1])
        face = Shape(face.corners, face.normals, flat)
        kit.add(turned([(d / 1.7, 0.0), (d / 1.7, 0.012)], 40), "edge", cloth(rng), 0.4)
    kit.add(face.fitted(), "field", picture, None)
    return Piece("rug", kit.model())


def floor_lamp(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("floor lamp")
    metal = (0.2, 0.2, 0.21) if rng.random() < 0.5 else (0.7, 0.6, 0.35)
    kit.paint(turned([(0, 0), (0.15, 0), (0.14, 0.025), (0, 0.03)], 24), "foot", metal, 0.2)
    if design == 0:
        kit.paint(rod((0, 0.02, 0), (0, 1.4, 0), 0.012), "pole", metal, 0.2)
        kit.add(turned([(0.22, 1.3), (0.14, 1.62)], 28), "shade", cloth(rng), 0.4)
    else:
        kit.paint(rod((0, 0.02, 0), (0, 1.5, 0), 0.012), "pole", metal, 0.2)
        kit.paint(rod((0, 1.5, 0), (0.28, 1.62, 0), 0.01), "arm", metal, 0.2)
        kit.add(turned([(0.13, 1.48), (0.11, 1.56), (0.03, 1.62)], 24, True).moved((0.3, 0, 0)), "shade", paint(rng))
    return Piece("floor lamp", kit.model())


def table_lamp(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("table lamp")
    body = [(0, 0), (0.07, 0), (0.07, 0.02), (0.03, 0.05), (0.02, 0.25)]
    if design == 1:
        body = [(0, 0), (0.06, 0), (0.09, 0.07), (0.09, 0.12), (0.04, 0.2), (0.02, 0.25)]
    kit.add(turned(body, 20, design == 1), "body", paint(rng), 0.4, 0.1)
    kit.add(turned([(0.14, 0.22), (0.09, 0.42)], 24), "shade", cloth(rng), 0.3)
    return Piece("table lamp", kit.model())


def plant(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("plant")
    pot = rng.uniform(0.11, 0.17)
    h = pot * 1.7
    kit.add(
        turned([(0, 0), (pot * 0.7, 0), (pot, h), (pot * 0.92, h), (pot * 0.9, h - 0.03), (0, h - 0.03)], 24),
        "pot",
        paint(rng),
        0.4,
        0.08,
    )
    green = np.array([rng.uniform(0.12, 0.3), rng.uniform(0.35, 0.55), rng.uniform(0.1, 0.22)])
    count = int(rng.integers(14, 26))
    for k in range(count):
        angle, lift = 2.4 * k + rng.normal(0, 0.2), rng.uniform(0.5, 1.35)
        length = rng.uniform(0.3, 0.75) * (1.0 if design == 0 else 1.3)
        wide = length * (0.16 if design == 0 else 0.07)
        t = np.linspace(0, 1, 7)
        bend = lift - (1.3 if design == 0 else 0.7) * t
        out = np.concatenate([[0], np.cumsum(np.cos(bend[:-1]))]) / 6 * length
        up = np.concatenate([[0], np.cumsum(np.sin(bend[:-1]))]) / 6 * length
        width = wide * np.sin(np.pi * np.clip(0.08 + 0.92 * t, 0, 1)) + 0.004
        side = np.array([-np.sin(angle), 0, np.cos(angle)])
        spine = np.stack([out * np.cos(angle), h + up, out * np.sin(angle)], axis=1)
        grid = np.stack([spine - side * width[:, None], spine, spine + side * width[:, None]], axis=1)
        grid[:, 1, 1] -= 0.25 * width
        tint = np.clip(green * rng.uniform(0.75, 1.25), 0.03, 0.9)
        kit.paint(sheet(grid), "leaf", (float(tint[0]), float(tint[1]), float(tint[2])), 0.08)
    return Piece("plant", kit.model())


def picture(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("picture")
    w, h = rng.uniform(0.4, 1.0), rng.uniform(0.4, 0.8)
    rim = 0.035 if design == 0 else 0.06
    frame = wood(rng) if rng.random() < 0.6 else paint(rng)
    kit.add(box((w, h, 0.03), (0, h / 2, 0.015)), "frame", frame, 0.4)
    mat = 0.0 if design == 0 else 0.05
    if mat:
        kit.paint(box((w - 2 * rim, h - 2 * rim, 0.004), (0, h / 2, 0.032)), "mat", (0.93, 0.92, 0.88))
    a, b = w / 2 - rim - mat, h / 2 - rim - mat
    z = 0.036
    face = quad([[-a, h / 2 - b, z], [a, h / 2 - b, z], [a, h / 2 + b, z], [-a, h / 2 + b, z]]).fitted()
    kit.add(face, "canvas", painting(rng, 256, int(np.clip(256 * a / b, 128, 512))), None)
    return Piece("picture", kit.model(centred=False), hangs=True)


def window(rng: np.random.Generator, design: int) -> Piece:
    """The frame and the view behind it; hangs in front of a wall that has no hole."""
    kit = Kit("window")
    w, h = rng.uniform(0.9, 1.5), rng.uniform(1.0, 1.3)
    frame = trim(rng)
    view = quad([[-w / 2, 0, 0.01], [w / 2, 0, 0.01], [w / 2, h, 0.01], [-w / 2, h, 0.01]]).fitted()
    kit.add(view, "view", sky(rng), None)
    for x in (-1, 1):
        kit.add(box((0.06, h, 0.06), (x * w / 2, h / 2, 0.03)), "frame", frame)
    for y in (0.0, h):
        kit.add(box((w + 0.06, 0.06, 0.06), (0, y, 0.03)), "frame", frame)
    kit.add(box((w + 0.16, 0.03, 0.16), (0, -0.04, 0.08)), "sill", frame)
    for k in range(1, 2 + design):
        kit.add(box((0.04, h, 0.05), (-w / 2 + w * k / (2 + design), h / 2, 0.025)), "bar", frame)
    if design == 0:
        kit.add(box((w, 0.03, 0.05), (0, h * 0.66, 0.025)), "bar", frame)
    fabric = cloth(rng)
    for x in (-1, 1):
        across = np.linspace(0, 0.42, 30)
        fold = 0.1 + 0.035 * np.sin(across * 62 + x)
        top = np.stack([x * (w / 2 - 0.05 + across), np.full(30, h + 0.12), fold], axis=1)
        low = top - np.array([0, h + 0.4, 0])
        kit.add(sheet(np.stack([low, top])), "curtain", fabric, 0.5)
    kit.paint(rod((-w / 2 - 0.5, h + 0.14, 0.1), (w / 2 + 0.5, h + 0.14, 0.1), 0.014), "rail", (0.3, 0.28, 0.25), 0.2)
    return Piece("window", kit.model(centred=False), hangs=True)


def door(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("door")
    w, h = 0.86, 2.03
    leaf, frame = (wood(rng) if rng.random() < 0.5 else paint(rng)), trim(rng)
    kit.add(box((w, h, 0.04), (0, h / 2, 0.02)), "leaf", leaf, 0.9)
    for x in (-1, 1):
        kit.add(box((0.09, h + 0.09, 0.06), (x * (w / 2 + 0.04), h / 2 + 0.045, 0.03)), "frame", frame)
    kit.add(box((w, 0.09, 0.06), (0, h + 0.045, 0.03)), "frame", frame)
    for y, tall in ((0.55, 0.75), (1.45, 0.75)) if design == 0 else ((0.4, 0.4), (0.98, 0.4), (1.56, 0.4)):
        kit.add(box((w - 0.3, tall, 0.02), (0, y, 0.045)), "panel", leaf, 0.6)
    handle = rod((w / 2 - 0.08, 1.02, 0.04), (w / 2 - 0.08, 1.02, 0.1), 0.01)
    kit.paint(handle + rod((w / 2 - 0.08, 1.02, 0.1), (w / 2 - 0.2, 1.02, 0.1), 0.01), "handle", (0.55, 0.53, 0.5), 0.3)
    return Piece("door", kit.model(centred=False), hangs=True)


def vase(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("vase")
    h = rng.uniform(0.18, 0.34)
    a, b, c = rng.uniform(0.04, 0.07), rng.uniform(0.07, 0.11), rng.uniform(0.025, 0.05)
    line = [(0, 0), (a, 0), (b, h * 0.35), (c, h * 0.8), (c * 1.4, h), (c * 1.1, h * 0.98)]
    if design == 1:
        line = [(0, 0), (b, 0), (b * 0.9, h * 0.5), (b * 1.05, h), (b * 0.95, h * 0.97)]
    kit.add(turned(line, 28, True), "vase", cloth(rng, 128) if rng.random() < 0.5 else paint(rng), 0.3, 0.1)
    return Piece("vase", kit.model())


def bowl(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("fruit bowl")
    r = rng.uniform(0.12, 0.17)
    kit.add(turned([(0, 0), (r * 0.45, 0), (r, r * 0.5), (r * 0.95, r * 0.5), (r * 0.4, 0.02), (0, 0.02)], 28, True),
            "bowl", paint(rng), 0.4, 0.1)  # fmt: skip
    colours = (
        ((0.8, 0.2, 0.12), (0.9, 0.6, 0.1), (0.5, 0.65, 0.15)) if design == 0 else ((0.9, 0.8, 0.2), (0.6, 0.1, 0.2))
    )
    for k in range(5):
        angle, reach = 2 * np.pi * k / 5, r * 0.42
        tint = colours[k % len(colours)]
        kit.paint(ball(0.04, (reach * np.cos(angle), 0.07, reach * np.sin(angle)), 14), "fruit", tint, 0.1)
    return Piece("fruit bowl", kit.model())


def books(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("books")
    y = 0.0
    for _ in range(int(rng.integers(2, 6))):
        thick, turn = rng.uniform(0.02, 0.05), rng.normal(0, 0.25)
        c, s = np.cos(turn), np.sin(turn)
        size = (0.16 + rng.uniform(0, 0.05), thick, 0.22) if design == 0 else (0.24, thick, 0.3)
        one = box(size, (0, y + thick / 2, 0)).turned([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        kit.add(one, "book", painting(rng, 96, 96), 0.25)
        y += thick
    return Piece("books", kit.model())


def screen(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("television" if design == 0 else "monitor")
    w, h = (1.0, 0.58) if design == 0 else (0.55, 0.33)
    kit.paint(box((w, h, 0.05), (0, 0.1 + h / 2, 0)), "shell", (0.05, 0.05, 0.055), 0.1)
    face = quad([[-w / 2 + 0.02, 0.12, 0.027], [w / 2 - 0.02, 0.12, 0.027], [w / 2 - 0.02, 0.08 + h, 0.027],
                 [-w / 2 + 0.02, 0.08 + h, 0.027]]).fitted()  # fmt: skip
    kit.add(face, "screen", painting(rng, 144, 256), None, 0.1)
    kit.paint(box((0.06, 0.12, 0.04), (0, 0.06, 0)) + box((w * 0.4, 0.012, 0.2), (0, 0.006, 0)), "foot", (0.08,) * 3)
    return Piece(kit.name, kit.model())


def crate(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("box")
    w, h, d = rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.45), rng.uniform(0.28, 0.42)
    if design == 0:
        kit.add(box((w, h, d), (0, h / 2, 0)), "card", wood(rng), 0.7)
        kit.paint(box((0.06, h + 0.004, d + 0.004), (0, h / 2, 0)), "tape", (0.75, 0.7, 0.55))
    else:
        kit.add(cushion((w, h, d), (0, h / 2, 0), 0.03), "box", cloth(rng), 0.4)
        kit.add(cushion((w + 0.02, 0.07, d + 0.02), (0, h, 0), 0.02), "lid", paint(rng), 0.4)
    return Piece("box", kit.model(), h if design == 0 else None)


def toy_ball(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("ball")
    r = rng.uniform(0.1, 0.16) * (1.0 if design == 0 else 1.3)
    kit.add(ball(r, (0, r, 0)), "ball", cloth(rng, 128), 0.5, 0.08)
    return Piece("ball", kit.model())


MAKERS: dict[str, Maker] = {
    "rug": carpet,
    "floor lamp": floor_lamp,
    "table lamp": table_lamp,
    "plant": plant,
    "picture": picture,
    "window": window,
    "door": door,
    "vase": vase,
    "fruit bowl": bowl,
    "books": books,
    "screen": screen,
    "box": crate,
    "ball": toy_ball,
}
