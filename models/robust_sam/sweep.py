"""Severity sweep and radar: how the IoU of plain SAM and of RobustSAM falls as one photo gets worse.

A result is only as good as its reference. With a true mask the IoU is accuracy; without one each branch is compared
with its own mask of the clean photo, which measures consistency only. Every result says which of the two it is.

for point in runtime.submit(sweep_job("me", image, image_digest(image), prompts, "fog")).result().points: ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.parts.degradations import KINDS, MAX_SEVERITY, TITLES, DegradationError, degraded_copy, followed
from models.parts.degradations.photo import resized
from models.parts.digests import file_digest
from models.parts.sizes import shrunk
from models.robust_sam import METHOD
from models.robust_sam.decoder import Branch
from models.robust_sam.frames import Size
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import features_resource, iou, model_resource, weights_file
from models.robust_sam.prompts import BadPrompt, Prompts
from models.robust_sam.sweep_pictures import MASK_SIDE, look_at, masks_of, thumbnail
from models.robust_sam.sweep_types import (
    CONSISTENCY,
    SEVERITIES,
    Look,
    Mask,
    Partial,
    Picture,
    Point,
    Reference,
    SweepResult,
    Truth,
)
from models.runtime import Job, JobContext

MOST_SEEDS = 10
MOST_STEPS = 31
THUMBNAIL_SIDE = 256

Run = Generator[Partial, None, SweepResult]


@dataclass(frozen=True)
class Subject:
    """The object that is followed: photo (H, W, 3) uint8 with its digest, prompts, true masks to choose from."""

    image: Picture
    digest: str
    prompts: Prompts
    truths: tuple[Truth, ...]
    model_key: str

    @property
    def size(self) -> Size:
        """(height, width) of the photo."""
        return self.image.shape[0], self.image.shape[1]


def severity_sweep(
    context: JobContext,
    model: RobustSam,
    *,
    image: Picture,
    digest: str,
    prompts: Prompts,
    kind: str,
    severities: Sequence[float] = SEVERITIES,
    seeds: Sequence[int] = (0,),
    truths: Sequence[Truth] = (),
    model_key: str = "",
) -> Run:
    """IoU of both branches against severity, one kind; yields a Partial after each severity.

    ``truths``: masks taken as true; of several the one nearest to the clean masks is used. Empty: consistency only.
    Raises BadPrompt and DegradationError before the first picture.
    """
    cells = [(kind, float(severity)) for severity in severities]
    subject = Subject(image, digest, prompts, tuple(truths), model_key)
    return (yield from _run(context, model, "severity", subject, cells, tuple(seeds)))


def radar(
    context: JobContext,
    model: RobustSam,
    *,
    image: Picture,
    digest: str,
    prompts: Prompts,
    severity: float = 1.0,
    kinds: Sequence[str] = KINDS,
    seeds: Sequence[int] = (0,),
    truths: Sequence[Truth] = (),
    model_key: str = "",
) -> Run:
    """IoU of both branches for every kind at one severity; yields a Partial after each kind. As severity_sweep."""
    cells = [(kind, float(severity)) for kind in kinds]
    subject = Subject(image, digest, prompts, tuple(truths), model_key)
    return (yield from _run(context, model, "radar", subject, cells, tuple(seeds)))


def checked(cells: Sequence[tuple[str, float]], seeds: Sequence[int]) -> None:
    """Raises DegradationError for an unknown kind, a severity out of range, too many steps or seeds."""
    if not cells or len(cells) > MOST_STEPS:
        raise DegradationError(f"{len(cells)} steps were asked for; choose 1 to {MOST_STEPS}")
    if not seeds or len(seeds) > MOST_SEEDS or any(seed < 0 for seed in seeds):
        raise DegradationError(f"seeds {list(seeds)} cannot be used; choose 1 to {MOST_SEEDS} numbers from 0")
    for kind, severity in cells:
        if kind not in KINDS:
            raise DegradationError(f"unknown degradation {kind!r}; choose one of {', '.join(KINDS)}")
        if not 0 <= severity <= MAX_SEVERITY:
            raise DegradationError(f"severity {severity!r} is out of range; pass a number in [0, {MAX_SEVERITY}]")


def _run(
    context: JobContext,
    model: RobustSam,
    mode: Literal["severity", "radar"],
    subject: Subject,
    cells: Sequence[tuple[str, float]],
    seeds: tuple[int, ...],
) -> Run:
    start = time.perf_counter()
    checked(cells, seeds)
    prompts = subject.prompts.checked(subject.size)
    size = shrunk(subject.size, MASK_SIDE)
    context.tick(0.0, "Segmenting the clean photo")
    # Only the clean photo's features go through the shared cache, under the key the click stage uses.
    spec = features_resource(context, model, subject.model_key, subject.image, subject.digest, "torch")
    with context.resource(spec) as features:
        clean = masks_of(model, features, prompts, size)
    reference = reference_for(clean, subject.truths, size)
    points: list[Point] = []
    for index, (kind, severity) in enumerate(cells):
        shares = Steps(context, index, len(cells), f"{TITLES[kind]} at {severity:g}")
        points.append(_point(context, model, subject, prompts, (kind, severity), seeds, reference, clean, shares))
        yield Partial(reference, tuple(points), len(cells))
    return SweepResult(
        mode=mode,
        reference=reference,
        points=tuple(points),
        clean={branch: float(iou(clean[branch], reference.masks[branch])) for branch in clean},
        seeds=seeds,
        mask_size=size,
        model=model.config.name,
        milliseconds=1000 * (time.perf_counter() - start),
    )


@dataclass(frozen=True)
class Steps:
    """Progress of one cell among ``total``, the first tenth of the job being the clean photo."""

    context: JobContext
    index: int
    total: int
    title: str

    def tick(self, share: float) -> None:
        """``share`` of this cell is done; raises Cancelled."""
        told = f"{self.title} ({self.index + 1} of {self.total})"
        self.context.tick(0.1 + 0.9 * (self.index + share) / self.total, told)


def reference_for(clean: Mapping[Branch, Mask], truths: Sequence[Truth], size: Size) -> Reference:
    """The true mask nearest to the clean masks (mean IoU over the branches), or the clean masks themselves."""
    if not truths:
        return Reference("clean", CONSISTENCY, dict(clean))
    sized = [resized(truth.mask, size) for truth in truths]
    fit = [np.mean([iou(mask, candidate) for mask in clean.values()]) for candidate in sized]
    best = int(np.argmax(fit))
    title = f"true mask: {truths[best].title}"
    if len(truths) > 1:
        title += f" (of {len(truths)} that fit the prompt, the one nearest to the clean masks)"
    return Reference("truth", title, dict.fromkeys(clean, sized[best]))


def _point(
    context: JobContext,
    model: RobustSam,
    subject: Subject,
    prompts: Prompts,
    cell: tuple[str, float],
    seeds: tuple[int, ...],
    reference: Reference,
    clean: Mapping[Branch, Mask],
    steps: Steps,
) -> Point:
    kind, severity = cell
    values: dict[Branch, list[float]] = {branch: [] for branch in clean}
    look: Look | None = None
    last: tuple[Picture, Mapping[Branch, Mask]] = (subject.image, clean)
    for number, seed in enumerate(seeds):
        done = number / len(seeds)
        steps.tick(done)
        picture, warp = degraded_copy(subject.image, kind, severity, seed)
        # Severity 0, and kinds without chance under another seed, give a picture whose masks are known.
        if not np.array_equal(picture, last[0]):
            features, _ = look_at(
                model, picture, context.device, lambda share, done=done: steps.tick(done + 0.8 * share / len(seeds))
            )
            last = picture, masks_of(model, features, prompts, shrunk(subject.size, MASK_SIDE))
        masks = last[1]
        moved = {branch: followed(reference.masks[branch], kind, warp) for branch in masks}
        for branch, mask in masks.items():
            values[branch].append(float(iou(mask, moved[branch])))
        if look is None:
            look = _small(picture, masks, moved)
    if look is None:
        raise DegradationError("no seed was given; choose at least one")
    return Point(kind, severity, seeds, {branch: tuple(found) for branch, found in values.items()}, look)


def _small(picture: Picture, masks: Mapping[Branch, Mask], references: Mapping[Branch, Mask]) -> Look:
    small = thumbnail(picture, THUMBNAIL_SIDE)
    size = (small.shape[0], small.shape[1])
    return Look(
        small,
        {branch: resized(mask, size) for branch, mask in masks.items()},
        {branch: resized(mask, size) for branch, mask in references.items()},
    )


def sweep_job(
    user: str,
    image: Picture,
    digest: str,
    prompts: Prompts,
    kind: str,
    severities: Sequence[float] = SEVERITIES,
    seeds: Sequence[int] = (0,),
    truths: Sequence[Truth] = (),
    checkpoint: str = "nano",
    path: str | None = None,
) -> Job:
    """``severity_sweep`` as a job. Raises BadPrompt, DegradationError and WrongCheckpoint before anything is queued."""
    checked([(kind, severity) for severity in severities], seeds)
    arguments = {"kind": kind, "severities": tuple(severities)}
    return _job(
        severity_sweep, user, image, digest, prompts, arguments, seeds, truths, checkpoint, path, "Severity sweep"
    )


def radar_job(
    user: str,
    image: Picture,
    digest: str,
    prompts: Prompts,
    severity: float = 1.0,
    seeds: Sequence[int] = (0,),
    truths: Sequence[Truth] = (),
    checkpoint: str = "nano",
    path: str | None = None,
) -> Job:
    """``radar`` as a job. Raises BadPrompt, DegradationError and WrongCheckpoint before anything is queued."""
    checked([(kind, severity) for kind in KINDS], seeds)
    return _job(
        radar, user, image, digest, prompts, {"severity": severity}, seeds, truths, checkpoint, path, "All degradations"
    )


def _job(
    call: Callable[..., Any],
    user: str,
    image: Picture,
    digest: str,
    prompts: Prompts,
    arguments: Mapping[str, object],
    seeds: Sequence[int],
    truths: Sequence[Truth],
    checkpoint: str,
    path: str | None,
    label: str,
) -> Job:
    for truth in truths:
        if truth.mask.shape != image.shape[:2]:
            wanted = f"{image.shape[1]} x {image.shape[0]}"
            found = f"{truth.mask.shape[1]} x {truth.mask.shape[0]}"
            raise BadPrompt(f"the true mask ({truth.title}) has {found} pixels, the photo {wanted}; give one that fits")
    model = model_resource(checkpoint, path)
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint=checkpoint if path is None else Path(path).name,
        call=call,
        arguments={
            "image": image,
            "digest": digest,
            "prompts": prompts.checked(image.shape[:2]),
            "seeds": tuple(seeds),
            "truths": tuple(truths),
            "model_key": model.key,
            **arguments,
        },
        model=model,
        shape_bucket=f"{label} {len(seeds)}",
        label=label,
        inputs_digest=digest,
        weights_digest=file_digest(weights_file(checkpoint, path)),
        seed=seeds[0],
        peak_bytes={"device": 300_000_000},
    )
