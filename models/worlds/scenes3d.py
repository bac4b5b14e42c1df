"""Random scenes of real models with exact masks: rooms, table tops and piles, objects before a photograph.

`sample_scene` draws one; every choice comes from the generator that is passed, so a seed gives the same scene again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.worlds.assemble import Look, SceneBuilder
from models.worlds.library import Library, any_turn, random_colour, yaw
from models.worlds.lights import Lamp, Surroundings
from models.worlds.objects import ObjectEntry, ObjectModel
from models.worlds.photograph import develop, sample_development
from models.worlds.raycast import Camera, Scene
from models.worlds.render import Frame, Lighting, render
from models.worlds.textures import F32, procedural, pyramid, to_linear

KINDS = ("room", "table", "photo")
FACE_BUDGET = 160_000
Aim = Callable[[], tuple[Camera, float]]  # draws a camera and the distance it focuses on


@dataclass(frozen=True)
class Sample:
    """image uint8 (S,S,3); instance int16 (S,S), 0 is surroundings; part int16 (S,S), floor and walls are parts, 0 is backdrop;
    names[i] belongs to instance i + 1; part_instance[j] is the instance of part j + 1; frame keeps depth and normals."""

    image: NDArray[np.uint8]
    instance: NDArray[np.int16]
    part: NDArray[np.int16]
    names: tuple[str, ...]
    kind: str
    frame: Frame
    part_names: tuple[str, ...] = ()


@dataclass
class _Placed:
    """Footprint of something standing: centre x, z, half sizes along its own axes, yaw, and what may stand on it."""

    x: float
    z: float
    half: tuple[float, float]
    angle: float
    top: float | None = None
    base: float = 0.0
    corners: F32 = field(default_factory=lambda: np.zeros((0, 3), np.float32))


def sample_scene(rng: np.random.Generator, library: Library, size: int = 512, kind: str | None = None) -> Sample:
    """Draw, render and develop one scene. `kind` is one of KINDS (random when None). Raises ValueError for another kind."""
    makers = {"room": _room, "table": _table, "photo": _before_photo}
    chosen = kind or str(rng.choice(KINDS, p=[0.45, 0.3, 0.25]))
    if chosen not in makers:
        raise ValueError(f"scene kinds are {', '.join(KINDS)}, not {kind!r}")
    while True:
        builder, aim, lighting = makers[chosen](rng, library, size)
        scene = builder.build()
        view = _good_view(scene, aim)
        if view is not None:
            break
    camera, focus = view
    frame = render(scene, camera, lighting, rng)
    image = develop(frame.light, frame.depth, sample_development(rng, focus, size), rng)
    return Sample(
        image,
        frame.instance.astype(np.int16),
        frame.part.astype(np.int16),
        tuple(builder.names),
        chosen,
        frame,
        tuple(builder.part_names),
    )


def _good_view(scene: Scene, aim: Aim) -> tuple[Camera, float] | None:
    """The first of a few cameras that shows things well: not inside one, not mere specks. None when none does."""
    for attempt in range(10):
        camera, focus = aim()
        small = replace(camera, width=40, height=40)
        directions = small.grid()
        hits = scene.intersect(np.broadcast_to(small.position, directions.shape), directions)
        seen = np.where(hits.face >= 0, scene.instance[np.maximum(hits.face, 0)], 0)
        areas = np.bincount(seen)[1:] / len(seen)
        close = float(np.quantile(hits.t, 0.03)) < 0.08 * focus
        least = 0.15 if attempt < 6 else 0.05  # first look for a full picture, then be content with less
        if len(areas) and areas.sum() > least and 0.02 < areas.max() < 0.85 and not close:
            return camera, focus
    return None


def _looks(rng: np.random.Generator, library: Library, model: ObjectModel) -> dict[int, Look]:
    """Sometimes repaint a model: other colours, procedural or photographed surfaces, metal; most keep their own."""
    looks: dict[int, Look] = {}
    mood = rng.random()
    for index, material in enumerate(model.materials):
        if material.opacity < 0.95:
            continue
        plain = material.texture is None
        if mood < 0.6 and not (plain and rng.random() < 0.3):
            continue
        draw = rng.random()
        if not plain and draw < 0.7:
            continue
        size = float(np.linalg.norm(model.size_m))
        if draw < 0.45:
            metal = 0.9 if rng.random() < 0.15 else 0.0
            looks[index] = Look(random_colour(rng), None, 1.0, 0.5 if metal else None, None, metal)
        elif draw < 0.8 and plain:
            grey = float(np.clip(np.mean(material.diffuse) + 0.25, 0.4, 1))
            looks[index] = Look((grey, grey, grey), pyramid(procedural(rng, 128)), size * float(rng.uniform(0.05, 0.6)))
        else:
            looks[index] = library.surface(rng, (0.05 * size, 0.8 * size))
    return looks


def _lamps(rng: np.random.Generator, reach: float) -> tuple[Lamp, ...]:
    """One strong light with a soft shadow, and up to two weaker ones."""
    lamps = []
    for number in range(int(rng.integers(1, 4))):
        angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.4)
        to = np.array([np.cos(angle) * np.cos(height), np.sin(height), np.sin(angle) * np.cos(height)], np.float32)
        warm = rng.normal(0, 0.12)
        power = float(np.exp(rng.normal(0, 0.4))) * (1.0 if number == 0 else 0.35)
        colour = (power * np.array([np.exp(warm), 1, np.exp(-warm)])).astype(np.float32)
        if rng.random() < 0.6:
            lamps.append(Lamp(to, colour, float(rng.choice([0.01, 0.05, 0.15, 0.35])), shadows=number < 2))
        else:
            far = reach * float(rng.uniform(1, 2.5))
            lamps.append(Lamp(to * far, colour, far * float(rng.uniform(0.02, 0.3)), False, far, number < 2))
    return tuple(lamps)


def _lighting(rng: np.random.Generator, library: Library, reach: float, backdrop: F32 | None = None) -> Lighting:
    picture = library.crop(rng, 128, drawn=0.0)
    if picture is None:
        picture = procedural(rng, 128)
    around = Surroundings.from_photo(picture, rng, float(rng.uniform(0.2, 2.0)))
    return Lighting(around, _lamps(rng, reach), backdrop, reach * float(rng.uniform(0.08, 0.25)))


def _backdrop(rng: np.random.Generator, library: Library, size: int) -> F32:
    piece = library.crop(rng, size, drawn=0.1)
    if piece is None:
        piece = np.kron(procedural(rng, 128), np.ones((-(-size // 128), -(-size // 128), 1), np.uint8))[:size, :size]
    light = to_linear(piece.astype(np.float32) / 255)
    return (light * np.float32(rng.uniform(0.7, 1.6))).astype(np.float32)


def _overlaps(a: _Placed, b: _Placed) -> bool:
    """Separating axes for two turned rectangles."""
    between = np.array([b.x - a.x, b.z - a.z])
    for box in (a, b):
        for turn in (0.0, np.pi / 2):
            axis = np.array([np.cos(box.angle + turn), -np.sin(box.angle + turn)])
            if abs(between @ axis) > _reach(a, axis) + _reach(b, axis):
                return False
    return True


def _reach(box: _Placed, axis: NDArray[np.float64]) -> float:
    first = np.array([np.cos(box.angle), -np.sin(box.angle)])
    second = np.array([np.sin(box.angle), np.cos(box.angle)])
    return float(box.half[0] * abs(first @ axis) + box.half[1] * abs(second @ axis))


def _stand(builder: SceneBuilder, model: ObjectModel, looks: dict[int, Look], spot: _Placed, scale: float) -> F32:
    """Add a standing model at a spot; returns its vertices' bounding corners (8,3)."""
    turn = yaw(spot.angle)
    place = np.array([spot.x, spot.base, spot.z], np.float32)
    builder.add_model(model, turn, scale, place, looks)
    low, high = model.vertices.min(axis=0) * scale, model.vertices.max(axis=0) * scale
    choice = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)])
    return (np.where(choice, high, low) @ turn.T + place).astype(np.float32)


def _room(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    builder = SceneBuilder()
    wide, deep, tall = rng.uniform(3, 7), rng.uniform(2.5, 6), rng.uniform(2.3, 3.4)
    w, d = wide / 2, deep / 2
    outdoors = rng.random() < 0.25 and bool(library.pictures)
    far = 15.0 if outdoors else 0.0
    floor = np.array([[-w - far, 0, d + 8], [w + far, 0, d + 8], [w + far, 0, -d - far], [-w - far, 0, -d - far]], np.float32)
    builder.add_quad(floor, "floor", library.surface(rng, (0.3, 3.0)))
    if not outdoors:
        _walls(builder, rng, library, w, d, tall)
    standing: list[_Placed] = []
    stands: list[_Placed] = []
    for _ in range(int(rng.integers(4, 12))):
        left = FACE_BUDGET - builder.faces
        on_top = bool(stands) and rng.random() < 0.45
        found = library.pick(rng, 0.05, 0.6, left) if on_top else library.pick(rng, 0.25, 2.6, left)
        if found is None:
            continue
        entry, model = found
        spot = _on_top(rng, stands, model) if on_top else _on_floor(rng, standing, entry, model, (w, d), outdoors)
        if spot is None:
            continue
        spot.corners = _stand(builder, model, _looks(rng, library, model), spot, 1.0)
        standing.append(spot) if not on_top else None
        if entry.top_m is not None and not on_top and entry.elevation_m == 0 and 0.2 < entry.top_m < 1.3:
            spot.top = entry.top_m
            stands.append(spot)
    lighting = _lighting(rng, library, 2.5, _backdrop(rng, library, size))
    return builder, lambda: _aim(rng, standing, size, (w, d), tall, outdoors), lighting


def _walls(builder: SceneBuilder, rng: np.random.Generator, library: Library, w: float, d: float, tall: float) -> None:
    """A back wall, mostly side walls and a ceiling; the front is open. Pictures and shelves come as models."""
    look = library.surface(rng, (0.3, 3.0))
    builder.add_quad(np.array([[-w, 0, -d], [w, 0, -d], [w, tall, -d], [-w, tall, -d]], np.float32), "back wall", look, False)
    front = d + 8
    for x in (-w, w):
        if rng.random() < 0.85:
            wall = np.array([[x, 0, -d], [x, 0, front], [x, tall, front], [x, tall, -d]], np.float32)
            builder.add_quad(wall, "side wall", look if rng.random() < 0.8 else library.surface(rng, (0.3, 3.0)), False)
    if rng.random() < 0.8:
        light = float(rng.uniform(0.6, 0.97))
        plane = np.array([[-w, tall, -d], [w, tall, -d], [w, tall, front], [-w, tall, front]], np.float32)
        builder.add_quad(plane, "ceiling", Look((light, light, light)), False)


def _on_floor(
    rng: np.random.Generator,
    standing: list[_Placed],
    entry: ObjectEntry,
    model: ObjectModel,
    room: tuple[float, float],
    outdoors: bool,
) -> _Placed | None:
    half = (float(model.size_m[0]) / 2 + 0.01, float(model.size_m[2]) / 2 + 0.01)
    if entry.elevation_m > 0.05:  # hangs on the back wall, front towards the room
        if outdoors:
            return None
        x = float(rng.uniform(-room[0] + half[0], room[0] - half[0])) if room[0] > half[0] else 0.0
        spot = _Placed(x, -room[1] + half[1], half, 0.0, base=entry.elevation_m)
        return None if any(_overlaps(spot, other) for other in standing) else spot
    for _ in range(20):
        angle = float(rng.uniform(0, 2 * np.pi))
        if rng.random() < 0.35 and not outdoors:  # against the back wall
            spot = _Placed(float(rng.uniform(-room[0], room[0])), -room[1] + half[1], half, 0.0)
        else:
            spot = _Placed(float(rng.normal(0, room[0] * 0.5)), float(rng.normal(0, room[1] * 0.5)), half, angle)
        inside = abs(spot.x) + _reach(spot, np.array([1.0, 0.0])) < room[0] and spot.z - _reach(spot, np.array([0.0, 1.0])) >= -room[1] - 1e-3
        if (inside or outdoors) and not any(_overlaps(spot, other) for other in standing):
            return spot
    return None


def _on_top(rng: np.random.Generator, stands: list[_Placed], model: ObjectModel) -> _Placed | None:
    below = stands[int(rng.integers(len(stands)))]
    half = (float(model.size_m[0]) / 2, float(model.size_m[2]) / 2)
    room = (below.half[0] - half[0], below.half[1] - half[1])
    if min(room) < 0 or below.top is None:
        return None
    u, v = float(rng.uniform(-room[0], room[0])) * 0.7, float(rng.uniform(-room[1], room[1])) * 0.7
    c, s = np.cos(below.angle), np.sin(below.angle)
    return _Placed(below.x + u * c + v * s, below.z - u * s + v * c, half, below.angle + float(rng.normal(0, 0.4)), base=below.top)


def _aim(
    rng: np.random.Generator,
    standing: list[_Placed],
    size: int,
    room: tuple[float, float],
    tall: float,
    outdoors: bool,
) -> tuple[Camera, float]:
    """Look at one object or at the group, from a height and distance at which people take photos."""
    fov = float(rng.uniform(28, 68))
    near = False
    if standing:
        near = rng.random() < 0.45
        chosen = [standing[int(rng.integers(len(standing)))]] if near else standing
        corners = np.concatenate([spot.corners for spot in chosen])
    else:
        corners = np.array([[-0.5, 0, -0.5], [0.5, 1, 0.5]], np.float32)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    radius = float(np.linalg.norm(corners - middle, axis=1).max())
    fill = float(rng.uniform(0.9, 1.7) if near else rng.uniform(1.1, 2.8))
    distance = max(radius / np.tan(np.radians(fov) / 2) / fill, 0.5 * radius + 0.3)
    angle = rng.normal(0, 0.5) if not outdoors else rng.uniform(-np.pi, np.pi)
    lift = rng.uniform(0.02, 0.7)
    eye = middle + distance * np.array([np.sin(angle) * np.cos(lift), np.sin(lift), np.cos(angle) * np.cos(lift)])
    eye[1] = max(eye[1], 0.15)
    if not outdoors:
        eye[0] = np.clip(eye[0], -room[0] + 0.05, room[0] - 0.05)
        eye[1] = min(eye[1], tall - 0.1)
    target = middle + rng.normal(0, 0.12 * radius, 3)
    return Camera.look_at(eye, target, fov, size, size, float(rng.normal(0, 0.04))), float(np.linalg.norm(eye - middle))


def _table(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    """Small things close up, also toy-sized large ones, standing or dropped in any position on a plane."""
    builder = SceneBuilder()
    reach = float(rng.uniform(0.25, 0.6))
    edge = reach * float(rng.uniform(1.2, 6))
    plane = np.array([[-edge, 0, edge * 2], [edge, 0, edge * 2], [edge, 0, -edge], [-edge, 0, -edge]], np.float32)
    builder.add_quad(plane, "table", library.surface(rng, (0.4 * reach, 4 * reach)))
    if rng.random() < 0.3:
        wall = np.array([[-edge, 0, -edge], [edge, 0, -edge], [edge, edge, -edge], [-edge, edge, -edge]], np.float32)
        builder.add_quad(wall, "wall", library.surface(rng, (0.4 * reach, 4 * reach)), False)
    pile = HeightField(reach * 2.5, 80)
    tumbled = rng.random() < 0.45
    spread = reach * float(rng.uniform(0.35, 0.9))
    corners: list[F32] = []
    for _ in range(int(rng.integers(2, 13))):
        found = library.pick(rng, 0.03, 3.0 if rng.random() < 0.5 else 0.6, FACE_BUDGET - builder.faces)
        if found is None:
            continue
        _, model = found
        wanted = reach * float(np.exp(rng.uniform(np.log(0.15), np.log(0.9))))
        scale = wanted / float(model.size_m.max())
        turn = any_turn(rng) if tumbled and rng.random() < 0.8 else yaw(float(rng.uniform(0, 2 * np.pi)))
        vertices = (model.vertices * np.float32(scale)) @ turn.T
        place = np.array([rng.normal(0, spread * 0.6), 0, rng.normal(0, spread * 0.6)], np.float32)
        height = pile.rest(vertices, model.faces, place)
        if height is None or (not tumbled and height > 1e-3 and rng.random() < 0.85):
            continue
        place[1] = height - vertices[:, 1].min()
        builder.add_model(model, turn, scale, place, _looks(rng, library, model))
        pile.add(vertices + place, model.faces)
        corners.append(np.stack([(vertices + place).min(axis=0), (vertices + place).max(axis=0)]))
    lighting = _lighting(rng, library, reach * 2, _backdrop(rng, library, size))
    return builder, lambda: _over_table(rng, corners, reach, size), lighting


def _over_table(rng: np.random.Generator, corners: list[F32], reach: float, size: int) -> tuple[Camera, float]:
    points = np.concatenate(corners) if corners else np.array([[-reach, 0, -reach], [reach, reach, reach]], np.float32)
    if corners and rng.random() < 0.3:
        points = corners[int(rng.integers(len(corners)))]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = max(float(np.linalg.norm(points - middle, axis=1).max()), 0.05)
    fov = float(rng.uniform(22, 60))
    distance = radius / np.tan(np.radians(fov) / 2) / float(rng.uniform(0.9, 2.2)) + 0.3 * radius
    lift, angle = rng.uniform(0.15, 1.45), rng.normal(0, 0.6)
    eye = middle + distance * np.array([np.sin(angle) * np.cos(lift), np.sin(lift), np.cos(angle) * np.cos(lift)])
    eye[1] = max(eye[1], 0.03)
    target = middle + rng.normal(0, 0.1 * radius, 3)
    return Camera.look_at(eye, target, fov, size, size, float(rng.normal(0, 0.15))), float(distance)


def _before_photo(rng: np.random.Generator, library: Library, size: int) -> tuple[SceneBuilder, Aim, Lighting]:
    """One to five models in the air before a photograph; the first fills 5 % to 70 % of the picture."""
    builder = SceneBuilder()
    fov = float(rng.uniform(25, 60))
    camera = Camera.look_at(np.zeros(3, np.float32), np.array([0, 0, -1], np.float32), fov, size, size)
    half = float(np.tan(np.radians(fov) / 2))
    count = 1 if rng.random() < 0.35 else int(rng.integers(2, 6))
    focus = 3.0
    for number in range(count):
        found = library.pick(rng, 0.03, 8.0, FACE_BUDGET - builder.faces)
        if found is None:
            continue
        _, model = found
        tilt = any_turn(rng) if rng.random() < 0.25 else _tilted(rng)
        depth = float(rng.uniform(2, 5))
        share = float(rng.uniform(0.05, 0.7)) if number == 0 else float(rng.uniform(0.01, 0.2))
        turned = model.vertices @ tilt.T
        middle = (turned.min(axis=0) + turned.max(axis=0)) / 2
        box = np.ptp(turned, axis=0)
        scale = float(np.sqrt(share * 2.2) * 2 * half * depth / max(np.sqrt(box[0] * box[1]), 0.2 * float(box.max())))
        drift = 0.25 if number == 0 else 0.9
        aim = np.array([rng.normal(0, drift * 0.6), rng.normal(0, drift * 0.5), -1.0])
        place = aim * np.array([half, half, 1.0]) * depth - middle * scale
        place[2] -= 0.5 * float(box[2]) * scale
        builder.add_model(model, tilt, scale, place.astype(np.float32), _looks(rng, library, model))
        focus = depth if number == 0 else focus
    return builder, lambda: (camera, focus), _lighting(rng, library, 2.0, _backdrop(rng, library, size))


def _tilted(rng: np.random.Generator) -> F32:
    """Any yaw, seen a little from above or below."""
    pitch, roll = float(rng.normal(0.25, 0.3)), float(rng.normal(0, 0.15))
    c, s = np.cos(pitch), np.sin(pitch)
    nod = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    lean = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return (lean @ nod @ yaw(float(rng.uniform(0, 2 * np.pi)))).astype(np.float32)


class HeightField:
    """A square grid of heights for dropping things onto a plane and onto each other: touching, not sunk in, not physics."""

    def __init__(self, side: float, cells: int) -> None:
        self.side, self.cells = side, cells
        self.height = np.zeros((cells, cells), np.float32)

    def _cells(self, vertices: F32, faces: NDArray[np.int32]) -> tuple[NDArray[np.int64], F32, NDArray[np.bool_]]:
        corners = vertices[faces]
        weights = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [1 / 3] * 3], np.float32)
        points = np.einsum("sc,fck->fsk", weights, corners).reshape(-1, 3)
        cell = np.floor((points[:, [0, 2]] / self.side + 0.5) * self.cells).astype(np.int64)
        inside = ((cell >= 0) & (cell < self.cells)).all(axis=1)
        return cell[:, 0] * self.cells + cell[:, 1], points[:, 1], inside

    def rest(self, vertices: F32, faces: NDArray[np.int32], place: F32) -> float | None:
        """The height of the lowest point of a model dropped at `place`; None where it would hang over the grid's border."""
        flat, y, inside = self._cells(vertices + place * np.array([1, 0, 1], np.float32), faces)
        if not inside.all():
            return None
        gap = self.height.reshape(-1)[flat] - (y - y.min())
        return max(float(gap.max()), 0.0)

    def add(self, vertices: F32, faces: NDArray[np.int32]) -> None:
        flat, y, inside = self._cells(vertices, faces)
        np.maximum.at(self.height.reshape(-1), flat[inside], y[inside])
