"""Models in the air before a photograph, which also lights them."""

from __future__ import annotations

import numpy as np

from models.worlds.assemble import SceneBuilder
from models.worlds.library import Library
from models.worlds.raycast import Camera
from models.worlds.scene_stock import FACE_BUDGET, Aim, any_turn, backdrop, lighting, looks, yaw
from models.worlds.shading import Lighting
from models.worlds.textures import F32


def before_photo(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    """One to five models in the air before a photograph, none inside another; the first fills 5 % to 70 %."""
    builder = SceneBuilder()
    fov = float(rng.uniform(25, 60))
    camera = Camera.look_at(np.zeros(3, np.float32), np.array([0, 0, -1], np.float32), fov, size, size)
    half = float(np.tan(np.radians(fov) / 2))
    count = 1 if rng.random() < 0.35 else int(rng.integers(2, 6))
    focus, nearest, farthest = 3.0, np.inf, 0.0
    for number in range(count):
        found = library.pick(rng, 0.03, 8.0, FACE_BUDGET - builder.faces)
        if found is None:
            break
        _, model = found
        tilt = any_turn(rng) if rng.random() < 0.25 else _tilted(rng)
        share = float(rng.uniform(0.05, 0.7)) if number == 0 else float(rng.uniform(0.01, 0.2))
        turned = model.vertices @ tilt.T
        middle = (turned.min(axis=0) + turned.max(axis=0)) / 2
        box = np.ptp(turned, axis=0)
        per_metre = float(np.sqrt(share * 1.3) * 2 * half / max(np.sqrt(box[0] * box[1]), 0.2 * float(box.max())))
        thick = 0.5 * float(box[2]) * per_metre  # half the extent along the view, per metre of distance
        if thick > 0.8:
            per_metre, thick = per_metre * 0.8 / thick, 0.8
        if number == 0:
            depth = float(rng.uniform(2, 5))
            focus = depth
        elif rng.random() < 0.4:
            depth = 0.97 * nearest / (1 + thick)
        else:
            depth = 1.03 * farthest / (1 - thick)
        nearest, farthest = min(nearest, depth * (1 - thick)), max(farthest, depth * (1 + thick))
        scale = per_metre * depth
        drift = 0.25 if number == 0 else 0.9
        aim = np.array([rng.normal(0, drift * 0.6), rng.normal(0, drift * 0.5), -1.0])
        place = aim * np.array([half, half, 1.0]) * depth - middle * scale
        builder.add_model(model, tilt, scale, place.astype(np.float32), looks(rng, library, model))
    return builder, lambda: (camera, focus), lighting(rng, library, 2.0, backdrop(rng, library, size))


def _tilted(rng: np.random.Generator) -> F32:
    """Any yaw, seen a little from above or below."""
    pitch, roll = float(rng.normal(0.25, 0.3)), float(rng.normal(0, 0.15))
    c, s = np.cos(pitch), np.sin(pitch)
    nod = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    lean = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return (lean @ nod @ yaw(float(rng.uniform(0, 2 * np.pi)))).astype(np.float32)
