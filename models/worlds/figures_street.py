"""A street watched by a fixed camera: people at all distances, cars, weather, and incidents with exact times.

    film = street(rng, StreetConfig(seconds=20))
    for frame, label in film.frames(rate=8): ...      # uint8 (144, 256, 3), StreetLabel

Made for the anomaly room and anyone who needs a long clip in which little happens. Everything follows from the
generator; frames can be made in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds import figures_things as things
from models.worlds.figures import COLOURS, dressed
from models.worlds.figures_draw import Canvas, Colour, Look, draw_light
from models.worlds.figures_postures import Stance, blended, stance
from models.worlds.figures_scenes import HORIZON, backdrop
from models.worlds.figures_skeleton import Pose, View, posed
from models.worlds.people import Body, bodies

U8 = NDArray[np.uint8]
Rng = np.random.Generator
INCIDENTS = ("falling", "fighting", "chase", "fire", "abandoned bag", "climbing")
"""What may happen; everything else is normal: walking, standing, carrying, cycling, pausing."""
PLACES = ("street", "park", "gym", "field")
_NORMAL = ("walking", "walking", "walking", "standing", "carrying", "cycling", "phoning")
_NEAR, _FAR = 1.0, 0.36
_SPEED = {"walking": 0.16, "carrying": 0.13, "cycling": 0.3, "running": 0.42}


@dataclass(frozen=True)
class StreetConfig:
    """How long, how large, how many people at most, which incidents may happen, how many.

    night, rain, shake: chances of each for the whole clip; shake is a hard negative: nothing happens.
    """

    seconds: float = 20.0
    width: int = 256
    height: int = 144
    people: int = 4
    incidents: tuple[str, ...] = INCIDENTS
    count: tuple[int, int] = (0, 2)
    places: tuple[str, ...] = PLACES
    night: float = 0.25
    rain: float = 0.2
    shake: float = 0.2


@dataclass(frozen=True)
class Incident:
    """What happens from ``start`` to ``stop`` seconds, at ``place`` across the picture (0..1)."""

    kind: str
    start: float
    stop: float
    place: float


@dataclass(frozen=True)
class StreetLabel:
    """The incident of one frame, None while all is normal, and the boxes (x0, y0, x1, y1) of the people in pixels."""

    incident: str | None
    boxes: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Walker:
    """One person: habit, body, clothes, distance (1 near .. 0.36 far), where across at the start, direction."""

    habit: str
    body: Body
    look: Look
    distance: float
    start: float
    direction: int
    stances: tuple[Stance, Stance]
    since: float
    until: float


@dataclass(frozen=True)
class Street:
    """A clip that can be filmed at any rate."""

    config: StreetConfig
    stage: U8
    walkers: tuple[Walker, ...]
    incidents: tuple[Incident, ...]
    cars: tuple[tuple[float, float, Colour], ...]
    dark: float
    rain: bool
    shake: float
    seed: int

    def frames(self, rate: float = 8.0) -> Iterator[tuple[U8, StreetLabel]]:
        """All frames at ``rate`` a second."""
        for number in range(int(self.config.seconds * rate)):
            yield self.at(number / rate)

    def at(self, time: float) -> tuple[U8, StreetLabel]:
        """The frame at ``time`` seconds and its label; equal times give equal frames."""
        rng = np.random.default_rng([self.seed, round(1000 * time)])
        picture = self.stage.copy()
        for start, speed, colour in self.cars:
            self._car(picture, start + speed * time, colour)
        boxes = []
        for walker in sorted(self.walkers, key=lambda one: one.distance):
            if walker.since <= time <= walker.until:
                boxes.append(self._person(picture, walker, time))
        now = next((one for one in self.incidents if one.start <= time < one.stop), None)
        if now is not None and now.kind == "fire":
            self._fire(picture, now, rng)
        for one in self.incidents:
            if one.kind == "abandoned bag" and time >= one.start:
                self._bag(picture, one)
        return self._weather(picture, time, rng), StreetLabel(now.kind if now else None, tuple(boxes))

    def _size(self) -> tuple[int, int]:
        return self.config.width, self.config.height

    def _ground(self, distance: float) -> float:
        """Pixels down of the ground at a distance."""
        height = self.config.height
        return height * (HORIZON + (0.97 - HORIZON) * (distance - _FAR) / (_NEAR - _FAR))

    def _person(self, picture: U8, walker: Walker, time: float) -> tuple[int, int, int, int]:
        width, height = self._size()
        moved = _SPEED.get(walker.habit, 0.0) * walker.distance * (time - walker.since) * walker.direction
        across = walker.start + moved
        share = float(np.clip((time - walker.since - 0.4) / 0.7, 0, 1))
        angles, lift = blended(walker.stances[0], walker.stances[1], share, time)
        yaw = walker.direction * (1.35 if walker.habit in _SPEED else 0.7)
        pose = posed(walker.body, angles, yaw, np.zeros(2), lift)
        view = View(0.3 * height * walker.distance, across * width, self._ground(walker.distance), 0.12)
        canvas = Canvas(view)
        self._carried(canvas, pose, walker)
        draw_light(canvas, pose, walker.look)
        spot = (int(view.x), int(view.y))
        cv2.ellipse(picture, spot, (int(0.3 * view.scale), int(0.08 * view.scale)), 0, 0, 360, (60, 60, 62), -1)
        canvas.paint(picture)
        points = view.pixels(np.concatenate([pose.joints, pose.hands, pose.toes, pose.head[None]]))
        margin = 0.1 * view.scale
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        x0, x1 = (int(np.clip(value, 0, width)) for value in (low[0], high[0]))
        y0, y1 = (int(np.clip(value, 0, height)) for value in (low[1], high[1]))
        return x0, y0, x1, y1

    def _carried(self, canvas: Canvas, pose: Pose, walker: Walker) -> None:
        if walker.habit == "carrying":
            things.draw_item(canvas, pose, "bag", "held", things.TINTS[0])
        elif walker.habit == "cycling":
            things.draw_bike(canvas, pose.hips, pose.forward, things.TINTS[1])
        elif walker.habit == "climbing":
            things.draw_furniture(canvas, pose, "ladder", things.TINTS[2])

    def _car(self, picture: U8, place: float, colour: Colour) -> None:
        width, height = self._size()
        x, y = int((place % 1.6 - 0.3) * width), int(0.7 * height)
        long, tall = int(0.3 * height), int(0.09 * height)
        cv2.rectangle(picture, (x - long, y - tall), (x + long, y + tall // 2), colour, -1, cv2.LINE_AA)
        roof = np.array([(x - long // 2, y - tall), (x - long // 4, y - 2 * tall), (x + long // 4, y - 2 * tall)])
        roof = np.concatenate([roof, [(x + long // 2, y - tall)]])
        cv2.fillPoly(picture, [roof.astype(np.int32)], (120, 150, 170), cv2.LINE_AA)
        for wheel in (-long // 2, long // 2):
            cv2.circle(picture, (x + wheel, y + tall // 2), tall // 2, (25, 25, 28), -1, cv2.LINE_AA)

    def _fire(self, picture: U8, now: Incident, rng: Rng) -> None:
        width, height = self._size()
        for _ in range(26):
            spread = rng.random()
            x = int((now.place + rng.normal(0, 0.03 * (1 - 0.6 * spread))) * width)
            y = int((0.78 - 0.3 * spread) * height)
            colour = (255, int(220 - 150 * spread), 40)
            cv2.circle(picture, (x, y), max(2, int(0.05 * height * (1 - 0.6 * spread))), colour, -1, cv2.LINE_AA)

    def _bag(self, picture: U8, one: Incident) -> None:
        width, height = self._size()
        x, y, half = int(one.place * width), int(0.88 * height), int(0.035 * height)
        cv2.rectangle(picture, (x - half, y - half), (x + half, y + half), (150, 40, 40), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, y - half), (half // 2 + 1, half), 0, 180, 360, (60, 20, 20), 1, cv2.LINE_AA)

    def _weather(self, picture: U8, time: float, rng: Rng) -> U8:
        width, height = self._size()
        seen = picture
        if self.rain:
            for x, y in (rng.random((int(width * height / 500), 2)) * (width, height)).astype(int).tolist():
                cv2.line(seen, (x, y), (x - 2, y + 6), (200, 205, 215), 1, cv2.LINE_AA)
        if self.shake:
            shift = self.shake * np.array([np.sin(17 * time), np.cos(23 * time)])
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
            seen = cv2.warpAffine(seen, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        noise = rng.standard_normal(seen.shape, dtype=np.float32) * (3 + 6 * self.dark)
        lit = seen * (1 - 0.65 * self.dark) * np.array([1 - 0.2 * self.dark, 1 - 0.1 * self.dark, 1.0])
        return np.clip(lit + noise, 0, 255).astype(np.uint8)


def street(rng: Rng, config: StreetConfig = StreetConfig()) -> Street:
    """A clip drawn at random. Raises ValueError for an unknown incident."""
    unknown = set(config.incidents) - set(INCIDENTS)
    if unknown:
        raise ValueError(f"no incident is called {', '.join(sorted(unknown))}; there are {', '.join(INCIDENTS)}")
    place = config.places[int(rng.integers(len(config.places)))]
    stage = backdrop(place, rng, config.height, config.width)
    incidents = _incidents(rng, config)
    people = [_passer_by(rng, config) for _ in range(int(rng.integers(1, config.people + 1)))]
    for one in incidents:
        people += _involved(rng, one)
    on_road = place == "street"
    cars = [
        (float(rng.uniform(0, 1.6)), float(rng.choice([-1, 1]) * rng.uniform(0.1, 0.3))) for _ in range(2 * on_road)
    ]
    tints = list(COLOURS.values())
    return Street(
        config,
        stage,
        tuple(people),
        incidents,
        tuple((start, speed, tints[int(rng.integers(len(tints)))]) for start, speed in cars),
        float(rng.uniform(0.5, 1.0)) if rng.random() < config.night else 0.0,
        bool(rng.random() < config.rain),
        float(rng.uniform(1, 3)) if rng.random() < config.shake else 0.0,
        int(rng.integers(2**31)),
    )


def _incidents(rng: Rng, config: StreetConfig) -> tuple[Incident, ...]:
    """Incidents one after the other, each 1 to 12 seconds and never more than its part of the clip."""
    count = int(rng.integers(config.count[0], config.count[1] + 1)) if config.incidents else 0
    found = []
    for number in range(count):
        begin, end = (config.seconds * share / count for share in (number, number + 1))
        length = min(float(rng.uniform(1, 12)), 0.8 * (end - begin))
        start = float(rng.uniform(begin, end - length))
        kind = config.incidents[int(rng.integers(len(config.incidents)))]
        found.append(Incident(kind, start, start + length, float(rng.uniform(0.25, 0.75))))
    return tuple(found)


_TAKES = {"carrying": "walking", "cycling": "riding", "phoning": "hand at the head"}


def _walker(
    rng: Rng,
    habit: str,
    postures: Sequence[str],
    distance: float,
    start: float,
    direction: int,
    times: tuple[float, float],
) -> Walker:
    stock = bodies()
    first, second = (stance(name, rng, bool(rng.random() < 0.5)) for name in postures)
    body = stock[int(rng.integers(len(stock)))]
    return Walker(habit, body, dressed(rng, tuple(COLOURS)), distance, start, direction, (first, second), *times)


def _passer_by(rng: Rng, config: StreetConfig) -> Walker:
    habit = _NORMAL[int(rng.integers(len(_NORMAL)))]
    posture = _TAKES.get(habit, habit)
    direction = int(rng.choice([-1, 1]))
    moving = habit in _SPEED
    since = float(rng.uniform(-4, 0.6 * config.seconds)) if moving else 0.0
    start = (-0.1 if direction > 0 else 1.1) if moving else float(rng.uniform(0.1, 0.9))
    distance = float(rng.uniform(_FAR, _NEAR))
    return _walker(rng, habit, (posture, posture), distance, start, direction, (since, config.seconds))


def _involved(rng: Rng, one: Incident) -> list[Walker]:
    """The people of an incident; a fire and a bag need none."""
    times = (one.start, one.stop)
    distance = float(rng.uniform(0.55, 0.95))
    if one.kind == "falling":
        return [_walker(rng, "falling", ("falling", "lying on the front"), distance, one.place, 1, times)]
    if one.kind == "fighting":
        return [
            _walker(rng, "fighting", ("punching", "kicking"), distance, one.place - side * 0.05, side, times)
            for side in (1, -1)
        ]
    if one.kind == "chase":
        return [_walker(rng, "running", ("running", "running"), distance, start, 1, times) for start in (-0.05, 0.08)]
    if one.kind == "climbing":
        return [_walker(rng, "climbing", ("climbing", "climbing"), distance, one.place, 1, times)]
    return []
