"""Simple parametric furniture: real sizes, two designs of each kind, textured, no file needed.

    piece = make_piece("chair", np.random.default_rng(0), design=1)
    builder.add_model(piece.model, yaw(0.3), 1.0, place)

Fronts look towards +z, the origin is the middle of the base (of the back for what hangs on walls), y up, metres.
Designs keep sets of rooms apart: rooms made of design 0 share no furniture shape with rooms made of design 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.worlds.objects import Material, ObjectModel
from models.worlds.room_shapes import Shape
from models.worlds.textures import U8, pyramid

DESIGNS = 2


@dataclass(frozen=True)
class Piece:
    """A piece of furniture: `kind` is its plain name, `top` the height (m) on which small things may stand or None,
    `hangs` whether it belongs on a wall (then y = 0 of the model is its lower edge)."""

    kind: str
    model: ObjectModel
    top: float | None = None
    hangs: bool = False


@dataclass
class Kit:
    """Collects shapes by material and turns them into one model."""

    name: str
    shapes: list[Shape] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    tiles: list[float | None] = field(default_factory=list)

    def add(self, shape: Shape, name: str, texture: U8, tile_m: float | None = 0.6, gloss: float = 0.04) -> None:
        """A part of its own. `tile_m` metres per repeat of the texture; None when the shape's uv are 0..1 already."""
        self.shapes.append(shape)
        self.materials.append(Material(name, (1.0, 1.0, 1.0), (gloss,) * 3, 14.0, 1.0, texture))
        self.tiles.append(tile_m)

    def paint(self, shape: Shape, name: str, colour: tuple[float, float, float], gloss: float = 0.04) -> None:
        """A part of one display colour 0..1."""
        self.shapes.append(shape)
        self.materials.append(Material(name, colour, (gloss,) * 3, 20.0))
        self.tiles.append(None)

    def model(self, centred: bool = True) -> ObjectModel:
        """All parts as one model; `centred` puts the middle of the footprint at the origin, the lowest point at 0."""
        corners = np.concatenate([shape.corners for shape in self.shapes])
        counts = [len(shape.corners) for shape in self.shapes]
        uv = np.concatenate(
            [s.uv / (t if t is not None else 1.0) for s, t in zip(self.shapes, self.tiles, strict=True)]
        )
        vertices, index = np.unique(corners.reshape(-1, 3).round(6), axis=0, return_inverse=True)
        if centred:
            low, high = vertices.min(axis=0), vertices.max(axis=0)
            vertices = vertices - np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
        return ObjectModel(
            name=self.name,
            vertices=vertices.astype(np.float32),
            faces=index.reshape(-1, 3).astype(np.int32),
            uv=uv.astype(np.float32),
            normals=np.concatenate([shape.normals for shape in self.shapes]).astype(np.float32),
            face_material=np.repeat(np.arange(len(counts)), counts).astype(np.int32),
            materials=tuple(self.materials),
            pyramids=tuple(pyramid(m.texture) if m.texture is not None else None for m in self.materials),
        )


Maker = Callable[[np.random.Generator, int], Piece]


def make_piece(kind: str, rng: np.random.Generator, design: int | None = None) -> Piece:
    """A piece of one of `piece_kinds()`; `design` 0 or 1, drawn when None. Raises ValueError for other names."""
    makers = _makers()
    if kind not in makers:
        raise ValueError(f"there is no furniture called {kind!r}; choose one of {', '.join(sorted(makers))}")
    chosen = int(rng.integers(DESIGNS)) if design is None else design
    if chosen not in range(DESIGNS):
        raise ValueError(f"designs are numbered 0 to {DESIGNS - 1}, not {design}")
    return makers[kind](rng, chosen)


def piece_kinds() -> tuple[str, ...]:
    """The names that `make_piece` knows."""
    return tuple(sorted(_makers()))


def _makers() -> dict[str, Maker]:
    from models.worlds import room_pieces_large, room_pieces_small  # they need the types above

    return {**room_pieces_large.MAKERS, **room_pieces_small.MAKERS}
