"""Where furniture stands in a rectangular room: against walls, in the middle, on top of each other, on the wall.

All pieces are turned by multiples of ninety degrees (plus a little), so footprints are axis-aligned boxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.worlds.room_pieces import Piece

# Walls by number: 0 back (-z), 1 right (+x), 2 front (+z), 3 left (-x); a piece against wall k is turned by TURNS[k].
TURNS = (0.0, -np.pi / 2, np.pi, np.pi / 2)


@dataclass(frozen=True)
class Place:
    """A piece in the room: position (x, y, z) metres of its origin, yaw in radians, footprint half sizes (x, z)."""

    piece: Piece
    x: float
    y: float
    z: float
    yaw: float
    half: tuple[float, float]

    def overlaps(self, other: Place, gap: float = 0.0) -> bool:
        """Whether the two footprints come closer than `gap` metres."""
        near_x = abs(self.x - other.x) < self.half[0] + other.half[0] + gap
        near_z = abs(self.z - other.z) < self.half[1] + other.half[1] + gap
        return near_x and near_z


def footprint(piece: Piece, yaw: float) -> tuple[float, float]:
    """Half sizes (x, z) in metres of the axis-aligned box around a turned piece."""
    width, _, depth = (float(v) / 2 for v in piece.model.size_m)
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    return float(width * c + depth * s), float(width * s + depth * c)


class Layout:
    """Finds free places in a room of `size` (width x, height y, depth z) whose floor is centred on the origin."""

    def __init__(self, size: tuple[float, float, float], free: float) -> None:
        """`free` is the radius (m) of a circle round the middle that only `centre` may fill (where people walk)."""
        self.width, self.height, self.depth = size
        self.free = free
        self.standing: list[Place] = []
        self.hanging: list[tuple[int, float, float, float]] = []
        """Wall, middle along it, half width and lower edge of what hangs."""
        self.lying: list[Place] = []

    def _fits(self, place: Place, gap: float = 0.04) -> bool:
        inside = (
            abs(place.x) + place.half[0] <= self.width / 2 + 1e-6
            and abs(place.z) + place.half[1] <= self.depth / 2 + 1e-6
        )
        return inside and not any(place.overlaps(other, gap) for other in self.standing)

    def against_wall(self, rng: np.random.Generator, piece: Piece) -> Place | None:
        """Back to a wall; None when no free stretch was found in a few tries."""
        for _ in range(16):
            wall = int(rng.integers(len(TURNS)))
            yaw = TURNS[wall]
            hx, hz = footprint(piece, yaw)
            along = (self.width / 2 - hx) if wall in (0, 2) else (self.depth / 2 - hz)
            if along < 0:
                continue
            at = float(rng.uniform(-along, along))
            off = 0.025
            x = {0: at, 2: at, 1: self.width / 2 - hx - off, 3: -self.width / 2 + hx + off}[wall]
            z = {1: at, 3: at, 0: -self.depth / 2 + hz + off, 2: self.depth / 2 - hz - off}[wall]
            place = Place(piece, x, 0.0, z, yaw, (hx, hz))
            if self._fits(place) and self._clear(place) and not self._hides(place, wall):
                self.standing.append(place)
                return place
        return None

    def _clear(self, place: Place) -> bool:
        dx, dz = max(abs(place.x) - place.half[0], 0.0), max(abs(place.z) - place.half[1], 0.0)
        return float(np.hypot(dx, dz)) >= self.free

    def _hides(self, place: Place, wall: int) -> bool:
        """Whether a tall piece would stand before a window, picture or door that hangs there already."""
        tall = float(place.piece.model.size_m[1])
        at, half = (place.x, place.half[0]) if wall in (0, 2) else (place.z, place.half[1])
        return any(
            wall == own and tall > low + 0.15 and abs(at - middle) < half + reach
            for own, middle, reach, low in self.hanging
        )

    def loose(self, rng: np.random.Generator, piece: Piece, reach: float) -> Place | None:
        """Somewhere about the middle: within `reach` of the half sizes, any right angle plus a little."""
        for _ in range(16):
            yaw = float(rng.integers(4) * np.pi / 2 + rng.normal(0, 0.08))
            hx, hz = footprint(piece, yaw)
            x = float(rng.uniform(-1, 1) * max(self.width / 2 - hx, 0) * reach)
            z = float(rng.uniform(-1, 1) * max(self.depth / 2 - hz, 0) * reach)
            place = Place(piece, x, 0.0, z, yaw, (hx, hz))
            if self._fits(place, 0.1) and self._clear(place):
                self.standing.append(place)
                return place
        return None

    def centre(self, piece: Piece, x: float, z: float, yaw: float) -> Place | None:
        """At a given spot, when it is free."""
        place = Place(piece, x, 0.0, z, yaw, footprint(piece, yaw))
        if not self._fits(place):
            return None
        self.standing.append(place)
        return place

    def beside(self, rng: np.random.Generator, piece: Piece, host: Place) -> Place | None:
        """Facing a side of another piece and a little under it, as chairs do a table."""
        sides = list(rng.permutation(4))
        for side in sides:
            yaw = float(TURNS[int(side)] + rng.normal(0, 0.06))
            hx, hz = footprint(piece, yaw)
            gap, spread = -0.12, (0.6 * host.half[0], 0.6 * host.half[1])
            x = host.x + {0: rng.uniform(-1, 1) * spread[0], 2: rng.uniform(-1, 1) * spread[0]}.get(
                int(side), (host.half[0] + hx + gap) * (1 if side == 1 else -1)
            )
            z = host.z + {1: rng.uniform(-1, 1) * spread[1], 3: rng.uniform(-1, 1) * spread[1]}.get(
                int(side), (host.half[1] + hz + gap) * (1 if side == 2 else -1)
            )
            place = Place(piece, float(x), 0.0, float(z), yaw, (hx, hz))
            others = [other for other in self.standing if other is not host]
            inside = abs(place.x) + hx < self.width / 2 and abs(place.z) + hz < self.depth / 2
            if inside and not any(place.overlaps(other, 0.02) for other in others):
                self.standing.append(place)
                return place
        return None

    def on_top(self, rng: np.random.Generator, piece: Piece) -> Place | None:
        """On a piece that has a top, turned towards the front of its host."""
        hosts = [place for place in self.standing if place.piece.top is not None]
        for index in rng.permutation(len(hosts)):
            host = hosts[int(index)]
            assert host.piece.top is not None
            for _ in range(6):
                yaw = host.yaw + float(rng.normal(0, 0.25))
                hx, hz = footprint(piece, yaw)
                free_x, free_z = host.half[0] - hx - 0.03, host.half[1] - hz - 0.03
                if min(free_x, free_z) < 0:
                    break
                x, z = host.x + rng.uniform(-1, 1) * free_x, host.z + rng.uniform(-1, 1) * free_z
                place = Place(piece, float(x), host.piece.top, float(z), yaw, (hx, hz))
                if not any(place.overlaps(other, 0.02) for other in self.lying):
                    self.lying.append(place)
                    return place
        return None

    def hang(self, rng: np.random.Generator, piece: Piece, low: float) -> Place | None:
        """Flat on a wall with its lower edge at `low` metres, clear of other hangings and of tall furniture."""
        wide, tall, deep = (float(v) for v in piece.model.size_m)
        if low + tall > self.height - 0.05:
            return None
        for _ in range(16):
            wall = int(rng.integers(len(TURNS)))
            length = self.width if wall in (0, 2) else self.depth
            if length < wide + 0.2:
                continue
            at = float(rng.uniform(-1, 1) * (length - wide - 0.1) / 2)
            taken = any(
                own == wall and abs(at - middle) < reach + wide / 2 + 0.08 for own, middle, reach, _ in self.hanging
            )
            before = any(self._before(place, wall, at, wide / 2, low) for place in self.standing)
            if taken or before:
                continue
            self.hanging.append((wall, at, wide / 2, low))
            x = {0: at, 2: at, 1: self.width / 2, 3: -self.width / 2}[wall]
            z = {1: at, 3: at, 0: -self.depth / 2, 2: self.depth / 2}[wall]
            half = (wide / 2, deep) if wall in (0, 2) else (deep, wide / 2)
            return Place(piece, x, low, z, TURNS[wall], half)
        return None

    def _before(self, place: Place, wall: int, at: float, reach: float, low: float) -> bool:
        hx, hz = place.half
        away = {
            0: self.depth / 2 + place.z - hz,
            2: self.depth / 2 - place.z - hz,
            1: self.width / 2 - place.x - hx,
            3: self.width / 2 + place.x - hx,
        }[wall]
        side, half = (place.x, hx) if wall in (0, 2) else (place.z, hz)
        return away < 0.3 and abs(side - at) < half + reach and float(place.piece.model.size_m[1]) > low + 0.05
