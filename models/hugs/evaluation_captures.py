"""The procedural captures of the report card, built once and kept as plain arrays in the user's cache."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np

from models.hugs import scenes
from models.hugs.evaluation_config import EvaluationConfig
from models.parts.capture import Capture, Intrinsics, View
from models.worlds.packages import cache_folder

WORLDS = Path(__file__).resolve().parent.parent / "worlds"


def folder() -> Path:
    """Where captures and journals of the report card are kept."""
    return cache_folder() / "hugs_evaluation"


def capture_of(setting: str, seed: int, config: EvaluationConfig) -> Capture:
    """The capture, from the cache when the same code built it before; a damaged file is built anew."""
    code = hashlib.sha256()
    for source in (Path(scenes.__file__), *sorted(WORLDS.glob("*.py"))):
        code.update(source.read_bytes())
    key = f"{setting}-{seed}-{config.side}-{config.frames}-{code.hexdigest()[:12]}".replace(" ", "_")
    file = folder() / f"{key}.npz"
    try:
        return kept(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        capture = scenes.hugs_scene(setting, seed, config.side, config.frames)
        keep(capture, file)
        return capture


def keep(capture: Capture, file: Path) -> None:
    """Writes pictures, cameras and truth of a rendered capture; the file appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"name": np.array(capture.name), **_arrays("views", capture.views)}
    part = file.with_name(f"{file.stem}.{os.getpid()}.npz")
    np.savez_compressed(part, **arrays, **_arrays("held_out", capture.held_out))  # type: ignore[arg-type]
    part.replace(file)


def kept(file: Path) -> Capture:
    """What ``keep`` wrote. Raises OSError, KeyError, ValueError or BadZipFile for an absent or damaged file."""
    with np.load(file) as arrays:
        return Capture(str(arrays["name"]), _views("views", arrays), None, _views("held_out", arrays))


def _arrays(group: str, views: Sequence[View]) -> dict[str, np.ndarray]:
    cameras = [view.intrinsics for view in views if view.intrinsics is not None]
    return {
        f"{group}.names": np.array([view.name for view in views]),
        f"{group}.images": np.stack([view.image for view in views]),
        f"{group}.cameras": np.array([astuple(camera) for camera in cameras]),
        f"{group}.poses": np.stack([view.camera_to_world for view in views if view.camera_to_world is not None]),
        f"{group}.truth": np.stack([view.truth for view in views if view.truth is not None]),
    }


def _views(group: str, arrays: np.lib.npyio.NpzFile) -> tuple[View, ...]:
    columns = (arrays[f"{group}.{part}"] for part in ("names", "images", "cameras", "poses", "truth"))
    return tuple(
        View(str(name), image, Intrinsics(int(camera[0]), int(camera[1]), *map(float, camera[2:])), pose, truth)
        for name, image, camera, pose, truth in zip(*columns, strict=True)
    )
