"""Drawing people: capsules for the light figures, shaded triangles for the skinned bodies, in one list by depth."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from models.worlds.figures_skeleton import BONE, HEAD_RADIUS, Pose, View
from models.worlds.people import Body
from models.worlds.people_parts import LABELS

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Colour = tuple[int, int, int]
_SHIFT = 4
_ONE = 1 << _SHIFT


@dataclass
class Canvas:
    """Primitives to be drawn far to near on a picture (H, W, 3) uint8 of any size."""

    view: View
    items: list[tuple[float, str, F64, float, Colour]] = field(default_factory=list)

    def stroke(self, points: F64, width: float, colour: Colour, nearer: float = 0.0) -> None:
        """A line of ``width`` metres through (N, 3) points; ``nearer`` metres moves it to the front."""
        depth = float(self.view.depth(points).mean()) + nearer
        self.items.append((depth, "stroke", self.view.pixels(points), width * self.view.scale, colour))

    def disc(self, centre: F64, radius: float, colour: Colour, nearer: float = 0.0) -> None:
        """A ball of ``radius`` metres about (3,)."""
        depth = float(self.view.depth(centre[None])[0]) + nearer
        self.items.append((depth, "disc", self.view.pixels(centre[None]), radius * self.view.scale, colour))

    def face(self, points: F64, colour: Colour, nearer: float = 0.0) -> None:
        """A convex polygon (N, 3)."""
        depth = float(self.view.depth(points).mean()) + nearer
        self.items.append((depth, "face", self.view.pixels(points), 0.0, colour))

    def hull(self, points: F64, radii: F64, colour: Colour, nearer: float = 0.0) -> None:
        """The convex outline of balls about (N, 3) with radii (N,) metres."""
        flat = self.view.pixels(points)
        turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
        every = (flat[:, None] + ring[None] * (radii * self.view.scale)[:, None, None]).reshape(-1, 2)
        outline = cv2.convexHull(every.astype(np.float32))[:, 0].astype(np.float64)
        self.items.append((float(self.view.depth(points).mean()) + nearer, "hull", outline, 0.0, colour))

    def paint(self, picture: U8) -> None:
        """Draws everything into ``picture``; light outlines part limbs of one colour."""
        for _, kind, points, width, colour in sorted(self.items, key=lambda item: item[0]):
            flat = np.round(points * _ONE).astype(np.int32)
            if kind == "face":
                cv2.fillConvexPoly(picture, flat, colour, cv2.LINE_AA, _SHIFT)
                continue
            edge = _darker(colour)
            if kind == "stroke":
                thick = max(1, round(width))
                if thick > 3:
                    cv2.polylines(picture, [flat], False, edge, thick + 2, cv2.LINE_AA, _SHIFT)
                cv2.polylines(picture, [flat], False, colour, thick, cv2.LINE_AA, _SHIFT)
            elif kind == "disc":
                x, y = (int(v) for v in flat[0])
                cv2.circle(picture, (x, y), int((width + 1) * _ONE), edge, -1, cv2.LINE_AA, _SHIFT)
                cv2.circle(picture, (x, y), max(int(width * _ONE), _ONE), colour, -1, cv2.LINE_AA, _SHIFT)
            else:
                cv2.fillConvexPoly(picture, flat, colour, cv2.LINE_AA, _SHIFT)
                cv2.polylines(picture, [flat], True, edge, 1, cv2.LINE_AA, _SHIFT)


def _darker(colour: Colour) -> Colour:
    red, green, blue = (int(0.62 * part) for part in colour)
    return red, green, blue


@dataclass(frozen=True)
class Look:
    """Colours of one person, RGB 0..255; ``shirt_name`` is the shirt's colour. sleeves: 0 none, 1 short, 2 long."""

    shirt_name: str
    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    shoes: Colour
    sleeves: int
    shorts: bool


def draw_light(canvas: Canvas, pose: Pose, look: Look) -> None:
    """A person of capsules: about twenty strokes."""
    joint = pose.joints

    def at(name: str) -> F64:
        return np.asarray(joint[BONE[name]])

    for place, side in enumerate("LR"):
        shoulder, elbow, wrist = at(f"upperarm01.{side}"), at(f"lowerarm01.{side}"), at(f"wrist.{side}")
        hip, knee, ankle = at(f"upperleg01.{side}"), at(f"lowerleg01.{side}"), at(f"foot.{side}")
        canvas.stroke(np.stack([shoulder, elbow]), 0.105, look.shirt if look.sleeves else look.skin)
        canvas.stroke(np.stack([elbow, wrist]), 0.085, look.shirt if look.sleeves == 2 else look.skin)
        canvas.disc(pose.hands[place], 0.055, look.skin, 0.02)
        canvas.stroke(np.stack([hip, knee]), 0.155, look.trousers)
        canvas.stroke(np.stack([knee, ankle]), 0.115, look.skin if look.shorts else look.trousers)
        canvas.stroke(np.stack([ankle, pose.toes[place]]), 0.095, look.shoes, 0.01)
    chest = np.stack([at("upperarm01.L"), at("upperarm01.R"), at("upperleg01.L"), at("upperleg01.R")])
    waist = np.stack([at("upperleg01.L"), at("upperleg01.R"), at("root")])
    canvas.hull(waist, np.array([0.085, 0.085, 0.1]), look.trousers)
    canvas.hull(chest * 0.97 + 0.03 * at("spine02"), np.array([0.075, 0.075, 0.09, 0.09]), look.shirt, 0.01)
    canvas.stroke(np.stack([at("neck01"), pose.head]), 0.09, look.skin)
    canvas.disc(pose.head, HEAD_RADIUS, look.skin)
    up = pose.turn @ pose.turns[BONE["head"]] @ np.array([0.0, 0.55, -0.5])
    canvas.disc(pose.head + up * HEAD_RADIUS * 0.75, HEAD_RADIUS * 0.88, look.hair)


_LIGHT = np.array([0.35, 0.8, 0.5]) / np.linalg.norm([0.35, 0.8, 0.5])


def draw_body(canvas: Canvas, pose: Pose, body: Body, look: Look) -> None:
    """The skinned body as flat-shaded triangles."""
    vertices = body.skinned(pose.turns).astype(np.float64) @ pose.turn.T + pose.offset
    corners = vertices[body.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    towards = np.array([0.0, np.sin(canvas.view.tilt), np.cos(canvas.view.tilt)])
    seen = np.flatnonzero(normal @ towards > 0)
    light = 0.55 + 0.5 * np.clip(normal[seen] @ _LIGHT, 0, 1)
    palette = np.array([_worn(label, look) for label in LABELS], np.float64)
    colours = np.clip(palette[body.labels[seen]] * light[:, None], 0, 255).astype(int)
    flat = canvas.view.pixels(corners[seen].reshape(-1, 3)).reshape(-1, 3, 2)
    depth = canvas.view.depth(corners[seen].mean(axis=1))
    for d, points, colour in zip(depth.tolist(), flat, colours.tolist(), strict=True):
        canvas.items.append((d, "face", points, 0.0, (colour[0], colour[1], colour[2])))


def _worn(label: str, look: Look) -> Colour:
    stem = label.partition(".")[0]
    if stem == "hair":
        return look.hair
    if stem == "torso" or (stem == "upper arm" and look.sleeves) or (stem == "forearm" and look.sleeves == 2):
        return look.shirt
    if stem in ("hips", "thigh") or (stem == "calf" and not look.shorts):
        return look.trousers
    return look.shoes if stem == "foot" else look.skin
