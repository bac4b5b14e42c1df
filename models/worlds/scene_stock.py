"""What every random scene needs: repainted materials, lamps, surroundings, turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.worlds.assemble import Look
from models.worlds.library import Library, random_colour
from models.worlds.lights import Lamp, Surroundings
from models.worlds.objects import ObjectModel
from models.worlds.people import NAME
from models.worlds.raycast import Camera
from models.worlds.shading import Lighting
from models.worlds.surfaces import procedural
from models.worlds.textures import F32, pyramid, to_linear

FACE_BUDGET = 160_000  # faces in one scene: what keeps embree's build and the rays within half a second
Aim = Callable[[], tuple[Camera, float]]  # draws a camera and the distance it focuses on


def looks(rng: np.random.Generator, library: Library, model: ObjectModel) -> dict[int, Look]:
    """Sometimes repaint a model: other colours, procedural or photographed surfaces, metal; most keep their own."""
    looks: dict[int, Look] = {}
    if model.name == NAME:
        return looks  # people come dressed
    mood = rng.random()
    for index, material in enumerate(model.materials):
        if material.opacity < 0.95:
            continue
        plain = material.texture is None
        if mood < 0.6 and not (plain and rng.random() < 0.3):
            continue
        draw = rng.random()
        if not plain and draw < 0.7:
            continue
        size = float(np.linalg.norm(model.size_m))
        if draw < 0.45:
            metal = 0.9 if rng.random() < 0.15 else 0.0
            looks[index] = Look(random_colour(rng), None, 1.0, 0.5 if metal else None, None, metal)
        elif draw < 0.8 and plain:
            grey = float(np.clip(np.mean(material.diffuse) + 0.25, 0.4, 1))
            looks[index] = Look((grey, grey, grey), pyramid(procedural(rng, 128)), size * float(rng.uniform(0.05, 0.6)))
        else:
            looks[index] = library.surface(rng, (0.05 * size, 0.8 * size))
    return looks


def lamps(rng: np.random.Generator, reach: float) -> tuple[Lamp, ...]:
    """One strong light with a soft shadow, and up to two weaker ones."""
    lamps = []
    for number in range(int(rng.integers(1, 4))):
        angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.4)
        to = np.array([np.cos(angle) * np.cos(height), np.sin(height), np.sin(angle) * np.cos(height)], np.float32)
        warm = rng.normal(0, 0.12)
        power = float(np.exp(rng.normal(0, 0.4))) * (1.0 if number == 0 else 0.35)
        colour = (power * np.array([np.exp(warm), 1, np.exp(-warm)])).astype(np.float32)
        if rng.random() < 0.6:
            lamps.append(Lamp(to, colour, float(rng.choice([0.01, 0.05, 0.15, 0.35])), shadows=number < 2))
        else:
            far = reach * float(rng.uniform(1, 2.5))
            lamps.append(Lamp(to * far, colour, far * float(rng.uniform(0.02, 0.3)), False, far, number < 2))
    return tuple(lamps)


def lighting(rng: np.random.Generator, library: Library, reach: float, backdrop: F32 | None = None) -> Lighting:
    picture = library.crop(rng, 128, drawn=0.0)
    if picture is None:
        picture = procedural(rng, 128)
    around = Surroundings.from_photo(picture, rng, float(rng.uniform(0.2, 2.0)))
    return Lighting(around, lamps(rng, reach), backdrop, reach * float(rng.uniform(0.08, 0.25)))


def backdrop(rng: np.random.Generator, library: Library, size: int) -> F32:
    piece = library.crop(rng, size, drawn=0.1)
    if piece is None:
        piece = np.kron(procedural(rng, 128), np.ones((-(-size // 128), -(-size // 128), 1), np.uint8))[:size, :size]
    light = to_linear(piece.astype(np.float32) / np.float32(255))
    return (light * np.float32(rng.uniform(0.7, 1.6))).astype(np.float32)


def yaw(angle: float) -> F32:
    """Rotation (3,3) around y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


def any_turn(rng: np.random.Generator) -> F32:
    """A uniformly random rotation (3,3)."""
    q = rng.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )
