"""Settings of everything mode. The text under a field is its help, wherever the field is shown. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.parts.field_helps import field_helps

Candidates = Literal["single", "multi"]
Suppression = Literal["box", "mask"]
Overlap = Literal["nested", "flat"]

LEAST_POINTS, MOST_POINTS = 8, 32
MOST_LAYERS = 2
LAYER_POINTS = 2
"""Each crop layer has this many times fewer points a side in each of its crops."""

SECONDS_PER_PROMPT = {"sam": 0.005, "robust": 0.015}
"""Nano on one core of 2024, until this machine's own runs are known."""


@dataclass(frozen=True)
class EverythingConfig:
    """How the photo is searched and which masks are kept. ``checked`` refuses values out of range.

    The defaults of candidates and the three thresholds are those that measured best (recall and precision of both
    branches) on training scenes with the embedded weights; for the authors' weights segment-anything's are stricter:
    predicted IoU 0.88, stability 0.95 at offset 1.
    """

    points_per_side: int = 16
    """Points along each side of the photo: more find smaller things; twice as many take four times as long."""

    candidates: Candidates = "multi"
    """Masks asked for at each point: one, or three alternatives (part, object, group)."""

    iou_threshold: float = 0.6
    """Masks whose predicted IoU is lower are dropped, 0 to 1."""

    stability_threshold: float = 0.5
    """Masks that change more when their threshold is moved are dropped, 0 to 1."""

    stability_offset: float = 0.5
    """How far the threshold is moved for the stability score, in logits."""

    nms_threshold: float = 0.7
    """Of two masks that overlap more than this IoU, the lower scored goes, 0 to 1."""

    suppression: Suppression = "mask"
    """What overlaps: the masks themselves, or only their boxes (faster, as in segment-anything)."""

    min_area: int = 64
    """Smaller masks are dropped, smaller islands and holes removed, in pixels of the photo."""

    max_share: float = 0.95
    """Masks that cover more of the photo are dropped, share from 0 to 1."""

    overlap: Overlap = "nested"
    """Keep whole masks, one inside another, or cut them so that each pixel belongs to the smallest one."""

    crop_layers: int = 0
    """Searches again in 4 (1 layer) or 20 (2 layers) enlarged crops: finds small things, takes longer."""

    crop_overlap: float = 0.34
    """How much neighbouring crops share, as a share of the shorter side."""

    def checked(self) -> EverythingConfig:
        """The same settings; raises BadPrompt when one is out of range, saying which and what would be right."""
        from models.robust_sam.prompts import BadPrompt

        whole = {
            "points_per_side": (LEAST_POINTS, MOST_POINTS),
            "min_area": (0, 10**9),
            "crop_layers": (0, MOST_LAYERS),
        }
        real = {
            "iou_threshold": (0.0, 1.0),
            "stability_threshold": (0.0, 1.0),
            "stability_offset": (0.0, 10.0),
            "nms_threshold": (0.0, 1.0),
            "max_share": (0.0, 1.0),
            "crop_overlap": (0.0, 0.8),
        }
        for name, (least, most) in {**whole, **real}.items():
            value = getattr(self, name)
            number = isinstance(value, int if name in whole else int | float) and not isinstance(value, bool)
            if not number or not least <= value <= most:
                kind = "whole number" if name in whole else "number"
                raise BadPrompt(f"{name} is {value!r}; give a {kind} from {least:g} to {most:g}")
        for name, known in (
            ("candidates", ("single", "multi")),
            ("suppression", ("box", "mask")),
            ("overlap", ("nested", "flat")),
        ):
            if getattr(self, name) not in known:
                raise BadPrompt(f"{name} is {getattr(self, name)!r}; choose {' or '.join(known)}")
        return self

    @property
    def prompts(self) -> int:
        """Points asked in all."""
        return sum(4**layer * self.points_of(layer) ** 2 for layer in range(self.crop_layers + 1))

    @property
    def chosen(self) -> slice:
        """Which of the decoder's four masks are looked at."""
        return slice(0, 1) if self.candidates == "single" else slice(1, 4)

    def points_of(self, layer: int) -> int:
        """Points a side in each crop of ``layer`` (0: the whole photo)."""
        return max(2, self.points_per_side // LAYER_POINTS**layer)


def helps() -> dict[str, str]:
    """The text under each field of EverythingConfig."""
    return field_helps(EverythingConfig)
