"""Whole training folders: nerfstudio (transforms.json with mask_path) and gsplat (COLMAP model beside masks)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.export_masks import Entry, Static, Statics, checked_statics, png, resized_static, stems
from models.hugs.loading_photos import resized
from models.parts import colmap
from models.parts.capture import Capture, Intrinsics, Keypoints, Structure, View
from models.parts.colmap_capture import model_of
from models.parts.problems import BadInput
from models.parts.transforms import written

FACTORS = (1, 2, 4)
_MIN_SIDE = 8


def nerfstudio(capture: Capture, statics: Statics, folder: str = "nerfstudio") -> Iterator[Entry]:
    """images, images_2, images_4, masks, masks_2, masks_4, transforms.json, sparse_pc.ply below `folder`.

    Mask pixels: 0 = ignored, as nerfstudio reads them. Sizes are halved rounding down, as ns-process-data does. Only
    views with pose and map are in it; BadInput when there is none.
    """
    posed = posed_with_maps(capture, statics)
    names = stems(posed)
    files = {view.name: f"images/{names[view.name]}.png" for view in posed}
    masks = {view.name: f"masks/{names[view.name]}.png" for view in posed}
    for view in posed:
        for factor in FACTORS:
            yield from _pair(view, statics[view.name], factor, names[view.name], folder)
    more = {}
    if capture.structure is not None and len(capture.structure.ids):
        more["ply_file_path"] = "sparse_pc.ply"
        yield f"{folder}/sparse_pc.ply", point_cloud(capture.structure)
    yield f"{folder}/transforms.json", written(posed, files, masks, **more)


def gsplat(capture: Capture, statics: Statics, folder: str = "gsplat") -> Iterator[Entry]:
    """images, images_2, images_4, masks (and _2, _4; 255 = used) and sparse/0 as a COLMAP model, below `folder`.

    gsplat's loader undistorts pictures but not masks, so pictures and masks are undistorted here and the cameras are
    plain pinholes. BadInput when no view has pose and map.
    """
    views, structure, maps = [], capture.structure, {}
    for view in posed_with_maps(capture, statics):
        flat, static, points = undistorted(view, statics[view.name], structure)
        views.append(flat)
        maps[view.name] = static
        if structure is not None and points is not None:
            structure = replace(structure, keypoints={**structure.keypoints, view.name: points})
    names = stems(tuple(views))
    for view in views:
        for factor in FACTORS:
            yield from _pair(view, maps[view.name], factor, names[view.name], folder)
    named = Capture(
        capture.name,
        tuple(replace(view, name=f"{names[view.name]}.png") for view in views),
        None
        if structure is None
        else replace(
            structure,
            keypoints={f"{names[name]}.png": points for name, points in structure.keypoints.items() if name in names},
        ),
    )
    for name, content in colmap.written(model_of(named)).items():
        yield f"{folder}/sparse/0/{name}", content


def posed_with_maps(capture: Capture, statics: Statics) -> tuple[View, ...]:
    """The views that can be trained on. BadInput when there is none."""
    usable = checked_statics(capture, statics)
    posed = tuple(view for view in capture.posed if view.name in usable)
    if not posed:
        raise BadInput(
            capture.name, "has no photo with a known camera and a mask", "Run structure from motion before this export"
        )
    return posed


def undistorted(view: View, static: Static, structure: Structure | None) -> tuple[View, Static, Keypoints | None]:
    """(view, map, features) as a pinhole camera sees them; what lies outside the photo is ignored."""
    camera = view.intrinsics
    points = structure.keypoints.get(view.name) if structure is not None else None
    assert camera is not None
    if not camera.distorted:
        return view, static, points
    flat = replace(camera, k1=0.0, k2=0.0, p1=0.0, p2=0.0)
    lens = np.array([camera.k1, camera.k2, camera.p1, camera.p2])
    inside, plain = _from_zero(camera), _from_zero(flat)
    size = (camera.width, camera.height)
    across, down = cv2.initUndistortRectifyMap(inside, lens, np.eye(3), plain, size, cv2.CV_32FC1)
    image = cv2.remap(view.image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Any share of an ignored pixel, or of the outside, makes the new pixel ignored.
    ignored = cv2.remap(
        (~static).astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0
    )
    if points is not None and len(points.xy):
        moved = cv2.undistortPoints((points.xy - 0.5).astype(np.float64)[:, None], inside, lens, None, None, plain)
        points = Keypoints((moved[:, 0] + 0.5).astype(np.float32), points.point_ids)
    return replace(view, image=np.asarray(image, np.uint8), intrinsics=flat), ignored <= 0.0, points


def point_cloud(structure: Structure) -> bytes:
    """The points as a text PLY with colours."""
    head = (
        f"ply\nformat ascii 1.0\nelement vertex {len(structure.ids)}\n"
        + "".join(f"property float {axis}\n" for axis in "xyz")
        + "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
        + "end_header\n"
    )
    rows = (
        f"{x:.9g} {y:.9g} {z:.9g} {r} {g} {b}\n"
        for (x, y, z), (r, g, b) in zip(structure.xyz, structure.rgb, strict=True)
    )
    return (head + "".join(rows)).encode()


def _pair(view: View, static: Static, factor: int, stem: str, folder: str) -> Iterator[Entry]:
    """The picture and the mask of a view at 1 / factor of its size; sizes too small to train on are left out."""
    height, width = (side // factor for side in view.size)
    if min(height, width) < _MIN_SIDE:
        return
    ending = "" if factor == 1 else f"_{factor}"
    picture = view.image if factor == 1 else resized(view.image, width, height)
    yield f"{folder}/images{ending}/{stem}.png", png(picture)
    yield f"{folder}/masks{ending}/{stem}.png", png(resized_static(static, width, height))


def _from_zero(camera: Intrinsics) -> npt.NDArray[np.float64]:
    """The camera matrix for OpenCV, where the centre of the first pixel is (0, 0)."""
    matrix = camera.matrix
    matrix[:2, 2] -= 0.5
    return matrix
