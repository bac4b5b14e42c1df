"""Projects that already have cameras: a COLMAP model beside its pictures, or a nerfstudio folder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.hugs.loading_photos import Photo, read_photo, view_of
from models.hugs.loading_sources import Files, in_order, pictures
from models.parts.capture import Capture, Intrinsics, Keypoints, Structure, View
from models.parts.colmap import PARTS, has_model, read_files
from models.parts.colmap_capture import cameras_of, structure_of
from models.parts.colmap_model import Model
from models.parts.problems import BadInput
from models.parts.transforms import TransformFrame, Transforms, as_saved, read_transforms
from models.parts.video_sampling import even_indices

Tick = Callable[[float, str], None]
Name = TypeVar("Name", str, int)
TRANSFORMS = ("transforms.json", "transforms_train.json")
_SMALLER = ("images_2", "images_4", "images_8", "masks", "masks_2", "masks_4", "masks_8", "static_masks", "depths")


def model_folder(files: Files) -> str | None:
    """The folder inside `files` that holds a COLMAP model, sparse/0 before others; None when there is none."""
    folders = defaultdict(list)
    for name in files.names():
        path = PurePosixPath(name)
        folders[path.parent.as_posix()].append(path.name)
    found = [folder for folder, names in folders.items() if has_model(names)]
    # Of several models of one run COLMAP numbers the largest 0; text exports often lie beside the project.
    return min(found, key=lambda folder: (not folder.endswith("0"), folder.count("/"), folder), default=None)


def transforms_file(files: Files) -> str | None:
    """The transforms.json inside `files` nearest to its root; None when there is none."""
    found = [name for name in files.names() if PurePosixPath(name).name in TRANSFORMS]
    return min(found, key=lambda name: (name.count("/"), TRANSFORMS.index(PurePosixPath(name).name)), default=None)


def read_model_in(files: Files, folder: str) -> Model:
    """The COLMAP model in `folder` of `files`."""
    inside = {PurePosixPath(name).name: name for name in files.names() if _parent(name) == folder}
    wanted = [f"{part}{ending}" for part in PARTS for ending in (".bin", ".txt") if f"{part}{ending}" in inside]
    return read_files({name: files.read(inside[name]) for name in wanted}, files.title)


def load_colmap(files: Files, folder: str, max_side: int, tick: Tick, limit: int) -> Capture:
    """The capture of a COLMAP project. BadInput when the model belongs to other pictures, naming what differs."""
    model = read_model_in(files, folder)
    cameras = cameras_of(model)
    where = located(files, cameras)
    _check_same_pictures(files, list(cameras), where)
    chosen = thinned(sorted(where, key=in_order), limit)
    views = []
    for place, name in enumerate(chosen):
        tick(place / len(chosen), f"Reading photo {place + 1} of {len(chosen)}")
        camera, pose = cameras[name]
        photo = _stored(files, where[name], camera, max_side)
        views.append(_posed(name, photo, camera, pose))
    notes = []
    if len(where) < len(cameras):
        missing = sorted(set(cameras) - set(where), key=in_order)
        notes.append(f"{len(missing)} pictures of the model are not there (such as {missing[0]}): left out.")
    if len(chosen) < len(where):
        notes.append(f"{len(chosen)} of {len(where)} photos are used, evenly spread.")
    lenses = {name: camera for name, (camera, _) in cameras.items()}
    structure = in_pictures(structure_of(model), lenses, views)
    return Capture(files.title, tuple(views), structure, (), tuple(notes))


def load_nerfstudio(files: Files, name: str, max_side: int, tick: Tick, limit: int) -> Capture:
    """The capture of a nerfstudio or instant-ngp folder; structure comes from a COLMAP model beside it."""
    transforms = read_transforms(files.read(name), PurePosixPath(name).name)
    where = _frame_paths(files, name, transforms)
    frames = {place: frame for place, frame in enumerate(transforms.frames) if place in where}
    if len(frames) < 3:
        raise BadInput(
            PurePosixPath(name).name,
            f"lists {len(transforms.frames)} pictures, {len(frames)} of them are there "
            f"(missing: {transforms.frames[0].file_path[-60:]})",
            "Put the pictures beside it, where file_path says",
        )
    chosen = thinned(list(frames), limit)
    short = _short_names({place: where[place] for place in chosen})
    views = []
    for done, place in enumerate(chosen):
        tick(done / len(chosen), f"Reading photo {done + 1} of {len(chosen)}")
        frame = frames[place]
        photo = read_photo(files.read(where[place]), where[place], max_side, _as_listed(frame))
        height, width = photo.original
        camera = frame.intrinsics(width, height, PurePosixPath(name).name)
        views.append(_posed(short[place], photo, camera, frame.camera_to_world))
    notes = list(transforms.notes)
    if len(frames) < len(transforms.frames):
        notes.append(f"{len(transforms.frames) - len(frames)} listed pictures are not there: left out.")
    if len(chosen) < len(frames):
        notes.append(f"{len(chosen)} of {len(frames)} photos are used, evenly spread.")
    structure = _structure_beside(files, transforms, views, notes)
    return Capture(files.title, tuple(views), structure, (), tuple(notes))


def located(files: Files, wanted: Iterable[str]) -> dict[str, str]:
    """Name in the model -> name in `files`, all below one folder: the one where most of them lie."""
    by_name = defaultdict(list)
    for name in pictures(files):
        by_name[PurePosixPath(name).name].append(name)
    names = list(wanted)
    prefixes: Counter[str] = Counter()
    for name in names:
        for path in by_name[PurePosixPath(name).name]:
            if path == name or path.endswith(f"/{name}"):
                prefixes[path[: len(path) - len(name)]] += 1
    if not prefixes:
        return {}
    best = max(prefixes, key=lambda prefix: (prefixes[prefix], _parent_name(prefix) not in _SMALLER, -len(prefix)))
    present = set(files.names())
    return {name: best + name for name in names if best + name in present}


def thinned(names: Sequence[Name], limit: int) -> list[Name]:
    """At most `limit` of `names`, evenly spread, the first and last among them."""
    if len(names) <= limit:
        return list(names)
    return [names[place] for place in even_indices(len(names), limit)]


def in_pictures(structure: Structure, cameras: Mapping[str, Intrinsics], views: Iterable[View]) -> Structure:
    """The features of `views` alone, in pixels of their (scaled) pictures; `cameras` are those of the model."""
    keypoints = {}
    for view in views:
        points = structure.keypoints.get(view.name)
        if points is not None and view.name in cameras:
            camera = cameras[view.name]
            scale = np.array([view.size[1] / camera.width, view.size[0] / camera.height])
            keypoints[view.name] = Keypoints((points.xy * scale).astype(np.float32), points.point_ids)
    return replace(structure, keypoints=keypoints)


def _check_same_pictures(files: Files, wanted: list[str], where: Mapping[str, str]) -> None:
    if len(where) >= max(3, len(wanted) // 2):
        return
    there = [PurePosixPath(name).name for name in pictures(files)]
    missing = [name for name in wanted if name not in where]
    if not wanted:
        raise BadInput(files.title, "has a COLMAP model without any placed picture", "Run the mapper again")
    problem = (
        f"has a COLMAP model of other pictures: it names {', '.join(missing[:3])}, "
        f"the folder holds {', '.join(there[:3]) or 'no picture'}"
        if not where
        else f"holds {len(where)} of the {len(wanted)} pictures of its COLMAP model (missing: {', '.join(missing[:3])})"
    )
    raise BadInput(files.title, problem, "Put the pictures the model was made from into its images folder")


def _stored(files: Files, path: str, camera: Intrinsics, max_side: int) -> Photo:
    """The photo as COLMAP saw it: as stored, unless only its upright form has the camera's shape."""
    photo = read_photo(files.read(path), path, max_side, lambda w, h: _same_shape(w, h, camera))
    height, width = photo.original
    if not _same_shape(width, height, camera):
        raise BadInput(
            path,
            f"has {width} x {height} pixels, its camera in the COLMAP model {camera.width} x {camera.height}",
            "Take the pictures the model was made from",
        )
    return photo


def _same_shape(width: int, height: int, camera: Intrinsics) -> bool:
    return abs((width / height) / (camera.width / camera.height) - 1) < 0.01


def _as_listed(frame: TransformFrame) -> Callable[[int, int], bool]:
    """Whether a picture is wanted as it is stored: yes, unless the file lists it with its sides exchanged."""
    listed = (frame.lens.get("w"), frame.lens.get("h"))
    return lambda width, height: width == height or listed != (height, width)


def _posed(name: str, photo: Photo, camera: Intrinsics, pose: npt.NDArray[np.float64]) -> View:
    """The view of a photo, its camera in the frame of the scaled picture."""
    view = view_of(name, photo)
    height, width = view.size
    return replace(view, intrinsics=camera.scaled(width, height), camera_to_world=pose)


def _frame_paths(files: Files, name: str, transforms: Transforms) -> dict[int, str]:
    """Place in the list of frames -> name in `files`."""
    base = _parent(name)
    present = set(files.names())
    by_name = defaultdict(list)
    for picture in pictures(files):
        by_name[PurePosixPath(picture).name].append(picture)
    found = {}
    for place, frame in enumerate(transforms.frames):
        spelled = frame.file_path.replace("\\", "/")
        path = (PurePosixPath("" if base == "." else base) / spelled).as_posix()
        for ending in ("", ".png", ".jpg", ".jpeg"):
            if path + ending in present:
                found[place] = path + ending
                break
        else:
            # Absolute paths and paths that lead upwards: the one picture of that name will be meant.
            alike = by_name.get(PurePosixPath(spelled).name, [])
            if len(alike) == 1:
                found[place] = alike[0]
    return found


def _short_names(paths: Mapping[int, str]) -> dict[int, str]:
    """Names of views: below the folder all have in common, when it is one."""
    parents = {_parent(path) for path in paths.values()}
    if len(parents) == 1:
        return {place: PurePosixPath(path).name for place, path in paths.items()}
    return dict(paths)


def _structure_beside(
    files: Files, transforms: Transforms, views: Sequence[View], notes: list[str]
) -> Structure | None:
    folder = model_folder(files)
    if folder is None:
        return None
    model = read_model_in(files, folder)
    lenses = {name: camera for name, (camera, _) in cameras_of(model).items()}
    kept = in_pictures(structure_of(model), lenses, views)
    if not kept.keypoints:
        notes.append("The COLMAP model beside transforms.json names other pictures: it is not used.")
        return None
    return replace(kept, xyz=as_saved(transforms, kept.xyz))


def _parent(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _parent_name(prefix: str) -> str:
    return PurePosixPath(prefix).name
