"""The box a field fills: from structure points or from the cameras, and how places and distances map into the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.parts.capture import View

Array = npt.NDArray[np.float64]

FEWEST_POINTS = 30
HEAVY = 3.0
"""Points reach far beyond the scene when their middle 98 % are so many times as wide as their middle 80 %."""
MARGIN = 0.08
FAR = 8.0
"""How many box sizes away the shell ends."""
NEAR_SHARE = 0.75
"""Share of a ray's samples inside the box, when there is a shell."""


@dataclass(frozen=True)
class Space:
    """An axis-aligned box in scene units with a contracted shell around it.

    centre, half: (3,) float32 of the box; shell: 0 for a closed scene, else the thickness that everything farther away
    is pressed into, in half sides of the box.
    """

    centre: Tensor
    half: Tensor
    shell: float

    @property
    def scale(self) -> float:
        """Mean half side, scene units."""
        return float(self.half.mean())

    def unit(self, points: Tensor) -> Tensor:
        """(..., 3) places in the unit cube of the grid."""
        inside = (points - self.centre) / self.half
        if self.shell == 0:
            return inside * 0.5 + 0.5
        size = inside.abs().amax(-1, keepdim=True).clamp(min=1.0)
        pressed = inside / size * (1 + self.shell * (1 - 1 / size))
        return pressed * (0.5 / (1 + self.shell)) + 0.5

    def along(self, origins: Tensor, directions: Tensor, distance: Tensor) -> Tensor:
        """(R, n, 3) places in the unit cube at distances (R, n) along rays (R, 3)."""
        if self.shell == 0:
            # A closed scene's map is linear: rays are mapped once, not every place on them.
            scale = 0.5 / self.half
            start = (origins - self.centre) * scale + 0.5
            return torch.addcmul(start[:, None], distance[..., None], (directions * scale)[:, None]).clamp_(0, 1)
        return self.unit(torch.addcmul(origins[:, None], distance[..., None], directions[:, None]))

    def leaves(self, origins: Tensor, directions: Tensor) -> Tensor:
        """(R,) distance at which rays leave the box, for origins (R, 3) inside and unit directions (R, 3).

        For origins outside, the distance is at least twice the scale, so that the shell's start is still defined.
        """
        safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
        one, other = (
            (self.centre - self.half - origins) / safe,
            (self.centre + self.half - origins) / safe,
        )
        return torch.maximum(one, other).amin(-1).clamp(min=0.25 * self.scale)

    def distance(self, share: Tensor, leave: Tensor) -> Tensor:
        """Distances (R, n) at shares (R, n) of rays that leave the box at ``leave`` (R,)."""
        ends = leave[:, None]
        if self.shell == 0:
            return share * ends
        beyond = ((share - NEAR_SHARE) / (1 - NEAR_SHARE)).clamp(min=0.0)
        outer = ends / (1 - beyond * (1 - 1 / FAR))
        return torch.where(share < NEAR_SHARE, share / NEAR_SHARE * ends, outer)


def space_of(views: Sequence[View], points: Array | None = None, shell: float | None = None) -> Space:
    """The space of posed ``views``; ``points`` (P, 3) are structure points in the same frame, when known.

    Without points the box is that of the cameras, three times as large, with a shell.
    """
    eyes = np.array([view.camera_to_world[:3, 3] for view in views if view.camera_to_world is not None])
    if points is not None and len(points) >= FEWEST_POINTS:
        low, inner_low, inner_high, high = np.percentile(points, (1, 10, 90, 99), axis=0)
        inner = inner_high - inner_low
        known = 0.25 if ((high - low) > HEAVY * np.maximum(inner, 1e-6)).any() else 0.0
        if known:
            low, high = inner_low - inner / 4, inner_high + inner / 4
        margin = MARGIN * (high - low).max()
        low, high = np.minimum(low - margin, eyes.min(0) - margin), np.maximum(high + margin, eyes.max(0) + margin)
    else:
        reach = max(float((eyes.max(0) - eyes.min(0)).max()), 1e-3)
        low, high = eyes.min(0) - reach, eyes.max(0) + reach
        known = 0.25
    centre, half = (low + high) / 2, (high - low) / 2
    return Space(
        torch.tensor(centre, dtype=torch.float32),
        torch.tensor(half, dtype=torch.float32),
        known if shell is None else shell,
    )
