"""Effective receptive field of any torch module: where the centre of its output looks (RepLKNet; PeLK, figure 1).
1).

The centre of the output, made non-negative and summed over channels, is differentiated with respect to the image; the
positive part of that gradient, summed over colours and images, is the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.parts.problems import BadInput

SHARES = (0.2, 0.3, 0.5, 0.99)
"""The shares of table 8 of RepLKNet."""


@dataclass(frozen=True)
class AreaScore:
    """The smallest centred square that holds `share` of the field: its side in pixels and its area over the image's.

    side and area are None when no centred square within the image holds that much, or the field is zero everywhere.
    """

    share: float
    side: int | None
    area: float | None


def field_of(
    output: Callable[[Tensor], Tensor],
    images: Iterable[Tensor],
    centre: tuple[int, int] | None = None,
    tick: Callable[[float], None] | None = None,
) -> np.ndarray:
    """The field over the image's pixels, (H, W) float64, not normalised; mean over the images.

    output: maps (1, C, H, W) to a feature map (1, D, h, w), as a module or a bound method such as `net.features` of one
    stage. images: each (C, H, W) or (1, C, H, W), all of one size; say the size when showing the result, fields of
    other sizes are not comparable. centre: row and column of the output; default its middle. tick: called with the
    fraction of images done, where their number is known. Parameters collect no gradients. Raises BadInput when there is
    no image, sizes differ, or the output is no map.
    """
    total: Tensor | None = None
    count, known = 0, len(images) if isinstance(images, Sequence) else 0
    for image in images:
        gradient = _one(output, image, centre)
        if total is not None and total.shape != gradient.shape:
            raise BadInput("The images", "differ in size", "Resize them to one size first")
        total = gradient if total is None else total + gradient
        count += 1
        if known and tick is not None:
            tick(count / known)
    if total is None:
        raise BadInput("The images", "are none", "Give at least one image")
    array: np.ndarray = (total / count).cpu().numpy()
    return array


def _one(output: Callable[[Tensor], Tensor], image: Tensor, centre: tuple[int, int] | None) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        seen = image.detach().clone()
        seen = (seen[None] if seen.dim() == 3 else seen).requires_grad_(True)
        features = output(seen)
        if not isinstance(features, Tensor) or features.dim() != 4:
            kind = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise BadInput("The output", f"is {kind}, not a map of features", "Choose a layer before the pooling")
        row, column = centre or (features.shape[2] // 2, features.shape[3] // 2)
        if not (0 <= row < features.shape[2] and 0 <= column < features.shape[3]):
            raise BadInput(
                "The centre",
                f"{row}, {column} lies outside the map of {features.shape[2]} x {features.shape[3]}",
                "Choose a point inside",
            )
        value = features[:, :, row, column].relu().sum()
        (gradient,) = torch.autograd.grad(value, seen)
    return gradient.relu().sum((0, 1)).double()


def area_scores(field: np.ndarray, shares: Sequence[float] = SHARES) -> list[AreaScore]:
    """For every share the smallest centred square (odd side) that holds more than that share of the field.

    RepLKNet's script measures the plotted values: pass `shown(field)` to compare with its table.
    """
    high, wide = field.shape
    rows, columns = high // 2, wide // 2
    sums = np.pad(field.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = sums[-1, -1]
    radii = np.arange(min(rows, columns, high - 1 - rows, wide - 1 - columns) + 1)
    top, bottom, left, right = rows - radii, rows + radii + 1, columns - radii, columns + radii + 1
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    scores = []
    for share in shares:
        enough = np.flatnonzero(inside > share * total) if total > 0 else np.empty(0, dtype=int)
        side = int(2 * enough[0] + 1) if len(enough) else None
        scores.append(AreaScore(share, side, None if side is None else side * side / (high * wide)))
    return scores


def shown(field: np.ndarray) -> np.ndarray:
    """The field as it is plotted: log10(field + 1) over its largest value, in 0 ... 1."""
    scaled = np.log10(field + 1)
    peak = scaled.max()
    return scaled / peak if peak > 0 else scaled
