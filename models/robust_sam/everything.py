"""Everything mode: all objects of a photo at once, from a grid of points, for plain SAM and for RobustSAM.

job = everything_job("me", image, image_digest(image), "robust", EverythingConfig(points_per_side=16))
found = runtime.submit(job).result()
found.labels(), found.table()

segment-anything's own mask generator cannot be used: it never runs the robust branch (method document 1.5).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from models.parts.digests import file_digest
from models.robust_sam import METHOD, official, pipeline
from models.robust_sam.decoder import Branch
from models.robust_sam.everything_config import SECONDS_PER_PROMPT, EverythingConfig
from models.robust_sam.everything_decode import GridDecoder
from models.robust_sam.everything_masks import Segment
from models.robust_sam.everything_result import Everything, Progress, Recall, everything_recall
from models.robust_sam.everything_search import Search
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import BadPrompt
from models.runtime import Job, JobContext

__all__ = [
    "BadPrompt",
    "Everything",
    "EverythingConfig",
    "Progress",
    "Recall",
    "Segment",
    "everything_job",
    "everything_recall",
    "everything_steps",
    "segment_everything",
]

DEFAULT = EverythingConfig()


def everything_steps(
    context: JobContext,
    model: RobustSam,
    *,
    image: np.ndarray,
    digest: str,
    model_key: str = "",
    branch: Branch = "robust",
    config: EverythingConfig = DEFAULT,
    resize: Literal["torch", "pillow"] = "torch",
) -> Generator[Progress, None, Everything]:
    """The search as a generator of partial results; the job's body. image: (H, W, 3) uint8. Raises BadPrompt."""
    if branch not in model.branches:
        raise BadPrompt(_no_branch(branch))
    started = time.perf_counter()
    search = Search(context, model, image, branch, config.checked())
    for crop, layer in search.crops:
        x0, y0, x1, y1 = crop
        part = image if layer == 0 else np.ascontiguousarray(image[y0:y1, x0:x1])
        name = digest if layer == 0 else f"{digest} {x0} {y0} {x1} {y1}"
        spec = pipeline.features_resource(_reader(context), model, model_key, part, name, resize)
        with context.resource(spec) as features, torch.inference_mode():
            decoder = GridDecoder(model, features, branch)
        yield from search.crop(decoder, crop, layer)
    return search.result(started)


def _reader(context: JobContext) -> JobContext:
    """For the encoder: ``context`` without its progress, which counts points."""
    return JobContext(
        context.device, report=lambda _, message: context.tick(None, message), is_cancelled=lambda: context.cancelled
    )


def segment_everything(
    context: JobContext,
    model: RobustSam,
    image: np.ndarray,
    *,
    branch: Branch = "robust",
    config: EverythingConfig = DEFAULT,
    digest: str = "",
    model_key: str = "",
) -> Everything:
    """All segments of one photo or frame (H, W, 3) uint8: ``labels()`` is the int32 map, ``table()`` its rows.

    ``digest`` names the photo in the shared cache; made from its pixels when empty. Raises BadPrompt.
    """
    steps = everything_steps(
        context,
        model,
        image=image,
        digest=digest or pipeline.image_digest(image),
        model_key=model_key,
        branch=branch,
        config=config,
    )
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: Everything = stop.value
            return found


def everything_job(
    user: str,
    image: np.ndarray,
    digest: str,
    branch: Branch = "robust",
    config: EverythingConfig = DEFAULT,
    checkpoint: str = "nano",
    path: str | None = None,
    resize: Literal["torch", "pillow"] = "torch",
) -> Job:
    """``everything_steps`` as a job. Raises BadPrompt and WrongCheckpoint before anything is queued."""
    config.checked()
    file = pipeline.weights_file(checkpoint, path)
    model = pipeline.model_resource(checkpoint, path)
    if branch == "robust" and not official.inspect(file).robust:
        raise BadPrompt(_no_branch(branch))
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint=checkpoint if path is None else Path(path).name,
        call=everything_steps,
        arguments={
            "image": image,
            "digest": digest,
            "model_key": model.key,
            "branch": branch,
            "config": config,
            "resize": resize,
        },
        model=model,
        shape_bucket=f"everything {branch} {config.points_per_side} {config.crop_layers} {config.candidates}",
        label="Segment everything",
        inputs_digest=digest,
        weights_digest=file_digest(file),
        peak_bytes={"device": 400_000_000},
        cost_hints={"run_s": config.prompts * SECONDS_PER_PROMPT[branch]},
    )


def _no_branch(branch: str) -> str:
    return f"these weights have no {branch} part; choose SAM, or use an authors' RobustSAM file"
