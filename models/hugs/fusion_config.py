"""Settings of the fusion. The text under a field is its help, wherever the field is shown. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.parts.field_helps import field_helps
from models.parts.problems import BadInput

RANGES: dict[str, tuple[float, float]] = {
    "track_threshold": (0, 100_000),
    "quantile": (0.0, 1.0),
    "vote": (0.0, 1.0),
    "smooth": (0, 63),
    "erode": (0, 63),
    "gap": (0, 63),
    "dedup": (0.0, 100.0),
    "predicted_iou": (0.0, 1.0),
    "stability": (0.0, 1.0),
    "stability_offset": (0.0, 10.0),
}
"""Least and most of every number."""
WHOLE = ("track_threshold", "smooth", "erode", "gap")


@dataclass(frozen=True)
class FusionConfig:
    """How the cues become a static map. Defaults are the released code's, the track threshold excepted: it publishes 40
    for 200 photos, which is a fifth of them; 6 is the same for some 30. ``checked`` refuses values out of range.
    """

    track_threshold: int = 6
    """A feature is static when it was seen in at least this many photos; 0 takes all features, matched or not."""

    quantile: float = 0.95
    """The share of a photo's pixels, by colour residual, that may be static at all; 0.9 is stricter."""

    vote: float = 0.5
    """A segment is static when at least this share of its pixels is."""

    smooth: int = 7
    """Side in pixels of the window that closes holes before the vote; 0 leaves them."""

    erode: int = 5
    """Static regions lose half of this many pixels at their border to what moves; 0 keeps the border."""

    gap: int = 5
    """Side in pixels of the window that closes holes in the feature cue; an even size acts as the next odd one."""

    dedup: float = 0.1
    """Features nearer than this to one already kept are the same, in pixels."""

    outliers: bool = False
    """Drop features that lie far from all others (farther than the mean of all distances and three deviations)."""

    predicted_iou: float = 0.8
    """A mask prompted at a feature counts when its predicted IoU is above this, 0 to 1."""

    stability: float = 0.92
    """A mask prompted at a feature counts when it changes less than this tells when its threshold moves, 0 to 1."""

    stability_offset: float = 1.0
    """How far that threshold is moved, in logits."""

    def checked(self) -> FusionConfig:
        """The same settings; raises BadInput when one is out of range, saying which and what would be right."""
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int if name in WHOLE else int | float) and not isinstance(value, bool)
            if not number or not least <= value <= most:
                kind = "whole number" if name in WHOLE else "number"
                raise BadInput(f"The setting {name}", f"is {value!r}", f"Give a {kind} from {least:g} to {most:g}")
        if not isinstance(self.outliers, bool):
            raise BadInput("The setting outliers", f"is {self.outliers!r}", "Give true or false")
        return self


SUITED_SHARE = 0.11
"""Of the photos; 4 of 36, chosen on the tuning settings of models.hugs.scenes."""


def suited_to(images: int, side: int) -> FusionConfig:
    """Settings to begin with for ``images`` photos of ``side`` pixels: the code's, less eroded when small."""
    threshold = max(2, count_threshold(SUITED_SHARE, images))
    return FusionConfig(track_threshold=threshold, erode=5 if side >= 400 else 3 if side >= 150 else 0)


def count_threshold(fraction: float, images: int) -> int:
    """The code's threshold on the count n that keeps what the paper's n / ``images`` >= ``fraction`` keeps."""
    return max(0, math.ceil(fraction * images - 1e-9))


def fraction_threshold(count: int, images: int) -> float:
    """The paper's threshold on n / ``images`` for the code's threshold on the count n; 0 without images."""
    return count / images if images else 0.0


def helps() -> dict[str, str]:
    """The text under each field of FusionConfig."""
    return field_helps(FusionConfig)
