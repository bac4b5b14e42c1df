"""What the report card measures: how many clips of what, under which descriptors."""

from __future__ import annotations

from dataclasses import dataclass

SHOTS = (2, 4, 8, 16)
"""Clips a class that the few-shot figures may learn from."""

WRONG_SHARE = 0.3
"""Share of descriptors that are exchanged for another class's."""


@dataclass(frozen=True)
class EvaluationConfig:
    """Clips of every class in each of the sets, for every seed; a seed also draws the wording of the descriptors.

    held_out: the 24 held-out actions in unseen places and colours; seen: the 24 trained ones in trained places and
    colours; bodies: held-out actions by skinned bodies; pairs: actions that differ in order alone; frames: T.
    """

    held_out: int
    seen: int
    bodies: int
    pairs: int
    shots: tuple[int, ...] = SHOTS
    seeds: int = 3
    frames: int = 16
    support_frames: int = 8
    first_seed: int = 4100


FULL = EvaluationConfig(held_out=20, seen=10, bodies=4, pairs=12)
QUICK = EvaluationConfig(held_out=5, seen=3, bodies=1, pairs=6)
