"""People who act: frames and clips with exact labels, drawn flat, without a ray.

    clip = act(rng, moments, SEEN_LOOKS)             # a sequence of moments in one place
    frames, labels = clip.frames(16)                 # uint8 (16, 96, 96, 3) and one FrameLabel each

Light figures are capsules; ``Style.heavy`` draws the ten skinned CC0 bodies in the same postures. Everything follows
from the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import figures_things as things
from models.worlds.figures_camera import Camera, filmed
from models.worlds.figures_draw import Canvas, Colour, Look, draw_body, draw_light
from models.worlds.figures_postures import Stance, blended, stance
from models.worlds.figures_scenes import ABSTRACT, SCENES, UNSEEN_SCENES, backdrop
from models.worlds.figures_skeleton import Pose, View, posed
from models.worlds.people import Body, bodies

U8 = NDArray[np.uint8]
Rng = np.random.Generator

COLOURS: dict[str, Colour] = {
    "red": (205, 45, 45),
    "blue": (45, 85, 200),
    "green": (50, 150, 70),
    "yellow": (238, 205, 60),
    "white": (240, 240, 238),
    "black": (35, 35, 38),
    "orange": (238, 135, 40),
    "grey": (135, 138, 142),
}
UNSEEN_COLOURS: dict[str, Colour] = {
    "purple": (130, 60, 160),
    "pink": (240, 140, 180),
    "turquoise": (60, 190, 195),
    "brown": (120, 80, 50),
}
_SKIN: tuple[Colour, ...] = ((240, 205, 180), (225, 178, 145), (195, 142, 105), (145, 98, 68), (95, 62, 44))
_HAIR: tuple[Colour, ...] = ((25, 22, 20), (70, 45, 28), (120, 80, 45), (205, 165, 95), (150, 65, 30), (185, 185, 185))
_TROUSERS: tuple[Colour, ...] = ((40, 45, 70), (60, 60, 62), (95, 85, 70), (30, 30, 34), (70, 95, 140), (140, 125, 100))
SUPERSAMPLE = 2
STAGE_WIDTH = 1.7
PERSON_SHARE = 0.33
"""Pixels a metre as a share of the frame's side at zoom 1."""


@dataclass(frozen=True)
class Moment:
    """What one step of an action shows. item and mode as in figures_things.ITEMS, furniture in FURNITURE, or None."""

    posture: str
    item: str | None = None
    mode: str | None = None
    furniture: str | None = None


@dataclass(frozen=True)
class FrameLabel:
    """What one frame shows. posture, item, mode are None while they change; ``step`` is the number of the nearest
    moment, -1 while idle; ``others``: (posture, shirt colour) of the bystanders; ``points``: (24, 2) float32, where the
    joints, hands, toes and the head of the acting person are, in shares of the frame."""

    posture: str | None
    item: str | None
    mode: str | None
    furniture: str | None
    shirt: str
    scene: str
    others: tuple[tuple[str, str], ...]
    step: int
    changing: bool
    points: NDArray[np.float32]


@dataclass(frozen=True)
class Style:
    """What a clip may look like: which places and shirt colours, skinned bodies or capsules, how disturbed, how many
    bystanders at most. Without colours the shirts have any, and no name."""

    scenes: tuple[str, ...] = tuple(SCENES)
    colours: tuple[str, ...] = tuple(COLOURS)
    heavy: bool = False
    disturbance: float = 1.0
    bystanders: int = 2


SEEN = Style()
UNSEEN = Style(tuple(UNSEEN_SCENES), tuple(UNSEEN_COLOURS))
VARIED = Style((ABSTRACT,), ())
"""Random shapes behind people in any colour: what captions cannot name, for training alone."""


@dataclass(frozen=True)
class Extra:
    """A bystander: stance, look, body and where."""

    stance: Stance
    look: Look
    body: Body
    yaw: float
    place: NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """A script that can be filmed at any number of frames. times: (moments + 1,) seconds at which moments change."""

    moments: tuple[Moment, ...]
    stances: tuple[Stance, ...]
    times: tuple[float, ...]
    idle: tuple[bool, ...]
    look: Look
    body: Body
    heavy: bool
    yaw: float
    scene: str
    tint: Colour
    extras: tuple[Extra, ...]
    camera: Camera
    seed: int

    @property
    def seconds(self) -> float:
        """How long the clip lasts."""
        return self.times[-1]

    def frames(self, count: int, side: int = 96) -> tuple[U8, list[FrameLabel]]:
        """``count`` frames evenly over the clip, (count, side, side, 3), and their labels."""
        places = (np.arange(count) + 0.5) / count * self.seconds
        return self.at(places.tolist(), side)

    def at(self, times: Sequence[float], side: int = 96) -> tuple[U8, list[FrameLabel]]:
        """The frames at these seconds."""
        big = side * SUPERSAMPLE
        rng = np.random.default_rng(self.seed)
        stage = backdrop(self.scene, rng, int(big * 1.1), int(big * STAGE_WIDTH))
        frames, labels = [], []
        for time in times:
            picture, label = self._frame(float(time), stage, big)
            frames.append(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
            labels.append(label)
        return filmed(np.stack(frames), self.camera, rng), labels

    def _frame(self, time: float, stage: U8, big: int) -> tuple[U8, FrameLabel]:
        now, following, share = self._between(time)
        angles, lift = blended(self.stances[now], self.stances[following], share, time)
        zoom, across, up = self.camera.at(time / self.seconds)
        picture = _cut(stage, big, zoom, across, up)
        view = View(PERSON_SHARE * big * zoom, big * (0.5 + 0.5 * across), big * (0.86 + up), self.camera.tilt)
        canvas = Canvas(view)
        for extra in self.extras:
            pose = posed(extra.body, extra.stance.at(time), extra.yaw, extra.place, extra.stance.lift)
            draw_light(canvas, pose, extra.look)
        pose = posed(self.body, angles, self.yaw, np.zeros(2), lift)
        near = following if share > 0.5 else now
        moment = self.moments[near]
        self._surroundings(canvas, pose, moment, time)
        if self.heavy:
            draw_body(canvas, pose, self.body, self.look)
        else:
            draw_light(canvas, pose, self.look)
        _shadow(picture, view, pose.hips)
        canvas.paint(picture)
        every = np.concatenate([pose.joints, pose.hands, pose.toes, pose.head[None]])
        points = (view.pixels(every) / big).astype(np.float32)
        return picture, self._label(near, now, following, share, points)

    def _surroundings(self, canvas: Canvas, pose: Pose, moment: Moment, time: float) -> None:
        if moment.furniture is not None:
            things.draw_furniture(canvas, pose, moment.furniture, self.tint)
        if moment.posture == "sitting":
            things.draw_seat(canvas, pose, self.tint)
        if moment.posture == "riding":
            things.draw_bike(canvas, pose.hips, pose.forward, self.tint)
        if moment.item is not None and moment.mode is not None:
            drift = 0.5 - 0.5 * np.cos(2 * np.pi * (0.6 * time + 0.37 * self.seed))
            things.draw_item(canvas, pose, moment.item, moment.mode, self.tint, float(drift))

    def _between(self, time: float) -> tuple[int, int, float]:
        """The moment before, the one after, and the share of the way; changes take the last third of a moment."""
        now = int(np.clip(np.searchsorted(self.times, time, side="right") - 1, 0, len(self.moments) - 1))
        if now + 1 >= len(self.moments):
            return now, now, 0.0
        start, stop = self.times[now], self.times[now + 1]
        share = float(np.clip(((time - start) / (stop - start) - 0.66) / 0.34, 0, 1))
        return now, now + 1, share

    def _label(self, near: int, now: int, following: int, share: float, points: NDArray[np.float32]) -> FrameLabel:
        moment = self.moments[near]
        changing = 0.22 < share < 0.78 and self.moments[now].posture != self.moments[following].posture
        return FrameLabel(
            None if changing else moment.posture,
            moment.item,
            moment.mode,
            moment.furniture,
            self.look.shirt_name,
            self.scene,
            tuple((extra.stance.name, extra.look.shirt_name) for extra in self.extras),
            -1 if self.idle[near] else near - int(self.idle[0]),
            changing,
            points,
        )


def act(rng: Rng, moments: Sequence[Moment], style: Style = SEEN, idle: float = 0.35) -> Clip:
    """A clip of these moments in this order; with chance ``idle`` each the person stands before and after.

    Raises ValueError without a moment.
    """
    if not moments:
        raise ValueError("an action needs at least one moment")
    before, after = rng.random() < idle, rng.random() < idle
    first, last = (Moment("standing", furniture=moments[end].furniture) for end in (0, -1))
    shown = [*[first] * before, *moments, *[last] * after]
    waits = [*[True] * before, *[False] * len(moments), *[True] * after]
    lengths = [rng.uniform(0.5, 0.9) if wait else rng.uniform(0.8, 1.8) for wait in waits]
    mirror = bool(rng.random() < 0.5)
    stock = bodies()
    body = stock[int(rng.integers(len(stock)))]
    yaw = float(rng.choice([-1, 1]) * rng.uniform(0.45, 1.25))
    scene = style.scenes[int(rng.integers(len(style.scenes)))]
    return Clip(
        tuple(shown),
        tuple(stance(moment.posture, rng, mirror) for moment in shown),
        (0.0, *np.cumsum(lengths).tolist()),
        tuple(waits),
        dressed(rng, style.colours),
        body,
        style.heavy,
        yaw,
        scene,
        things.TINTS[int(rng.integers(len(things.TINTS)))],
        _bystanders(rng, style),
        Camera.drawn(rng, style.disturbance),
        int(rng.integers(2**31)),
    )


def still(rng: Rng, moment: Moment, style: Style = SEEN, other: Moment | None = None) -> tuple[U8, FrameLabel]:
    """One frame (96, 96, 3) in a moment, or on the way to another one."""
    clip = act(rng, [moment] if other is None else [moment, other], style, idle=0.0)
    time = rng.uniform(0, clip.times[1] if other is None else clip.seconds)
    frames, labels = clip.at([time])
    return frames[0], labels[0]


def dressed(rng: Rng, colours: Sequence[str]) -> Look:
    """Clothes at random, the shirt in one of the named colours; without names in any colour, called nothing."""
    if colours:
        name = colours[int(rng.integers(len(colours)))]
        shirt = {**COLOURS, **UNSEEN_COLOURS}[name]
    else:
        red, green, blue = (int(value) for value in rng.integers(10, 246, 3))
        name, shirt = "", (red, green, blue)
    return Look(
        name,
        _near(rng, shirt, 12),
        _near(rng, _TROUSERS[int(rng.integers(len(_TROUSERS)))], 14),
        _near(rng, _SKIN[int(rng.integers(len(_SKIN)))], 8),
        _near(rng, _HAIR[int(rng.integers(len(_HAIR)))], 8),
        _near(rng, (60, 55, 55), 40),
        int(rng.choice(3, p=[0.1, 0.5, 0.4])),
        bool(rng.random() < 0.2),
    )


def _near(rng: Rng, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, spread) + rng.normal(0, spread / 2, 3), 4, 252)
    return int(red), int(green), int(blue)


def _bystanders(rng: Rng, style: Style) -> tuple[Extra, ...]:
    count = int(rng.choice(3, p=[0.7, 0.2, 0.1]))
    found = []
    stock = bodies()
    for number in range(min(count, style.bystanders)):
        name = ("standing", "walking", "arms folded", "hands on hips")[int(rng.integers(4))]
        side = (-1) ** number * float(rng.choice([-1, 1]))
        place = np.array([side * rng.uniform(1.0, 1.5), rng.uniform(-2.6, -1.6)])
        bystander = stance(name, rng, bool(rng.random() < 0.5))
        look = dressed(rng, style.colours)
        found.append(Extra(bystander, look, stock[int(rng.integers(len(stock)))], rng.uniform(-1.2, 1.2), place))
    return tuple(found)


def _cut(stage: U8, big: int, zoom: float, across: float, up: float) -> U8:
    """The part of the stage behind the view: near things move more than far ones."""
    height, width = stage.shape[:2]
    side = min(big / (0.7 + 0.3 * zoom), height)
    left = (width - side) * (0.5 - 0.45 * across)
    top = np.clip((height - side) * 0.5 - up * side * 0.6, 0, height - side)
    matrix = np.array([[big / side, 0, -left * big / side], [0, big / side, -top * big / side]])
    return cv2.warpAffine(stage, matrix, (big, big), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shadow(picture: U8, view: View, hips: NDArray[np.float64]) -> None:
    """A soft dark spot on the ground under the person."""
    centre = view.pixels(np.array([[hips[0], 0.0, hips[2]]]))[0]
    axes = (int(0.42 * view.scale), int(0.12 * view.scale))
    box = picture.copy()
    cv2.ellipse(box, (int(centre[0]), int(centre[1])), axes, 0, 0, 360, (20, 20, 20), -1, cv2.LINE_AA)
    cv2.addWeighted(box, 0.3, picture, 0.7, 0, picture)
