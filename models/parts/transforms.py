"""transforms.json of nerfstudio and instant-ngp: cameras, poses and masks of a capture in one file.

Poses are camera to world with OpenGL axes, as in `capture`. nerfstudio's `applied_transform` A (3 x 4) says what was
done to every pose before it was saved: saved = A @ original; `Transforms.applied` keeps it, poses stay as saved.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput

Matrix = npt.NDArray[np.float64]
_MAX_BYTES = 100_000_000
_MAX_FRAMES = 10_000
_PLAIN = frozenset({"PINHOLE", "OPENCV", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE"})
_NUMBERS = (
    "fl_x",
    "fl_y",
    "cx",
    "cy",
    "w",
    "h",
    "k1",
    "k2",
    "k3",
    "k4",
    "p1",
    "p2",
    "camera_angle_x",
    "camera_angle_y",
)
_FIX = "Correct the file, or make it again with ns-process-data or colmap2nerf"


@dataclass(frozen=True, eq=False)
class TransformFrame:
    """One picture of the file: where it lies, its pose, the numbers of its lens (its own before the shared ones)."""

    file_path: str
    camera_to_world: Matrix
    lens: Mapping[str, float]
    mask_path: str | None = None

    def intrinsics(self, width: int, height: int, title: str = "transforms.json") -> Intrinsics:
        """The camera of the picture, which has `width` x `height` pixels.

        The numbers hold for the size in the file; a picture resized since is allowed for. BadInput when the file gives
        neither a focal length nor an angle, or a size of another shape.
        """
        lens = self.lens
        across, down = lens.get("w", width), lens.get("h", height)
        if across < 1 or down < 1 or abs(across / down / (width / height) - 1) > 0.02:
            raise BadInput(
                title,
                f"says {self.file_path[-60:]!a} has {across:g} x {down:g} pixels, it has {width} x {height}",
                "Take the pictures the file was made from",
            )
        focal = lens.get("fl_x") or _focal(lens.get("camera_angle_x"), across)
        focal_y = lens.get("fl_y") or _focal(lens.get("camera_angle_y"), down) or focal
        focal = focal or focal_y
        if not focal or not focal_y or focal <= 0 or focal_y <= 0:
            raise BadInput(title, f"gives no focal length for {self.file_path[-60:]!a}", _FIX)
        camera = Intrinsics(
            round(across),
            round(down),
            focal,
            focal_y,
            lens.get("cx", across / 2),
            lens.get("cy", down / 2),
            *(lens.get(name, 0.0) for name in ("k1", "k2", "p1", "p2")),
        )
        return camera if (camera.width, camera.height) == (width, height) else camera.scaled(width, height)


@dataclass(frozen=True, eq=False)
class Transforms:
    """The whole file.

    applied: (4, 4), see the head of this module. notes: what could not be taken over.
    """

    frames: tuple[TransformFrame, ...]
    applied: Matrix
    notes: tuple[str, ...] = ()


def read_transforms(data: bytes, title: str = "transforms.json") -> Transforms:
    """The content of a transforms.json. BadInput names the frame and what is wrong with it."""
    if len(data) > _MAX_BYTES:
        raise BadInput(title, "is far too large for a list of cameras", _FIX)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadInput(title, f"is no JSON{where}", _FIX) from error
    listed = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise BadInput(title, "lists no frames", _FIX)
    if len(listed) > _MAX_FRAMES:
        raise BadInput(title, f"lists {len(listed):,} frames", f"The limit is {_MAX_FRAMES:,}: leave some out")
    shared = _lens(document, title, "the file")
    frames = tuple(_frame(entry, place, shared, title) for place, entry in enumerate(listed, start=1))
    saved = document.get("applied_transform")
    applied = np.eye(4) if saved is None else _matrix(saved, title, "applied_transform")
    notes: tuple[str, ...] = ()
    if any(frame.lens.get("k3") or frame.lens.get("k4") for frame in frames):
        notes = (f"{title} has lens terms k3 or k4, which are left out here.",)
    return Transforms(frames, applied, notes)


def written(
    views: tuple[View, ...], files: Mapping[str, str], masks: Mapping[str, str] | None = None, **more: Any
) -> bytes:
    """A transforms.json of the posed `views`.

    files, masks: view name -> path inside the folder of the file. more: further keys, such as ply_file_path.
    Intrinsics stand once when all views share them, else with each frame.
    """
    posed = [view for view in views if view.intrinsics is not None and view.camera_to_world is not None]
    cameras = {view.intrinsics for view in posed}
    document: dict[str, Any] = dict(more)
    if len(cameras) == 1:
        document |= _spelled(posed[0])
    frames = []
    for view in posed:
        assert view.camera_to_world is not None
        entry: dict[str, Any] = {"file_path": files[view.name]}
        if masks and view.name in masks:
            entry["mask_path"] = masks[view.name]
        entry["transform_matrix"] = view.camera_to_world.tolist()
        frames.append(entry if len(cameras) == 1 else entry | _spelled(view))
    document["frames"] = frames
    return json.dumps(document, indent=1).encode()


def as_saved(transforms: Transforms, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`points` (P, 3) of the original frame in the frame of the saved poses."""
    return points @ transforms.applied[:3, :3].T + transforms.applied[:3, 3]


def _spelled(view: View) -> dict[str, Any]:
    camera = view.intrinsics
    assert camera is not None
    return {
        "camera_model": "OPENCV",
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "k1": camera.k1,
        "k2": camera.k2,
        "p1": camera.p1,
        "p2": camera.p2,
    }


def _frame(entry: Any, place: int, shared: Mapping[str, float], title: str) -> TransformFrame:
    path = entry.get("file_path") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not path or len(path) > 1000:
        raise BadInput(title, f"has no file_path for frame {place}", _FIX)
    mask = entry.get("mask_path")
    if mask is not None and not isinstance(mask, str):
        raise BadInput(title, f"has a mask_path that is no text for frame {place}", _FIX)
    pose = _matrix(entry.get("transform_matrix"), title, f"the transform_matrix of frame {place}")
    if not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=0.01) or np.linalg.det(pose[:3, :3]) < 0:
        raise BadInput(title, f"has a transform_matrix for frame {place} that is no rotation and place", _FIX)
    return TransformFrame(path, pose, {**shared, **_lens(entry, title, f"frame {place}")}, mask)


def _lens(entry: Mapping[str, Any], title: str, where: str) -> dict[str, float]:
    model = entry.get("camera_model", "OPENCV")
    if model not in _PLAIN or entry.get("is_fisheye") is True:
        name = "fisheye" if entry.get("is_fisheye") is True else str(model)[:40]
        raise BadInput(title, f"uses the camera model {name}", "Undistort the pictures first, to PINHOLE or OPENCV")
    numbers = {}
    for name in _NUMBERS:
        value = entry.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadInput(title, f"gives {name} of {where} a value that is no number", _FIX)
        numbers[name] = float(value)
    return numbers


def _matrix(value: Any, title: str, what: str) -> Matrix:
    """(4, 4) of three or four rows of four numbers."""
    try:
        rows = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(title, f"has something in {what} that is no number", _FIX) from error
    if rows.shape not in ((3, 4), (4, 4)) or not np.isfinite(rows).all():
        raise BadInput(title, f"has no 4 x 4 numbers in {what}", _FIX)
    return np.vstack([rows[:3], [0.0, 0.0, 0.0, 1.0]])


def _focal(angle: float | None, size: float) -> float | None:
    """Pixels, from a field of view in radians."""
    return 0.5 * size / math.tan(angle / 2) if angle and 0 < angle < math.pi else None
