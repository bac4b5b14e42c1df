"""A small textured room for tests of structure from motion: six walls and a box, rays cut with planes in numpy."""

from __future__ import annotations

import numpy as np

from models.parts.capture import Capture, Intrinsics, View

HALF = np.array([2.0, 1.4, 2.0])
BOX = np.array([0.5, 0.45, 0.4])
BOX_CENTRE = np.array([0.1, -0.95, -0.2])


def look_at(place: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(4, 4) camera to world with OpenGL axes, y up."""
    back = place - target
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(back, right), back, place
    return pose


def textured_room(rng: np.random.Generator, frames: int = 12, side: int = 192) -> Capture:
    """`frames` views from an arc through the room, all looking past its middle; nothing moves."""
    walls = [_texture(rng) for _ in range(12)]
    camera = Intrinsics(side, side, 0.9 * side, 0.9 * side, side / 2, side / 2)
    views = []
    for number in range(frames):
        angle = -0.6 + 1.2 * number / max(frames - 1, 1)
        place = np.array([1.5 * np.sin(angle), 0.25 * np.sin(3 * angle), 1.5 * np.cos(angle)])
        pose = look_at(place, np.array([0.0, -0.3, -0.6]))
        views.append(View(f"frame_{number:03d}.png", _render(camera, pose, walls), camera, pose))
    return Capture("textured room", tuple(views))


def _texture(rng: np.random.Generator) -> np.ndarray:
    """(256, 256, 3) float: patches of several sizes, so that features are found at every distance."""
    picture = np.zeros((256, 256, 3))
    for cells, strength in ((8, 0.35), (32, 0.35), (64, 0.3)):
        picture += strength * np.kron(rng.random((cells, cells, 3)), np.ones((256 // cells, 256 // cells, 1)))
    return picture


def _render(camera: Intrinsics, pose: np.ndarray, walls: list[np.ndarray]) -> np.ndarray:
    """(H, W, 3) uint8, four rays a pixel."""
    side = camera.width
    grid = (np.arange(2 * side) + 0.5) / 2
    x, y = np.meshgrid((grid - camera.cx) / camera.fx, (grid - camera.cy) / camera.fy)
    rays = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ pose[:3, :3].T
    origin = pose[:3, 3]
    colour = np.zeros_like(rays)
    nearest = np.full(x.shape, np.inf)
    for centre, half, inside in ((np.zeros(3), HALF, True), (BOX_CENTRE, BOX, False)):
        for axis in range(3):
            for sign in (-1, 1):
                along = (centre[axis] + sign * half[axis] - origin[axis]) / rays[..., axis]
                hit = origin + along[..., None] * rays - centre
                others = [other for other in range(3) if other != axis]
                on = (along > 1e-6) & (along < nearest) & (np.abs(hit[..., others]) <= half[others] + 1e-9).all(-1)
                uv = (hit[..., others] / (2 * max(half)) + 0.5) * 256
                row, column = np.clip(uv.astype(int), 0, 255)[on].T
                wall = walls[(0 if inside else 6) + 2 * axis + (sign > 0)]
                colour[on] = wall[row, column]
                nearest[on] = along[on]
    fine = (colour * 255).reshape(side, 2, side, 2, 3).mean(axis=(1, 3))
    return np.clip(np.round(fine), 0, 255).astype(np.uint8)
