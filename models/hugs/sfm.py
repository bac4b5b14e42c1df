"""Structure from motion on the processor: where each photo was taken from, and points of the scene.

    capture = run_sfm(capture, workdir, context.tick, np.random.default_rng(0))
    capture.structure.lengths_of("000.png")          # in how many photos each feature was found

pycolmap does the work; `workdir` keeps its pictures, data base and model (COLMAP opens it). With known poses the
cameras stay where they are and only points are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.hugs.sfm_align import into_known_frame
from models.hugs.sfm_config import SfmConfig
from models.parts.capture import Capture, Keypoints, Structure, View
from models.parts.colmap import read_model
from models.parts.colmap_capture import cameras_of, structure_of
from models.parts.problems import BadInput

__all__ = ["SfmConfig", "run_sfm"]

Tick = Callable[[float, str], None]
Masks = Mapping[str, npt.NDArray[np.bool_]]
_RETAKE = (
    "Take photos with at least two thirds of overlap while walking sideways around the scene, sharp and with texture "
    "in view"
)


def run_sfm(
    capture: Capture,
    workdir: str | Path,
    tick: Tick = lambda share, message: None,
    rng: np.random.Generator | None = None,
    config: SfmConfig | None = None,
    masks: Masks | None = None,
) -> Capture:
    """`capture` with poses, intrinsics and structure.

    workdir: an empty or new folder. tick: called five times a second with the share done and a sentence; what it
    raises (a cancellation) stops the work and comes out. rng: the one number all random choices follow from.
    masks: view name -> (H, W) bool, True = features may lie there; views without one are searched everywhere.

    Views that could not be placed lose their pose and are named in the notes; they keep their features, unmatched.
    When at least three views had poses that were not used, the result is moved into their frame, so that held-out views
    stay right; else the frame and its unit are COLMAP's.
    Raises BadInput when no photo can be placed or pycolmap is not installed (it has no wheel for Linux on ARM),
    ValueError for settings that make no sense.
    """
    try:
        # Here, not above: the room works on captures that have cameras without it, and opens faster.
        from models.hugs import sfm_steps
    except ImportError as error:
        raise BadInput(
            capture.name,
            "cannot be placed: pycolmap is not installed on this computer",
            "Load a COLMAP or nerfstudio project, which has its cameras already",
        ) from error
    config = (config or SfmConfig()).checked()
    if len(capture.views) < 3:
        raise BadInput(capture.name, f"has {len(capture.views)} photos, too few to find depth", _RETAKE)
    known = len(capture.posed) == len(capture.views) if config.known_poses is None else config.known_poses
    if known and len(capture.posed) < 3:
        raise BadInput(capture.name, "has no known poses to keep", "Let structure from motion find them")
    folder = Path(workdir)
    files = _written(capture, folder, masks)
    seed = int((rng or np.random.default_rng(0)).integers(2**31))
    plan = sfm_steps.Plan(folder, capture, files, config, seed, known, masks is not None)

    def part(low: float, high: float, message: str) -> Tick:
        return lambda share, more: tick(low + (high - low) * share, more or message)

    sfm_steps.find_features(plan, part(0.02, 0.35, "Finding features"))
    sfm_steps.match(plan, part(0.35, 0.8, "Comparing photos"))
    model = sfm_steps.place(plan, part(0.8, 0.98, "Placing points" if known else "Placing photos"))
    if model is None:
        raise BadInput(
            capture.name, "has no two photos that could be placed: too few features are found again", _RETAKE
        )
    tick(0.99, "Reading the model")
    result = _read(capture, files, model, sfm_steps.features_of(plan), known)
    return result if known else into_known_frame(capture, result)


def _written(capture: Capture, folder: Path, masks: Masks | None) -> dict[str, str]:
    """Writes the pictures (and masks) with plain names; view name -> file name."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files = {}
    for number, view in enumerate(capture.views):
        files[view.name] = f"{number:06d}.png"
        Image.fromarray(view.image).save(folder / "images" / files[view.name], compress_level=1)
        if masks is not None:
            used = masks.get(view.name, np.ones(view.size, bool))
            if used.shape != view.size:
                raise BadInput(
                    view.name, f"has a mask of {used.shape[1]} x {used.shape[0]} pixels", "Make it of the photo's size"
                )
            (folder / "masks").mkdir(exist_ok=True)
            Image.fromarray(used.astype(np.uint8) * 255).save(folder / "masks" / f"{files[view.name]}.png")
    return files


def _read(
    capture: Capture,
    files: Mapping[str, str],
    model: Path,
    features: Mapping[str, npt.NDArray[np.float32]],
    known: bool,
) -> Capture:
    """The model COLMAP left in a folder, under the names of the views; `features` by file, for those it lacks."""
    read = read_model(model)
    names = {file: name for name, file in files.items()}
    cameras = {names[file]: camera for file, camera in cameras_of(read).items()}
    found = structure_of(read)
    keypoints = {names[file]: points for file, points in found.keypoints.items()}
    for file, xy in features.items():
        if names[file] not in cameras:
            keypoints[names[file]] = Keypoints(xy, np.full(len(xy), -1, np.int64))
    views = tuple(_placed(view, cameras.get(view.name), known) for view in capture.views)
    structure = Structure(keypoints, found.ids, found.xyz, found.rgb, found.track_length)
    return replace(capture, views=views, structure=structure).with_notes(*_notes(views, structure))


def _placed(view: View, camera: tuple[Any, Any] | None, known: bool) -> View:
    """The view with what was found; known poses stay to the last digit."""
    if camera is None:
        return replace(view, intrinsics=None, camera_to_world=None)
    return view if known else replace(view, intrinsics=camera[0], camera_to_world=camera[1])


def _notes(views: tuple[View, ...], structure: Structure) -> list[str]:
    lost = [view.name for view in views if view.camera_to_world is None]
    notes = []
    if lost:
        named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        notes.append(
            f"{len(lost)} of {len(views)} photos could not be placed ({named}): they get no residual cue. "
            "More photos between them and their neighbours help."
        )
    if len(structure.ids) < 100:
        notes.append(f"Only {len(structure.ids)} points were found: the SfM cue will be weak.")
    return notes
