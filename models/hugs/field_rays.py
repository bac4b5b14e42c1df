"""The pixels of a capture as rays with colours, chosen at random: single pixels, or patches for RobustNeRF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.hugs.field_config import FieldConfig
from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput
from models.parts.sizes import shrunk
from models.parts.volume_rendering_rays import camera_rays, pixel_centres

MASK_SHARE = 0.5
"""A pixel of a reduced photo is used when at least this share of it is static."""


@dataclass(frozen=True)
class Rays:
    """Origins (R, 3), unit directions (R, 3) and colours (R, 3) in [0, 1]."""

    origins: Tensor
    directions: Tensor
    colours: Tensor


@dataclass(frozen=True)
class Pixels:
    """All pixels of a capture at the learning size.

    rays: of every pixel, view after view, rows first; used: (U,) int64 numbers of those that may be learnt;
    patches: (P,) int64 upper left pixels of patches, widths: (P,) the rows' lengths there.
    """

    PATCH: ClassVar[int] = 16

    rays: Rays
    used: Tensor
    patches: Tensor
    widths: Tensor

    def draw(self, config: FieldConfig, generator: torch.Generator) -> Rays:
        """``config.rays`` pixels: single ones among the used, or whole patches when the loss trims."""
        if config.loss == "robust":
            size = self.PATCH
            count = max(config.rays // size**2, 1)
            which = torch.randint(len(self.patches), (count,), generator=generator)
            row = torch.arange(size)
            inside = row[None, :, None] * self.widths[which][:, None, None] + row[None, None, :]
            chosen = (self.patches[which][:, None, None] + inside).flatten()
        else:
            chosen = self.used[torch.randint(len(self.used), (config.rays,), generator=generator)]
        return Rays(self.rays.origins[chosen], self.rays.directions[chosen], self.rays.colours[chosen])


def rays_of_view(intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Origins and unit directions (H * W, 3) float32 of all pixels."""
    pixels = pixel_centres(intrinsics.width, intrinsics.height).reshape(-1, 2)
    origins, directions = camera_rays(pixels, intrinsics, camera_to_world)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return torch.from_numpy(origins).float(), torch.from_numpy(directions).float()


def learning_size(view: View, side: int) -> tuple[int, int]:
    """(width, height) at which a view is learnt: the longer side is at most ``side``."""
    height, width = shrunk(view.size, side)
    return width, height


def reduced(image: npt.NDArray, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """An image or mask as float32 at ``size`` (width, height), each pixel the mean of what it covers."""
    values = image.astype(np.float32)
    if (image.shape[1], image.shape[0]) == size:
        return values
    small: npt.NDArray[np.float32] = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return small


def gather_pixels(
    views: Sequence[View], masks: Mapping[str, npt.NDArray[np.bool_]] | None, config: FieldConfig
) -> Pixels:
    """The pixels of ``views``; ``masks``: view name -> (H, W) bool, True is used.

    Raises BadInput when no view has a camera, a mask has another size than its photo, or the masks leave nothing.
    """
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    patches, widths = [], []
    start = 0
    for view in views:
        if view.intrinsics is None or view.camera_to_world is None:
            continue
        width, height = learning_size(view, config.side)
        origins, directions = rays_of_view(view.intrinsics.scaled(width, height), view.camera_to_world)
        colours = torch.from_numpy(reduced(view.image, (width, height)).reshape(-1, 3) / 255)
        parts.append((origins, directions, colours, torch.from_numpy(_used(view, masks, (width, height)).reshape(-1))))
        rows, columns = height - Pixels.PATCH + 1, width - Pixels.PATCH + 1
        if rows > 0 and columns > 0:
            corner = np.arange(rows)[:, None] * width + np.arange(columns)
            patches.append(torch.from_numpy(start + corner.reshape(-1)))
            widths.append(torch.full((rows * columns,), width))
        start += width * height
    if not parts:
        raise BadInput(
            "The capture", "has no photo with a known camera", "Run structure from motion first, or load a project"
        )
    origins, directions, colours, used = (torch.cat(column) for column in zip(*parts, strict=True))
    if not used.any():
        raise BadInput("The static maps", "leave no pixel to learn from", "Loosen the thresholds of the fusion")
    if config.loss == "robust" and not patches:
        raise BadInput(
            "The capture",
            f"has no photo of {Pixels.PATCH} pixels a side at this size",
            "Raise the learning size or choose another loss",
        )
    nothing = torch.zeros(0, dtype=torch.int64)
    return Pixels(
        Rays(origins, directions, colours),
        used.nonzero()[:, 0],
        torch.cat(patches) if patches else nothing,
        torch.cat(widths) if widths else nothing,
    )


def _used(
    view: View, masks: Mapping[str, npt.NDArray[np.bool_]] | None, size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    mask = None if masks is None else masks.get(view.name)
    if mask is None:
        return np.ones(size[::-1], bool)
    if mask.shape != view.size:
        raise BadInput(
            view.name,
            f"has a static map of {mask.shape[1]} x {mask.shape[0]} pixels for a photo of "
            f"{view.size[1]} x {view.size[0]}",
            "Make the map at the size of the photo",
        )
    used: npt.NDArray[np.bool_] = reduced(mask, size) >= MASK_SHARE
    return used
