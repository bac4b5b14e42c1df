"""Postures of people as joint angles, and motion between them.

A posture is a vector of angles in degrees, one per name in ANGLES; zero is standing upright, arms hanging, palms in.
Everything that moves continuously in the angles moves the body continuously: `between` and `walk` need no special
cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.worlds.people_parts import BONES

F64 = NDArray[np.float64]

_TRUNK = ("pitch", "roll", "bend", "side", "twist", "nod", "look", "cock")
_ARM = ("forward", "out", "turn", "elbow", "hand")
_LEG = ("forward", "out", "turn", "knee", "ankle")
ANGLES = (
    *_TRUNK,
    *(f"arm {name}.{side}" for side in "LR" for name in _ARM),
    *(f"leg {name}.{side}" for side in "LR" for name in _LEG),
)
"""pitch, roll: the whole body forward, to its right. bend, side, twist: the spine forward, to the right, to the left.
nod, look, cock: the head down, to the left, to the right shoulder. Limbs: forward, out from the body, turned inward
about their own axis; elbow and knee bent; hand bent, toes down."""

_INDEX = {name: number for number, name in enumerate(ANGLES)}


def posture(trunk: dict[str, float] | None = None, **limbs: tuple[float, ...]) -> F64:
    """A posture from trunk angles and limbs: arm_L, arm_R, leg_L, leg_R (forward, out, turn, elbow | knee, hand |
    ankle), or arms, legs for both sides. A leg without an ankle keeps the foot level. Raises KeyError for other names.
    """
    angles = np.zeros(len(ANGLES))
    angles[[_INDEX["arm out.L"], _INDEX["arm out.R"]]] = 9
    angles[[_INDEX["leg out.L"], _INDEX["leg out.R"]]] = 4
    for name, value in (trunk or {}).items():
        angles[_INDEX[name]] = value
    for limb, values in limbs.items():
        stem, _, side = limb.partition("_")
        kind = {"arm": "arm", "arms": "arm", "leg": "leg", "legs": "leg"}[stem]
        if kind == "leg" and len(values) == 4:
            values = (*values, values[0] - values[3])
        for each in side or "LR":
            for name, value in zip(_ARM if kind == "arm" else _LEG, values, strict=False):
                angles[_INDEX[f"{kind} {name}.{each}"]] = value
    return angles


POSTURES: dict[str, F64] = {
    "standing": posture(),
    "at ease": posture({"side": 3}, arms=(5, 10, 10, 15), leg_L=(4, 5, 0, 8), leg_R=(-2, 9, 0, 2)),
    "hands on hips": posture(arms=(-20, 42, 65, 95)),
    "arms folded": posture({"bend": 3}, arms=(35, 12, 75, 105)),
    "arms raised": posture({"bend": -4}, arms=(170, 18, 0, 12)),
    "arms spread": posture(arms=(0, 88, 0, 4)),
    "waving": posture(arm_R=(20, 78, -80, 95), arm_L=(4, 10, 0, 10)),
    "pointing": posture({"look": -10}, arm_R=(88, 12, 0, 4), arm_L=(0, 10, 0, 12)),
    "reaching up": posture(
        {"bend": -6, "nod": -22}, arm_L=(172, 8, 0, 5), arm_R=(25, 12, 0, 25), legs=(0, 5, 0, 0, 25)
    ),
    "reaching forward": posture(
        {"bend": 25, "pitch": 8}, arms=(95, 8, 0, 12), leg_L=(22, 4, 0, 18), leg_R=(-8, 4, 0, 4)
    ),
    "carrying": posture({"bend": -4}, arms=(28, 8, 25, 82)),
    "phoning": posture({"cock": 8}, arm_R=(38, 22, 25, 140), arm_L=(3, 9, 0, 12)),
    "bending": posture({"bend": 75, "nod": 12}, arms=(78, 6, 0, 8), legs=(12, 5, 0, 14)),
    "crouching": posture({"bend": 42, "nod": -20}, arms=(62, 14, 20, 50), legs=(105, 14, 0, 128, 16)),
    "squatting": posture({"bend": 30, "nod": -15}, arms=(80, 10, 0, 12), legs=(92, 12, 0, 98)),
    "kneeling": posture({"bend": 6}, arms=(15, 10, 20, 35), leg_L=(88, 6, 0, 90), leg_R=(-6, 5, 0, 92, 38)),
    "sitting": posture({"bend": 8}, arms=(28, 10, 20, 62), legs=(86, 8, 0, 86)),
    "sitting back": posture({"pitch": -14, "bend": 12}, arms=(22, 16, 20, 48), legs=(96, 10, 0, 70, 10)),
    "legs crossed": posture({"bend": 6}, arms=(32, 8, 35, 70), leg_L=(86, 4, 0, 86), leg_R=(98, -14, 8, 74, 22)),
    "sitting on the ground": posture({"bend": 22}, arms=(30, 14, 10, 25), legs=(84, 10, 0, 8, 10)),
    "hugging knees": posture({"bend": 36}, arms=(58, 10, 45, 62), legs=(118, 6, 0, 128, -4)),
    "lying on the back": posture({"pitch": -90}, arms=(4, 26, 0, 12), legs=(2, 8, 0, 6, 30)),
    "lying on the front": posture({"pitch": 90, "look": 50}, arms=(150, 28, 0, 60), legs=(0, 8, 0, 4, 55)),
    "lying on the side": posture({"roll": 90, "bend": 14}, arms=(62, 6, 10, 60), legs=(48, 3, 0, 62, 20)),
    "lunging": posture({"bend": 4}, arms=(10, 30, 20, 70), leg_L=(68, 3, 0, 72), leg_R=(-38, 3, 0, 24, 30)),
    "kicking": posture(
        {"bend": 4, "pitch": -8},
        arm_L=(38, 22, 0, 25),
        arm_R=(-28, 22, 0, 20),
        leg_R=(68, 4, 0, 14, 22),
        leg_L=(-6, 4, 0, 8),
    ),
    "throwing": posture(
        {"twist": -28, "bend": -6},
        arm_R=(80, 62, -60, 95),
        arm_L=(70, 12, 0, 18),
        leg_L=(24, 4, 0, 14),
        leg_R=(-20, 6, 0, 18),
    ),
    "dancing": posture(
        {"side": 12, "twist": 16},
        arm_L=(140, 28, 0, 40),
        arm_R=(30, 48, 30, 80),
        leg_L=(38, 12, 0, 58, 18),
        leg_R=(-4, 5, 0, 4),
    ),
    "falling": posture(
        {"pitch": 38, "bend": 12, "nod": -24}, arms=(100, 26, 0, 28), leg_L=(38, 5, 0, 45), leg_R=(-22, 5, 0, 30, 28)
    ),
}
"""Named postures; more come from `walk` and `run`."""

SEATED = ("sitting", "sitting back", "legs crossed")
LYING = ("lying on the back", "lying on the front", "lying on the side")


def walk(phase: float, stride: float = 1.0) -> F64:
    """One moment of walking: phase in cycles (two steps each), any number; stride scales how far the legs swing."""
    return _gait(phase, 26 * stride, 52, 22 * stride, 14, 3)


def run(phase: float, stride: float = 1.0) -> F64:
    """One moment of running; see `walk`."""
    return _gait(phase, 46 * stride, 92, 42 * stride, 88, 14)


def _gait(phase: float, swing: float, lift: float, arm: float, elbow: float, lean: float) -> F64:
    limbs: dict[str, tuple[float, ...]] = {}
    for side, late in (("L", 0.0), ("R", 0.5)):
        turn = 2 * np.pi * (phase + late)
        thigh = swing * np.sin(turn) + 0.12 * swing
        knee = 6 + lift * (0.5 + 0.5 * np.cos(turn + 0.35)) ** 2
        push = 14 * (0.5 - 0.5 * np.sin(turn - 0.4)) ** 3
        limbs[f"leg_{side}"] = (thigh, 3.0, 0.0, knee, 0.55 * (thigh - knee) + push)
        limbs[f"arm_{side}"] = (-arm * np.sin(turn), 9.0, 12.0, elbow + 0.25 * arm * (1 - np.sin(turn)))
    twist = 0.25 * arm * np.sin(2 * np.pi * phase)
    return posture({"pitch": lean, "twist": twist, "nod": -lean / 2}, **limbs)


def between(first: F64, second: F64, share: float) -> F64:
    """The posture `share` of the way (0..1, clipped) from one to another, starting and ending at rest."""
    t = float(np.clip(share, 0, 1))
    eased = t * t * (3 - 2 * t)
    mixed: F64 = first * (1 - eased) + second * eased
    return mixed


def along(times: Sequence[float], postures: Sequence[F64], time: float) -> F64:
    """The posture at a time of a sequence: `postures[i]` is reached at `times[i]` (rising), held before and after.

    Raises ValueError for lists of other lengths or times that do not rise.
    """
    if len(times) != len(postures) or not len(times) or any(b <= a for a, b in pairwise(times)):
        raise ValueError("a sequence needs one rising time for each posture; sort the times and drop repeats")
    later = int(np.searchsorted(np.asarray(times), time))
    if later == 0 or later == len(times):
        return np.array(postures[min(later, len(times) - 1)])
    start, stop = times[later - 1], times[later]
    return between(postures[later - 1], postures[later], (time - start) / (stop - start))


def _turn(axis: int, degrees: float) -> F64:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = c
    matrix[b, a], matrix[a, b] = s, -s
    return matrix


def _hang(direction: F64) -> F64:
    """The smallest rotation that makes a direction (3,) point straight down."""
    unit = direction / np.linalg.norm(direction)
    down = np.array([0.0, -1.0, 0.0])
    axis, cosine = np.cross(unit, down), float(unit @ down)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn: F64 = np.eye(3) + cross + cross @ cross / (1 + cosine)
    return turn


def rotations(angles: F64, joints: NDArray[np.floating]) -> F64:
    """World rotation of each bone, (J, 3, 3), from its rest orientation. joints: (J, 3) rest positions.

    Raises ValueError for a vector of another length than ANGLES.
    """
    if np.shape(angles) != (len(ANGLES),):
        raise ValueError(f"a posture has {len(ANGLES)} angles, not {np.shape(angles)}; make it with posture(...)")
    get = {name: float(value) for name, value in zip(ANGLES, angles, strict=True)}
    at = {name: np.asarray(joint, np.float64) for name, joint in zip(BONES, joints, strict=True)}
    found = {"root": _turn(2, -get["roll"]) @ _turn(0, get["pitch"])}
    half = _turn(0, get["bend"] / 2) @ _turn(2, -get["side"] / 2) @ _turn(1, get["twist"] / 2)
    found["spine04"] = found["root"] @ half
    found["spine02"] = found["spine04"] @ half
    half = _turn(1, get["look"] / 2) @ _turn(0, get["nod"] / 2) @ _turn(2, -get["cock"] / 2)
    found["neck01"] = found["spine02"] @ half
    found["head"] = found["neck01"] @ half
    for side, sign in (("L", 1.0), ("R", -1.0)):

        def limb(kind: str, name: str, side: str = side) -> float:
            return get[f"{kind} {name}.{side}"]

        found[f"clavicle.{side}"] = found["spine02"] @ _turn(2, sign * 0.12 * max(0.0, limb("arm", "out") - 20))
        upper = (
            found["spine02"]
            @ _turn(0, -limb("arm", "forward"))
            @ _turn(2, sign * limb("arm", "out"))
            @ _turn(1, -sign * limb("arm", "turn"))
        )
        fore = upper @ _turn(0, -limb("arm", "elbow"))
        straight = _hang(at[f"wrist.{side}"] - at[f"lowerarm01.{side}"])
        found[f"upperarm01.{side}"] = upper @ _hang(at[f"lowerarm01.{side}"] - at[f"upperarm01.{side}"])
        found[f"lowerarm01.{side}"] = fore @ straight
        found[f"wrist.{side}"] = fore @ _turn(0, -limb("arm", "hand")) @ straight
        thigh = (
            found["root"]
            @ _turn(0, -limb("leg", "forward"))
            @ _turn(2, sign * limb("leg", "out"))
            @ _turn(1, -sign * limb("leg", "turn"))
        )
        calf = thigh @ _turn(0, limb("leg", "knee"))
        found[f"upperleg01.{side}"] = thigh @ _hang(at[f"lowerleg01.{side}"] - at[f"upperleg01.{side}"])
        found[f"lowerleg01.{side}"] = calf @ _hang(at[f"foot.{side}"] - at[f"lowerleg01.{side}"])
        found[f"foot.{side}"] = calf @ _turn(0, limb("leg", "ankle"))
    return np.stack([found[name] for name in BONES])
