"""Between COLMAP models and captures: axes, cameras, structure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.parts.capture import Capture, Intrinsics, Keypoints, Structure
from models.parts.colmap_model import Camera, Image, Model, Points

Matrix = npt.NDArray[np.float64]
# OpenGL camera axes in terms of OpenCV ones: y and z turn round.
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def rotation_matrix(quaternion: npt.NDArray[np.float64]) -> Matrix:
    """(3, 3) of the unit quaternion w, x, y, z."""
    w, x, y, z = (float(value) for value in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion(rotation: Matrix) -> npt.NDArray[np.float64]:
    """(4,) w, x, y, z with w >= 0 of a rotation (3, 3).

    The largest eigenvector of Bar-Itzhack's symmetric matrix: stable for every angle, and the nearest rotation when
    the matrix is slightly off.
    """
    m = rotation
    k = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    vector = np.linalg.eigh(k)[1][:, -1]
    return vector if vector[0] >= 0 else -vector


def camera_to_world(image: Image) -> Matrix:
    """(4, 4) float64 of a COLMAP image, OpenGL axes."""
    rotation = rotation_matrix(image.rotation)
    pose = np.eye(4)
    pose[:3, :3] = rotation.T
    pose[:3, 3] = -rotation.T @ image.translation
    return pose @ _FLIP


def world_to_camera(camera_to_world: Matrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(quaternion w x y z, translation) in COLMAP's axes of a pose with OpenGL axes."""
    pose = camera_to_world @ _FLIP
    rotation = pose[:3, :3].T
    return quaternion(rotation), -rotation @ pose[:3, 3]


def cameras_of(model: Model) -> Mapping[str, tuple[Intrinsics, Matrix]]:
    """Image name -> (intrinsics, camera_to_world)."""
    return {
        image.name: (model.cameras[image.camera_id].intrinsics(), camera_to_world(image))
        for image in model.images.values()
    }


def structure_of(model: Model) -> Structure:
    """The features and points of `model`; track lengths are the numbers of entries COLMAP lists."""
    points = model.points
    return Structure(
        keypoints={
            image.name: Keypoints(image.xy.astype(np.float32), image.point_ids) for image in model.images.values()
        },
        ids=points.ids,
        xyz=points.xyz,
        rgb=points.rgb,
        track_length=points.lengths,
    )


def model_of(capture: Capture) -> Model:
    """The posed views and the structure of `capture` as a COLMAP model; equal intrinsics share a camera.

    Tracks are gathered from the features of the posed views, so a feature of a view without pose is left out.
    """
    cameras: dict[Intrinsics, int] = {}
    images: dict[int, Image] = {}
    found = capture.structure.keypoints if capture.structure is not None else {}
    known = capture.structure.ids if capture.structure is not None else np.zeros(0, np.int64)
    nothing = Keypoints(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    for number, view in enumerate(capture.posed, start=1):
        assert view.intrinsics is not None
        assert view.camera_to_world is not None
        camera_id = cameras.setdefault(view.intrinsics, len(cameras) + 1)
        points = found.get(view.name, nothing)
        images[number] = Image(
            number,
            view.name,
            camera_id,
            *world_to_camera(view.camera_to_world),
            points.xy.astype(np.float64),
            np.where(np.isin(points.point_ids, known), points.point_ids, -1),
        )
    return Model(
        {id: Camera.of(id, camera) for camera, id in cameras.items()}, images, _points(capture.structure, images)
    )


def _points(structure: Structure | None, images: Mapping[int, Image]) -> Points:
    if structure is None or len(structure.ids) == 0:
        return Points.gathered([], [])
    rows = [
        np.stack([image.point_ids, np.full(len(image.xy), id), np.arange(len(image.xy))], axis=1)[image.point_ids >= 0]
        for id, image in images.items()
    ]
    table = np.concatenate([np.zeros((0, 3), np.int64), *rows])
    table = table[np.argsort(table[:, 0], kind="stable")]
    order = np.argsort(structure.ids, kind="stable")
    ids = structure.ids[order]
    return Points(
        ids=ids,
        xyz=structure.xyz[order],
        rgb=structure.rgb[order],
        error=np.full(len(ids), -1.0),
        starts=np.append(np.searchsorted(table[:, 0], ids), len(table)).astype(np.int64),
        track=table[:, 1:],
    )
