"""Random table tops and piles: small things close up, and large ones as toys, standing or dropped in any position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.worlds.assemble import SceneBuilder
from models.worlds.library import Library
from models.worlds.raycast import Camera
from models.worlds.scene_stock import FACE_BUDGET, Aim, any_turn, backdrop, lighting, looks, yaw
from models.worlds.shading import Lighting
from models.worlds.textures import F32


def table(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    """Small things close up, also toy-sized large ones, standing or dropped in any position on a plane."""
    builder = SceneBuilder()
    reach = float(rng.uniform(0.25, 0.6))
    edge = reach * float(rng.uniform(1.2, 6))
    plane = np.array([[-edge, 0, edge * 2], [edge, 0, edge * 2], [edge, 0, -edge], [-edge, 0, -edge]], np.float32)
    builder.add_quad(plane, "table", library.surface(rng, (0.4 * reach, 4 * reach)))
    if rng.random() < 0.3:
        wall = np.array([[-edge, 0, -edge], [edge, 0, -edge], [edge, edge, -edge], [-edge, edge, -edge]], np.float32)
        builder.add_quad(wall, "wall", library.surface(rng, (0.4 * reach, 4 * reach)), False)
    pile = HeightField(reach * 2.5, 80)
    tumbled = rng.random() < 0.45
    spread = reach * float(rng.uniform(0.35, 0.9))
    corners: list[F32] = []
    for _ in range(int(rng.integers(2, 13))):
        found = library.pick(rng, 0.03, 3.0 if rng.random() < 0.5 else 0.6, FACE_BUDGET - builder.faces)
        if found is None:
            continue
        _, model = found
        wanted = reach * float(np.exp(rng.uniform(np.log(0.15), np.log(0.9))))
        scale = wanted / float(model.size_m.max())
        turn = any_turn(rng) if tumbled and rng.random() < 0.8 else yaw(float(rng.uniform(0, 2 * np.pi)))
        vertices = ((model.vertices * np.float32(scale)) @ turn.T).astype(np.float32)
        place = np.array([rng.normal(0, spread * 0.6), 0, rng.normal(0, spread * 0.6)], np.float32)
        height = pile.rest(vertices, model.faces, place)
        if height is None or (not tumbled and height > 1e-3 and rng.random() < 0.85):
            continue
        place[1] = height - vertices[:, 1].min()
        builder.add_model(model, turn, scale, place, looks(rng, library, model))
        pile.add((vertices + place).astype(np.float32), model.faces)
        corners.append(np.stack([(vertices + place).min(axis=0), (vertices + place).max(axis=0)]))
    light = lighting(rng, library, reach * 2, backdrop(rng, library, size))
    return builder, lambda: _over_table(rng, corners, reach, size), light


def _over_table(rng: np.random.Generator, corners: list[F32], reach: float, size: int) -> tuple[Camera, float]:
    points = np.concatenate(corners) if corners else np.array([[-reach, 0, -reach], [reach, reach, reach]], np.float32)
    if corners and rng.random() < 0.3:
        points = corners[int(rng.integers(len(corners)))]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = max(float(np.linalg.norm(points - middle, axis=1).max()), 0.05)
    fov = float(rng.uniform(22, 60))
    distance = radius / np.tan(np.radians(fov) / 2) / float(rng.uniform(0.9, 2.2)) + 0.3 * radius
    lift, angle = rng.uniform(0.15, 1.45), rng.normal(0, 0.6)
    eye = middle + distance * np.array([np.sin(angle) * np.cos(lift), np.sin(lift), np.cos(angle) * np.cos(lift)])
    eye[1] = max(eye[1], 0.03)
    target = middle + rng.normal(0, 0.1 * radius, 3)
    return Camera.look_at(eye, target, fov, size, size, float(rng.normal(0, 0.15))), float(distance)


class HeightField:
    """A square grid of heights for dropping things onto a plane and onto each other: touching, not sunk in, not
    physics."""

    def __init__(self, side: float, cells: int) -> None:
        self.side, self.cells = side, cells
        self.height = np.zeros((cells, cells), np.float32)

    def _cells(self, vertices: F32, faces: NDArray[np.int32]) -> tuple[NDArray[np.int64], F32, NDArray[np.bool_]]:
        corners = vertices[faces]
        weights = np.array(
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [1 / 3] * 3], np.float32
        )
        points = np.einsum("sc,fck->fsk", weights, corners).reshape(-1, 3)
        cell = np.floor((points[:, [0, 2]] / self.side + 0.5) * self.cells).astype(np.int64)
        inside = ((cell >= 0) & (cell < self.cells)).all(axis=1)
        return cell[:, 0] * self.cells + cell[:, 1], points[:, 1], inside

    def rest(self, vertices: F32, faces: NDArray[np.int32], place: F32) -> float | None:
        """The height of the lowest point of a model dropped at `place`; None where it would hang over the grid's
        border."""
        flat, y, inside = self._cells(vertices + place * np.array([1, 0, 1], np.float32), faces)
        if not inside.all():
            return None
        gap = self.height.reshape(-1)[flat] - (y - y.min())
        return max(float(gap.max()), 0.0)

    def add(self, vertices: F32, faces: NDArray[np.int32]) -> None:
        flat, y, inside = self._cells(vertices, faces)
        np.maximum.at(self.height.reshape(-1), flat[inside], y[inside])
