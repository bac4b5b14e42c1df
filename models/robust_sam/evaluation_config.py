"""What the report card measures: how many scenes, under which degradations, with which prompts, against what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.parts.degradations import KINDS

Row = Literal["plain", "robust", "augmented", "grabcut"]
ROWS: tuple[Row, ...] = ("plain", "robust", "augmented")
"""Plain SAM, RobustSAM, and plain SAM with its decoder fine-tuned on degraded images; GrabCut answers boxes alone."""

PromptKind = Literal["one_point", "three_points", "box"]
PROMPTS: tuple[PromptKind, ...] = ("one_point", "three_points", "box")

Part = Literal["rendered", "composed", "real"]
"""Where a scene comes from: held-out 3-D models, held-out flat shapes and clip art, or a real photo."""

SEVERITIES = (0.5, 1.0)
GOALS = (0.8, 0.9)
"""The qualities that clicking is counted to, the convention of interactive segmentation (NoC@80, NoC@90)."""

SIZES = (("small", 0.0, 0.01), ("medium", 0.01, 0.05), ("large", 0.05, 1.01))
"""Name, least and most share of the picture an object covers."""


@dataclass(frozen=True)
class EvaluationConfig:
    """``scenes`` of each generator; at most ``objects`` a scene, none below ``least_share`` of the picture.

    Every scene is asked clean and under all 15 kinds, each kind at one of the severities in turn. Three points are
    asked always, one point and a box on the clean scene and under every ``extra_every``-th kind. Of the scenes, one in
    ``clicks_every`` is clicked to the goals, one in ``grabcut_every`` given to GrabCut and one in ``everything_every``
    segmented as a whole.
    """

    scenes: int
    objects: int = 4
    least_share: float = 0.003
    seed: int = 77
    extra_every: int = 5
    clicks_every: int = 4
    grabcut_every: int = 8
    everything_every: int = 8


FULL = EvaluationConfig(scenes=200)
QUICK = EvaluationConfig(scenes=16)
"""The first scenes of FULL, asked in the same way: every figure of QUICK is the one of FULL on fewer scenes."""


@dataclass(frozen=True)
class Condition:
    """How a picture is degraded; ``kind`` None is the clean picture. ``extra``: all prompts are asked."""

    kind: str | None
    severity: float
    extra: bool


CLEAN = Condition(None, 0.0, True)


def conditions(index: int, extra_every: int) -> list[Condition]:
    """The clean picture, then the 15 kinds, for scene ``index`` of its generator.

    Severities alternate over kinds and scenes, so that over two scenes each kind has met both.
    """
    return [CLEAN] + [
        Condition(kind, SEVERITIES[(number + index) % len(SEVERITIES)], (number + index) % extra_every == 0)
        for number, kind in enumerate(KINDS)
    ]
