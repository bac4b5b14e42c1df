"""What stands in which kind of room, from simple pieces and, where a library is given, real models."""

from __future__ import annotations

import numpy as np

from models.worlds.library import Library
from models.worlds.room_layout import Layout, Place
from models.worlds.room_pieces import Kit, Piece, make_piece
from models.worlds.room_shapes import rod, turned

# (kind of piece, how it is placed, how likely). Large things first: what comes later takes the room that is left.
_PLANS: dict[str, tuple[tuple[str, str, float], ...]] = {
    "living room": (
        ("window", "window", 1.0), ("door", "door", 0.7), ("sofa", "wall", 1.0), ("bookshelf", "wall", 1.0),
        ("cabinet", "wall", 0.9), ("coffee table", "centre", 1.0), ("armchair", "wall", 0.9),
        ("floor lamp", "wall", 0.8), ("plant", "wall", 0.9), ("bookshelf", "wall", 0.5), ("armchair", "wall", 0.4),
    ),
    "bedroom": (
        ("window", "window", 1.0), ("door", "door", 0.7), ("bed", "wall", 1.0), ("wardrobe", "wall", 1.0),
        ("cabinet", "wall", 0.8), ("stool", "loose", 0.7), ("bookshelf", "wall", 0.7), ("chair", "wall", 0.8),
        ("plant", "wall", 0.7), ("floor lamp", "wall", 0.5),
    ),
    "kitchen": (
        ("window", "window", 1.0), ("door", "door", 0.7), ("kitchen counter", "wall", 1.0), ("fridge", "wall", 1.0),
        ("table", "centre", 1.0), ("chair", "beside", 1.0), ("chair", "beside", 1.0), ("chair", "beside", 0.8),
        ("chair", "beside", 0.6), ("cabinet", "wall", 0.9), ("bookshelf", "wall", 0.5), ("plant", "wall", 0.6),
    ),
    "study": (
        ("window", "window", 1.0), ("door", "door", 0.7), ("desk", "wall", 1.0), ("bookshelf", "wall", 1.0),
        ("bookshelf", "wall", 1.0), ("chair", "loose", 0.9), ("armchair", "wall", 0.8), ("cabinet", "wall", 0.9),
        ("floor lamp", "wall", 0.7), ("plant", "wall", 0.8), ("stool", "loose", 0.6),
    ),
}  # fmt: skip
KINDS = tuple(_PLANS)
_TABLETOP = ("vase", "books", "table lamp", "fruit bowl", "screen", "books", "vase")
_FLOOR = ("box", "ball", "box", "stool")
# Names of catalogue entries that may stand in for a piece of a kind.
_REAL: dict[str, tuple[str, ...]] = {
    "sofa": ("sofa", "couch", "canape"),
    "armchair": ("armchair", "lounge"),
    "chair": ("chair",),
    "table": ("table",),
    "bed": ("bed",),
    "bookshelf": ("bookcase", "shelf", "shelves"),
    "cabinet": ("chest", "dresser", "sideboard", "piano", "drawers"),
    "plant": ("plant", "flower", "orchid"),
    "floor lamp": ("floor lamp", "floor_lamp", "lampadaire"),
    "vase": ("vase", "teapot"),
    "books": ("book", "clock", "radio", "phone", "guitar", "camera"),
    "ball": ("ball", "teddy", "horse", "toy"),
    "fruit bowl": ("fruit", "apple", "bread"),
    "table lamp": ("lamp",),
}
_TOPS = ("table", "cabinet", "bookshelf")  # real seats and beds have tops in the catalogue too
_LIMITS = {"table": (0.6, 2.2), "bed": (1.5, 2.6), "sofa": (1.2, 2.6), "vase": (0.05, 0.6), "books": (0.05, 0.5)}


def furnish(
    rng: np.random.Generator,
    kind: str,
    size: tuple[float, float, float],
    design: int | None,
    clutter: float,
    free_m: float,
    library: Library | None,
    real_share: float,
    max_faces: int,
) -> list[Place]:
    """Places of all furniture of a room (width, height, depth) metres; see room.RoomConfig for the settings."""
    layout = Layout(size, free_m)
    stock = _Stock(library, real_share, max_faces, design)
    places: list[Place] = []

    def keep(place: Place | None) -> Place | None:
        if place is not None:
            places.append(place)
        return place

    table: Place | None = None
    for name, how, chance in _PLANS[kind]:
        if rng.random() > chance:
            continue
        piece = stock.take(name, rng)
        if how == "window":
            keep(layout.hang(rng, piece, 0.9))
        elif how == "door":
            keep(layout.hang(rng, piece, 0.0))
        elif how == "wall":
            keep(layout.against_wall(rng, piece))
        elif how == "centre":
            at = rng.normal(0, 0.15, 2)
            table = keep(layout.centre(piece, float(at[0]), float(at[1]), float(rng.integers(2) * np.pi / 2)))
        elif how == "beside":
            if table is not None:
                keep(layout.beside(rng, piece, table))
        else:
            keep(layout.loose(rng, piece, 0.8))
    for _ in range(round(3 * clutter)):
        keep(layout.loose(rng, stock.take(str(rng.choice(_FLOOR)), rng), 0.95))
    for _ in range(round(6 * clutter)):
        keep(layout.on_top(rng, stock.take(str(rng.choice(_TABLETOP)), rng)))
    for _ in range(5):
        keep(layout.hang(rng, make_piece("picture", rng, design), float(rng.uniform(1.1, 1.45))))
    mat = make_piece("rug", rng, design)
    turn = 0.0 if size[0] > size[2] else np.pi / 2
    places.append(Place(mat, float(rng.normal(0, 0.2)), 0.002, float(rng.normal(0, 0.2)), turn, (0.0, 0.0)))
    lamp = _ceiling_lamp(rng)
    places.append(Place(lamp, 0.0, size[1] - 0.5, 0.0, 0.0, (0.0, 0.0)))
    return places


class _Stock:
    """Gives out pieces: real models for their share while faces are left, parametric ones otherwise."""

    def __init__(self, library: Library | None, share: float, faces: int, design: int | None) -> None:
        self.library, self.share, self.faces, self.design = library, share, faces, design

    def take(self, kind: str, rng: np.random.Generator) -> Piece:
        wants_real = rng.random() < self.share and self.library is not None and kind in _REAL
        real = self._real(kind, rng) if wants_real else None
        return real if real is not None else make_piece(kind, rng, self.design)

    def _real(self, kind: str, rng: np.random.Generator) -> Piece | None:
        assert self.library is not None
        low, high = _LIMITS.get(kind, (0.05, 2.4))
        fitting = [
            entry
            for entry in self.library.entries
            if any(word in f"{entry.name} {entry.key}".lower() for word in _REAL[kind])
            and low <= max(entry.size_m) <= high
            and entry.elevation_m < 0.05
        ]
        for index in rng.permutation(len(fitting))[:4]:
            entry = fitting[int(index)]
            model = self.library.model(entry)
            if model is not None and len(model.faces) <= self.faces:
                self.faces -= len(model.faces)
                flat = kind in _TOPS and entry.top_m is not None and 0.2 < entry.top_m < 1.3
                top = entry.top_m if flat else None
                return Piece(kind, model, top)
        return None


def _ceiling_lamp(rng: np.random.Generator) -> Piece:
    kit = Kit("ceiling lamp")
    tint = float(rng.uniform(0.8, 0.97))
    kit.paint(rod((0, 0.16, 0), (0, 0.5, 0), 0.008), "cord", (0.2, 0.2, 0.2))
    kit.paint(turned([(0.19, 0.0), (0.15, 0.1), (0.03, 0.17)], 28, True), "shade", (tint, tint, tint * 0.95))
    return Piece("ceiling lamp", kit.model())
