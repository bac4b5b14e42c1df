"""Sizes of the repository's Nerfacto and of its proposal networks, for the three data sets of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ProposalConfig:
    """A density network that only says where to sample: ``samples`` places are asked for by it."""

    levels: int
    finest: int
    samples: int
    base: int = 16
    log2_entries: int = 17
    hidden: int = 64


@dataclass(frozen=True)
class NerfactoConfig:
    """The field and how rays are sampled.

    ``bound``: half side of the cube a bounded scene fills; None contracts all of space. ``spacing``: how the first
    samples lie between ``near`` and ``far`` (scene units): evenly, or evenly up to distance 1 and then in 1 / distance.
    ``legacy_deltas``: the released interval lengths, which the authors' checkpoints need.
    """

    proposals: tuple[ProposalConfig, ...]
    levels: int = 16
    base: int = 16
    finest: int = 8192
    log2_entries: int = 21
    hidden: int = 256
    geometry: int = 64
    samples: int = 128
    appearance: int = 0
    images: int = 3500
    bound: float | None = None
    spacing: Literal["uniform", "piecewise"] = "piecewise"
    near: float = 0.05
    far: float = 1000.0
    opaque_background: bool = True
    distortion: float = 0.002
    legacy_deltas: bool = False


_TWO = (ProposalConfig(5, 512, 512), ProposalConfig(7, 2048, 256))

CONFIGS = {
    "kubric": NerfactoConfig((ProposalConfig(7, 2048, 256),), bound=1.0, spacing="uniform", far=4.0, distortion=0.0),
    "distractor": NerfactoConfig(_TWO, appearance=4),
    "phototourism": NerfactoConfig(_TWO, appearance=48, bound=1.0, far=4.0, spacing="uniform", distortion=0.001),
}
"""The released configurations; bound, near and far of a scene are set with dataclasses.replace."""

PHOTOTOURISM_BOUNDS = {"brandenburg_gate": 24.0, "sacre_coeur": 11.0, "taj_mahal": 16.0, "trevi_fountain": 35.0}

TINY = NerfactoConfig(
    (ProposalConfig(2, 32, 16, log2_entries=10, hidden=8),),
    levels=3,
    finest=32,
    log2_entries=10,
    hidden=16,
    geometry=8,
    samples=12,
    appearance=2,
    images=6,
)
"""Small enough for a test on one core; the same code."""
