"""The job of one photo of a batch: all its boxes and points at once, or everything in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.parts.digests import file_digest
from models.robust_sam import METHOD, frames, official, pipeline
from models.robust_sam.batch_prompts import ObjectPrompt
from models.robust_sam.batch_types import Found, Settings
from models.robust_sam.decoder import Branch
from models.robust_sam.everything_config import EverythingConfig
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import BadPrompt, Prompts
from models.runtime import Job, JobContext

BOXES_AT_ONCE = 4
"""Boxes decoded together: about 100 ms on a small CPU, so that cancelling is quick."""


def image_job(image: np.ndarray, digest: str, prompts: Sequence[ObjectPrompt], settings: Settings) -> Job:
    """The job for `image` (H, W, 3) uint8; its result is what `found` understands. Raises BadPrompt."""
    file = pipeline.weights_file(settings.checkpoint, settings.path)
    if settings.branch == "robust" and not official.inspect(file).robust:
        raise BadPrompt("these weights have no robust part; choose SAM, or use an authors' RobustSAM file")
    if settings.mode == "everything":
        from models.robust_sam import everything

        config = EverythingConfig(points_per_side=settings.points_per_side)
        return everything.everything_job(
            settings.user, image, digest, settings.branch, config, settings.checkpoint, settings.path
        )
    asked = [(prompt.label, _checked(prompt, number, image)) for number, prompt in enumerate(prompts, start=1)]
    return Job(
        user=settings.user,
        method=METHOD.slug,
        checkpoint=settings.checkpoint if settings.path is None else Path(settings.path).name,
        call=segment_all,
        arguments={"image": image, "asked": asked, "branch": settings.branch},
        model=pipeline.model_resource(settings.checkpoint, settings.path),
        shape_bucket="batch",
        label="Batch",
        inputs_digest=digest,
        weights_digest=file_digest(file),
        peak_bytes={"device": 300_000_000},
    )


def found(result: object) -> tuple[Found, ...]:
    """What a finished job of `image_job` found."""
    if isinstance(result, tuple):
        return result
    from models.robust_sam.everything_result import Everything

    if not isinstance(result, Everything):
        raise TypeError(f"no result of a batch job: {type(result).__name__}")
    return tuple(Found("", segment.predicted_iou, segment.area, segment) for segment in result.segments)


@torch.inference_mode()
def segment_all(
    context: JobContext, model: RobustSam, *, image: np.ndarray, asked: Sequence[tuple[str, Prompts]], branch: Branch
) -> tuple[Found, ...]:
    """Job body: the masks of all `asked` objects, in their order.

    The photo's features are not kept in the shared cache: no batch comes back to a photo, and 5,000 of them would push
    out what others still use.
    """
    began = time.perf_counter()
    features = pipeline.embed_image(context, model, image)
    boxes = [place for place, (_, prompt) in enumerate(asked) if prompt.box is not None]
    groups = [boxes[start : start + BOXES_AT_ONCE] for start in range(0, len(boxes), BOXES_AT_ONCE)]
    groups += [[place] for place, (_, prompt) in enumerate(asked) if prompt.box is None]
    masks: dict[int, Found] = {}
    for number, group in enumerate(groups):
        context.tick(0.9 + 0.1 * number / len(groups), "segmenting")
        prompts = [asked[place][1] for place in group]
        if prompts[0].box is not None:
            raw = pipeline.predict(model, features, None, None, np.array([prompt.box for prompt in prompts]))[branch]
        else:
            raw = pipeline.predict(
                model, features, np.array([prompts[0].points], dtype=np.float64), np.array([prompts[0].labels])
            )[branch]
        size = (image.shape[0], image.shape[1])
        for row, place in enumerate(group):
            # One at a time: logits of all objects at the size of a large photo would take gigabytes.
            logits = frames.to_original_frame(raw.logits[row : row + 1, :1], size, size, model.config.image_size)
            mask = (logits[0, 0] > frames.MASK_THRESHOLD).cpu().numpy()
            masks[place] = Found.of(asked[place][0], float(raw.iou[row, 0].clamp(0, 1)), mask)
    context.tick(1.0, f"{1000 * (time.perf_counter() - began):.0f} ms")
    return tuple(masks[place] for place in range(len(asked)))


def _checked(prompt: ObjectPrompt, number: int, image: np.ndarray) -> Prompts:
    try:
        return Prompts(prompt.points, prompt.adds, prompt.box).checked((image.shape[0], image.shape[1]))
    except BadPrompt as problem:
        raise BadPrompt(f"object {number}: {problem}") from problem
