"""A capture: photos of one scene from several places, with what is known about the cameras.

Shared by the rooms that work on several views. Conventions: `camera_to_world` is (4, 4) float64 with OpenGL axes
(x right, y up, z backward) in metres or in the scene's own unit; pixels are (x, y) with the centre of the first pixel
at (0.5, 0.5). Readers convert to this, writers convert back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera with Brown's lens distortion; everything in pixels, the distortion terms have no unit."""

    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    fx: float
    """Focal length along x."""
    fy: float
    """Focal length along y."""
    cx: float
    """Principal point, x."""
    cy: float
    """Principal point, y."""
    k1: float = 0.0
    """Radial distortion, quadratic term."""
    k2: float = 0.0
    """Radial distortion, fourth-order term."""
    p1: float = 0.0
    """Tangential distortion, first term (OpenCV's order)."""
    p2: float = 0.0
    """Tangential distortion, second term."""

    def scaled(self, width: int, height: int) -> Intrinsics:
        """The same camera for the picture resized to `width` x `height` pixels."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=self.cx * across,
            cy=self.cy * down,
        )

    @property
    def distorted(self) -> bool:
        """Whether straight lines come out bent."""
        return any((self.k1, self.k2, self.p1, self.p2))

    @property
    def matrix(self) -> Array:
        """(3, 3) float64: camera coordinates (OpenCV axes) to pixels, without the distortion."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class View:
    """One photo of a capture.

    name: the file name, unique in the capture, with "/" between folders.
    image: (H, W, 3) uint8 sRGB, upright.
    intrinsics: the camera, None when it is not known.
    camera_to_world: (4, 4) float64, OpenGL axes; None when it is not known.
    truth: (H, W) bool, True = static; known for procedural scenes only.
    original_size: (height, width) of the photo as it was given, when it was scaled down on loading; else None.
    """

    name: str
    image: npt.NDArray[np.uint8]
    intrinsics: Intrinsics | None = None
    camera_to_world: Array | None = None
    truth: npt.NDArray[np.bool_] | None = None
    original_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The features found in one picture.

    xy: (N, 2) float32 pixels in the frame of the view's intrinsics.
    point_ids: (N,) int64, the id of the 3-D point a feature belongs to, -1 for none.
    """

    xy: npt.NDArray[np.float32]
    point_ids: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Structure:
    """What structure from motion found.

    keypoints: view name -> its features.
    ids: (P,) int64; xyz: (P, 3) float64 in the scene's unit; rgb: (P, 3) uint8.
    track_length: (P,) int64, in how many features (views) each point was seen.
    """

    keypoints: Mapping[str, Keypoints]
    ids: npt.NDArray[np.int64]
    xyz: Array
    rgb: npt.NDArray[np.uint8]
    track_length: npt.NDArray[np.int64]

    def lengths_of(self, name: str) -> npt.NDArray[np.int64]:
        """(N,) int64: the track length of each feature of the view `name`, 0 where it belongs to no point.

        A view without features, or one the structure does not know, gives an empty array.
        """
        points = self.keypoints.get(name)
        if points is None or len(points.point_ids) == 0:
            return np.zeros(0, np.int64)
        if len(self.ids) == 0:
            return np.zeros(len(points.point_ids), np.int64)
        order = np.argsort(self.ids, kind="stable")
        ordered = self.ids[order]
        place = np.minimum(np.searchsorted(ordered, points.point_ids), len(ordered) - 1)
        found = ordered[place] == points.point_ids
        return np.where(found, self.track_length[order][place], 0)


@dataclass(frozen=True, eq=False)
class Capture:
    """Photos of one scene.

    views: in the order of their names or of time; names are unique.
    structure: None before structure from motion.
    held_out: clean views that no step may learn from; they only serve to measure.
    notes: sentences the panel should show (frames left out, pictures turned upright, ...).
    """

    name: str
    views: tuple[View, ...]
    structure: Structure | None = None
    held_out: tuple[View, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def posed(self) -> tuple[View, ...]:
        """The views whose camera and place are known."""
        return tuple(view for view in self.views if view.camera_to_world is not None and view.intrinsics is not None)

    def view(self, name: str) -> View:
        """The view called `name`; KeyError when there is none."""
        return self._by_name[name]

    def with_notes(self, *notes: str) -> Capture:
        """The same capture with more to say."""
        return replace(self, notes=(*self.notes, *notes))

    @cached_property
    def _by_name(self) -> Mapping[str, View]:
        return MappingProxyType({view.name: view for view in (*self.held_out, *self.views)})

    @cached_property
    def digest(self) -> str:
        """32 hex digits that change with any picture, name, camera, pose or point; the key of cached results."""
        seen = hashlib.sha256()
        for group in (self.views, self.held_out):
            seen.update(f"group {len(group)};".encode())
            for view in group:
                seen.update(repr((view.name, view.image.shape)).encode())
                seen.update(np.ascontiguousarray(view.image).tobytes())
                seen.update(repr(astuple(view.intrinsics) if view.intrinsics else None).encode())
                if view.camera_to_world is not None:
                    seen.update(np.ascontiguousarray(view.camera_to_world, np.float64).tobytes())
        if self.structure is not None:
            for name, points in sorted(self.structure.keypoints.items()):
                seen.update(repr((name, len(points.xy))).encode())
                seen.update(np.ascontiguousarray(points.xy).tobytes())
                seen.update(np.ascontiguousarray(points.point_ids).tobytes())
            for values in (self.structure.ids, self.structure.xyz, self.structure.track_length):
                seen.update(np.ascontiguousarray(values).tobytes())
        return seen.hexdigest()[:32]
