"""Light of a room: a bright ceiling, a lamp under it, daylight from the windows, perhaps a low sun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.worlds.lights import Lamp, Surroundings
from models.worlds.room_layout import Place
from models.worlds.shading import Lighting


def room_lighting(
    rng: np.random.Generator, size: tuple[float, float, float], places: Sequence[Place], shadows: bool, sun: bool
) -> tuple[Lighting, float]:
    """The lighting of a room (width, height, depth) m and the exposure that suits it."""
    warm = float(rng.normal(0, 0.04))
    tint = np.array([np.exp(warm), 1.0, np.exp(-warm)], np.float32)
    height = np.linspace(1, -1, 64, dtype=np.float32)[:, None, None]
    around = np.linspace(-np.pi, np.pi, 128, dtype=np.float32)[None, :, None]
    # a gentle difference between the four sides gives corners their shape even without lamps
    panorama = (0.42 + 0.16 * np.maximum(height, 0) - 0.06 * np.maximum(-height, 0)) * (
        1 + 0.14 * np.sin(around + float(rng.uniform(0, 2 * np.pi)))
    )
    ambient = (np.broadcast_to(panorama, (64, 128, 1)) * tint).astype(np.float32)
    if sun:
        ambient = ambient * np.float32(0.75)
    lamps: list[Lamp] = []
    ceiling = [place for place in places if place.piece.kind == "ceiling lamp"]
    power = 0.25 if sun else 0.55
    for x, z in [(place.x, place.z) for place in ceiling] or [(0.0, 0.0)]:
        under = np.array([x, size[1] - 0.42, z], np.float32)
        lamps.append(Lamp(under, (power * tint).astype(np.float32), 0.12, False, 2.0, shadows))
    cool = np.array([0.94, 1.0, 1.08], np.float32)
    for place in [place for place in places if place.piece.kind == "window"][:1]:
        inward = np.array([np.sin(place.yaw), 0, np.cos(place.yaw)])
        before = np.array([place.x, place.y + 0.7, place.z]) + inward * 0.15
        lamps.append(Lamp(before.astype(np.float32), (0.35 * cool).astype(np.float32), 0.35, False, 2.0, shadows))
    if sun:
        angle = float(rng.uniform(-0.5, 0.5))
        to = np.array([np.sin(angle) * 0.8, float(rng.uniform(0.42, 0.55)), np.cos(angle) * 0.8], np.float32)
        strong = np.array([1.25, 1.14, 0.96], np.float32)
        lamps.append(Lamp(to / np.linalg.norm(to), strong, 0.03, True, 2.0, shadows))
    return Lighting(Surroundings(ambient), tuple(lamps), None, 0.45), 0.95 if sun else 1.15
