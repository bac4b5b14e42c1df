"""Things that people act with, drawn around a pose: a ball, a box, a bar, furniture, a bike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.worlds.figures_draw import Canvas, Colour
from models.worlds.figures_skeleton import BONE, Pose

F64 = NDArray[np.float64]

ITEMS: dict[str, tuple[str, ...]] = {
    "ball": ("held", "ground", "air"),
    "box": ("held", "ground"),
    "bar": ("held", "ground"),
    "bat": ("held", "ground"),
    "broom": ("held",),
    "book": ("held",),
    "guitar": ("held", "ground"),
    "umbrella": ("held",),
    "bag": ("held", "ground"),
    "rope": ("held", "ground"),
}
"""Item -> where it can be: in the hands, on the ground before the person, in the air."""

FURNITURE = ("table", "ladder", "bike", "chair")
TINTS: tuple[Colour, ...] = (
    (200, 60, 50),
    (60, 90, 190),
    (235, 170, 50),
    (60, 150, 80),
    (120, 70, 140),
    (150, 105, 60),
)
WOOD: Colour = (150, 105, 60)
STEEL: Colour = (70, 72, 78)
UP = np.array([0.0, 1.0, 0.0])


def _side(pose: Pose) -> F64:
    return np.asarray(np.cross(UP, pose.forward))


def _before(pose: Pose, ahead: float, up: float) -> F64:
    spot = pose.hips + pose.forward * ahead
    spot[1] = up
    return np.asarray(spot)


def _ring(centre: F64, across: F64, up: F64, radius: float, corners: int = 14) -> F64:
    turns = np.linspace(0, 2 * np.pi, corners)
    return centre + radius * (np.cos(turns)[:, None] * across + np.sin(turns)[:, None] * up)


def _cuboid(canvas: Canvas, centre: F64, axes: F64, half: F64, colour: Colour, nearer: float = 0.0) -> None:
    """Three visible faces of a box; axes (3, 3) rows are unit directions."""
    towards = np.array([0.0, np.sin(canvas.view.tilt), np.cos(canvas.view.tilt)])
    for axis in range(3):
        sign = 1.0 if axes[axis] @ towards > 0 else -1.0
        a, b = (axis + 1) % 3, (axis + 2) % 3
        middle = centre + sign * half[axis] * axes[axis]
        corners = np.stack(
            [middle + i * half[a] * axes[a] + j * half[b] * axes[b] for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        )
        shade = 0.72 + 0.28 * abs(float(axes[axis] @ np.array([0.3, 0.9, 0.3])))
        canvas.face(corners, (int(colour[0] * shade), int(colour[1] * shade), int(colour[2] * shade)), nearer)


def _ball(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    if mode == "held":
        centre = pose.grip + 0.08 * pose.forward
    elif mode == "ground":
        centre = _before(pose, 0.62, 0.13)
    else:
        centre = pose.head + pose.forward * (0.55 + 0.5 * drift) + UP * (0.28 + 0.35 * drift)
    canvas.disc(centre, 0.135, tint, 0.1)
    pale = (245, 240, 225)
    canvas.stroke(_ring(centre, _side(pose), UP, 0.08)[:8], 0.03, pale, 0.2)


def _box(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    centre = pose.grip + 0.12 * pose.forward if mode == "held" else _before(pose, 0.65 + 0.1 * drift, 0.19)
    axes = np.stack([_side(pose), UP, pose.forward])
    _cuboid(canvas, centre, axes, np.array([0.22, 0.18, 0.18]), (190, 145, 90), 0.12 if mode == "held" else 0.0)


def _bar(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    centre = pose.grip if mode == "held" else _before(pose, 0.5 + 0.1 * drift, 0.2)
    across = _side(pose)
    canvas.stroke(np.stack([centre - 0.8 * across, centre + 0.8 * across]), 0.045, STEEL, 0.05)
    for end in (-0.68, -0.58, 0.58, 0.68):
        canvas.face(_ring(centre + end * across, pose.forward, UP, 0.2), tint, 0.06 + 0.05 * end)


def _bat(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    if mode == "ground":
        start = _before(pose, 0.55, 0.05)
        ends = np.stack([start - 0.45 * _side(pose), start + 0.45 * _side(pose)])
    else:
        elbow = pose.joints[BONE["lowerarm01.R"]]
        along = pose.hands[1] - elbow
        along = along / max(float(np.linalg.norm(along)), 1e-6) + 0.55 * UP + 0.25 * pose.forward
        along /= np.linalg.norm(along)
        ends = np.stack([pose.hands[1], pose.hands[1] + 0.8 * along])
    canvas.stroke(ends, 0.05, WOOD, 0.1)
    canvas.stroke(np.stack([ends[0] * 0.55 + ends[1] * 0.45, ends[1]]), 0.1, (205, 165, 105), 0.11)


def _broom(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    foot = _before(pose, 0.6 + 0.25 * drift, 0.04)
    top = pose.grip + (pose.grip - foot) * 0.35
    canvas.stroke(np.stack([top, foot]), 0.045, WOOD, 0.1)
    across = 0.2 * _side(pose) + 0.1 * pose.forward
    canvas.face(
        np.stack([foot - across, foot + across, foot + 0.5 * across + 0.2 * UP, foot - 0.5 * across + 0.2 * UP]),
        (225, 190, 80),
        0.15,
    )


def _book(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    centre = pose.grip + 0.08 * pose.forward + 0.06 * UP
    away = pose.forward * 0.12 + UP * 0.16
    for sign in (-1, 1):
        outer = centre + sign * 0.24 * _side(pose) + 0.05 * UP
        canvas.face(np.stack([centre - away, outer - away, outer + away, centre + away]), (245, 243, 235), 0.12)
        canvas.stroke(np.stack([centre - away, outer - away, outer + away, centre + away]), 0.03, tint, 0.14)


def _guitar(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    if mode == "held":
        centre = pose.joints[BONE["spine04"]] + 0.24 * pose.forward - 0.12 * _side(pose)
        neck = centre + 0.72 * _side(pose) + 0.26 * UP
    else:
        centre = _before(pose, 0.55, 0.24) + 0.1 * _side(pose)
        neck = centre + 0.8 * UP + 0.1 * _side(pose)
    along = (neck - centre) / np.linalg.norm(neck - centre)
    canvas.stroke(np.stack([centre, neck]), 0.06, (90, 60, 35), 0.2)
    canvas.disc(centre - 0.1 * along, 0.2, (205, 130, 50), 0.22)
    canvas.disc(centre + 0.12 * along, 0.15, (205, 130, 50), 0.23)
    canvas.disc(centre, 0.06, (60, 35, 20), 0.3)


def _umbrella(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    hand = pose.hands[1]
    top = np.maximum(hand + 0.95 * UP, pose.head + 0.45 * UP) * np.array([0, 1, 0]) + hand * np.array([1, 0, 1])
    canvas.stroke(np.stack([hand, top]), 0.03, STEEL, 0.1)
    rim = _ring(top - 0.22 * UP, np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), 0.55, 9)
    for a, b in pairwise(rim):
        canvas.face(np.stack([top, a, b]), tint, 0.2)


def _bag(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    hand = pose.hands[1]
    if mode == "held":
        centre = hand - 0.3 * UP
        centre[1] = max(float(centre[1]), 0.2)
        canvas.stroke(np.stack([centre + 0.18 * UP, hand]), 0.03, STEEL, 0.1)
    else:
        centre = _before(pose, 0.6, 0.2) + 0.1 * _side(pose)
        canvas.stroke(_ring(centre + 0.17 * UP, pose.forward, UP, 0.1)[:8], 0.03, STEEL, 0.1)
    _cuboid(canvas, centre, np.stack([_side(pose), UP, pose.forward]), np.array([0.1, 0.18, 0.21]), tint, 0.1)


def _rope(canvas: Canvas, pose: Pose, mode: str, tint: Colour, drift: float) -> None:
    if mode == "ground":
        centre = _before(pose, 0.6, 0.03)
        for radius in (0.3, 0.22, 0.14):
            canvas.stroke(_ring(centre, _side(pose), pose.forward, radius, 20), 0.045, (225, 205, 150), -0.05)
        return
    left, right = pose.hands
    share = np.linspace(0, 1, 16)[:, None]
    sag = np.sin(np.pi * share) * (0.55 + 0.35 * drift)
    out = 0.35 * np.sin(np.pi * share)
    canvas.stroke(left * (1 - share) + right * share - sag * UP + out * pose.forward, 0.045, (225, 205, 150), 0.15)


_DRAW: dict[str, Callable[[Canvas, Pose, str, Colour, float], None]] = {
    "ball": _ball,
    "box": _box,
    "bar": _bar,
    "bat": _bat,
    "broom": _broom,
    "book": _book,
    "guitar": _guitar,
    "umbrella": _umbrella,
    "bag": _bag,
    "rope": _rope,
}


def draw_item(canvas: Canvas, pose: Pose, item: str, mode: str, tint: Colour, drift: float = 0.5) -> None:
    """One item with its person; ``drift`` 0..1: how far it has flown, swung or slid. KeyError for an unknown item."""
    _DRAW[item](canvas, pose, mode, tint, drift)


def draw_seat(canvas: Canvas, pose: Pose, tint: Colour) -> None:
    """The chair a sitting person sits on."""
    _chair(canvas, pose.hips - 0.03 * pose.forward, pose.forward, float(pose.hips[1]) - 0.1, tint)


def _chair(canvas: Canvas, place: F64, forward: F64, height: float, tint: Colour) -> None:
    side = np.cross(UP, forward)
    seat = np.array([place[0], max(height, 0.2), place[2]])
    for i in (-1, 1):
        for j in (-1, 1):
            top = seat + 0.2 * i * side + 0.2 * j * forward
            canvas.stroke(np.stack([top, top * np.array([1, 0, 1])]), 0.045, WOOD, -0.15)
    _cuboid(canvas, seat, np.stack([side, UP, forward]), np.array([0.23, 0.03, 0.23]), tint, -0.12)
    back = seat - 0.23 * forward
    canvas.face(
        np.stack(
            [back - 0.22 * side, back + 0.22 * side, back + 0.22 * side + 0.5 * UP, back - 0.22 * side + 0.5 * UP]
        ),
        tint,
        -0.1,
    )


def draw_bike(canvas: Canvas, middle: F64, forward: F64, tint: Colour) -> None:
    """A bike on the ground whose saddle is over ``middle``."""
    base = np.array([middle[0], 0.0, middle[2]])
    hubs = [base + 0.33 * UP - 0.42 * forward, base + 0.33 * UP + 0.62 * forward]
    for hub in hubs:
        canvas.stroke(_ring(hub, forward, UP, 0.32, 22), 0.055, (40, 40, 42), -0.1)
        canvas.disc(hub, 0.05, STEEL, -0.08)
    saddle, crank, bars = (
        base + 0.86 * UP - 0.08 * forward,
        base + 0.32 * UP + 0.08 * forward,
        base + 0.95 * UP + 0.5 * forward,
    )
    for a, b in (
        (hubs[0], crank),
        (hubs[0], saddle),
        (crank, saddle),
        (crank, bars),
        (saddle, bars),
        (hubs[1], bars),
    ):
        canvas.stroke(np.stack([a, b]), 0.06, tint, -0.05)
    canvas.stroke(np.stack([saddle - 0.1 * forward, saddle + 0.1 * forward]), 0.08, (35, 30, 30), -0.04)


def draw_furniture(canvas: Canvas, pose: Pose, name: str, tint: Colour) -> None:
    """A table or ladder before the person, a bike or chair beside. KeyError for an unknown name."""
    side = _side(pose)
    if name == "table":
        centre = _before(pose, 0.72, 0.74)
        for i in (-1, 1):
            for j in (-1, 1):
                top = centre + 0.55 * i * side + 0.26 * j * pose.forward
                canvas.stroke(np.stack([top, top * np.array([1, 0, 1])]), 0.06, WOOD)
        _cuboid(canvas, centre, np.stack([side, UP, pose.forward]), np.array([0.62, 0.035, 0.32]), (176, 128, 80), 0.1)
    elif name == "ladder":
        foot = _before(pose, 0.5, 0.0)
        rise = 2.4 * UP + 0.35 * pose.forward
        for apart in (-0.2, 0.2):
            canvas.stroke(np.stack([foot + apart * side, foot + apart * side + rise]), 0.055, (205, 170, 60), -0.1)
        for share in np.linspace(0.1, 0.95, 8):
            canvas.stroke(
                np.stack([foot - 0.2 * side + share * rise, foot + 0.2 * side + share * rise]),
                0.045,
                (205, 170, 60),
                -0.1,
            )
    elif name == "bike":
        draw_bike(canvas, pose.hips + 0.6 * pose.forward - 0.1 * side, pose.forward, tint)
    elif name == "chair":
        _chair(canvas, pose.hips - 0.7 * pose.forward, pose.forward, 0.45, tint)
    else:
        raise KeyError(name)
