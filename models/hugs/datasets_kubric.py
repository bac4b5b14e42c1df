"""Kubric scenes as D2NeRF renders them: moving training photos, a frozen clean test set, cameras as JSON files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from models.hugs.datasets_views import Camera, limited, located_in, split_views
from models.hugs.export_masks import resized_static
from models.hugs.import_masks import read_grey
from models.hugs.loading_projects import in_pictures, model_folder, read_model_in
from models.hugs.loading_sources import Files, Folder
from models.hugs.sfm_align import similarity
from models.parts.capture import Capture, Intrinsics, Structure, View
from models.parts.colmap_capture import cameras_of, structure_of
from models.parts.problems import BadInput

Tick = Callable[[float, str], None]
_DATA = "Download the original Kubric data of D2NeRF; the kubric_colmap folder of NeRF-HuGS holds the COLMAP files only"


def load(
    files: Files, factor: int, limit: int | None, colmap: str | Path | None, truth: str | None, tick: Tick
) -> Capture:
    """<scene>/{scene_gt.json, dataset.json, rgb/2x, camera-gt, freeze-test}; see `datasets.load_dataset`."""
    scene = _document(files, "scene_gt.json")
    train = _ids(files, "dataset.json", "train_ids")
    test = _ids(files, "freeze-test/dataset.json", "val_ids")
    notes: list[str] = []
    train = limited(train, limit, notes)
    remedy = f"The data set has 1x, 2x and more: choose a factor that is there. {_DATA}"
    paths = located_in(files, f"rgb/{factor}x", train, remedy)
    # Training and test photos may share their numbers, so the test ones get another name.
    tests = {f"test_{name}": name for name in test}
    clean = located_in(files, f"freeze-test/static-rgb/{factor}x", test, remedy)
    paths |= {name: clean[number] for name, number in tests.items()}
    frame = _frame(scene)
    cameras = {name: _camera(files, f"camera-gt/{name}.json", frame) for name in train}
    cameras |= {name: _camera(files, f"freeze-test/camera-gt/{number}.json", frame) for name, number in tests.items()}
    views, held_out = split_views(files, paths, cameras, train, list(tests), 1, tick)
    shown = [view for view, _ in views]
    if truth is not None:
        masks = located_in(files, truth.strip("/"), train, "Name a folder with one mask for each training photo")
        shown = [replace(view, truth=_truth(files, masks[view.name], view)) for view in shown]
    structure = None
    if colmap is not None:
        structure = _structure(Folder(colmap), shown, notes)
    else:
        notes.append("Kubric has no COLMAP files of its own: give kubric_colmap, or let structure from motion run.")
    return Capture(files.title, tuple(shown), structure, tuple(view for view, _ in held_out), tuple(notes))


def _document(files: Files, name: str) -> Mapping[str, Any]:
    if name not in files.names():
        raise BadInput(name, f"is missing in {files.title}", _DATA)
    try:
        document = json.loads(files.read(name))
    except (ValueError, RecursionError) as error:
        raise BadInput(name, "is no JSON", _DATA) from error
    if not isinstance(document, dict):
        raise BadInput(name, "is not what Kubric writes", _DATA)
    return document


def _ids(files: Files, name: str, key: str) -> list[str]:
    ids = _document(files, name).get(key)
    if not isinstance(ids, list) or not ids:
        raise BadInput(name, f"lists no {key}", _DATA)
    return [str(one) for one in ids]


def _frame(scene: Mapping[str, Any]) -> tuple[npt.NDArray[np.float64], float]:
    """(centre, scale) of scene_gt.json: places are moved by the one, then multiplied by the other."""
    try:
        centre, scale = np.array(scene["center"], np.float64), float(scene["scale"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("scene_gt.json", "has no center and scale", _DATA) from error
    if centre.shape != (3,) or not np.isfinite(centre).all() or not 0 < scale < np.inf:
        raise BadInput("scene_gt.json", "has a center or scale that is none", _DATA)
    return centre, scale


def _camera(files: Files, name: str, frame: tuple[npt.NDArray[np.float64], float]) -> Camera:
    """The camera of a JSON file in nerfies' form: orientation is world to camera with OpenCV axes, sizes are 1x."""
    document = _document(files, name)
    try:
        turn = np.array(document["orientation"], np.float64).reshape(3, 3)
        place = np.array(document["position"], np.float64).reshape(3)
        focal, aspect = float(document["focal_length"]), float(document.get("pixel_aspect_ratio", 1.0))
        across, down = (float(value) for value in document["principal_point"])
        width, height = (round(float(value)) for value in document["image_size"])
        radial = [*map(float, document.get("radial_distortion", ())), 0.0, 0.0][:2]
        tangential = [*map(float, document.get("tangential_distortion", ())), 0.0, 0.0][:2]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(name, "is no camera as Kubric writes it", _DATA) from error
    centre, scale = frame
    pose = np.eye(4)
    pose[:3, :3] = turn.T * [1.0, -1.0, -1.0]
    pose[:3, 3] = (place - centre) * scale
    if not np.isfinite(pose).all() or focal <= 0 or width < 1 or height < 1:
        raise BadInput(name, "holds numbers that are no camera", _DATA)
    return Intrinsics(width, height, focal, focal * aspect, across, down, *radial, *tangential), pose


def _truth(files: Files, path: str, view: View) -> npt.NDArray[np.bool_]:
    """True = static, from a mask whose white is what moves."""
    still = read_grey(files.read(path), path, _DATA) == 0
    return resized_static(still, view.size[1], view.size[0])


def _structure(colmap: Files, views: list[View], notes: list[str]) -> Structure:
    """The authors' COLMAP structure, its features under the views' names and its points moved onto their cameras."""
    folder = model_folder(colmap)
    if folder is None:
        raise BadInput(colmap.title, "has no COLMAP model", "Choose the folder of the scene inside kubric_colmap")
    model = read_model_in(colmap, folder)
    names = {view.name.rsplit(".", 1)[0]: view for view in views}
    cameras, found = cameras_of(model), structure_of(model)
    keypoints, lenses, pairs = {}, {}, []
    for name, points in found.keypoints.items():
        view = names.get(PurePosixPath(name).stem)
        if view is None or view.camera_to_world is None:
            continue
        lens, pose = cameras[name]
        keypoints[view.name], lenses[view.name] = points, lens
        pairs.append((pose[:3, 3], view.camera_to_world[:3, 3]))
    if len(pairs) < 3:
        raise BadInput(
            colmap.title, f"has a COLMAP model of other photos ({len(pairs)} match)", "Choose the folder of this scene"
        )
    if len(keypoints) < len(views):
        notes.append(f"{len(views) - len(keypoints)} photos are not in the COLMAP model: no SfM cue there.")
    factor, rotation, shift = similarity(*(np.array(side) for side in zip(*pairs, strict=True)))
    moved = replace(found, keypoints=keypoints, xyz=factor * found.xyz @ rotation.T + shift)
    return in_pictures(moved, lenses, views)
