"""What is known of a capture at any moment, stage by stage, and the static maps that follow from it.

Nothing here is computed twice: cues are kept until what they come from changes, maps until a knob or a correction does.
Frames are worked on at ``WORK_SIDE`` pixels; static maps are handed out at the photos' own sizes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.cues import Map, Points, Residual, as_float, frame_points
from models.hugs.fusion import FrameCues, Fused, fuse
from models.hugs.fusion_config import FusionConfig, suited_to
from models.hugs.partition import Segments
from models.hugs.proposals import Proposal
from models.hugs.reasons import Reason, Row
from models.hugs.tolerance import tolerant_residual
from models.parts.capture import Capture
from models.parts.problems import BadInput
from models.parts.sizes import shrunk

WORK_SIDE = 512
"""Longer side in pixels at which frames are fused; photos are not enlarged."""

Image = npt.NDArray[np.uint8]
Forced = Mapping[str, Mapping[int, bool]]
"""Frame name -> segment id -> True for static."""


@dataclass(eq=False)
class Work:
    """One capture with what its stages found. renders: view name -> (h, w, 3) uint8 picture of the radiance field, of
    any size; proposals: view name -> segments at the frame's working size. ``fusion`` and ``forced`` are the user's, as
    is ``own``: view name -> (H, W) static map of the photo's size, made elsewhere, that stands for the fused one.
    """

    capture: Capture
    renders: dict[str, Image] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    forced: dict[str, dict[int, bool]] = field(default_factory=dict)
    own: dict[str, Map] = field(default_factory=dict)
    _cues: dict[str, FrameCues] = field(default_factory=dict, repr=False)
    _fused: dict[str, Fused] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The frames in order."""
        return tuple(view.name for view in self.capture.views)

    @property
    def suited(self) -> FusionConfig:
        """Settings to begin with for this capture."""
        return suited_to(len(self.names), max(max(working_size(view.size)) for view in self.capture.views))

    def frame(self, name: str) -> Image:
        """(H, W, 3) uint8: the photo at its working size. Raises BadInput for a name the capture does not have."""
        return working_copy(self._image(name))

    def points(self, name: str) -> tuple[Points, npt.NDArray[np.int64]]:
        """(M, 2) features of the frame in working pixels and their (M,) track lengths, 0 for unmatched ones."""
        structure, view = self.capture.structure, self.capture.view(name)
        found = structure.keypoints.get(name) if structure is not None else None
        if structure is None or found is None or len(found.xy) == 0:
            return np.zeros((0, 2)), np.zeros(0, np.int64)
        camera = view.intrinsics
        own = (camera.width, camera.height) if camera is not None else view.size[::-1]
        return frame_points(found.xy, own, working_size(view.size)), structure.lengths_of(name)

    def cues(self, name: str) -> FrameCues:
        """What the knobs work on. In a frame without segments every pixel is one: see ``segmented``."""
        with self._lock:
            if name not in self._cues:
                image = self.frame(name)
                points, lengths = self.points(name)
                proposal = self.proposals.get(name)
                segments = proposal.segments if proposal is not None else _pixels(image.shape[:2])
                prompted = proposal.prompted if proposal is not None else None
                self._cues[name] = FrameCues(image, self.residual(name), points, lengths, segments, prompted)
            return self._cues[name]

    def residual(self, name: str) -> Residual | None:
        """The colour residual at working size, None before a radiance field was rendered."""
        render = self.renders.get(name)
        return None if render is None else residual_of(self._image(name), render)

    def segmented(self, name: str) -> bool:
        """Whether the frame has segments yet; without, every pixel votes for itself."""
        return name in self.proposals

    def fused(self, name: str, config: FusionConfig | None = None) -> Fused:
        """The maps of one frame with the settings of now, or with ``config`` for a trial. Raises BadInput."""
        wanted = config or self.fusion
        forced = self.forced.get(name, {})
        with self._lock:
            known = self._fused.get(name)
            if known is None or known.config != wanted or known.forced != forced:
                known = fuse(self.cues(name), wanted, forced)
                if config is None:
                    if name in self.own:
                        known = replace(known, static=self._own(name, self.cues(name).size))
                    self._fused[name] = known
            return known

    def why(self, name: str, x: int, y: int) -> Reason:
        """The truth table of a pixel of the frame at its working size. Raises BadInput outside the frame."""
        reason = self.fused(name).why(self.cues(name), x, y)
        if name not in self.own or reason.segment in self.forced.get(name, {}):
            return reason
        return replace(reason, rows=(*reason.rows, Row("own", "Your mask file", "", reason.static)))

    def masks(self) -> dict[str, Map]:
        """View name -> (H, W) bool static map at the photo's size, for all frames."""
        return {name: self.mask(name) for name in self.names}

    def mask(self, name: str) -> Map:
        """(H, W) bool static map of one frame at the photo's size."""
        if name in self.own:
            return self._own(name, self.capture.view(name).size)
        return at_size(self.fused(name).static, self.capture.view(name).size)

    def force(self, name: str, segment: int, static: bool | None) -> None:
        """Correct one segment; None gives it back to the vote. Raises BadInput for an id the frame does not have."""
        count = int(self.cues(name).segments.max()) + 1
        if not 0 <= segment < count:
            raise BadInput("The correction", f"names segment {segment} of {count}", f"Name one from 0 to {count - 1}")
        now = {key: value for key, value in self.forced.get(name, {}).items() if key != segment}
        self.forced = {**self.forced, name: now if static is None else {**now, segment: static}}

    def take_own(self, masks: Mapping[str, Map]) -> None:
        """``masks`` stand for the fused maps from now on, for no other frames. Raises BadInput for names and sizes."""
        for name, mask in masks.items():
            height, width = self._image(name).shape[:2]
            if mask.shape != (height, width):
                said = f"has {mask.shape[1]} x {mask.shape[0]} pixels, its photo {width} x {height}"
                raise BadInput(f"The mask of {name}", said, "Make the mask of the photo's size")
        with self._lock:
            self.own = {name: np.asarray(mask, bool) for name, mask in masks.items()}
            self._fused.clear()

    def _own(self, name: str, size: tuple[int, int]) -> Map:
        """The user's map at a size (H, W), with what was corrected by click since."""
        mask = np.array(at_size(self.own[name], size))
        segments = self.cues(name).segments
        for segment, static in self.forced.get(name, {}).items():
            mask[at_size(segments == segment, size)] = static
        return mask

    def take_structure(self, capture: Capture) -> None:
        """Go on with ``capture``, the same photos with cameras and points; segments and corrections stay."""
        with self._lock:
            self.capture = capture
            self._forget()

    def take_render(self, name: str, picture: npt.NDArray[np.generic]) -> None:
        """picture: (h, w, 3) uint8, or floats in 0..1."""
        as_bytes = picture if picture.dtype == np.uint8 else np.clip(np.rint(as_float(picture) * 255), 0, 255)
        with self._lock:
            self.renders[name] = np.asarray(as_bytes, np.uint8)
            self._forget(name)

    def take_proposal(self, name: str, proposal: Proposal) -> None:
        """New segments; corrections of the frame's old ones go, for they name ids that mean nothing now."""
        with self._lock:
            self.proposals[name] = proposal
            self.forced = {frame: given for frame, given in self.forced.items() if frame != name}
            self._forget(name)

    def _forget(self, name: str | None = None) -> None:
        for kept in (self._cues, self._fused):
            if name is None:
                kept.clear()
            else:
                kept.pop(name, None)

    def _image(self, name: str) -> Image:
        try:
            return self.capture.view(name).image
        except KeyError:
            raise BadInput(name, "is not a photo of this capture", f"Name one of {', '.join(self.names[:3])}") from None


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of a photo -> (H, W) at which it is fused."""
    return shrunk(size, WORK_SIDE)


def working_copy(image: Image) -> Image:
    """The photo at its working size."""
    height, width = working_size((image.shape[0], image.shape[1]))
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def at_size(mask: Map, size: tuple[int, int]) -> Map:
    """A map at another size (H, W), nearest pixel: it stays a map of yes and no."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)


def residual_of(
    photo: Image, render: Image, between: Callable[[Image, Image], Residual] = tolerant_residual
) -> Residual:
    """The residual at working size. A picture rendered smaller is compared with the photo at its own size: detail that
    the field never saw is no sign of movement, nor is its blur (models.hugs.tolerance). ``between``: another measure.
    """
    size = working_size((photo.shape[0], photo.shape[1]))
    height, width = render.shape[:2]
    if (height, width) != photo.shape[:2]:
        photo = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    small = between(photo, render)
    if small.values.shape == size:
        return small
    return Residual(np.asarray(cv2.resize(small.values, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32))


def _pixels(size: tuple[int, ...]) -> Segments:
    return np.arange(size[0] * size[1], dtype=np.int32).reshape(size[0], size[1])
