"""A stand-in for models.robust_sam.batch_job: the box itself is the mask. Needs no torch and no weights."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.robust_sam.batch_prompts import ObjectPrompt
from models.robust_sam.batch_types import Found, Settings
from models.runtime import Job

FAILING_WIDTH, SLOW_WIDTH = 34, 33
"""Photos of these widths make the job fail, or make it slow."""


def image_job(image: np.ndarray, digest: str, prompts: Sequence[ObjectPrompt], settings: Settings) -> Job:
    """A job that fills the boxes; in everything mode it finds one object, the upper left quarter."""
    if settings.mode == "everything":
        prompts = [ObjectPrompt("", box=(0, 0, image.shape[1] // 2, image.shape[0] // 2))]
    for number, prompt in enumerate(prompts, start=1):
        if prompt.box is not None and prompt.box[0] >= image.shape[1]:
            raise ValueError(f"object {number}: box {prompt.box} covers no pixel of the photo")
    return Job(settings.user, "robust_sam", settings.checkpoint, fill, {"image": image, "prompts": prompts})


def fill(context: Any, model: Any, *, image: np.ndarray, prompts: Sequence[ObjectPrompt]) -> tuple[Found, ...]:
    """The job's body."""
    if image.shape[1] == FAILING_WIDTH:
        raise RuntimeError("the stand-in stumbled")
    if image.shape[1] == SLOW_WIDTH:
        for step in range(1000):
            context.tick(step / 1000)
            threading.Event().wait(0.02)
    found = []
    for prompt in prompts:
        mask = np.zeros(image.shape[:2], bool)
        if prompt.box is not None:
            x0, y0, x1, y1 = (int(v) for v in prompt.box)
            mask[y0:y1, x0:x1] = True
        for (x, y), adds in zip(prompt.points, prompt.adds, strict=True):
            mask[int(y), int(x)] = bool(adds)
        found.append(Found.of(prompt.label, 0.75, mask))
    context.tick(1.0)
    return tuple(found)


def found(result: tuple[Found, ...]) -> tuple[Found, ...]:
    """The result itself."""
    return result


def module() -> types.ModuleType:
    """The stand-in as a module."""
    made = types.ModuleType("models.robust_sam.batch_job")
    made.image_job, made.found = image_job, found  # type: ignore[attr-defined]
    return made


def install() -> None:
    """Answer for models.robust_sam.batch_job in this process."""
    import models.robust_sam as package

    sys.modules["models.robust_sam.batch_job"] = package.batch_job = module()  # type: ignore[attr-defined]
