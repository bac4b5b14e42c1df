"""Pictures for walls, floors, cloth and wood: drawn from noise, rich enough for feature detectors to hold on to.

Every function takes a numpy Generator and gives uint8 (H,W,3) in display colours. Pictures for floors and walls are
meant to cover a whole side of a room (no two places look the same); those for furniture repeat without a seam.
"""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from models.worlds.surfaces import mix, value_noise
from models.worlds.textures import F32, U8


def tone(
    rng: np.random.Generator, value: tuple[float, float], saturation: tuple[float, float], hue: float | None = None
) -> F32:
    """A colour (3,) 0..255 with HSV value and saturation in the given ranges (0..1) and any hue, or near `hue`."""
    turn = rng.random() if hue is None else (hue + rng.normal(0, 0.02)) % 1.0
    return np.array(colorsys.hsv_to_rgb(turn, rng.uniform(*saturation), rng.uniform(*value)), np.float32) * 255


def _done(image: F32) -> U8:
    return np.clip(image, 0, 255).astype(np.uint8)


def _grain(rng: np.random.Generator, size: int, rings: int, wave: float) -> F32:
    """Wood grain (size,size) 0..1 running along x, without a seam."""
    noise = value_noise(rng, size, 4, 4)
    stretched = cv2.resize(noise[:, : size // 8], (size, size), interpolation=cv2.INTER_CUBIC)
    blend = np.minimum(np.arange(size), np.arange(size)[::-1]) / (size / 6)
    edge = np.clip(blend, 0, 1).astype(np.float32)[None, :]
    stretched = stretched * edge + stretched.mean(axis=1, keepdims=True) * (1 - edge)
    y = np.arange(size, dtype=np.float32)[:, None] / size
    return (0.5 + 0.5 * np.sin(2 * np.pi * (rings * y + wave * stretched))).astype(np.float32)


def wood(rng: np.random.Generator, size: int = 256) -> U8:
    """Grained wood, one board."""
    base = tone(rng, (0.35, 0.85), (0.25, 0.6), 0.075)
    dark = base * np.float32(rng.uniform(0.6, 0.8))
    grain = _grain(rng, size, int(rng.integers(5, 12)), float(rng.uniform(2, 5)))
    return _done(mix(base, dark, grain * 0.7 + 0.3 * value_noise(rng, size, 6)))


def paint(rng: np.random.Generator, size: int = 128) -> U8:
    """Paint or lacquer: one colour with faint unevenness."""
    base = tone(rng, (0.4, 0.95), (0.02, 0.5 if rng.random() < 0.25 else 0.22))
    return _done(base * (0.93 + 0.09 * value_noise(rng, size, 5)[..., None]))


def trim(rng: np.random.Generator, size: int = 128) -> U8:
    """What skirting boards, door and window frames are painted with: white, cream, grey, or plain wood."""
    if rng.random() < 0.3:
        return wood(rng, size)
    base = tone(rng, (0.62, 0.96), (0.0, 0.14), float(rng.choice([0.1, 0.12, 0.58])))
    return _done(base * (0.93 + 0.09 * value_noise(rng, size, 5)[..., None]))


def cloth(rng: np.random.Generator, size: int = 256) -> U8:
    """Woven or printed cloth: plain, stripes, checks, flecks or a scattered print."""
    hue = float(rng.random())
    base, other = tone(rng, (0.3, 0.9), (0.05, 0.45), hue), tone(rng, (0.2, 0.95), (0.05, 0.5), hue + 0.08)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    threads = int(rng.integers(40, 64))
    weave = 0.5 + 0.25 * np.sin(2 * np.pi * x * threads) + 0.25 * np.sin(2 * np.pi * y * threads)
    kind = int(rng.integers(5))
    if kind == 0:
        figure = value_noise(rng, size, 8, 4)
    elif kind == 1:
        count = int(rng.integers(3, 10))
        figure = ((x * count) % 1 < rng.uniform(0.2, 0.6)).astype(np.float32)
    elif kind == 2:
        count = int(rng.integers(2, 6))
        figure = 0.5 * ((x * count) % 1 < 0.4) + 0.5 * ((y * count) % 1 < 0.4)
    elif kind == 3:
        figure = (value_noise(rng, size, 40, 2) > 0.6).astype(np.float32)
    else:
        figure = scattered(rng, size, int(rng.integers(14, 40)))
    image = mix(base, other, np.asarray(figure, np.float32))
    return _done(image * (0.88 + 0.14 * weave[..., None]) * (0.92 + 0.16 * value_noise(rng, size, 5)[..., None]))


def scattered(rng: np.random.Generator, size: int, count: int, smallest: float = 0.02, largest: float = 0.07) -> F32:
    """Leaves, rings, stars and blots thrown on a (size,size) sheet, 0..1; repeats without a seam."""
    sheet = np.zeros((3 * size, 3 * size), np.uint8)
    for _ in range(count):
        x, y = rng.integers(0, size, 2)
        r = max(int(size * rng.uniform(smallest, largest)), 2)
        kind, level, spin = int(rng.integers(4)), int(rng.integers(110, 256)), float(rng.uniform(0, 360))
        corners = int(rng.integers(3, 8))
        angle = np.linspace(0, 2 * np.pi, 2 * corners, endpoint=False) + np.radians(spin)
        reach = np.where(np.arange(2 * corners) % 2, r * rng.uniform(0.35, 0.8), r)
        star = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], axis=1)
        for oy in range(3):
            for ox in range(3):
                at = (int(x) + ox * size, int(y) + oy * size)
                if kind == 0:
                    cv2.ellipse(sheet, at, (r, max(r // 3, 1)), spin, 0, 360, level, -1, cv2.LINE_AA)
                elif kind == 1:
                    cv2.circle(sheet, at, r, level, max(r // 4, 1), cv2.LINE_AA)
                elif kind == 2:
                    cv2.circle(sheet, at, max(r // 2, 1), level, -1, cv2.LINE_AA)
                else:
                    cv2.fillPoly(sheet, [(star + at).astype(np.int32)], level, cv2.LINE_AA)
    return sheet[size : 2 * size, size : 2 * size].astype(np.float32) / np.float32(255)


def wallpaper(rng: np.random.Generator, size: int = 1024, kind: str | None = None) -> U8:
    """A wall that is nowhere like elsewhere: "plaster", "print", "stripes", "bricks" or "panels" (any when None)."""
    chosen = kind or str(rng.choice(WALLS))
    base = tone(rng, (0.66, 0.94), (0.04, 0.24), float(rng.choice(_WALL_HUES)))
    uneven = value_noise(rng, size, 5, 6)
    x = np.broadcast_to(np.arange(size, dtype=np.float32) / size, (size, size))
    if chosen == "plaster":
        image = mix(base, base * 0.72, np.clip((uneven - 0.3) * 1.6, 0, 1))
        image *= (0.9 + 0.2 * value_noise(rng, size, 48, 3))[..., None]
    elif chosen == "print":
        other = tone(rng, (0.3, 0.8), (0.15, 0.6))
        figure = scattered(rng, size, int(rng.integers(110, 200)), 0.010, 0.034)
        image = mix(base, other, figure * 0.75) * (0.93 + 0.12 * uneven[..., None])
    elif chosen == "stripes":
        other = base * np.float32(rng.uniform(0.72, 0.86))
        lines = np.sort(rng.random(int(rng.integers(18, 36)))).astype(np.float32)
        figure = (np.searchsorted(lines, x.reshape(-1)) % 2).reshape(size, size).astype(np.float32)
        image = mix(base, other, figure) * (0.86 + 0.24 * uneven[..., None])
        image = mix(image, base * 0.55, 0.6 * scattered(rng, size, 70, 0.005, 0.016))
    elif chosen == "bricks":
        image = _bricks(rng, size, tone(rng, (0.5, 0.85), (0.15, 0.55), 0.04), uneven)
    elif chosen == "panels":
        count = int(rng.integers(7, 13))
        lane = (x * count).astype(int)
        tint = rng.uniform(0.72, 1.05, count).astype(np.float32)[np.minimum(lane, count - 1)]
        board = tone(rng, (0.5, 0.8), (0.2, 0.5), 0.08)
        grain = _grain(rng, size, 60, 9.0).T
        image = mix(board, board * 0.68, 0.65 * grain + 0.35 * uneven) * tint[..., None]
        image *= np.where((x * count) % 1 < 0.025, 0.5, 1.0)[..., None]
    else:
        raise ValueError(f"walls are {', '.join(WALLS)}, not {kind!r}")
    return _done(image)


def _bricks(rng: np.random.Generator, size: int, base: F32, uneven: F32) -> F32:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    rows, columns = int(rng.integers(18, 30)), int(rng.integers(8, 14))
    lane = np.minimum((y * rows).astype(int), rows - 1)
    shift = rng.random(rows).astype(np.float32)[lane]
    xs = x * columns + shift
    stone = np.floor(xs).astype(int) % (columns + 1)
    tint = rng.uniform(0.68, 1.12, (rows, columns + 1, 1)).astype(np.float32)
    tint = tint + rng.normal(0, 0.04, (rows, columns + 1, 3)).astype(np.float32)
    image = base * tint[lane, stone] * (0.8 + 0.4 * value_noise(rng, size, 40, 3)[..., None])
    joint = ((y * rows) % 1 < 0.1) | (xs % 1 < 0.1 * columns / rows)
    return np.where(joint[..., None], np.float32(175) * (0.8 + 0.3 * uneven[..., None]), image).astype(np.float32)


_WALL_HUES = (0.07, 0.1, 0.12, 0.14, 0.25, 0.38, 0.48, 0.56, 0.6, 0.68, 0.97)
WALLS = ("plaster", "print", "stripes", "bricks", "panels")
FLOORS = ("boards", "tiles", "carpet", "parquet")


def flooring(rng: np.random.Generator, size: int = 1024, kind: str | None = None) -> U8:
    """A floor over a whole room: "boards", "tiles", "carpet" or "parquet" (any when None)."""
    chosen = kind or str(rng.choice(FLOORS))
    uneven = value_noise(rng, size, 6, 6)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    if chosen in ("boards", "parquet"):
        base = tone(rng, (0.42, 0.78), (0.3, 0.6), 0.075)
        rows = int(rng.integers(16, 30))
        length = float(rng.uniform(2, 4)) if chosen == "boards" else float(rng.uniform(6, 10))
        lane = np.minimum((y * rows).astype(int), rows - 1)
        xs = x * length + rng.random(rows).astype(np.float32)[lane]
        board = np.floor(xs).astype(int) % 16
        tint = rng.uniform(0.66, 1.14, (rows, 16)).astype(np.float32)[lane, board]
        grain = _grain(rng, size, rows * 4, 14.0)
        image = mix(base, base * 0.62, 0.6 * grain + 0.4 * uneven) * tint[..., None]
        joint = ((y * rows) % 1 < 0.05) | (xs % 1 < 0.05 * length / rows)
        image *= np.where(joint, 0.45, 1.0)[..., None]
    elif chosen == "tiles":
        count = int(rng.integers(9, 16))
        base, other = (
            tone(rng, value, (0.02, 0.28), float(rng.choice(_WALL_HUES))) for value in ((0.5, 0.9), (0.25, 0.8))
        )
        row, column = (np.minimum((axis * count).astype(int), count - 1) for axis in (y, x))
        which = ((row + column) % 2 if rng.random() < 0.5 else row * 0).astype(np.float32)
        veins = np.abs(value_noise(rng, size, 9, 5) - 0.5) < 0.02
        tint = rng.uniform(0.85, 1.08, (count, count)).astype(np.float32)[row, column]
        image = mix(base, other, which) * (0.85 + 0.25 * uneven[..., None]) * tint[..., None]
        image = np.where(veins[..., None], image * 0.8, image)
        joint = ((y * count) % 1 < 0.035) | ((x * count) % 1 < 0.035)
        image = np.where(joint[..., None], np.float32(110), image)
    elif chosen == "carpet":
        base, other = tone(rng, (0.3, 0.75), (0.1, 0.5)), tone(rng, (0.3, 0.8), (0.1, 0.5))
        pile = rng.random((size, size), dtype=np.float32)
        pile = cv2.GaussianBlur(pile, (0, 0), 1.2)
        pile = (pile - pile.mean()) / max(float(pile.std()), 1e-6)
        blots = scattered(rng, size, int(rng.integers(90, 170)), 0.012, 0.045)
        image = mix(base, other, 0.55 * blots + 0.3 * uneven) * (1 + 0.1 * pile[..., None])
    else:
        raise ValueError(f"floors are {', '.join(FLOORS)}, not {kind!r}")
    return _done(image)


def rug(rng: np.random.Generator, height: int = 384, width: int = 512) -> U8:
    """A rug with borders and a figured field."""
    ground, border, figure = (tone(rng, (0.25, 0.85), (0.15, 0.55)) for _ in range(3))
    field = cv2.resize(scattered(rng, 512, int(rng.integers(30, 70)), 0.02, 0.07), (width, height))
    half = field[:, : width // 2]
    field = np.concatenate([half, half[:, ::-1], field[:, : width - 2 * half.shape[1]]], axis=1)
    image = mix(ground, figure, field.astype(np.float32))
    for inset, colour in ((0.0, border), (0.045, figure), (0.06, border), (0.12, ground * 0.6)):
        k = int(inset * height)
        thick = max(int((0.045 if inset in (0.0, 0.06) else 0.012) * height), 2)
        cv2.rectangle(image, (k, k), (width - 1 - k, height - 1 - k), [float(v) for v in colour], thick)
    return _done(image * (0.85 + 0.3 * rng.random((height, width, 1), dtype=np.float32)))


def round_rug(rng: np.random.Generator, size: int = 512) -> U8:
    """A rug of rings; only the disc inscribed in the picture is meant to be seen."""
    ground, border, figure = (tone(rng, (0.25, 0.85), (0.15, 0.55)) for _ in range(3))
    image = mix(ground, figure, scattered(rng, size, int(rng.integers(40, 80)), 0.015, 0.05))
    for share, thick, colour in ((0.97, 0.05, border), (0.9, 0.015, figure), (0.55, 0.02, border), (0.2, 0.03, figure)):
        ring = [float(v) for v in colour]
        cv2.circle(image, (size // 2, size // 2), int(size * share / 2), ring, max(int(thick * size), 1), cv2.LINE_AA)
    return _done(image * (0.85 + 0.3 * rng.random((size, size, 1), dtype=np.float32)))


def painting(rng: np.random.Generator, height: int = 256, width: int = 256) -> U8:
    """A picture to hang: a landscape or an abstract one."""
    image = np.empty((height, width, 3), np.float32)
    if rng.random() < 0.5:
        top, low = tone(rng, (0.6, 0.95), (0.1, 0.5), 0.58), tone(rng, (0.7, 1.0), (0.05, 0.4), 0.09)
        share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        image[:] = top * (1 - share) + low * share
        sun = (int(rng.integers(width)), int(rng.integers(height // 8, height // 2)))
        cv2.circle(image, sun, height // 12, (250.0, 235.0, 200.0), -1, cv2.LINE_AA)
        for layer in range(4):
            noise = value_noise(rng, 256, 3 + 2 * layer, 4)[0]
            ridge = height * (0.35 + 0.16 * layer) + (noise - 0.5) * height * 0.5
            line = np.stack([np.linspace(0, width, 256), ridge], axis=1)
            shape = np.concatenate([line, [[width, height], [0, height]]]).astype(np.int32)
            colour = tone(rng, (0.25, 0.7), (0.2, 0.6), 0.3) * (1 - 0.12 * layer)
            cv2.fillPoly(image, [shape], [float(v) for v in colour], cv2.LINE_AA)
    else:
        image[:] = tone(rng, (0.6, 0.95), (0.02, 0.3))
        for _ in range(int(rng.integers(8, 22))):
            fill = [float(v) for v in tone(rng, (0.15, 0.95), (0.2, 0.9))]
            x, y, w, h = (int(v) for v in rng.integers(0, [width, height, width // 2, height // 2]))
            if rng.random() < 0.5:
                cv2.rectangle(image, (x, y), (x + w, y + h), fill, -1)
            else:
                cv2.ellipse(image, (x, y), (w // 2 + 3, h // 2 + 3), float(w), 0, 360, fill, -1, cv2.LINE_AA)
    strokes = value_noise(rng, 256, 30, 3)
    return _done(image * (0.88 + 0.24 * cv2.resize(strokes, (width, height))[..., None]))


def sky(rng: np.random.Generator, height: int = 192, width: int = 192) -> U8:
    """What is seen through a window: sky, clouds, a line of trees."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    image = tone(rng, (0.8, 0.95), (0.25, 0.5), 0.58) * (1 - share) + np.array([235, 240, 245], np.float32) * share
    clouds = cv2.resize(np.clip((value_noise(rng, 256, 4, 5) - 0.5) * 4, 0, 1), (width, height))
    image = mix(image.astype(np.float32), np.full(3, 250, np.float32), clouds)
    trees = (0.7 - 0.2 * value_noise(rng, 256, 8, 4)[0]) * height
    line = np.stack([np.linspace(0, width, 256), trees], axis=1)
    shape = np.concatenate([line, [[width, height], [0, height]]]).astype(np.int32)
    cv2.fillPoly(image, [shape], [float(v) for v in tone(rng, (0.35, 0.55), (0.3, 0.5), 0.3)], cv2.LINE_AA)
    return _done(image)
