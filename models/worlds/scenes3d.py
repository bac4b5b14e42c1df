"""Random scenes of real models with exact masks: rooms, table tops and piles, objects before a photograph.

`sample_scene` draws one; every choice comes from the generator that is passed, so a seed gives the same scene again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.worlds.library import Library
from models.worlds.photograph import develop, sample_development
from models.worlds.raycast import Camera, Scene
from models.worlds.render import Frame, render
from models.worlds.scene_photo import before_photo
from models.worlds.scene_room import room
from models.worlds.scene_stock import Aim
from models.worlds.scene_table import table

KINDS = ("room", "table", "photo")


@dataclass(frozen=True)
class Sample:
    """image uint8 (S,S,3); instance int16 (S,S), 0 is surroundings; part int16 (S,S), floor and walls are parts, 0
    is backdrop; names[i] belongs to instance i + 1, part_names[j] to part j + 1; frame keeps depth and normals."""

    image: NDArray[np.uint8]
    instance: NDArray[np.int16]
    part: NDArray[np.int16]
    names: tuple[str, ...]
    kind: str
    frame: Frame
    part_names: tuple[str, ...] = ()


def sample_scene(rng: np.random.Generator, library: Library, size: int = 512, kind: str | None = None) -> Sample:
    """Draw, render and develop one scene. `kind` is one of KINDS (random when None). Raises ValueError for another
    kind."""
    makers = {"room": room, "table": table, "photo": before_photo}
    chosen = kind or str(rng.choice(KINDS, p=[0.45, 0.3, 0.25]))
    if chosen not in makers:
        raise ValueError(f"scene kinds are {', '.join(KINDS)}, not {kind!r}")
    for _ in range(60):
        builder, aim, lighting = makers[chosen](rng, library, size)
        scene = builder.build()
        view = _good_view(scene, aim)
        if view is not None:
            break
    else:
        raise ValueError("no scene of this library shows anything. Give it models of other sizes or fewer faces.")
    camera, focus = view
    frame = render(scene, camera, lighting, rng)
    image = develop(frame.light, frame.depth, sample_development(rng, focus, size), rng)
    return Sample(
        image,
        frame.instance.astype(np.int16),
        frame.part.astype(np.int16),
        tuple(builder.names),
        chosen,
        frame,
        tuple(builder.part_names),
    )


def _good_view(scene: Scene, aim: Aim) -> tuple[Camera, float] | None:
    """The first of a few cameras that shows things well: not inside one, not mere specks. None when none does."""
    for attempt in range(10):
        camera, focus = aim()
        small = replace(camera, width=40, height=40)
        directions = small.grid()
        hits = scene.intersect(np.broadcast_to(small.position, directions.shape), directions)
        seen = np.where(hits.face >= 0, scene.instance[np.maximum(hits.face, 0)], 0)
        areas = np.bincount(seen)[1:] / len(seen)
        close = float(np.quantile(hits.t, 0.03)) < 0.08 * focus
        least = 0.15 if attempt < 6 else 0.05  # first look for a full picture, then be content with less
        if len(areas) and areas.sum() > least and 0.02 < areas.max() < 0.85 and not close:
            return camera, focus
    return None
