"""Procedural captures for HuGS: a furnished room photographed while people, things or shadows move about.

    capture = hugs_scene("walking person", seed=0)        # 36 views at 192 x 192, 8 clean held-out views
    capture.views[0].truth                                # (H, W) bool, True = static

The six settings of EVALUATION and the three of TUNING share no furniture shape, person, mover or seed. Rooms are made
of parametric pieces, so the same call gives the same capture on any machine without a package; `library` swaps in
real models. Truth is the difference between the room with and without its movers: bodies, and shadows that change a
pixel by more than a few grey levels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.parts.capture import Capture, Intrinsics, View
from models.worlds.library import Library
from models.worlds.movers import Mover, MoverKind, bodiless, cloth_banner, flat_card, moving_thing, walking_person
from models.worlds.movers_paths import Staging, shade_path, stage
from models.worlds.raycast import Camera
from models.worlds.room import RoomConfig, RoomScene, build_room
from models.worlds.room_cameras import orbit, pose
from models.worlds.room_render import render_room

HELD_OUT = 8
_TUNING_PEOPLE = (0, 1, 2)
_EVALUATION_PEOPLE = (3, 4, 5, 6, 7, 8, 9)


@dataclass(frozen=True)
class SceneSetting:
    """One kind of capture. `cast` draws what moves; `design` the furniture; `shadow` things seen as shadows only."""

    name: str
    room: str
    design: int
    cast: Callable[[np.random.Generator], list[MoverKind]]
    shadow: bool = False
    cover: tuple[float, float] = (0.08, 0.14)


def _people(count: int, among: tuple[int, ...]) -> Callable[[np.random.Generator], list[MoverKind]]:
    return lambda rng: [walking_person(rng, among) for _ in range(count)]


EVALUATION: tuple[SceneSetting, ...] = (
    SceneSetting("walking person", "living room", 1, _people(1, _EVALUATION_PEOPLE)),
    SceneSetting("two people", "kitchen", 1, _people(2, _EVALUATION_PEOPLE), cover=(0.09, 0.15)),
    SceneSetting(
        "moving things",
        "study",
        1,
        lambda rng: [moving_thing(rng, 1, kind) for kind in ("box", "chair", "floor lamp")],
    ),
    SceneSetting("flat card", "bedroom", 1, lambda rng: [flat_card(rng, textured=False)]),
    SceneSetting("moving shadow", "living room", 1, _people(3, _EVALUATION_PEOPLE), shadow=True, cover=(0.19, 0.29)),
    SceneSetting(
        "mixed",
        "bedroom",
        1,
        lambda rng: [walking_person(rng, _EVALUATION_PEOPLE), moving_thing(rng, 1, "box", 1.3), flat_card(rng, True)],
    ),
)
"""What `evaluate hugs` measures."""

TUNING: tuple[SceneSetting, ...] = (
    SceneSetting("tuning person", "living room", 0, _people(1, _TUNING_PEOPLE)),
    SceneSetting(
        "tuning things", "kitchen", 0, lambda rng: [moving_thing(rng, 0, "armchair"), moving_thing(rng, 0, "ball", 1.6)]
    ),
    SceneSetting("tuning mixed", "study", 0, lambda rng: [walking_person(rng, _TUNING_PEOPLE), cloth_banner(rng)]),
)
"""What thresholds may be chosen on."""

SAMPLE_SETTING = SceneSetting(
    "sample", "living room", 0, lambda rng: [walking_person(rng, (1,)), moving_thing(rng, 0, "plant")]
)
_BY_NAME = {setting.name: setting for setting in (*EVALUATION, *TUNING, SAMPLE_SETTING)}


def hugs_scene(
    setting: str | int,
    seed: int,
    side: int = 192,
    frames: int = 36,
    library: Library | None = None,
) -> Capture:
    """A capture with known poses, truth maps and 8 clean held-out views.

    setting: a name of EVALUATION or TUNING, or the number of an evaluation setting. side: pixels, 32 to 1024.
    frames: training views, 2 to 400. Views are named 000.png, 001.png, ... and held_out_0.png, ...
    Raises ValueError for an unknown setting or a size out of range.
    """
    chosen = _chosen(setting)
    if not 32 <= side <= 1024:
        raise ValueError(f"side is 32 to 1024 pixels, not {side}")
    if not 2 <= frames <= 400:
        raise ValueError(f"frames is 2 to 400, not {frames}")
    room, cameras, held_out, tracks = plan_scene(chosen, seed, side, frames, library)
    views = tuple(
        _view(f"{index:03d}.png", room, camera, movers)
        for index, (camera, movers) in enumerate(zip(cameras, tracks, strict=True))
    )
    clean = tuple(_view(f"held_out_{index}.png", room, camera, ()) for index, camera in enumerate(held_out))
    return Capture(f"{chosen.name} {seed}", views, None, clean)


def sample_capture(side: int = 192, frames: int = 36, library: Library | None = None) -> Capture:
    """The capture of the shipped sample: a living room with a person and a plant that move. With `library` it is
    furnished with real models (what the shipped files show)."""
    return hugs_scene("sample", 20, side, frames, library)


def _chosen(setting: str | int) -> SceneSetting:
    if isinstance(setting, int):
        if not 0 <= setting < len(EVALUATION):
            raise ValueError(f"evaluation settings are numbered 0 to {len(EVALUATION) - 1}, not {setting}")
        return EVALUATION[setting]
    if setting not in _BY_NAME:
        raise ValueError(f"there is no setting {setting!r}; choose one of {', '.join(_BY_NAME)}")
    return _BY_NAME[setting]


def plan_scene(
    setting: SceneSetting, seed: int, side: int, frames: int, library: Library | None = None
) -> tuple[RoomScene, list[Camera], list[Camera], list[list[Mover]]]:
    """The room, the training and the held-out cameras, and the movers of each training view, before any rendering."""
    rng = np.random.default_rng([zlib.crc32(setting.name.encode()), seed])
    config = RoomConfig(kind=setting.room, design=setting.design, sun=setting.shadow)
    room = build_room(rng, config, library)
    start = float(rng.uniform(0, 2 * np.pi)) if not setting.shadow else float(rng.normal(0, 0.2))
    arc = 2.1
    cameras = orbit(room, frames, side, rng, arc, start)
    held_out = orbit(room, HELD_OUT, side, rng, arc * 0.88, start)
    kinds = setting.cast(rng)
    if setting.shadow:
        hidden = [bodiless(kind) for kind in kinds]
        tracks = shade_path(room, cameras, hidden, rng, Staging(cover=setting.cover))
    else:
        tracks = stage(room, cameras, kinds, rng, Staging(cover=setting.cover))
    return room, cameras, held_out, tracks


def _view(name: str, room: RoomScene, camera: Camera, movers: Sequence[Mover]) -> View:
    frame = render_room(room, camera, movers)
    return View(name, frame.rgb, intrinsics_of(camera), pose(camera), ~frame.disturbed)


def intrinsics_of(camera: Camera) -> Intrinsics:
    """The pinhole of a ray-cast camera in pixels (centre of the first pixel at 0.5, 0.5)."""
    return Intrinsics(camera.width, camera.height, camera.focal, camera.focal, camera.width / 2, camera.height / 2)
