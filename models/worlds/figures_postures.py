"""Thirty-three postures of the acting figures, each with its variants, and how they repeat and leave the ground.

Angles are those of people_poses, so the stick figures and the skinned bodies take the same postures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.worlds.people_poses import ANGLES, F64, POSTURES, between, posture, run, walk

GAITS = {"walking": walk, "running": run}
"""Postures that move in cycles."""


def _pedals(phase: float) -> F64:
    limbs = {}
    for side, late in (("L", 0.0), ("R", 0.5)):
        turn = 2 * np.pi * (phase + late)
        thigh = 58 + 24 * np.sin(turn)
        limbs[f"leg_{side}"] = (thigh, 4.0, 0.0, 66 + 26 * np.sin(turn + 0.5), 5.0)
    return posture({"bend": 34, "nod": -20}, arms=(62, 9, 0, 12), **limbs)


_HANDS_DOWN = {"bend": 6.0, "nod": -14.0}

FIGURE_POSTURES: dict[str, tuple[F64, ...]] = {
    "standing": (POSTURES["standing"], POSTURES["at ease"]),
    "hands on hips": (POSTURES["hands on hips"],),
    "arms folded": (POSTURES["arms folded"],),
    "arms raised": (POSTURES["arms raised"], posture({"bend": -4}, arms=(162, 30, 0, 10))),
    "arms spread": (POSTURES["arms spread"],),
    "waving": (POSTURES["waving"],),
    "pointing": (POSTURES["pointing"],),
    "reaching up": (POSTURES["reaching up"],),
    "pushing": (posture({"pitch": 24, "nod": -18}, arms=(72, 8, 0, 12), leg_L=(14, 4, 0, 42), leg_R=(-30, 4, 0, 14)),),
    "hand at the head": (POSTURES["phoning"],),
    "bending": (POSTURES["bending"],),
    "crouching": (POSTURES["crouching"], POSTURES["squatting"]),
    "kneeling": (POSTURES["kneeling"],),
    "sitting": (POSTURES["sitting"], POSTURES["sitting back"]),
    "sitting on the ground": (POSTURES["sitting on the ground"],),
    "lying on the back": (POSTURES["lying on the back"],),
    "lying on the front": (POSTURES["lying on the front"],),
    "lunging": (POSTURES["lunging"],),
    "kicking": (POSTURES["kicking"],),
    "throwing": (POSTURES["throwing"],),
    "dancing": (POSTURES["dancing"],),
    "falling": (POSTURES["falling"],),
    "walking": (),
    "running": (),
    "jumping": (
        posture({"bend": 6}, arms=(150, 34, 0, 14), legs=(48, 10, 0, 92, 30)),
        posture({"bend": -4}, arms=(140, 50, 0, 6), legs=(12, 28, 0, 24, 35)),
    ),
    "plank": (posture({"pitch": 74, "nod": -34}, arms=(78, 8, 0, 3), legs=(0, 5, 0, 4, -10)),),
    "crawling": (
        posture({"pitch": 82, "nod": -40}, arms=(82, 8, 0, 6), leg_L=(88, 6, 0, 92, 40), leg_R=(72, 6, 0, 92, 40)),
    ),
    "handstand": (posture({"pitch": 180, "nod": -10}, arms=(176, 12, 0, 3), legs=(-4, 7, 0, 6, 40)),),
    "balancing": (
        posture(arms=(0, 88, 0, 4), leg_R=(84, 5, 0, 100, 20)),
        posture({"pitch": 52, "nod": -35}, arms=(10, 86, 0, 3), leg_L=(52, 3, 0, 4, 0), leg_R=(-38, 3, 0, 4, 30)),
    ),
    "swinging": (
        posture({"twist": 48, "bend": 14}, arm_L=(66, 4, 0, 18), arm_R=(72, -16, 0, 14), legs=(6, 15, 0, 16)),
    ),
    "climbing": (
        posture(_HANDS_DOWN, arm_L=(164, 10, 0, 18), arm_R=(118, 10, 0, 62), leg_L=(76, 8, 0, 88), leg_R=(8, 5, 0, 14)),
    ),
    "punching": (
        posture(
            {"twist": 22}, arm_R=(90, 4, 0, 3), arm_L=(42, 12, 40, 125), leg_L=(30, 5, 0, 34), leg_R=(-24, 6, 0, 16)
        ),
    ),
    "riding": (),
}
"""Name -> its variants; none: a cycle."""

NAMES = tuple(FIGURE_POSTURES)
LIFTS = {"jumping": (0.22, 0.5), "climbing": (0.25, 0.7), "riding": (0.27, 0.31)}
"""Postures above the ground: least and most height of the lowest point, metres."""

HANDS_BUSY = (
    "plank",
    "crawling",
    "handstand",
    "climbing",
    "lying on the back",
    "lying on the front",
    "riding",
    "falling",
)
"""Postures that hold no things."""

_SWAPPED = np.array(
    [ANGLES.index(n[:-1] + {"L": "R", "R": "L"}[n[-1]]) if n[-2] == "." else i for i, n in enumerate(ANGLES)]
)
_FREEDOM = np.array([0.3 if n in ("pitch", "roll", "side") else 0.6 if n.startswith("leg") else 1.0 for n in ANGLES])
"""How far each joint deviates from person to person: a body that leans is another posture, a lower arm is not."""
_SIGN = np.array([-1.0 if n in ("roll", "side", "twist", "look", "cock") else 1.0 for n in ANGLES])


def mirrored(angles: F64) -> F64:
    """The posture with left and right exchanged."""
    return np.asarray(angles[_SWAPPED] * _SIGN, np.float64)


@dataclass(frozen=True)
class Stance:
    """One way one person takes a posture: which variant, mirrored or not, its own small deviations, how high."""

    name: str
    angles: F64 | None
    shift: F64
    mirror: bool
    lift: float
    rate: float
    phase: float

    def at(self, time: float) -> F64:
        """The angles at a time in seconds."""
        if self.angles is not None:
            sway = 2.5 * _FREEDOM * np.sin(2 * np.pi * (0.5 * time + self.phase) + np.arange(len(ANGLES)))
            now = self.angles + self.shift + sway
            return mirrored(now) if self.mirror else now
        cycle = GAITS.get(self.name, _pedals)
        return cycle(self.phase + self.rate * time) + 0.4 * self.shift


def stance(name: str, rng: np.random.Generator, mirror: bool, spread: float = 5.5) -> Stance:
    """A stance in the named posture; ``spread``: degrees that each joint may differ (standard deviation).

    Raises KeyError for a name that is not in NAMES.
    """
    variants = FIGURE_POSTURES[name]
    angles = variants[int(rng.integers(len(variants)))] if variants else None
    low, high = LIFTS.get(name, (0.0, 0.0))
    rate = {"walking": 0.9, "running": 1.4}.get(name, 0.8) * rng.uniform(0.85, 1.2)
    shift = rng.normal(0, spread, len(ANGLES)) * _FREEDOM
    return Stance(name, angles, shift, mirror, float(rng.uniform(low, high)), float(rate), float(rng.random()))


def blended(first: Stance, second: Stance, share: float, time: float) -> tuple[F64, float]:
    """Angles and height on the way from one stance to another; share 0..1."""
    eased = share * share * (3 - 2 * share)
    return between(first.at(time), second.at(time), share), first.lift * (1 - eased) + second.lift * eased
