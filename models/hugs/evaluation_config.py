"""What the report card of HuGS measures: scenes, seeds, the maps that are compared and how the fields are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from models.hugs.field_config import FieldConfig
from models.hugs.fusion_config import FusionConfig, suited_to

SIDE, FRAMES = 192, 36

Map = Literal["sfm", "residual", "residual_segments", "hugs", "hugs_plain", "silhouettes"]
MAPS: tuple[Map, ...] = ("sfm", "residual", "residual_segments", "hugs", "hugs_plain", "silhouettes")
"""Static maps with a score: the two cues, the residual voted over segments, HuGS, HuGS with the paper's residual (which
forgives neither blur nor shifts), and HuGS with the true silhouettes of what moves among its segments."""

Training = Literal["none", "sfm", "residual", "residual_segments", "hugs", "robust", "true"]
TRAININGS: tuple[Training, ...] = ("none", "sfm", "residual", "residual_segments", "hugs", "robust", "true")
"""Under which maps a field is trained: none at all, the maps above, RobustNeRF's trimming, the true maps."""


@dataclass(frozen=True)
class EvaluationConfig:
    """``scenes``: how many settings of models.hugs.scenes.EVALUATION; ``seeds``: captures of each.

    cue: the fields whose residual is looked at. final: the fields whose pictures of clean held-out views are compared.
    """

    scenes: int
    seeds: int
    side: int = SIDE
    frames: int = FRAMES
    cue: FieldConfig = field(default_factory=lambda: FieldConfig(iterations=300))
    final: FieldConfig = field(default_factory=lambda: FieldConfig(iterations=500))
    fusion: FusionConfig = field(default_factory=lambda: suited_to(FRAMES, SIDE))


FULL = EvaluationConfig(scenes=6, seeds=3)
QUICK = EvaluationConfig(scenes=3, seeds=1)
"""The first scenes of FULL with their first seed, measured in the same way."""
