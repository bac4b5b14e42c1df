"""Furniture that stands on the floor: tables, seats, beds, shelves, cabinets. See room_pieces."""

from __future__ import annotations

import numpy as np

from models.worlds.room_materials import cloth, paint, wood
from models.worlds.room_pieces import Kit, Maker, Piece
from models.worlds.room_shapes import Shape, box, cushion, joined, rod, turned
from models.worlds.textures import U8


def _legs(w: float, d: float, h: float, side: float, inset: float = 0.04, round_legs: bool = False) -> Shape:
    legs = []
    for sx in (-1, 1):
        for sz in (-1, 1):
            x, z = sx * (w / 2 - inset - side / 2), sz * (d / 2 - inset - side / 2)
            if round_legs:
                legs.append(rod((x, h, z), (x * 1.04, 0, z * 1.04), side / 2, 0.6))
            else:
                legs.append(box((side, h, side), (x, h / 2, z)))
    return joined(legs)


def _timber(rng: np.random.Generator) -> U8:
    return wood(rng) if rng.random() < 0.7 else paint(rng)


def table(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("table")
    w, d, h = rng.uniform(1.1, 1.7), rng.uniform(0.7, 0.95), rng.uniform(0.71, 0.76)
    top, frame = _timber(rng), _timber(rng)
    if design == 0:
        kit.add(cushion((w, 0.035, d), (0, h - 0.018, 0), 0.01), "top", top, 0.9)
        kit.add(_legs(w, d, h - 0.035, 0.06), "legs", frame)
        kit.add(box((w - 0.16, 0.08, d - 0.16), (0, h - 0.075, 0)), "apron", frame)
    else:
        radius = d * 0.62
        kit.add(turned([(0, h - 0.04), (radius, h - 0.04), (radius, h), (0, h)], 36), "top", top, 0.9)
        kit.add(turned([(0.3, 0), (0.28, 0.03), (0.06, 0.07), (0.045, h - 0.1), (0.16, h - 0.04)], 24), "foot", frame)
    return Piece("table", kit.model(), h)


def coffee_table(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("coffee table")
    w, d, h = rng.uniform(0.8, 1.15), rng.uniform(0.5, 0.65), rng.uniform(0.36, 0.46)
    top, frame = _timber(rng), _timber(rng)
    kit.add(cushion((w, 0.04, d), (0, h - 0.02, 0), 0.012), "top", top, 0.8)
    if design == 0:
        kit.add(_legs(w, d, h - 0.04, 0.05), "legs", frame)
        kit.add(box((w - 0.16, 0.02, d - 0.16), (0, 0.14, 0)), "shelf", top, 0.8)
    else:
        for x in (-1, 1):
            kit.add(box((0.05, h - 0.04, d * 0.9), (x * (w / 2 - 0.08), (h - 0.04) / 2, 0)), "side", frame)
    return Piece("coffee table", kit.model(), h)


def desk(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("desk")
    w, d, h = rng.uniform(1.2, 1.5), rng.uniform(0.6, 0.72), 0.74
    top, frame = _timber(rng), _timber(rng)
    kit.add(cushion((w, 0.03, d), (0, h - 0.015, 0), 0.008), "top", top, 0.9)
    side = w / 2 - 0.24
    kit.add(box((0.4, h - 0.03, d - 0.08), (side, (h - 0.03) / 2, 0)), "drawers", frame)
    for k in range(3):
        y = 0.13 + 0.22 * k
        kit.add(box((0.37, 0.19, 0.02), (side, y, d / 2 - 0.03)), "front", top, 0.5)
        kit.paint(rod((side - 0.06, y, d / 2), (side + 0.06, y, d / 2), 0.008), "handle", (0.25, 0.25, 0.26), 0.2)
    if design == 0:
        kit.add(box((0.04, h - 0.03, d - 0.08), (-w / 2 + 0.05, (h - 0.03) / 2, 0)), "side", frame)
    else:
        for z in (-1, 1):
            x, end = -w / 2 + 0.08, z * (d / 2 - 0.07)
            kit.paint(rod((x, h - 0.03, end), (x - 0.03, 0, end * 1.05), 0.022), "leg", (0.2, 0.2, 0.22), 0.2)
    return Piece("desk", kit.model(), h)


def chair(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("chair")
    frame, seat = _timber(rng), cloth(rng)
    if design == 0:
        kit.add(_legs(0.44, 0.44, 0.44, 0.04, 0.0), "legs", frame, 0.3)
        kit.add(cushion((0.44, 0.05, 0.44), (0, 0.455, 0), 0.02), "seat", seat, 0.35)
        for x in (-0.2, 0.2):
            kit.add(rod((x, 0.44, -0.2), (x, 0.92, -0.25), 0.02), "post", frame, 0.3)
        for k in range(3):
            kit.add(box((0.38, 0.05, 0.015), (0, 0.6 + 0.13 * k, -0.215 - 0.014 * k)), "slat", frame, 0.3)
    else:
        kit.add(_legs(0.46, 0.44, 0.42, 0.035, 0.03, True), "legs", frame, 0.3)
        kit.add(cushion((0.48, 0.07, 0.46), (0, 0.45, 0), 0.035, 0.015), "seat", seat, 0.35)
        kit.add(cushion((0.46, 0.42, 0.06), (0, 0.68, -0.22), 0.03, 0.02), "back", seat, 0.35)
    return Piece("chair", kit.model())


def armchair(rng: np.random.Generator, design: int) -> Piece:
    return _upholstered("armchair", rng, design, 0.86, 1)


def sofa(rng: np.random.Generator, design: int) -> Piece:
    seats = int(rng.integers(2, 4))
    return _upholstered("sofa", rng, design, 0.66 * seats + 0.38, seats)


def _upholstered(name: str, rng: np.random.Generator, design: int, w: float, seats: int) -> Piece:
    kit = Kit(name)
    main, pillow = cloth(rng), cloth(rng)
    d, arm, h = rng.uniform(0.82, 0.95), rng.uniform(0.14, 0.2), rng.uniform(0.76, 0.9)
    low = 0.1
    inner = w - 2 * arm
    kit.add(cushion((w, 0.22, d), (0, low + 0.11, 0), 0.03), "base", main, 0.5)
    kit.add(cushion((w, h - low, 0.2), (0, (h + low) / 2, -d / 2 + 0.1), 0.07), "back", main, 0.5)
    for x in (-1, 1):
        tall = 0.6 if design == 0 else 0.52
        side = cushion((arm, tall - low, d), (x * (w - arm) / 2, (tall + low) / 2, 0), 0.03 if design == 0 else 0.07)
        kit.add(side, "arm", main, 0.5)
    each = inner / seats
    for k in range(seats):
        middle = -inner / 2 + each * (k + 0.5)
        place = (middle, low + 0.29, 0.08)
        kit.add(cushion((each - 0.01, 0.16, d - 0.24), place, 0.05, 0.02), "seat cushion", main, 0.5)
        if design == 1:
            kit.add(
                cushion((each - 0.04, 0.36, 0.16), (middle, 0.62, -d / 2 + 0.26), 0.06, 0.03),
                "back cushion",
                pillow,
                0.4,
            )
    for x in (-1, 1)[: max(seats - 1, 1)]:
        tilt = np.array([[1, 0, 0], [0, np.cos(0.35), np.sin(0.35)], [0, -np.sin(0.35), np.cos(0.35)]])
        soft = cushion((0.4, 0.38, 0.1), (0, 0, 0), 0.045, 0.06).turned(tilt)
        kit.add(soft.moved((x * (inner / 2 - 0.2), 0.63, -d / 2 + 0.38)), "pillow", pillow, 0.4)
    kit.add(_legs(w, d, low, 0.06, 0.05), "legs", wood(rng), 0.2)
    return Piece(name, kit.model())


def bed(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("bed")
    w, d = float(rng.choice([0.95, 1.45, 1.65])), 2.05
    frame, sheet_, cover, pillow = _timber(rng), paint(rng), cloth(rng), cloth(rng)
    kit.add(box((w, 0.26, d), (0, 0.2, 0)), "frame", frame, 0.8)
    kit.add(cushion((w - 0.06, 0.22, d - 0.1), (0, 0.43, 0.02), 0.06), "mattress", sheet_, 0.8)
    kit.add(cushion((w + 0.02, 0.2, d * 0.62), (0, 0.47, d * 0.19), 0.07, 0.015), "blanket", cover, 0.7)
    if design == 0:
        kit.add(cushion((w + 0.04, 0.95, 0.06), (0, 0.475, -d / 2 + 0.03), 0.02), "headboard", frame, 0.8)
    else:
        kit.add(cushion((w + 0.1, 0.75, 0.12), (0, 0.6, -d / 2 + 0.05), 0.05, 0.02), "headboard", cloth(rng), 0.5)
    places = (-w / 4, w / 4) if w > 1.2 else (0.0,)
    for x in places:
        kit.add(cushion((0.6, 0.14, 0.4), (x, 0.6, -d / 2 + 0.34), 0.06, 0.04), "pillow", pillow, 0.5)
    return Piece("bed", kit.model())


def wardrobe(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("wardrobe")
    doors = int(rng.integers(2, 4))
    w, d, h = 0.5 * doors, 0.58, rng.uniform(1.85, 2.1)
    body, front = _timber(rng), _timber(rng)
    kit.add(box((w, h, d), (0, h / 2, 0)), "body", body, 0.9)
    for k in range(doors):
        x = -w / 2 + (k + 0.5) * w / doors
        kit.add(box((w / doors - 0.015, h - 0.12, 0.02), (x, h / 2 + 0.02, d / 2 + 0.01)), "door", front, 0.9)
        if design == 1:
            for y in (0.3, 0.72):
                panel = box((w / doors - 0.16, h * 0.32, 0.02), (x, h * y, d / 2 + 0.022))
                kit.add(panel, "panel", body, 0.7)
        edge = x + (0.18 if k % 2 == 0 else -0.18)
        handle = rod((edge, h / 2 - 0.08, d / 2 + 0.045), (edge, h / 2 + 0.08, d / 2 + 0.045), 0.01)
        kit.paint(handle, "handle", (0.3, 0.28, 0.25), 0.2)
    return Piece("wardrobe", kit.model())


def cabinet(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("cabinet")
    w, d, h = rng.uniform(0.9, 1.5), rng.uniform(0.4, 0.48), rng.uniform(0.62, 0.9)
    body, front = _timber(rng), _timber(rng)
    kit.add(box((w, h - 0.1, d), (0, 0.1 + (h - 0.1) / 2, 0)), "body", body, 0.8)
    kit.add(cushion((w + 0.03, 0.03, d + 0.02), (0, h + 0.005, 0.01), 0.01), "top", front, 0.8)
    kit.add(_legs(w, d, 0.1, 0.05, 0.04, design == 1), "legs", body, 0.3)
    columns, rows = (2, 3) if design == 0 else (3, 1)
    for c in range(columns):
        for r in range(rows):
            fw, fh = w / columns, (h - 0.14) / rows
            x, y = -w / 2 + (c + 0.5) * fw, 0.12 + (r + 0.5) * fh
            kit.add(box((fw - 0.02, fh - 0.02, 0.02), (x, y, d / 2 + 0.01)), "front", front, 0.6)
            kit.paint(turned([(0, 0), (0.016, 0.012), (0, 0.024)], 12).turned(_FORWARD).moved((x, y, d / 2 + 0.02)),
                      "knob", (0.28, 0.26, 0.24), 0.2)  # fmt: skip
    return Piece("cabinet", kit.model(), h + 0.02)


_FORWARD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y to z


def bookshelf(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("bookshelf")
    w, d, h = rng.uniform(0.75, 1.1), 0.3, rng.uniform(1.5, 2.0)
    body = _timber(rng)
    rows = int(rng.integers(4, 6))
    if design == 0:
        for x in (-1, 1):
            kit.add(box((0.025, h, d), (x * (w / 2 - 0.0125), h / 2, 0)), "side", body, 0.8)
        kit.add(box((w, h, 0.012), (0, h / 2, -d / 2 + 0.006)), "back", body, 0.8)
    else:
        for x in (-1, 1):
            for z in (-1, 1):
                at = (x * (w / 2 - 0.015), z * (d / 2 - 0.015))
                kit.paint(rod((at[0], 0, at[1]), (at[0], h, at[1]), 0.014), "post", (0.16, 0.16, 0.17), 0.15)
    step = (h - 0.08) / rows
    for k in range(rows + 1):
        kit.add(box((w - 0.02, 0.022, d - 0.01), (0, 0.06 + step * k, 0)), "board", body, 0.8)
    for k in range(rows):
        _books(kit, rng, -w / 2 + 0.04, w / 2 - 0.04, 0.071 + step * k, step - 0.03, d)
    return Piece("bookshelf", kit.model())


def _books(kit: Kit, rng: np.random.Generator, left: float, right: float, y: float, room: float, deep: float) -> None:
    x = left
    groups: list[tuple[Shape, tuple[float, float, float]]] = []
    palette = [tuple(float(v) for v in rng.uniform(0.08, 0.9, 3)) for _ in range(9)]
    while x < right - 0.05 and rng.random() > 0.03:
        thick, tall = rng.uniform(0.016, 0.05), min(rng.uniform(0.17, 0.29), room)
        reach = deep * rng.uniform(0.6, 0.85)
        place = (x + thick / 2, y + tall / 2, deep / 2 - 0.03 - reach / 2 + rng.normal(0, 0.004))
        groups.append((box((thick - 0.002, tall, reach), place), palette[int(rng.integers(9))]))  # type: ignore[arg-type]
        x += thick if rng.random() < 0.94 else thick + rng.uniform(0.03, 0.15)
    for colour in dict.fromkeys(colour for _, colour in groups):
        kit.paint(joined(shape for shape, own in groups if own == colour), "books", colour)


def counter(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("kitchen counter")
    units = int(rng.integers(3, 5))
    w, d, h = 0.6 * units, 0.6, 0.9
    body, front, slab = paint(rng), _timber(rng), paint(rng)
    kit.add(box((w, h - 0.12, d - 0.04), (0, 0.08 + (h - 0.12) / 2, -0.02)), "body", body, 0.8)
    kit.add(box((w + 0.02, 0.04, d + 0.02), (0, h - 0.02, 0)), "worktop", slab, 1.0, 0.1)
    for k in range(units):
        x = -w / 2 + 0.6 * (k + 0.5)
        parts = [(0.45, 0.72)] if (k + design) % 2 == 0 else [(0.22, 0.24), (0.46, 0.2), (0.68, 0.2)]
        for y, tall in parts:
            kit.add(box((0.585, tall - 0.015, 0.02), (x, y, d / 2 - 0.03)), "front", front, 0.7)
            bar = rod((x - 0.1, y + tall / 2 - 0.05, d / 2), (x + 0.1, y + tall / 2 - 0.05, d / 2), 0.008)
            kit.paint(bar, "handle", (0.6, 0.6, 0.62), 0.3)
    kit.paint(box((0.5, 0.012, 0.4), (w / 2 - 0.45, h + 0.004, 0)), "sink", (0.5, 0.52, 0.55), 0.3)
    tap = rod((w / 2 - 0.45, h, -0.22), (w / 2 - 0.45, h + 0.26, -0.22), 0.014)
    spout = rod((w / 2 - 0.45, h + 0.26, -0.23), (w / 2 - 0.45, h + 0.24, -0.06), 0.012)
    kit.paint(tap + spout, "tap", (0.7, 0.7, 0.72), 0.5)
    kit.paint(box((0.52, 0.008, 0.46), (-w / 2 + 0.4, h + 0.004, 0)), "hob", (0.06, 0.06, 0.07), 0.2)
    return Piece("kitchen counter", kit.model(), h)


def fridge(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("fridge")
    w, d, h = 0.6, 0.62, rng.uniform(1.65, 1.85)
    shell = paint(rng)
    split = h * (0.36 if design == 0 else 0.68)
    kit.add(box((w, h, d - 0.04), (0, h / 2, -0.02)), "body", shell, 1.0, 0.1)
    for low, high in ((0.06, split), (split, h)):
        door = cushion((w, high - low - 0.01, 0.05), (0, (low + high) / 2, d / 2 - 0.02), 0.015)
        kit.add(door, "door", shell, 1.0, 0.1)
        x, z = w / 2 - 0.06, d / 2 + 0.03
        bar = rod((x, low + 0.1, z), (x, min(low + 0.45, high - 0.05), z), 0.012)
        kit.paint(bar, "handle", (0.55, 0.55, 0.58), 0.3)
    return Piece("fridge", kit.model())


def stool(rng: np.random.Generator, design: int) -> Piece:
    kit = Kit("stool")
    h = rng.uniform(0.42, 0.6)
    if design == 0:
        kit.add(turned([(0, h - 0.04), (0.17, h - 0.04), (0.18, h - 0.01), (0.16, h), (0, h)], 24), "seat", wood(rng))
        kit.add(_legs(0.34, 0.34, h - 0.04, 0.035, 0.03, True), "legs", _timber(rng), 0.3)
    else:
        kit.add(cushion((0.46, h, 0.46), (0, h / 2, 0), 0.05, 0.02), "pouf", cloth(rng), 0.4)
    return Piece("stool", kit.model(), h if design == 0 else None)


MAKERS: dict[str, Maker] = {
    "table": table,
    "coffee table": coffee_table,
    "desk": desk,
    "chair": chair,
    "armchair": armchair,
    "sofa": sofa,
    "bed": bed,
    "wardrobe": wardrobe,
    "cabinet": cabinet,
    "bookshelf": bookshelf,
    "kitchen counter": counter,
    "fridge": fridge,
    "stool": stool,
}
