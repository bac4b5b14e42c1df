"""The three steps of structure from motion, each in a thread of its own while the caller ticks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pycolmap

from models.hugs.sfm_config import SfmConfig
from models.parts.capture import Capture
from models.parts.colmap_capture import world_to_camera
from models.parts.colmap_model import Camera
from models.parts.problems import BadInput

Tick = Callable[[float, str], None]
Result = TypeVar("Result")
_STEP = 0.2
_SMALL, _FEW = 400, 60
_NEIGHBOURS, _ANCHORS = 10, 30
# The data base is never opened by a second copy of SQLite, Python's, while COLMAP writes: its locks would break. So
# progress and cancellation come from doing the work in parts.
_PHOTOS_AT_A_TIME, _PAIRS_AT_A_TIME = 8, 120
# A small room on small pictures has fewer matches and less parallax than COLMAP asks of its first pair.
_RELAXED = {"init_min_num_inliers": 40, "init_min_tri_angle": 6.0, "abs_pose_min_num_inliers": 20}


@dataclass(frozen=True, eq=False)
class Plan:
    """What the steps share. files: view name -> file name in folder/images; known: poses are given."""

    folder: Path
    capture: Capture
    files: Mapping[str, str]
    config: SfmConfig
    seed: int
    known: bool
    masked: bool

    @property
    def database(self) -> Path:
        return self.folder / "database.db"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def small(self) -> bool:
        """Whether the photos are so small that finding enough features is the difficulty, not the time."""
        return min(max(view.size) for view in self.capture.views) < _SMALL

    @property
    def threads(self) -> int:
        if self.config.threads:
            return self.config.threads
        return 1 if self.small and len(self.files) <= _FEW else os.cpu_count() or 1

    @property
    def one_camera(self) -> bool:
        """Whether all photos are of one size, and of one camera as far as is known."""
        views = self.capture.views
        return len({view.size for view in views}) == 1 and len({view.intrinsics for view in views}) == 1


def find_features(plan: Plan, tick: Tick) -> None:
    """SIFT features of every photo, into the data base."""
    plan.database.unlink(missing_ok=True)
    options = pycolmap.FeatureExtractionOptions()
    options.num_threads, options.use_gpu = plan.threads, False
    options.max_image_size = plan.config.max_side
    options.sift.max_num_features = plan.config.max_features
    peak = plan.config.peak_threshold or (0.004 if plan.small else options.sift.peak_threshold)
    options.sift.peak_threshold = peak
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = plan.config.camera_model
    known = plan.capture.views[0].intrinsics
    if plan.known and plan.one_camera and known is not None:
        camera = Camera.of(1, known)
        reader.camera_model, reader.camera_params = camera.model, ",".join(map(repr, camera.params))
    if plan.masked:
        reader.mask_path = plan.folder / "masks"
    mode = pycolmap.CameraMode.SINGLE if plan.one_camera else pycolmap.CameraMode.PER_IMAGE

    files = list(plan.files.values())
    for start in range(0, len(files), _PHOTOS_AT_A_TIME):
        if start and plan.one_camera:
            reader.existing_camera_id = _first_camera(plan)
        part = files[start : start + _PHOTOS_AT_A_TIME]

        def work(token: Any, part: list[str] = part) -> None:
            pycolmap.extract_features(
                plan.database,
                plan.images,
                image_names=part,
                camera_mode=mode,
                reader_options=reader,
                extraction_options=options,
                device=pycolmap.Device.cpu,
                cancellation_token=token,
            )

        _run(plan, work, partial(float, start / len(files)), tick)


def match(plan: Plan, tick: Tick) -> None:
    """Features found again in other photos, checked by the geometry of two views."""
    options = pycolmap.FeatureMatchingOptions()
    options.num_threads, options.use_gpu = plan.threads, False
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = plan.seed
    files = list(plan.files.values())
    pairs = pairs_of(len(files), plan.config.exhaustive_up_to)
    listed = pycolmap.ImportedPairingOptions()
    listed.match_list_path = plan.folder / "pairs.txt"
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        part = pairs[start : start + _PAIRS_AT_A_TIME]
        listed.match_list_path.write_text("".join(f"{files[one]} {files[other]}\n" for one, other in part))

        def work(token: Any) -> None:
            pycolmap.match_image_pairs(
                plan.database,
                matching_options=options,
                pairing_options=listed,
                verification_options=verification,
                device=pycolmap.Device.cpu,
                cancellation_token=token,
            )

        _run(plan, work, partial(float, start / len(pairs)), tick)


def pairs_of(count: int, exhaustive_up_to: int) -> list[tuple[int, int]]:
    """Which of `count` photos in their order are compared, each pair once, (smaller, larger).

    All of them up to `exhaustive_up_to`; above, each with its 10 neighbours and those 16, 32, 64 ... photos on, and
    about 30 spread over the capture with one another, which closes the loop of a walk around something.
    """
    if count <= exhaustive_up_to:
        return [(one, other) for one in range(count) for other in range(one + 1, count)]
    steps = [*range(1, _NEIGHBOURS + 1), *(2**power for power in range(4, count.bit_length()))]
    pairs = {(one, one + step) for one in range(count) for step in steps if one + step < count}
    spread = range(0, count, max(count // _ANCHORS, 1))
    pairs |= {(one, other) for one in spread for other in spread if one < other}
    return sorted(pairs)


def place(plan: Plan, tick: Tick) -> Path | None:
    """The folder of the model with the most photos, or None when none could be placed."""
    if plan.known:
        return _run(plan, lambda token: _triangulated(plan, token), lambda: 0.5, tick)
    return _mapped(plan, tick, relaxed=False) or _mapped(plan, tick, relaxed=True)


def features_of(plan: Plan) -> dict[str, npt.NDArray[np.float32]]:
    """File name -> (N, 2) pixels of all features that were found."""
    found = {}
    database = pycolmap.Database.open(plan.database)
    try:
        for image in database.read_all_images():
            rows = np.asarray(database.read_keypoints(image.image_id), np.float32)
            found[image.name] = rows[:, :2] if rows.size else np.zeros((0, 2), np.float32)
    finally:
        database.close()
    return found


def _mapped(plan: Plan, tick: Tick, relaxed: bool) -> Path | None:
    options = _mapping_options(plan)
    options.multiple_models, options.max_num_models = True, 3
    options.min_model_size = 3
    if relaxed:
        for name, value in _RELAXED.items():
            setattr(options.mapper, name, value)
    placed = 0
    out = plan.folder / ("relaxed" if relaxed else "sparse")
    out.mkdir(exist_ok=True)

    def count() -> None:
        nonlocal placed
        placed += 1

    def work(token: Any) -> Path | None:
        models = pycolmap.incremental_mapping(
            plan.database, plan.images, out, options=options, next_image_callback=count, cancellation_token=token
        )
        best = max(models.items(), key=lambda item: (item[1].num_reg_images(), item[1].num_points3D()), default=None)
        return out / str(best[0]) if best else None

    return _run(plan, work, lambda: placed / len(plan.files), tick)


def _triangulated(plan: Plan, token: Any) -> Path | None:
    """Points for cameras that stay where they are."""
    model = pycolmap.Reconstruction()
    names = {file: name for name, file in plan.files.items()}
    database = pycolmap.Database.open(plan.database)
    try:
        # Each with its own lens: the data base only knows them when all photos share one.
        for camera in database.read_all_cameras():
            model.add_camera_with_trivial_rig(camera)
        for image in database.read_all_images():
            view = plan.capture.view(names[image.name])
            if view.camera_to_world is None or view.intrinsics is None:
                continue
            if not plan.one_camera:
                known = Camera.of(image.camera_id, view.intrinsics)
                lens = model.cameras[image.camera_id]
                lens.model = getattr(pycolmap.CameraModelId, known.model)
                lens.params = list(known.params)
            rotation, translation = world_to_camera(view.camera_to_world)
            pose = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation[[1, 2, 3, 0]]), translation)
            shot = pycolmap.Image(name=image.name, camera_id=image.camera_id, image_id=image.image_id)
            model.add_image_with_trivial_frame(shot, pose)
    finally:
        database.close()
    out = plan.folder / "sparse" / "0"
    out.mkdir(parents=True, exist_ok=True)
    result = pycolmap.triangulate_points(
        model, plan.database, plan.images, out, options=_mapping_options(plan), cancellation_token=token
    )
    if result.num_points3D() == 0:
        return None
    result.write_binary(out)
    return out


def _mapping_options(plan: Plan) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads, options.random_seed = plan.threads, plan.seed
    return options


def _first_camera(plan: Plan) -> int:
    """The id of the camera the first photos brought into the data base."""
    database = pycolmap.Database.open(plan.database)
    try:
        return int(database.read_all_cameras()[0].camera_id)
    finally:
        database.close()


def _run(plan: Plan, work: Callable[[Any], Result], share: Callable[[], float], tick: Tick) -> Result:
    """`work` in a thread; `tick` five times a second with the share done. What `tick` raises stops the work."""
    pycolmap.logging.minloglevel = int(pycolmap.logging.ERROR.value)
    pycolmap.set_random_seed(plan.seed)
    token = pycolmap.CancellationToken()
    tick(min(share(), 1.0), "")
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, token)
        try:
            while True:
                try:
                    return future.result(timeout=_STEP)
                except TimeoutError:
                    tick(min(share(), 1.0), "")
        except (RuntimeError, ValueError) as error:
            if future.done() and future.exception() is error:
                raise BadInput(
                    plan.capture.name,
                    "could not be reconstructed: COLMAP stopped with an error",
                    "Try fewer or smaller photos",
                ) from error
            raise
        finally:
            token.cancel()
