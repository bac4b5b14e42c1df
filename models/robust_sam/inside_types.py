"""What the inside view shows: small arrays and numbers, without torch, so that a page can be drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Branch = Literal["sam", "robust"]
Floats = npt.NDArray[np.float32]
CleanerName = Literal["early", "final", "mask"]

CLEANERS: dict[CleanerName, tuple[str, str]] = {
    "early": ("Early feature", "edges and texture, after the encoder's first stage that sees the whole picture"),
    "final": ("Image embedding", "what the encoder hands to the decoder"),
    "mask": ("Mask feature", "the decoder's up-scaled map that the mask is read from"),
}
HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class Distance:
    """How far a feature lies from the clean photo's, before and after cleaning: relative L2, 0 is equal.

    Both are taken after the cleaner's projection, where the decoder reads the feature and training compares it.
    """

    before: float
    after: float


@dataclass(frozen=True)
class Cleaner:
    """One AMFG at work on a map of ``channels`` x h x w cells.

    ``spectrum_before``, ``spectrum_after``: log10 of the amplitude's mean over channels, (h, w), zero frequency in the
    middle. ``ratio``: log2(after / before), (h, w). ``radius``, ``radial_before``, ``radial_after``: the same
    amplitudes averaged over rings, radius in cycles per map. ``selector``: (4, 4) share of the batch-normalised branch,
    mean over channels; the instance-normalised one takes the rest. ``selector_channels``: (channels,) its mean over
    cells. ``histogram``: counts of channels by that share, HISTOGRAM_BINS bins over 0..1. ``energy_before``,
    ``energy_after``: (h, w) root mean square over channels of the map that goes in and the cleaned map. ``distance``:
    None without a clean photo to compare with.
    """

    name: CleanerName
    channels: int
    spectrum_before: Floats
    spectrum_after: Floats
    ratio: Floats
    radius: Floats
    radial_before: Floats
    radial_after: Floats
    selector: Floats
    selector_channels: Floats
    histogram: npt.NDArray[np.int64]
    energy_before: Floats
    energy_after: Floats
    distance: Distance | None


@dataclass(frozen=True)
class TokenAttention:
    """Where one branch's output token looks: ``weights`` (layers, heads, h, w), each (h, w) sums to 1.

    ``layers``: their names, in the order of the two-way transformer. ``padding``: share of the last layer's attention
    that falls on the black border which makes the photo square.
    """

    branch: Branch
    layers: tuple[str, ...]
    weights: Floats
    padding: float

    @property
    def mean(self) -> Floats:
        """(layers, h, w), mean over the heads."""
        mean: Floats = self.weights.mean(axis=1)
        return mean


@dataclass(frozen=True)
class Stage:
    """A partial result: what has just been computed."""

    cleaners: tuple[Cleaner, ...] = ()


@dataclass(frozen=True)
class InsideView:
    """Everything. ``cleaners`` is empty and ``missing`` says why when the weights are a plain SAM checkpoint.

    ``used``: (rows, columns) of the grid that the photo covers, the rest is padding; ``grid``: cells of the embedding
    along a side. ``masks``: bool (h, w) of the photo's display size, one for each branch.
    """

    cleaners: tuple[Cleaner, ...]
    attention: Mapping[Branch, TokenAttention]
    masks: Mapping[Branch, npt.NDArray[np.bool_]]
    grid: int
    used: tuple[float, float]
    model: str
    missing: str
    milliseconds: float
