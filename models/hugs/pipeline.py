"""From photos to static maps, stage by stage; each stage is a job of the runtime and keeps what it found in a ``Work``.

    work = Work(capture)
    for stage in (sfm_job, residual_job, segments_job): runtime.submit(stage("me", work)).result()
    masks = work.masks()

A stage that is cancelled leaves what it had; started again it goes on with the frames that are missing.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import numpy as np

from models.hugs import METHOD
from models.hugs.field import FieldProgress, Picture, train_field
from models.hugs.field_config import FieldConfig
from models.hugs.pipeline_work import Work
from models.hugs.proposals import Proposal, ProposalConfig, Segmenter, propose
from models.hugs.sfm import SfmConfig, run_sfm
from models.parts.capture import Capture, View
from models.parts.problems import BadInput
from models.runtime import Job, JobContext

LOOKS = 8
"""Pictures of the shown frame that are taken along a training."""
TRAINING_SHARE = 0.75
"""Of a residual stage's time, about so much is training; the rest renders the photos."""


@dataclass(frozen=True, eq=False)
class ResidualProgress:
    """What the residual stage tells on its way: the loss at ``step`` of ``steps``, and now and then a picture."""

    step: int
    steps: int
    loss: float
    name: str = ""
    picture: Picture | None = None


@dataclass(frozen=True)
class ResidualDone:
    """losses: (step, loss) along the training; rendered: how many frames have a picture now."""

    losses: tuple[tuple[int, float], ...]
    rendered: int
    steps: int


@dataclass(frozen=True)
class SfmDone:
    """registered of photos have a camera now; points: how many of the scene; notes: what the user should know."""

    registered: int
    photos: int
    points: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SegmentsDone:
    """frames: how many have segments now; name: what found them; counts: segments a frame."""

    frames: int
    name: str
    counts: Mapping[str, int]


def find_structure(
    context: JobContext, model: None, *, work: Work, config: SfmConfig, seed: int, with_masks: bool
) -> SfmDone:
    """Structure from motion of the photos into ``work``, in a folder of its own that is removed afterwards.

    ``with_masks``: look for features on static pixels only, with the maps of now. Raises BadInput.
    """
    del model
    masks = work.masks() if with_masks else None
    with tempfile.TemporaryDirectory(prefix="vitrine-sfm-") as folder:
        found = run_sfm(work.capture, folder, context.tick, np.random.default_rng(seed), config, masks)
    work.take_structure(found)
    points = len(found.structure.ids) if found.structure is not None else 0
    return SfmDone(len(found.posed), len(found.views), points, found.notes)


def train_residual(
    context: JobContext,
    model: None,
    *,
    work: Work,
    config: FieldConfig,
    seed: int,
    watched: str,
    stop: threading.Event | None = None,
) -> Generator[ResidualProgress, None, ResidualDone]:
    """Trains a radiance field on all posed photos, then renders each of them into ``work``; returns ResidualDone.

    ``watched``: the frame of which pictures are taken on the way. ``stop``: when set, the training ends early and the
    field is used as it is. Raises BadInput when no photo has a camera.
    """
    del model
    views = posed_views(work.capture)
    shown = next((view for view in views if view.name == watched), views[0])
    points = work.capture.structure.xyz if work.capture.structure is not None else None
    every = max(1, config.iterations // LOOKS)
    losses: list[tuple[int, float]] = []
    last: FieldProgress | None = None
    for last in train_field(views, None, config, np.random.default_rng(seed), points):
        context.tick(TRAINING_SHARE * last.step / last.steps, f"Training the field, step {last.step} of {last.steps}")
        if last.step % max(1, every // 4) == 0 or last.step == last.steps:
            losses.append((last.step, last.loss))
            picture = last.seen_by(shown) if last.step % every == 0 else None
            yield ResidualProgress(last.step, last.steps, last.loss, shown.name if picture is not None else "", picture)
        if stop is not None and stop.is_set():
            break
    if last is None:
        raise BadInput("The training", "has no steps", "Give at least one")
    for number, view in enumerate(views):
        share = TRAINING_SHARE + (1 - TRAINING_SHARE) * number / len(views)
        context.tick(share, f"Rendering photo {number + 1} of {len(views)}")
        work.take_render(view.name, last.seen_by(view))
    return ResidualDone(tuple(losses), len(work.renders), last.step)


def find_segments(
    context: JobContext,
    model: None,
    *,
    work: Work,
    segmenter: Segmenter | None,
    config: ProposalConfig,
    again: bool,
) -> Generator[str, None, SegmentsDone]:
    """Segments of every frame into ``work``, yielding each frame's name; frames that have some are left, unless
    ``again``. Returns SegmentsDone.
    """
    del model
    todo = [name for name in work.names if again or not work.segmented(name)]
    for number, name in enumerate(todo):
        context.tick(number / len(todo), f"Segments of photo {number + 1} of {len(todo)}")
        inner = context.part(number / len(todo), 1 / len(todo))
        points, lengths = work.points(name)
        work.take_proposal(name, propose(inner, work.frame(name), points, lengths, segmenter, config, work.fusion))
        yield name
    proposals: Mapping[str, Proposal] = work.proposals
    named = [proposals[name].name for name in work.names if name in proposals]
    counts = {name: proposals[name].count for name in work.names if name in proposals}
    return SegmentsDone(len(counts), max(set(named), key=named.count) if named else "", counts)


def posed_views(capture: Capture) -> tuple[View, ...]:
    """The photos with a camera; raises BadInput when there are fewer than two."""
    posed = capture.posed
    if len(posed) < 2:
        raise BadInput(
            capture.name,
            f"has {len(posed)} photos whose camera is known",
            "Run structure from motion first, or load a COLMAP or nerfstudio project",
        )
    return posed


def sfm_job(user: str, work: Work, config: SfmConfig | None = None, seed: int = 0, with_masks: bool = False) -> Job:
    """Structure from motion for the runtime."""
    arguments = {"work": work, "config": (config or SfmConfig()).checked(), "seed": seed, "with_masks": with_masks}
    return make_job(
        user, work, find_structure, arguments, "Structure from motion", seed, peak=500_000_000, seconds=20.0
    )


def residual_job(
    user: str,
    work: Work,
    config: FieldConfig | None = None,
    seed: int = 0,
    watched: str = "",
    stop: threading.Event | None = None,
) -> Job:
    """The residual stage for the runtime. Raises BadInput before anything is queued."""
    chosen = (config or FieldConfig()).checked()
    posed_views(work.capture)
    arguments = {"work": work, "config": chosen, "seed": seed, "watched": watched, "stop": stop}
    return make_job(user, work, train_residual, arguments, "Residual", seed, peak=600_000_000, seconds=30.0)


def segments_job(
    user: str,
    work: Work,
    segmenter: Segmenter | None = None,
    config: ProposalConfig | None = None,
    again: bool = True,
) -> Job:
    """The segments stage for the runtime; colours alone when no segmenter is given."""
    arguments = {"work": work, "segmenter": segmenter, "config": config or ProposalConfig(), "again": again}
    return make_job(user, work, find_segments, arguments, "Segments", None, peak=400_000_000, seconds=10.0)


def make_job(
    user: str,
    work: Work,
    call: Callable[..., object],
    arguments: Mapping[str, object],
    label: str,
    seed: int | None,
    *,
    peak: int,
    seconds: float,
) -> Job:
    """A stage as a job: ``call`` with ``arguments``, about so many working bytes and seconds."""
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="voxel",
        call=call,
        arguments=arguments,
        label=label,
        shape_bucket=f"{label} {len(work.capture.views)}",
        inputs_digest=work.capture.digest[:16],
        seed=seed,
        peak_bytes={"host": peak},
        cost_hints={"run_s": seconds},
    )
