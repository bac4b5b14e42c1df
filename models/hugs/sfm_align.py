"""Moves a reconstruction into the frame of poses that were known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.parts.capture import Capture, View

Array = npt.NDArray[np.float64]


def similarity(source: Array, target: Array) -> tuple[float, Array, Array]:
    """(scale, (3, 3) rotation, (3,) translation) that takes `source` (N, 3) to `target` (N, 3) with least squares.

    Source: Umeyama 1991, equations 40 to 43. Raises ValueError for fewer than three points or points in one place.
    """
    if len(source) < 3:
        raise ValueError(f"A similarity needs three points, there are {len(source)}")
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - from_centre, target - to_centre
    spread = float((centred**2).sum())
    if spread < 1e-18:
        raise ValueError("All points lie in one place")
    u, singular, vt = np.linalg.svd(wanted.T @ centred)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum()) / spread
    return scale, rotation, to_centre - scale * rotation @ from_centre


def moved(view: View, scale: float, rotation: Array, translation: Array) -> View:
    """`view` with its place moved by a similarity; the camera itself does not grow."""
    if view.camera_to_world is None:
        return view
    pose = view.camera_to_world.copy()
    pose[:3, :3] = rotation @ pose[:3, :3]
    pose[:3, 3] = scale * rotation @ pose[:3, 3] + translation
    return replace(view, camera_to_world=pose)


def camera_frame(views: Sequence[View], points: Array | None) -> tuple[Array, float]:
    """((3,) centre, scale) of the frame in which all cameras lie in [-1, 1]: (place - centre) * scale.

    The centre is the mean structure point (P, 3), or camera without any. Raises ValueError when no view has a pose.
    """
    eyes = np.array([view.camera_to_world[:3, 3] for view in views if view.camera_to_world is not None])
    if not len(eyes):
        raise ValueError("no view has a pose")
    centre = eyes.mean(axis=0) if points is None or not len(points) else points.mean(axis=0)
    return centre, 1 / max(float(np.abs(eyes - centre).max()), 1e-9)


def centred(view: View, centre: Array, scale: float) -> View:
    """`view` in the frame of ``camera_frame``."""
    return moved(view, scale, np.eye(3), -scale * centre)


def into_known_frame(before: Capture, after: Capture) -> Capture:
    """`after` moved onto the poses its views had in `before`; unchanged when fewer than three views have both.

    Points that stand in for the directions are added to the camera centres, so that cameras along a line are enough.
    """
    pairs = [
        (view.camera_to_world, before.view(view.name).camera_to_world)
        for view in after.posed
        if before.view(view.name).camera_to_world is not None
    ]
    if len(pairs) < 3 or after.structure is None:
        return after
    new = np.array([pair[0] for pair in pairs], np.float64)
    old = np.array([pair[1] for pair in pairs], np.float64)
    if min(_spread(new), _spread(old)) < 1e-9:
        return after
    change = similarity(_marked(new), _marked(old))
    structure = replace(after.structure, xyz=change[0] * after.structure.xyz @ change[1].T + change[2])
    return replace(after, views=tuple(moved(view, *change) for view in after.views), structure=structure)


def _spread(poses: Array) -> float:
    """Root mean square distance of the camera centres from their middle."""
    centres = poses[:, :3, 3]
    return float(np.sqrt(((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _marked(poses: Array) -> Array:
    """The camera centres, with points above and behind each at a tenth of the spread, so that places decide most."""
    centres, reach = poses[:, :3, 3], 0.1 * _spread(poses)
    return np.concatenate([centres, *(centres + reach * poses[:, :3, axis] for axis in (1, 2))])
