"""The two tasks with all three kernel sizes side by side: do the dots belong together, and what is what in a room."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.parts.problems import BadInput
from models.pelk import METHOD, nano
from models.pelk.nano import LayoutNet, PathfinderNet, Task
from models.pelk.pipeline_drawings import SIDE, Floats
from models.pelk.pipeline_nets import Label, checked_seed, label_of, require_trained, trained
from models.runtime import Job, JobContext
from models.worlds import layouts, pathfinder

CLASSES = layouts.CLASSES
SCORED_LENGTHS = (6, 8, 10, 12, 14)
MOST_SCORED = 1000
_BATCH = 20
_Z = 1.96


@dataclass(frozen=True)
class PathAnswer:
    """One network's answer. joined: probability that one curve joins the dots. trace: (3, h, w) in 0..1, where it sees
    a curve with 0, 1, 2 dots; learnt beside the answer, it does not decide."""

    label: Label
    joined: float
    trace: Floats
    milliseconds: float


@dataclass(frozen=True)
class RoomAnswer:
    """One network's classes (S, S). miou, accuracy: against the truth, None where there is none."""

    label: Label
    classes: NDArray[np.int64]
    miou: float | None
    accuracy: float | None
    milliseconds: float


@dataclass(frozen=True)
class Score:
    """How often one network was right. group: "10 dashes", or a class. interval: 95 %, Wilson's for shares."""

    variant: str
    title: str
    group: str
    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Scores:
    """Scores of all networks on ``pictures`` new pictures. measure: what the values are."""

    task: Task
    measure: str
    pictures: int
    rows: tuple[Score, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def _job(user: str, task: Task, call: Callable[..., Any], arguments: dict[str, Any], digest: str, label: str) -> Job:
    run = checked_seed(arguments["run"])
    require_trained(task, run)
    return Job(
        user,
        METHOD.slug,
        task,
        call,
        arguments,
        label=label,
        seed=run,
        inputs_digest=digest,
        peak_bytes={"host": 200_000_000},
        cost_hints={"run_s": 0.3},
    )


def path_job(user: str, image: Floats, digest: str = "", run: int = 0) -> Job:
    """``answer_path`` as a job. image: (S, S) in 0..1. Raises BadInput for others, or when weights are missing."""
    if image.ndim != 2 or min(image.shape) < 16 or not np.isfinite(image).all():
        raise BadInput("The picture", f"has the shape {image.shape}", "Give a grey picture of at least 16 pixels")
    return _job(user, "pathfinder", answer_path, {"image": image, "run": run}, digest, "Follow the curve")


@torch.inference_mode()
def answer_path(context: JobContext, model: None, *, image: Floats, run: int) -> tuple[PathAnswer, ...]:
    """Job body: the three networks on one picture."""
    del model
    pixels = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(context.device)
    answers = []
    for index, variant in enumerate(nano.VARIANTS):
        context.tick(index / len(nano.VARIANTS), f"Network {index + 1} of {len(nano.VARIANTS)}")
        with context.resource(trained("pathfinder", variant, run)) as net:
            start = time.perf_counter()
            logits, trace = net.both(pixels)
            joined = float(logits.softmax(-1)[0, 1])
            took = 1000 * (time.perf_counter() - start)
            answers.append(PathAnswer(label_of(net, variant), joined, trace[0].sigmoid().cpu().numpy(), took))
    return tuple(answers)


def room_job(user: str, image: Floats, truth: NDArray[np.int64] | None = None, digest: str = "", run: int = 0) -> Job:
    """``answer_room`` as a job. image: (S, S, 3) in 0..1; truth: (S, S) or None. Raises BadInput."""
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 16 or not np.isfinite(image).all():
        raise BadInput("The picture", f"has the shape {image.shape}", "Give a colour picture of at least 16 pixels")
    if truth is not None and truth.shape != image.shape[:2]:
        raise BadInput("The true classes", f"are {truth.shape}", f"Give {image.shape[:2]}")
    return _job(
        user, "segmentation", answer_room, {"image": image, "truth": truth, "run": run}, digest, "Segment the room"
    )


@torch.inference_mode()
def answer_room(
    context: JobContext, model: None, *, image: Floats, truth: NDArray[np.int64] | None, run: int
) -> tuple[RoomAnswer, ...]:
    """Job body: the three networks on one picture."""
    del model
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].to(context.device)
    answers = []
    for index, variant in enumerate(nano.VARIANTS):
        context.tick(index / len(nano.VARIANTS), f"Network {index + 1} of {len(nano.VARIANTS)}")
        with context.resource(trained("segmentation", variant, run)) as net:
            start = time.perf_counter()
            classes = net(pixels)[0].argmax(0).cpu().numpy()
            took = 1000 * (time.perf_counter() - start)
        counts = None if truth is None else confusion(classes, truth)
        answers.append(
            RoomAnswer(
                label_of(net, variant),
                classes,
                None if counts is None else mean_iou(counts),
                None if counts is None else float(np.trace(counts) / counts.sum()),
                took,
            )
        )
    return tuple(answers)


def confusion(found: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """(classes, classes): rows true, columns found, pixels."""
    count = len(CLASSES)
    return np.bincount((truth * count + found).ravel(), minlength=count * count).reshape(count, count)


def class_iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(classes,) intersection over union; nan for classes that are neither there nor found."""
    both = counts.sum(0) + counts.sum(1) - np.diag(counts)
    return np.where(both > 0, np.diag(counts) / np.maximum(both, 1), np.nan)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Mean over the classes that are in the truth."""
    there = counts.sum(1) > 0
    return float(class_iou(counts)[there].mean()) if there.any() else 0.0


def score_job(user: str, task: Task, pictures: int = 100, first_seed: int = 0, run: int = 0) -> Job:
    """``score`` as a job. Raises BadInput for a number of pictures out of range, or missing weights."""
    if task not in nano.TASKS:
        raise BadInput("The task", f"is {task!r}", f"Choose {' or '.join(nano.TASKS)}")
    if not 10 <= pictures <= MOST_SCORED:
        raise BadInput("The number of pictures", f"is {pictures}", f"Give 10 to {MOST_SCORED}")
    arguments = {"task": task, "pictures": pictures, "first_seed": first_seed, "run": run}
    return _job(user, task, score, arguments, "", "Score new pictures")


@torch.inference_mode()
def score(
    context: JobContext, model: None, *, task: Task, pictures: int, first_seed: int, run: int
) -> Generator[Scores, None, Scores]:
    """Job body: all networks on pictures drawn anew; yields the scores so far after every batch."""
    del model
    with ExitStack() as leases:
        nets = {v: leases.enter_context(context.resource(trained(task, v, run))) for v in nano.VARIANTS}
        tally = _PathTally(nets) if task == "pathfinder" else _RoomTally(nets)
        done = 0
        while done < pictures:
            context.tick(done / pictures, f"{done} of {pictures} pictures")
            many = min(_BATCH, pictures - done)
            tally.add(context, np.random.default_rng([first_seed, 11, done]), done // _BATCH, many)
            done += many
            if done < pictures:
                yield Scores(task, tally.measure, done, tally.rows())
    return Scores(task, tally.measure, done, tally.rows())


class _PathTally:
    """Right answers by length of the curves."""

    measure = "share of right answers; guessing gives 0.5"

    def __init__(self, nets: dict[nano.Variant, PathfinderNet]) -> None:
        self.nets = nets
        self.right = {(v, length): [0, 0] for v in nets for length in SCORED_LENGTHS}

    def add(self, context: JobContext, rng: np.random.Generator, turn: int, many: int) -> None:
        length = SCORED_LENGTHS[turn % len(SCORED_LENGTHS)]
        drawn = pathfinder.batch(rng, many, (length,))
        pixels = torch.from_numpy(drawn.images)[:, None].to(context.device)
        for variant, net in self.nets.items():
            context.check()
            right = net(pixels).argmax(-1).cpu().numpy() == drawn.answers
            self.right[variant, length][0] += int(right.sum())
            self.right[variant, length][1] += many

    def rows(self) -> tuple[Score, ...]:
        found = []
        for variant, net in self.nets.items():
            title = label_of(net, variant).title
            counted = [(f"{n} dashes", self.right[variant, n][0], self.right[variant, n][1]) for n in SCORED_LENGTHS]
            counted.append(("all", sum(c[1] for c in counted), sum(c[2] for c in counted)))
            found += [
                Score(variant, title, group, right / total, *wilson(right, total), total)
                for group, right, total in counted
                if total
            ]
        return tuple(found)


class _RoomTally:
    """Intersection over union by class, over all pixels of all rooms."""

    measure = "intersection over union"

    def __init__(self, nets: dict[nano.Variant, LayoutNet]) -> None:
        self.nets = nets
        self.each: dict[nano.Variant, list[NDArray[np.int64]]] = {v: [] for v in nets}

    def add(self, context: JobContext, rng: np.random.Generator, turn: int, many: int) -> None:
        images, truths = layouts.batch(rng, many, SIDE)
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(context.device)
        for variant, net in self.nets.items():
            context.check()
            found = net(pixels).argmax(1).cpu().numpy()
            self.each[variant] += [confusion(one, truth) for one, truth in zip(found, truths, strict=True)]

    def rows(self) -> tuple[Score, ...]:
        rows = []
        for variant, net in self.nets.items():
            title, counts = label_of(net, variant).title, np.array(self.each[variant])
            # The interval is over rooms drawn again and again from those seen (bootstrap).
            again = np.random.default_rng(0).integers(len(counts), size=(200, len(counts)))
            drawn = [counts[pick].sum(0) for pick in again]
            for index, name in enumerate((*CLASSES, "mean")):
                pick = (lambda c, i=index: class_iou(c)[i]) if index < len(CLASSES) else mean_iou
                value = float(pick(counts.sum(0)))
                low, high = _percentiles([float(pick(c)) for c in drawn])
                rows.append(Score(variant, title, name, value, low, high, len(counts)))
        return tuple(rows)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = np.percentile(finite, (2.5, 97.5))
    return float(low), float(high)


def wilson(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z2 = right / total, _Z**2 / total
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)
