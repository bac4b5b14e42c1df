"""Where the joints of a posed body are, and how the camera sees them: a parallel view from slightly above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.worlds.people import Body, placed
from models.worlds.people_parts import BONES
from models.worlds.people_poses import rotations

F64 = NDArray[np.float64]
BONE = {name: number for number, name in enumerate(BONES)}
HEAD_RADIUS, LIMB_RADIUS = 0.115, 0.05


@dataclass(frozen=True)
class Pose:
    """A posed body in the world, metres, y up, the camera towards +z. joints (J, 3), hands (2, 3), toes (2, 3), left
    first; head (3,); forward (3,): where the hips look; turns (J, 3, 3), turn (3, 3) and offset (3,) place a skinned
    mesh at the same spot."""

    joints: F64
    hands: F64
    toes: F64
    head: F64
    forward: F64
    turns: F64
    turn: F64
    offset: F64

    @property
    def grip(self) -> F64:
        """The middle between the hands."""
        middle: F64 = self.hands.mean(axis=0)
        return middle

    @property
    def hips(self) -> F64:
        """The root joint."""
        return np.asarray(self.joints[0])


def turn_y(yaw: float) -> F64:
    """Rotation about the vertical, radians; positive turns the front (+z) towards +x."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def posed(body: Body, angles: F64, yaw: float, place: F64, lift: float) -> Pose:
    """The body in a posture, hips over ``place`` (x, z) metres, the lowest point ``lift`` metres above the ground."""
    turns = rotations(angles, body.joints)
    local = placed(np.asarray(body.joints, np.float64), turns)
    head = local[BONE["head"]] + turns[BONE["head"]] @ np.array([0, 0.07, 0.02])
    hands, toes = [], []
    for side in "LR":
        wrist, elbow = local[BONE[f"wrist.{side}"]], local[BONE[f"lowerarm01.{side}"]]
        hands.append(wrist + 0.09 * (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6))
        ankle = BONE[f"foot.{side}"]
        toes.append(local[ankle] + turns[ankle] @ np.array([0, -0.06, 0.15]))
    points = np.concatenate([local, hands, toes, [head]])
    radii = np.full(len(points), LIMB_RADIUS)
    radii[-1] = HEAD_RADIUS
    lowest = float((points[:, 1] - radii).min())
    turn = turn_y(yaw)
    offset = np.array([place[0], lift - lowest, place[1]]) - turn @ np.array([local[0, 0], 0, local[0, 2]])

    def moved(p: F64) -> F64:
        return np.asarray(p @ turn.T + offset)

    return Pose(
        moved(local),
        moved(np.array(hands)),
        moved(np.array(toes)),
        moved(head),
        turn @ np.array([0, 0, 1.0]),
        turns,
        turn,
        offset,
    )


@dataclass(frozen=True)
class View:
    """A parallel view: ``scale`` pixels a metre, the origin at pixel (x, y), looking down by ``tilt`` radians."""

    scale: float
    x: float
    y: float
    tilt: float

    def pixels(self, points: F64) -> F64:
        """(N, 3) metres -> (N, 2) pixels."""
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        across = self.x + self.scale * points[:, 0]
        down = self.y - self.scale * (points[:, 1] * c - points[:, 2] * s)
        return np.stack([across, down], axis=1)

    def depth(self, points: F64) -> F64:
        """(N, 3) metres -> (N,) metres towards the camera."""
        near: F64 = points[:, 2] * np.cos(self.tilt) + points[:, 1] * np.sin(self.tilt)
        return near
