"""Things that come and go between photos: walking people, objects, flat cards, and shadows without a body.

    mover = walking_person(rng).at(0.3, 0.5, yaw=1.0, phase=0.2)  # a Mover: where it is in one photo
    frame = render_room(room, camera, [mover])               # frame.mover, frame.shadow tell its pixels

A MoverKind is what the thing is; a Mover is one pose of it. Metres, radians, axes as in room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from models.worlds.objects import ObjectModel
from models.worlds.people import Person, bodies, dress
from models.worlds.people_poses import POSTURES, walk
from models.worlds.room_materials import cloth, painting
from models.worlds.room_pieces import Kit, make_piece
from models.worlds.room_shapes import box, rod
from models.worlds.scene_stock import yaw as about_y
from models.worlds.textures import F32


@dataclass(frozen=True, eq=False)
class Mover:
    """A thing in one photo: model (metres), turn (3,3), place (3,) of its origin; `unseen` movers only throw shadows;
    skin: (N,3) points on the surface of the model."""

    name: str
    model: ObjectModel
    turn: F32
    place: F32
    unseen: bool
    skin: F32

    def points(self) -> F32:
        """(N,3) points on its surface in the room, metres."""
        return (self.skin @ self.turn.T + self.place).astype(np.float32)


PHASES = 16
"""Poses in one cycle of a motion: phases are rounded to these, so that each is computed once."""


@dataclass(frozen=True, eq=False)
class MoverKind:
    """A thing that moves. `pose(phase)` gives its model at a phase of its motion (cycles); `radius` (m) the room it
    needs on the floor; `lift` the range (m) of heights of its base; `faces_path` whether it looks where it goes."""

    name: str
    pose: Callable[[float], ObjectModel]
    radius: float
    lift: tuple[float, float] = (0.0, 0.0)
    faces_path: bool = True
    unseen: bool = False
    _known: dict[int, tuple[ObjectModel, F32]] = field(default_factory=dict, repr=False)

    def at(self, x: float, z: float, yaw: float, phase: float = 0.0, lift: float = 0.0) -> Mover:
        """The thing standing at (x, z) metres, turned by `yaw` (0: its front towards +z), `lift` metres up."""
        model, skin = self._posed(phase)
        return Mover(self.name, model, about_y(yaw), np.array([x, lift, z], np.float32), self.unseen, skin)

    def _posed(self, phase: float) -> tuple[ObjectModel, F32]:
        step = int(np.floor(phase * PHASES)) % PHASES
        if step not in self._known:
            model = self.pose(step / PHASES)
            self._known[step] = (model, _skin(model))
        return self._known[step]


def _skin(model: ObjectModel, count: int = 1500) -> F32:
    """Points (count,3) spread over the surface of a model, always the same ones."""
    rng = np.random.default_rng(0)
    corners = model.vertices[model.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = rng.choice(len(corners), count, p=area / area.sum())
    a, b = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    c = corners[face]
    return ((1 - a) * c[:, 0] + a * (1 - b) * c[:, 1] + a * b * c[:, 2]).astype(np.float32)


def _someone(rng: np.random.Generator, among: tuple[int, ...] | None) -> Person:
    stock = bodies()
    allowed = among or tuple(range(len(stock)))
    return dress(rng, stock[allowed[int(rng.integers(len(allowed)))]])


def walking_person(rng: np.random.Generator, among: tuple[int, ...] | None = None) -> MoverKind:
    """Somebody in random clothes who walks; `among` restricts which of the ten bodies it may be."""
    dressed = _someone(rng, among)
    swing = float(rng.uniform(0.75, 1.1))
    return MoverKind("person", lambda phase: dressed.model(walk(phase, swing)), 0.3)


def standing_person(rng: np.random.Generator, among: tuple[int, ...] | None = None) -> MoverKind:
    """Somebody who takes another posture at every phase."""
    dressed = _someone(rng, among)
    names = ("standing", "at ease", "hands on hips", "waving", "pointing", "carrying", "bending", "phoning")

    def pose(phase: float) -> ObjectModel:
        return dressed.model(POSTURES[names[int(np.floor(phase * len(names))) % len(names)]])

    return MoverKind("person", pose, 0.35)


_THINGS = (("box", "ball", "armchair", "plant"), ("box", "stool", "floor lamp", "chair"))


def moving_thing(rng: np.random.Generator, design: int = 0, kind: str | None = None, size: float = 1.0) -> MoverKind:
    """A piece of furniture or a box that is somewhere else in every photo; `design` as in room_pieces."""
    chosen = kind or str(rng.choice(_THINGS[design]))
    model = make_piece(chosen, rng, design).model
    if size != 1.0:
        model = replace(model, vertices=(model.vertices * np.float32(size)).astype(np.float32))
    radius = float(np.hypot(model.size_m[0], model.size_m[2])) / 2
    return MoverKind(chosen, lambda phase: model, radius, faces_path=False)


def flat_card(rng: np.random.Generator, textured: bool | None = None) -> MoverKind:
    """A sign on a stand, 0.5 to 0.8 m wide: one loud colour, or a picture when `textured`."""
    kit = Kit("card")
    w, h = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.55, 0.85))
    board = box((w, h, 0.015), (0, 0.75 + h / 2, 0))
    printed = rng.random() < 0.5 if textured is None else textured
    if printed:
        kit.add(board, "card", painting(rng, 256, 256), 0.8)
    else:
        r, g, b = (
            float(v) for v in rng.permutation([rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.9), rng.uniform(0.02, 0.3)])
        )
        kit.paint(board, "card", (r, g, b))
    kit.paint(rod((0, 0, -0.02), (0, 0.9, -0.02), 0.014), "pole", (0.2, 0.2, 0.2))
    kit.paint(box((0.32, 0.02, 0.3), (0, 0.01, 0)), "foot", (0.2, 0.2, 0.2))
    model = kit.model()
    return MoverKind("card", lambda phase: model, 0.4, faces_path=False)


def cloth_banner(rng: np.random.Generator) -> MoverKind:
    """A hanging strip of patterned cloth on a frame."""
    kit = Kit("banner")
    kit.add(box((0.55, 1.1, 0.03), (0, 1.0, 0)), "cloth", cloth(rng), 0.4)
    for x in (-0.29, 0.29):
        kit.paint(rod((x, 0, 0), (x, 1.58, 0), 0.015), "post", (0.25, 0.22, 0.2))
    model = kit.model()
    return MoverKind("banner", lambda phase: model, 0.35, faces_path=False)


def bodiless(kind: MoverKind) -> MoverKind:
    """The same thing seen by lamps only: it throws a shadow from outside the picture."""
    return replace(kind, name=f"{kind.name}'s shadow", unseen=True)
