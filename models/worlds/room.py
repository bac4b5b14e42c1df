"""Textured procedural rooms: furnished, lit, with named instances.

    rng = np.random.default_rng(7)
    room = build_room(rng, RoomConfig(kind="living room"))
    cameras = orbit(room, 36, side=192, rng=rng)                  # models.worlds.room_cameras
    frame = render_room(room, cameras[0])                         # models.worlds.room_render: rgb, depth, ids, ...
    mover = walking_person(rng).at(0.3, 0.5, yaw=1.0, phase=0.2)  # models.worlds.movers
    shot = render_room(room, cameras[0], [mover])                 # shot.mover, shot.shadow: the pixels it changed
    tracks = stage(room, cameras, [walking_person(rng)], rng)     # models.worlds.movers_paths: movers of every photo
    atlas = unwrap(room)                                          # models.worlds.room_atlas, one picture to paint on

Axes: x right, y up, z towards the front wall, metres; the floor's middle is the origin. Rooms of simple parametric
pieces need no file and no network; `library` adds real CC0 models (models.worlds.library).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.assemble import SceneBuilder
from models.worlds.library import Library
from models.worlds.objects import ObjectModel
from models.worlds.raycast import Scene
from models.worlds.room_furnish import KINDS, furnish
from models.worlds.room_layout import Place
from models.worlds.room_light import room_lighting
from models.worlds.room_shell import shell
from models.worlds.scene_stock import yaw
from models.worlds.shading import Lighting
from models.worlds.textures import F32


@dataclass(frozen=True)
class RoomConfig:
    """What a room is like. Everything left None is drawn from the generator."""

    kind: str | None = None
    """One of room.KINDS: which furniture stands in it."""
    size_m: tuple[float, float, float] | None = None
    """Inner width (x), height (y), depth (z) in metres; 2.5 to 12 across, 2.2 to 4 high."""
    clutter: float = 1.0
    """How many loose and small things, from 0 (bare) to 2 (crowded)."""
    design: int | None = None
    """Design 0 or 1 of every parametric piece; rooms of different designs share no furniture shape."""
    real_share: float = 0.6
    """The part of the furniture taken from the library of real models, when one is given."""
    shadows: bool = True
    """Whether lamps throw shadows; without them only ambient occlusion shades the room."""
    sun: bool = False
    """Whether a strong low light comes from the front side, with sharp shadows (for moving shadows)."""
    free_m: float = 0.9
    """Radius in metres of the middle that stays free of tall furniture, where cameras look and people walk."""
    texture_px: int = 1024
    """Side of the pictures on walls and floor in pixels, 64 to 4096."""
    max_faces: int = 60_000
    """Real models are left out once the room has that many faces."""

    def checked(self) -> RoomConfig:
        """The same settings. Raises ValueError naming the first setting out of range."""
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.size_m is not None:
            width, height, depth = self.size_m
            if not (2.5 <= width <= 12 and 2.5 <= depth <= 12 and 2.2 <= height <= 4):
                raise ValueError(f"size_m is 2.5 to 12 across and 2.2 to 4 high, not {self.size_m}")
        for name, low, high in (
            ("clutter", 0, 2),
            ("real_share", 0, 1),
            ("free_m", 0, 3),
            ("texture_px", 64, 4096),
            ("max_faces", 1000, 10_000_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} lies between {low} and {high}, not {getattr(self, name)}")
        return self


@dataclass(frozen=True, eq=False)
class Instance:
    """A named thing of a room. `number` is its id in renders (from 1); low and high (3,) its world box in metres;
    `faces` the slice of the room's faces; `shell` tells walls, floor and ceiling from furniture."""

    number: int
    name: str
    low: F32
    high: F32
    faces: slice
    shell: bool


@dataclass(frozen=True, eq=False)
class RoomScene:
    """A room ready for rays. `scene` holds its faces (triangles (F,3,3) metres, instance and part per face, uv), the
    names of part j + 1 are part_names[j]; `exposure` turns light into display values (see room_render)."""

    kind: str
    size_m: tuple[float, float, float]
    scene: Scene
    instances: tuple[Instance, ...]
    part_names: tuple[str, ...]
    lighting: Lighting
    exposure: float
    places: tuple[Place, ...]

    def named(self, name: str) -> tuple[Instance, ...]:
        """All instances with a name."""
        return tuple(instance for instance in self.instances if instance.name == name)

    @property
    def furniture(self) -> tuple[Instance, ...]:
        """All instances but walls, floor and ceiling."""
        return tuple(instance for instance in self.instances if not instance.shell)

    def obstacles(self, above: float = 0.05, below: float = 1.9) -> NDArray[np.float64]:
        """Footprints (N,4) x0, z0, x1, z1 in metres of what stands between two heights."""
        boxes = [
            (i.low[0], i.low[2], i.high[0], i.high[2]) for i in self.furniture if i.high[1] > above and i.low[1] < below
        ]
        return np.array(boxes, np.float64).reshape(-1, 4)


def build_room(rng: np.random.Generator, config: RoomConfig | None = None, library: Library | None = None) -> RoomScene:
    """A furnished room. The same generator state, settings and library give the same room.

    Raises ValueError for settings out of range.
    """
    config = (config or RoomConfig()).checked()
    kind = config.kind or str(rng.choice(KINDS))
    size = config.size_m or (
        float(rng.uniform(4.2, 6.0)),
        float(rng.uniform(2.45, 2.9)),
        float(rng.uniform(4.2, 6.0)),
    )
    builder = SceneBuilder()
    instances: list[Instance] = []
    for model in shell(rng, size, config.texture_px):
        _add(
            builder, instances, model, np.eye(3, dtype=np.float32), np.zeros(3, np.float32), is_shell=True, casts=False
        )
    places = furnish(rng, kind, size, config.design, config.clutter, config.free_m, library, config.real_share,
                     config.max_faces)  # fmt: skip
    for place in places:
        at = np.array([place.x, place.y, place.z], np.float32)
        _add(builder, instances, place.piece.model, yaw(place.yaw), at, casts=place.piece.kind != "ceiling lamp")
    lighting, exposure = room_lighting(rng, size, places, config.shadows, config.sun)
    return RoomScene(
        kind, size, builder.build(), tuple(instances), tuple(builder.part_names), lighting, exposure,
        tuple(places),
    )  # fmt: skip


def _add(
    builder: SceneBuilder,
    instances: list[Instance],
    model: ObjectModel,
    turn: F32,
    at: F32,
    casts: bool,
    is_shell: bool = False,
) -> None:
    first = builder.faces
    number = builder.add_model(model, turn, 1.0, at, casts=casts)
    corners = builder.triangles[-1].reshape(-1, 3)
    span = slice(first, builder.faces)
    instances.append(Instance(number, model.name, corners.min(axis=0), corners.max(axis=0), span, is_shell))
