"""What a COLMAP model holds, and its cameras in terms of `Intrinsics`.

Source of the layouts: COLMAP's documentation of its output format. Axes here are COLMAP's (x right, y down, z forward,
world to camera); `colmap_capture` converts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.parts.capture import Intrinsics
from models.parts.problems import BadInput

# Name, number and order of the parameters of each model that `Intrinsics` can hold.
MODELS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "SIMPLE_PINHOLE": (0, ("f", "cx", "cy")),
    "PINHOLE": (1, ("fx", "fy", "cx", "cy")),
    "SIMPLE_RADIAL": (2, ("f", "cx", "cy", "k1")),
    "RADIAL": (3, ("f", "cx", "cy", "k1", "k2")),
    "OPENCV": (4, ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2")),
}
NUMBERED = {number: name for name, (number, _) in MODELS.items()}
_OTHERS = {
    5: "OPENCV_FISHEYE",
    6: "FULL_OPENCV",
    7: "FOV",
    8: "SIMPLE_RADIAL_FISHEYE",
    9: "RADIAL_FISHEYE",
    10: "THIN_PRISM_FISHEYE",
    11: "RAD_TAN_THIN_PRISM_FISHEYE",
}
_MAX_SIDE = 100_000


@dataclass(frozen=True)
class Camera:
    """One camera of a model."""

    id: int
    model: str
    width: int
    height: int
    params: tuple[float, ...]

    def intrinsics(self) -> Intrinsics:
        """The same camera in common terms."""
        named = dict(zip(MODELS[self.model][1], self.params, strict=True))
        focal = named.pop("f", None)
        if focal is not None:
            named |= {"fx": focal, "fy": focal}
        return Intrinsics(self.width, self.height, **named)

    @classmethod
    def of(cls, id: int, camera: Intrinsics) -> Camera:
        """`camera` as PINHOLE, or as OPENCV when its lens distorts."""
        model = "OPENCV" if camera.distorted else "PINHOLE"
        params = tuple(float(getattr(camera, name)) for name in MODELS[model][1])
        return cls(id, model, camera.width, camera.height, params)


@dataclass(frozen=True, eq=False)
class Image:
    """One registered picture.

    rotation: (4,) float64 unit quaternion w, x, y, z and translation: (3,) float64, both world to camera.
    xy: (N, 2) float64 pixels of the features; point_ids: (N,) int64, -1 for none.
    """

    id: int
    name: str
    camera_id: int
    rotation: npt.NDArray[np.float64]
    translation: npt.NDArray[np.float64]
    xy: npt.NDArray[np.float64]
    point_ids: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Points:
    """The points in space, one row each, ids ascending.

    ids (P,) int64, xyz (P, 3) float64, rgb (P, 3) uint8, error (P,) float64 pixels (-1 unknown).
    starts: (P + 1,) int64; the track of point i is rows starts[i]:starts[i + 1] of
    track: (T, 2) int64, image id and index of the feature in that image.
    """

    ids: npt.NDArray[np.int64]
    xyz: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.uint8]
    error: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]
    track: npt.NDArray[np.int64]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(P,) int64: the number of entries of each track."""
        return np.diff(self.starts)

    @classmethod
    def gathered(
        cls,
        rows: list[tuple[int, tuple[float, ...], tuple[int, ...], float]],
        tracks: list[npt.NDArray[np.int64]],
    ) -> Points:
        """rows: (id, xyz, rgb, error) and tracks: (T_i, 2) of the same points, in any order."""
        order = sorted(range(len(rows)), key=lambda place: rows[place][0])
        lengths = [len(tracks[place]) for place in order]
        return cls(
            ids=np.array([rows[place][0] for place in order], np.int64),
            xyz=np.array([rows[place][1] for place in order], np.float64).reshape(-1, 3),
            rgb=np.array([rows[place][2] for place in order], np.uint8).reshape(-1, 3),
            error=np.array([rows[place][3] for place in order], np.float64),
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            track=np.concatenate([np.zeros((0, 2), np.int64), *(tracks[place] for place in order)]),
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A reconstruction: cameras and images by id, points."""

    cameras: Mapping[int, Camera]
    images: Mapping[int, Image]
    points: Points


def checked_camera(title: str, where: str, id: int, model: str, width: int, height: int, params: list[float]) -> Camera:
    """A camera whose numbers make sense, or BadInput that says where they do not."""
    count = len(MODELS[model][1])
    if len(params) != count:
        raise BadInput(title, f"gives camera {id} {len(params)} parameters at {where}, {model} has {count}", _AGAIN)
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise BadInput(title, f"gives camera {id} a picture of {width} x {height} pixels at {where}", _AGAIN)
    focal = params[:2] if model in ("PINHOLE", "OPENCV") else params[:1]
    if not all(np.isfinite(params)) or min(focal) <= 0:
        raise BadInput(title, f"gives camera {id} an impossible focal length or lens at {where}", _AGAIN)
    return Camera(id, model, width, height, tuple(params))


def known_model(title: str, where: str, model: int | str) -> str:
    """The name of a supported camera model, or BadInput with the way out."""
    name = NUMBERED.get(model) or _OTHERS.get(model) if isinstance(model, int) else model
    if name is None:
        raise BadInput(title, f"names camera model {model} at {where}, which does not exist", _AGAIN)
    if name not in MODELS:
        if isinstance(model, str) and model not in _OTHERS.values():
            raise BadInput(title, f"names camera model {model[:40]!a} at {where}, which is not known", _AGAIN)
        raise BadInput(
            title,
            f"uses the camera model {name}",
            f"Run `colmap image_undistorter` on the project, or use one of {', '.join(MODELS)}",
        )
    return name


def checked_image(
    title: str, where: str, id: int, pose: list[float], camera_id: int, name: str, features: npt.NDArray[np.float64],
    point_ids: npt.NDArray[np.int64],
) -> Image:  # fmt: skip
    """An image whose pose is one; the quaternion is normalised. pose: w, x, y, z, then the translation."""
    rotation, translation = np.array(pose[:4], np.float64), np.array(pose[4:], np.float64)
    length = float(np.linalg.norm(rotation))
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()) or not 0.5 < length < 2:
        raise BadInput(title, f"gives {name[:60]!a} a pose that is none at {where}", _AGAIN)
    if not np.isfinite(features).all():
        raise BadInput(title, f"has features of {name[:60]!a} that are no numbers at {where}", _AGAIN)
    return Image(id, name, camera_id, rotation / length, translation, features, point_ids)


def checked_model(model: Model, title: str) -> Model:
    """`model`, when its parts belong together; BadInput when an image names a camera or a point that is not there."""
    ids = model.points.ids
    if len(np.unique(ids)) != len(ids):
        raise BadInput(title, "lists a point of points3D twice", _AGAIN)
    names = [image.name for image in model.images.values()]
    if len(set(names)) != len(names):
        raise BadInput(title, "lists a picture of images twice", _AGAIN)
    for image in model.images.values():
        if image.camera_id not in model.cameras:
            raise BadInput(title, f"has no camera {image.camera_id}, which {image.name[:60]!a} was taken with", _MIXED)
        used = image.point_ids[image.point_ids >= 0]
        if len(used) and (len(ids) == 0 or not np.isin(used, ids).all()):
            raise BadInput(title, f"lacks points that {image.name[:60]!a} refers to", _MIXED)
    return model


_AGAIN = "Export the model from COLMAP again"
_MIXED = "Take cameras, images and points3D of one and the same model"
