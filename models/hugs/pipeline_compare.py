"""What masks buy: the same radiance field trained without masks, with HuGS's and with the true ones.

Scores are of held-out views without anything that moves; without such views the pictures can only be looked at.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.hugs.field import FieldProgress, train_field
from models.hugs.field_config import FieldConfig
from models.hugs.field_rays import learning_size, reduced
from models.hugs.pipeline import make_job, posed_views
from models.hugs.pipeline_compare_types import TITLES, ComparePartial, CompareResult, Trained
from models.hugs.pipeline_work import Image, Work
from models.parts.capture import View
from models.parts.metrics import psnr, ssim
from models.parts.problems import BadInput
from models.runtime import Job, JobContext

ORBIT = 24
"""Frames of the video, there and back along the cameras of the capture."""


@dataclass(frozen=True)
class _Share:
    start: float
    part: float


def compare_fields(
    context: JobContext, model: None, *, work: Work, config: FieldConfig, seed: int, which: Sequence[str]
) -> Generator[ComparePartial, None, CompareResult]:
    """Trains one field for each of ``which`` ("none", "hugs", "true") with one seed; yields after each.

    Raises BadInput for names it does not know, and for "true" where the truth is unknown.
    """
    del model
    views = posed_views(work.capture)
    done: list[Trained] = []
    for number, name in enumerate(which):
        masks = masks_for(work, name)
        share = _Share(number / len(which), 1 / len(which))
        field = _trained(context, work, views, masks, config, seed, share, TITLES[name])
        done.append(_measured(context, work, views, name, field, config))
        yield ComparePartial(tuple(done), len(which))
    return CompareResult(tuple(done), config.iterations, seed)


def masks_for(work: Work, name: str) -> Mapping[str, npt.NDArray[np.bool_]] | None:
    """View name -> static map at the photo's size; None for training without masks."""
    if name == "none":
        return None
    if name == "hugs":
        return work.masks()
    if name != "true":
        raise BadInput("The masks", f"{name!r} do not exist", "Choose none, hugs or true")
    known = {view.name: view.truth for view in work.capture.views if view.truth is not None}
    if not known:
        raise BadInput("The true masks", "are known for rendered captures only", "Compare without and with HuGS")
    return known


def _trained(
    context: JobContext,
    work: Work,
    views: Sequence[View],
    masks: Mapping[str, npt.NDArray[np.bool_]] | None,
    config: FieldConfig,
    seed: int,
    share: _Share,
    title: str,
) -> FieldProgress:
    points = work.capture.structure.xyz if work.capture.structure is not None else None
    last: FieldProgress | None = None
    for last in train_field(views, masks, config, np.random.default_rng(seed), points):
        now = share.start + 0.9 * share.part * last.step / last.steps
        context.tick(now, f"{title}: step {last.step} of {last.steps}")
    if last is None:
        raise BadInput("The training", "has no steps", "Give at least one")
    return last


def _measured(
    context: JobContext, work: Work, views: Sequence[View], name: str, field: FieldProgress, config: FieldConfig
) -> Trained:
    """Held-out pictures with their scores, and the pictures of the video."""
    shown: dict[str, Image] = {}
    peaks, likenesses = [], []
    for view in work.capture.held_out:
        if view.intrinsics is None or view.camera_to_world is None:
            continue
        context.tick(None, f"{TITLES[name]}: rendering {view.name}")
        picture = field.seen_by(view)
        truth = reduced(view.image, learning_size(view, config.side)) / 255
        peaks.append(psnr(picture, truth))
        likenesses.append(ssim(picture, truth))
        shown[view.name] = _bytes(picture)
    return Trained(
        name,
        float(np.mean(peaks)) if peaks else None,
        float(np.mean(likenesses)) if likenesses else None,
        shown,
        tuple(_orbit(context, views, field, config)),
    )


def _orbit(context: JobContext, views: Sequence[View], field: FieldProgress, config: FieldConfig) -> list[Image]:
    """Pictures along the capture's own cameras, which lie where the field has learnt."""
    first = views[0]
    width, height = learning_size(first, config.side)
    places = np.unique(np.linspace(0, len(views) - 1, ORBIT // 2 + 1).round().astype(int))
    pictures = []
    for place in places:
        view = views[place]
        if view.intrinsics is None or view.camera_to_world is None:
            continue
        context.tick(None, "rendering the video")
        camera = view.intrinsics.scaled(width, height)
        pictures.append(_bytes(field.snapshot(camera, view.camera_to_world)))
    return pictures + pictures[-2:0:-1]


def _bytes(picture: npt.NDArray[np.float32]) -> Image:
    return np.asarray(np.clip(np.rint(picture * 255), 0, 255), np.uint8)


def compare_job(
    user: str,
    work: Work,
    config: FieldConfig | None = None,
    seed: int = 0,
    which: Sequence[str] = ("none", "hugs", "true"),
) -> Job:
    """The comparison for the runtime. Raises BadInput before anything is queued."""
    chosen = (config or FieldConfig()).checked()
    posed_views(work.capture)
    for name in which:
        masks_for(work, name)
    arguments = {"work": work, "config": chosen, "seed": seed, "which": tuple(which)}
    return make_job(user, work, compare_fields, arguments, "Compare", seed, peak=600_000_000, seconds=30.0 * len(which))
