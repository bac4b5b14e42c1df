"""A small textured room of boxes with per-frame movers, cast with numpy: what the field's tests learn from."""

from __future__ import annotations

import numpy as np

from models.parts.capture import Capture, Intrinsics, View

ROOM = (np.array([-2.5, -2.0, 0.0]), np.array([2.5, 2.0, 2.5]))


class Texture:
    """A pattern in two coordinates of a face: a base colour times noise of several octaves and stripes."""

    def __init__(self, rng: np.random.Generator, flat: bool = False) -> None:
        self.colour = rng.uniform(0.2, 0.9, 3)
        self.other = rng.uniform(0.1, 0.9, 3)
        self.noise = rng.random((64, 64))
        self.scale = rng.uniform(2.0, 7.0)
        self.flat = flat

    def __call__(self, uv: np.ndarray) -> np.ndarray:
        if self.flat:
            return np.broadcast_to(self.colour, (*uv.shape[:-1], 3))
        amount = np.zeros(uv.shape[:-1])
        for octave, share in ((1, 0.6), (2.7, 0.4)):
            place = uv * self.scale * octave
            low = np.floor(place).astype(int)
            part = place - low
            part = part * part * (3 - 2 * part)
            a, b, c, d = (
                self.noise[(low[..., 0] + x) % 64, (low[..., 1] + y) % 64] for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))
            )
            top, bottom = a + (b - a) * part[..., 0], c + (d - c) * part[..., 0]
            amount += share * (top + (bottom - top) * part[..., 1])
        amount = np.clip((amount - 0.5) * 2.5 + 0.5, 0, 1)[..., None]
        return self.colour * amount + self.other * (1 - amount)


def box_room(seed: int, side: int = 192, frames: int = 36, clean: int = 8, movers: int = 3, boxes: int = 5) -> Capture:
    """``frames`` views with ``movers`` boxes each at a place of its own in every frame, ``clean`` held-out views."""
    rng = np.random.default_rng(seed)
    walls = [Texture(rng) for _ in range(6)]
    standing = []
    for _ in range(boxes):
        size = rng.uniform(0.3, 0.9, 3)
        low = np.array([rng.uniform(-2.3, 1.5), rng.uniform(-1.8, 1.0), 0.0])
        standing.append((low, low + size, [Texture(rng) for _ in range(6)]))
    moving = [(rng.uniform(0.2, 0.5, 3), [Texture(rng, flat=k % 2 == 1)] * 6) for k in range(movers)]
    intrinsics = Intrinsics(side, side, 0.85 * side, 0.85 * side, side / 2, side / 2)
    views: list[View] = []
    held_out: list[View] = []
    for number in range(frames + clean):
        angle = 2 * np.pi * (number * 0.381966) + rng.normal(0, 0.1)
        eye = np.array([1.5 * np.cos(angle), 1.1 * np.sin(angle), rng.uniform(1.1, 1.7)])
        pose = look_at(eye, np.array([-0.6 * np.cos(angle), -0.5 * np.sin(angle), rng.uniform(0.5, 1.0)]))
        name = f"{number:03d}.png"
        shown = []
        if number < frames:
            for size, texture in moving:
                along = rng.uniform(1.1, 2.4)
                ray = pose[:3, :3] @ np.array([rng.uniform(-0.45, 0.45), rng.uniform(-0.4, 0.4), -1.0])
                low = eye + along * ray - size / 2
                shown.append((low, low + size, texture))
        image, ids = cast(pose, intrinsics, walls, standing + shown)
        truth = ids < len(standing)
        view = View(name, (image * 255 + 0.5).astype(np.uint8), intrinsics, pose, truth)
        (views if number < frames else held_out).append(view)
    return Capture(f"box room {seed}", tuple(views), None, tuple(held_out))


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Camera to world, OpenGL axes, up is z."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(back, right), back, eye], 1)
    return pose


def cast(pose: np.ndarray, camera: Intrinsics, walls: list, boxes: list) -> tuple[np.ndarray, np.ndarray]:
    """Colours (H, W, 3) and the number of the box hit, -1 for the room itself."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    local = np.stack([(x - camera.cx) / camera.fx, -(y - camera.cy) / camera.fy, -np.ones_like(x)], -1)
    way = local @ pose[:3, :3].T
    eye = pose[:3, 3]
    _, leave, axis = slab(eye, way, *ROOM, inside=True)
    colour = shade(eye + leave[..., None] * way, axis, way, walls)
    ids, nearest = np.full(x.shape, -1), leave
    for number, (low, high, texture) in enumerate(boxes):
        enter, leave, axis = slab(eye, way, low, high, inside=False)
        hit = (enter < leave) & (enter > 0.05) & (enter < nearest)
        painted = shade(eye + enter[..., None] * way, axis, way, texture, low)
        colour, ids, nearest = (
            np.where(hit[..., None], painted, colour),
            np.where(hit, number, ids),
            np.where(hit, enter, nearest),
        )
    return np.clip(colour, 0, 1), ids


def slab(
    eye: np.ndarray, way: np.ndarray, low: np.ndarray, high: np.ndarray, inside: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rays enter and leave a box, and through which axis (of leaving when ``inside``)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - eye) / way, (high - eye) / way
    near, far = np.minimum(a, b), np.maximum(a, b)
    return near.max(-1), far.min(-1), far.argmin(-1) if inside else near.argmax(-1)


def shade(
    points: np.ndarray, axis: np.ndarray, way: np.ndarray, textures: list, origin: np.ndarray | None = None
) -> np.ndarray:
    """The texture of each face under a light from above."""
    points = points - (0 if origin is None else origin)
    colour = np.zeros((*axis.shape, 3))
    for face in range(6):
        number, positive = face // 2, face % 2
        of = (axis == number) & ((np.take_along_axis(way, axis[..., None], -1)[..., 0] > 0) == bool(positive))
        uv = np.delete(points[of], number, axis=-1)
        colour[of] = textures[face](uv) * (1.0, 0.85, 0.9, 0.75, 0.95, 0.8)[face]
    return colour
