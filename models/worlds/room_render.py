"""Rooms to pictures: colour, depth, normals, instance ids, texture coordinates, and what movers changed.

    frame = render_room(room, camera)
    frame = render_room(room, camera, movers, smooth=False) # quicker: one sample per pixel

Deterministic: the sampling patterns of shadows and occlusion follow from `seed` and the pixel alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds.movers import Mover
from models.worlds.raycast import Camera, Hits
from models.worlds.render import EXTRA_SAMPLES, Picture, render
from models.worlds.room import RoomScene
from models.worlds.room_joined import JoinedScene
from models.worlds.textures import F32, to_display

Bools = NDArray[np.bool_]
SHADOW = 9.0 / 255
"""How much a pixel must change (display values, mean over colours) to count as a shadow of a mover."""


@dataclass(frozen=True)
class RoomFrame(Picture):
    """A photograph of a room; movers have negative instances (-1 - number). mover (H,W) bool: any part of the pixel
    shows a mover; shadow (H,W) bool: the pixel shows the room, but lighter or darker than without the movers."""

    mover: Bools
    shadow: Bools

    @property
    def disturbed(self) -> Bools:
        """(H,W): whatever differs from the room without movers."""
        return self.mover | self.shadow


def developed(light: F32, exposure: float) -> F32:
    """Display values 0..1 of light (...,3): exposure, then a soft shoulder so that lamps do not burn out walls."""
    scaled = light * np.float32(exposure)
    knee = np.float32(0.6)
    over = np.maximum(scaled - knee, 0)
    return to_display(np.minimum(scaled, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee))))


def render_room(
    room: RoomScene,
    camera: Camera,
    movers: Sequence[Mover] = (),
    smooth: bool = True,
    seed: int = 0,
) -> RoomFrame:
    """Photograph a room with movers in it. `smooth` anti-aliases outlines."""
    shape = (camera.height, camera.width)
    if not movers:
        frame = render(room.scene, camera, room.lighting, np.random.default_rng(seed), smooth, True)
        none = np.zeros(shape, bool)
        rgb = _bytes(developed(frame.light, room.exposure))
        return RoomFrame(rgb, frame.depth, frame.normals, frame.instance, frame.part, frame.uv, none, none)
    scene = JoinedScene(room, movers)
    frame = render(scene, camera, room.lighting, np.random.default_rng(seed), smooth, True)
    mover = np.zeros(shape, bool) if all(mover.unseen for mover in movers) else _touched(scene, camera)
    without = render(room.scene, camera, room.lighting, np.random.default_rng(seed), False)
    change = developed(frame.single, room.exposure) - developed(without.single, room.exposure)
    # the mean over 3 x 3 pixels: single pixels of the sampling pattern are no shadow
    darker = (cv2.blur(np.abs(change).mean(axis=2), (3, 3)) > SHADOW).astype(np.uint8)
    shadow = (cv2.morphologyEx(darker, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0) & ~mover
    number = np.where(frame.instance > scene.first_mover, scene.first_mover - frame.instance, frame.instance)
    rgb = _bytes(developed(frame.light, room.exposure))
    return RoomFrame(rgb, frame.depth, frame.normals, number.astype(np.int32), frame.part, frame.uv, mover, shadow)


def _bytes(display: F32) -> NDArray[np.uint8]:
    return (display * 255 + 0.5).astype(np.uint8)


def _touched(scene: JoinedScene, camera: Camera) -> Bools:
    """Pixels of which one of a few samples (those that anti-aliasing uses) meets a mover."""
    found = np.zeros(camera.height * camera.width, bool)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32).reshape(2, -1)
    for dx, dy in ((0.5, 0.5), *EXTRA_SAMPLES):
        directions = camera.directions(x + np.float32(dx), y + np.float32(dy))
        found |= scene.shows_mover(np.broadcast_to(camera.position, directions.shape), directions)
    return found.reshape(camera.height, camera.width)


def depth_of(room: RoomScene, camera: Camera) -> F32:
    """Depth (H,W) along the view axis of the empty room, inf where nothing is: one ray per pixel, no shading."""
    directions = camera.grid()
    hits = room.scene.intersect(np.broadcast_to(camera.position, directions.shape), directions)
    depth = np.where(hits.face >= 0, hits.t * -(directions @ camera.rotation[2]), np.inf)
    return depth.reshape(camera.height, camera.width).astype(np.float32)


def hits_of(room: RoomScene, camera: Camera) -> Hits:
    """The faces and barycentric places (one row per pixel, row after row) that the pixel centres see."""
    directions = camera.grid()
    return room.scene.trace(np.broadcast_to(camera.position, directions.shape), directions)
