"""Real 3-D models (CC0 and CC-BY) as arrays in metres: catalogue, loading with an npz cache, and the split for
evaluation.

Axes: x to the right, y up, z towards the viewer of a front; the origin is the middle of the base. Every model keeps
its materials as parts. Nothing here touches the network except `catalogue()` through `packages.fetch`.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.parts.archives import SafeArchive
from models.parts.problems import BadInput
from models.worlds import packages
from models.worlds.obj_mesh import MtlMaterial, ObjMesh, parse_mtl, parse_obj
from models.worlds.sh3f import LIMITS, ObjectEntry, read_catalogue
from models.worlds.textures import Pyramid, pyramid

_VERSION = 3
_TEXTURE_SIDE = 512
_CREASE = np.cos(np.radians(40.0))
HELD_OUT_SHARE = 0.15


@dataclass(frozen=True)
class Material:
    """Display colours 0..1; `texture` is uint8 (h,w,3|4) or None; shininess is the Phong exponent, opacity 1 is
    solid."""

    name: str
    diffuse: tuple[float, float, float] = (0.8, 0.8, 0.8)
    specular: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shininess: float = 10.0
    opacity: float = 1.0
    texture: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class ObjectModel:
    """One model: vertices (V,3) float32 metres, faces (F,3) int32, corner uv (F,3,2) and normals (F,3,3) float32,
    material number per face (F,) int32 into `materials` (each is a part), and the texture pyramids by material."""

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    normals: NDArray[np.float32]
    face_material: NDArray[np.int32]
    materials: tuple[Material, ...]
    pyramids: tuple[Pyramid | None, ...]

    @property
    def part_names(self) -> tuple[str, ...]:
        return tuple(material.name for material in self.materials)

    @property
    def size_m(self) -> NDArray[np.float32]:
        """Extent (3,) along x, y, z."""
        return np.ptp(self.vertices, axis=0).astype(np.float32)

    @property
    def bytes(self) -> int:
        arrays = [self.vertices, self.faces, self.uv, self.normals, self.face_material]
        textures = [material.texture for material in self.materials if material.texture is not None]
        return sum(item.nbytes for item in arrays + textures) + sum(p.texels.nbytes for p in self.pyramids if p)


def catalogue(cache: Path | str | None = None, folder: Path | str | None = None) -> list[ObjectEntry]:
    """All models of every .sh3f archive under `folder` (default: the Debian package, fetched into the cache), by
    key."""
    root = Path(folder) if folder is not None else packages.fetch(packages.MODELS, cache)
    archives = sorted(root.rglob("*.sh3f"))
    if not archives:
        raise packages.PackageProblem(f"{root.name}: no .sh3f archive inside. Delete this folder and run again.")
    entries = [entry for path in archives for entry in read_catalogue(path)]
    return sorted({entry.key: entry for entry in entries}.values(), key=lambda entry: entry.key)


def split(entry: ObjectEntry | str) -> Literal["train", "held_out"]:
    """Which side a whole model is on, by a hash of its name: copies and variants with the same name stay together."""
    name = entry if isinstance(entry, str) else entry.name
    digest = hashlib.sha256(f"vitrine objects|{name.strip().lower()}".encode()).digest()
    return "held_out" if int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE else "train"


def load(entry: ObjectEntry, cache: Path | str | None = None) -> ObjectModel:
    """The model of an entry, from the npz cache or the archive. Raises BadInput, MeshProblem or ValueError."""
    stored = packages.cache_folder(cache) / "objects" / f"v{_VERSION}" / f"{entry.key}.npz"
    if stored.exists():
        try:
            return _read(stored)
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError):
            stored.unlink(missing_ok=True)  # a run that was killed while writing; build it anew
    with SafeArchive(entry.archive, LIMITS) as archive:
        model = build(entry, archive)
    stored.parent.mkdir(parents=True, exist_ok=True)
    temporary = stored.with_suffix(f".{hashlib.sha256(str(id(model)).encode()).hexdigest()[:8]}.tmp")
    with temporary.open("wb") as stream:
        _write(stream, model)
    temporary.replace(stored)
    return model


def build(entry: ObjectEntry, archive: SafeArchive) -> ObjectModel:
    """Read one model out of an open archive, without the cache."""
    mesh = parse_obj(archive.read(entry.member).decode("latin-1"), entry.key)
    folder = entry.member.rpartition("/")[0]
    library = _library(archive, folder, entry.member)
    materials = tuple(_material(archive, folder, library.get(name) or MtlMaterial(name)) for name in mesh.materials)
    return from_mesh(entry, mesh, materials)


def from_mesh(entry: ObjectEntry, mesh: ObjMesh, materials: tuple[Material, ...]) -> ObjectModel:
    """Turn, scale to the catalogue's size, put on the ground, drop invisible and degenerate faces."""
    turn = np.array(entry.rotation, dtype=np.float64).reshape(3, 3)
    vertices = mesh.vertices @ turn.T
    used = np.unique(mesh.faces)
    low, high = vertices[used].min(axis=0), vertices[used].max(axis=0)
    extent = high - low
    wanted = np.array(entry.size_m)
    scale = np.where(extent > 1e-9, wanted / np.maximum(extent, 1e-9), 1.0)
    middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    vertices = (vertices - middle) * scale
    normals = _corner_normals(vertices, mesh, turn, scale)
    visible = np.array([material.opacity > 0.03 for material in materials])[mesh.material]
    a, b, c = (vertices[mesh.faces[:, i]] for i in range(3))
    keep = visible & (np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12)
    if not keep.any():
        raise ValueError(f"{entry.key}: no visible face is left. Choose another model.")
    uv = np.zeros((len(mesh.faces), 3, 2), np.float32)
    if len(mesh.uv):
        has = mesh.uv_faces >= 0
        uv = np.where(has[..., None], mesh.uv[np.where(has, mesh.uv_faces, 0)], 0).astype(np.float32)
    return ObjectModel(
        name=entry.name,
        vertices=vertices.astype(np.float32),
        faces=mesh.faces[keep].astype(np.int32),
        uv=uv[keep],
        normals=normals[keep].astype(np.float32),
        face_material=mesh.material[keep].astype(np.int32),
        materials=materials,
        pyramids=tuple(pyramid(item.texture) if item.texture is not None else None for item in materials),
    )


def _corner_normals(
    vertices: NDArray[np.float64], mesh: ObjMesh, turn: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The file's normals where it has them, else smooth ones that break at creases. Normals scale by the inverse."""
    a, b, c = (vertices[mesh.faces[:, i]] for i in range(3))
    area = np.cross(b - a, c - a)
    flat = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-20)
    _, weld = np.unique(np.round(vertices * 1e5).astype(np.int64), axis=0, return_inverse=True)
    corners = _smooth(weld.reshape(-1)[mesh.faces], area, flat)
    if len(mesh.normals):
        given = (mesh.normals @ turn.T) / scale
        given /= np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-20)
        has = mesh.normal_faces >= 0
        picked = given[np.where(has, mesh.normal_faces, 0)]
        agree = np.abs(np.einsum("fck,fk->fc", picked, flat)) > 0.1  # a normal along its own face is damaged
        corners = np.where((has & agree)[..., None], picked, corners)
    return corners


def _smooth(welded: NDArray[np.int64], area: NDArray[np.float64], flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corner normals (F,3,3): the area-weighted mean over the faces at a vertex that bend less than the crease."""
    corner_vertex = welded.reshape(-1)
    order = np.argsort(corner_vertex, kind="stable")
    face = order // 3
    start = np.flatnonzero(np.r_[True, np.diff(corner_vertex[order]) > 0])
    count = np.diff(np.r_[start, len(order)])
    sums = area[face].copy()
    # meet every corner with the next 1, 2, ... corners of its vertex; fans of more than 64 faces are cut off there
    left = np.repeat(start + count, count) - np.arange(len(order))
    for step in range(1, min(int(count.max()), 64)):
        here = np.flatnonzero(left > step)
        there = here + step
        alike = np.einsum("nk,nk->n", flat[face[here]], flat[face[there]]) > _CREASE
        here, there = here[alike], there[alike]
        sums[here] += area[face[there]]
        sums[there] += area[face[here]]
    out = np.empty_like(sums)
    out[order] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-20)
    return out.reshape(-1, 3, 3)


def _library(archive: SafeArchive, folder: str, member: str) -> dict[str, MtlMaterial]:
    own = member.rpartition(".")[0] + ".mtl"
    names = (
        [own]
        if own in archive
        else [n for n in archive.names() if n.startswith(folder + "/") and n.lower().endswith(".mtl")]
    )
    found: dict[str, MtlMaterial] = {}
    for name in names:
        found.update(parse_mtl(archive.read(name).decode("latin-1")))
    return found


def _material(archive: SafeArchive, folder: str, mtl: MtlMaterial) -> Material:
    texture = None
    if mtl.texture is not None:
        name = f"{folder}/{mtl.texture}"
        match = name if name in archive else next((n for n in archive.names() if n.lower() == name.lower()), None)
        texture = _picture(archive.read(match), match) if match else None
    diffuse = mtl.diffuse if texture is None else (1.0, 1.0, 1.0)
    return Material(mtl.name, diffuse, mtl.specular, mtl.shininess, mtl.opacity, texture)


def _picture(data: bytes, name: str) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BadInput(name, "is not a readable picture", "Fetch the archive again")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    scale = _TEXTURE_SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    order = [2, 1, 0, 3] if image.shape[2] == 4 and image[..., 3].min() < 250 else [2, 1, 0]
    return np.ascontiguousarray(image[..., order]).astype(np.uint8)


def _write(stream: object, model: ObjectModel) -> None:
    notes = [
        {"name": m.name, "diffuse": m.diffuse, "specular": m.specular, "shininess": m.shininess, "opacity": m.opacity}
        for m in model.materials
    ]
    textures = {f"texture_{i}": m.texture for i, m in enumerate(model.materials) if m.texture is not None}
    np.savez(
        stream,  # type: ignore[arg-type]  # a binary file object
        vertices=model.vertices,
        faces=model.faces,
        uv=model.uv.astype(np.float32),
        normals=model.normals.astype(np.float16),
        face_material=model.face_material,
        notes=np.frombuffer(json.dumps({"name": model.name, "materials": notes}).encode(), np.uint8),
        **textures,  # type: ignore[arg-type]  # None values were left out
    )


def _read(path: Path) -> ObjectModel:
    with np.load(path, allow_pickle=False) as stored:
        notes = json.loads(bytes(stored["notes"]).decode())
        materials = []
        for i, note in enumerate(notes["materials"]):
            plain = Material(
                note["name"], tuple(note["diffuse"]), tuple(note["specular"]), note["shininess"], note["opacity"]
            )
            key = f"texture_{i}"
            materials.append(replace(plain, texture=stored[key]) if key in stored.files else plain)
        return ObjectModel(
            name=notes["name"],
            vertices=stored["vertices"],
            faces=stored["faces"],
            uv=stored["uv"],
            normals=stored["normals"].astype(np.float32),
            face_material=stored["face_material"],
            materials=tuple(materials),
            pyramids=tuple(pyramid(m.texture) if m.texture is not None else None for m in materials),
        )
