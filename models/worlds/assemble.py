"""Put models and planes together into one ray-castable Scene, with instance and part numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.worlds.objects import ObjectModel
from models.worlds.raycast import Scene, Surface
from models.worlds.textures import F32, Pyramid, to_linear


@dataclass(frozen=True)
class Look:
    """A replacement for a material: display colour, and optionally a texture laid on with `tile_m` metres per
    repeat."""

    diffuse: tuple[float, float, float]
    pyramid: Pyramid | None = None
    tile_m: float = 0.5
    specular: float | None = None
    shininess: float | None = None
    metal: float | None = None


@dataclass
class SceneBuilder:
    """Collects faces. `names[i]` is the model of instance i + 1; `part_names[j]` that of part j + 1."""

    triangles: list[F32] = field(default_factory=list)
    normals: list[F32] = field(default_factory=list)
    uv: list[F32] = field(default_factory=list)
    surface: list[NDArray[np.int32]] = field(default_factory=list)
    instance: list[NDArray[np.int32]] = field(default_factory=list)
    part: list[NDArray[np.int32]] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)
    pyramids: list[Pyramid] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    part_names: list[str] = field(default_factory=list)
    faces: int = 0

    def _texture(self, item: Pyramid | None) -> int:
        if item is None:
            return -1
        self.pyramids.append(item)
        return len(self.pyramids) - 1

    def add_quad(self, corners: F32, name: str, look: Look, casts: bool = True) -> None:
        """A flat four-cornered surface (4,3) of the surroundings: a part, but no instance. uv in metres / tile_m."""
        sides = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
        w, h = float(sides[0]) / look.tile_m, float(sides[1]) / look.tile_m
        uv = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        order = np.array([[0, 1, 2], [0, 2, 3]])
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        normal = (normal / np.linalg.norm(normal)).astype(np.float32)
        self._append(
            corners[order].astype(np.float32),
            np.broadcast_to(normal, (2, 3, 3)),
            uv[order],
            np.zeros(2, np.int32) + len(self.surfaces),
            0,
            np.zeros(2, np.int32) + len(self.part_names) + 1,
        )
        self.surfaces.append(self._surface(0.04, 20.0, 1.0, look, casts))
        self.part_names.append(name)

    def add_model(
        self,
        model: ObjectModel,
        turn: F32,
        scale: float,
        place: F32,
        looks: dict[int, Look] | None = None,
        casts: bool = True,
    ) -> int:
        """Add a model turned by (3,3), scaled, then moved to `place` (3,); returns its instance number (from 1).
        `casts`: whether it throws shadows."""
        looks = looks or {}
        vertices = (model.vertices * np.float32(scale)) @ turn.T.astype(np.float32) + place.astype(np.float32)
        uv = model.uv
        for index, look in looks.items():
            if look.pyramid is not None:
                uv = uv.copy() if uv is model.uv else uv
                rows = np.flatnonzero(model.face_material == index)
                uv[rows] = _box_uv(model.vertices[model.faces[rows]] * np.float32(scale), look.tile_m)
        self.names.append(model.name)
        first_surface, first_part = len(self.surfaces), len(self.part_names)
        self._append(
            vertices[model.faces],
            model.normals @ turn.T.astype(np.float32),
            uv,
            model.face_material + np.int32(first_surface),
            len(self.names),
            model.face_material + np.int32(first_part + 1),
        )
        for index, material in enumerate(model.materials):
            look = looks.get(index, Look(material.diffuse, model.pyramids[index]))
            strength = float(np.mean(material.specular))
            glossy = min(0.02 + 0.25 * strength, 0.5)
            shininess = float(np.clip(material.shininess, 4, 300))
            self.surfaces.append(self._surface(glossy, shininess, material.opacity, look, casts))
            self.part_names.append(f"{model.name}: {material.name}")
        return len(self.names)

    def _surface(self, specular: float, shininess: float, opacity: float, look: Look, casts: bool) -> Surface:
        light = to_linear(np.array(look.diffuse, np.float32))
        return Surface(
            (float(light[0]), float(light[1]), float(light[2])),
            specular if look.specular is None else look.specular,
            shininess if look.shininess is None else look.shininess,
            opacity,
            self._texture(look.pyramid),
            0.0 if look.metal is None else look.metal,
            casts,
        )

    def _append(
        self, triangles: F32, normals: F32, uv: F32, surface: NDArray[np.int32], instance: int, part: NDArray[np.int32]
    ) -> None:
        self.triangles.append(triangles)
        self.normals.append(np.asarray(normals, np.float32))
        self.uv.append(uv)
        self.surface.append(surface.astype(np.int32))
        self.instance.append(np.full(len(triangles), instance, np.int32))
        self.part.append(part.astype(np.int32))
        self.faces += len(triangles)

    def build(self) -> Scene:
        if not self.triangles:
            empty = np.zeros((0, 3, 3), np.float32)
            none = np.zeros(0, np.int32)
            return Scene(empty, empty, np.zeros((0, 3, 2), np.float32), none, none, none, [], [])
        return Scene(
            np.concatenate(self.triangles),
            np.concatenate(self.normals),
            np.concatenate(self.uv),
            np.concatenate(self.surface),
            np.concatenate(self.instance),
            np.concatenate(self.part),
            self.surfaces,
            self.pyramids,
        )


def _box_uv(triangles: F32, tile_m: float) -> F32:
    """uv of faces (F,3,3) projected along their main axis, one repeat per `tile_m` metres."""
    flat = np.abs(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]))
    axis = np.argmax(flat, axis=1)
    columns = np.array([[2, 1], [0, 2], [0, 1]])[axis]
    picked = np.take_along_axis(triangles, columns[:, None, :].repeat(3, axis=1), axis=2)
    return (picked / np.float32(tile_m)).astype(np.float32)
