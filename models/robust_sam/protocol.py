"""How the report card asks and counts: prompts from a true mask, simulated clicking, IoU, bootstrap intervals."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from models.robust_sam import frames
from models.robust_sam.decoder import Branch
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import ImageFeatures, embed_image, iou, predict
from models.runtime import JobContext

POINTS = 3
"""The paper trains with three points and does not state the number it tests with (method document section 3)."""

MOST_CLICKS = 20
"""Clicks after which an object counts as not reached, the convention of interactive segmentation."""

INTERVAL = (2.5, 97.5)
RESAMPLES = 1000


@dataclass(frozen=True)
class Prompt:
    """One prompt in original pixels: points (N, 2) with labels (N,), or a box (4,), or both."""

    points: np.ndarray | None = None
    labels: np.ndarray | None = None
    box: np.ndarray | None = None


def seed_of(name: str) -> int:
    """The point seed of an image or object: crc32 of its name."""
    return zlib.crc32(name.encode())


def random_points(mask: np.ndarray, name: str, count: int = POINTS) -> Prompt:
    """``count`` random pixels of ``mask`` (bool, H x W), the paper's prompt; fixed by ``name``."""
    rows, columns = np.nonzero(mask)
    chosen = np.random.default_rng(seed_of(name)).integers(len(rows), size=count)
    return Prompt(np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float64), np.ones(count))


def true_box(mask: np.ndarray) -> Prompt:
    """The tight box around ``mask``."""
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=np.float64)
    return Prompt(box=box)


def next_click(answer: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The middle of the largest wrong region, and whether it is to be added (1) or removed (0)."""
    best, place, label = -1.0, np.zeros(2), 1
    for wrong, kind in ((mask & ~answer, 1), (answer & ~mask, 0)):
        distance = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        if distance.max() > best:
            best, label = float(distance.max()), kind
            row, column = np.unravel_index(distance.argmax(), distance.shape)
            place = np.array([column, row], dtype=np.float64)
    return place, label


@dataclass(frozen=True)
class Answers:
    """Masks (bool, H x W) and low-resolution logits of one branch to a list of prompts."""

    masks: list[np.ndarray]
    logits: np.ndarray


class Subject:
    """A model whose branches are asked; keeps the features of the image it was shown last."""

    def __init__(self, model: RobustSam) -> None:
        self.model, self.context = model, JobContext()
        self.features: ImageFeatures | None = None

    def look(self, image: np.ndarray) -> None:
        """image: (H, W, 3) uint8."""
        self.features = embed_image(self.context, self.model, image)

    def share(self, other: Subject) -> None:
        """Take over the features ``other`` has of its image; only the plain branch can be asked then."""
        assert other.features is not None, "look at an image first"
        self.features = replace(other.features, robust=None)

    def ask(self, prompts: Sequence[Prompt], logits: np.ndarray | None = None) -> dict[Branch, Answers]:
        """All prompts must be of one kind; ``logits`` (P, h, w) are former answers to build on."""
        assert self.features is not None, "look at an image first"
        first = prompts[0]
        raw = predict(
            self.model,
            self.features,
            None if first.points is None else np.stack([p.points for p in prompts if p.points is not None]),
            None if first.labels is None else np.stack([p.labels for p in prompts if p.labels is not None]),
            None if first.box is None else np.stack([p.box for p in prompts if p.box is not None]),
            logits,
        )
        size, side = self.features.size, self.model.config.image_size
        answers: dict[Branch, Answers] = {}
        for branch, answer in raw.items():
            single = answer.logits[:, :1]
            masks = frames.to_original_frame(single, size, size, side)[:, 0] > frames.MASK_THRESHOLD
            answers[branch] = Answers(list(masks.cpu().numpy()), single[:, 0].float().cpu().numpy())
        return answers


def clicks_until(subject: Subject, branch: Branch, mask: np.ndarray, goals: Sequence[float]) -> list[int]:
    """Clicks, each in the middle of the largest error, until IoU reaches each goal; MOST_CLICKS + 1 when never."""
    points: list[np.ndarray] = []
    labels: list[int] = []
    answer, logits = np.zeros_like(mask), None
    reached = [MOST_CLICKS + 1] * len(goals)
    for count in range(1, MOST_CLICKS + 1):
        place, label = next_click(answer, mask)
        points.append(place)
        labels.append(label)
        given = subject.ask([Prompt(np.stack(points), np.array(labels, dtype=np.float64))], logits)[branch]
        answer, logits = given.masks[0], given.logits
        now = iou(answer, mask)
        reached = [min(old, count) if now >= goal else old for old, goal in zip(reached, goals, strict=True)]
        if all(value <= count for value in reached):
            break
    return reached


def interval(
    groups: Sequence[Sequence[float]], seed: int = 0, statistic: Callable[..., np.floating] = np.mean
) -> list[float]:
    """[low, value, high], bootstrap 95 %. Whole groups are drawn: the objects of an image are not independent."""
    kept = [np.asarray(group, dtype=np.float64) for group in groups if len(group)]
    rng = np.random.default_rng(seed)
    drawn = [
        float(statistic(np.concatenate([kept[i] for i in rng.integers(len(kept), size=len(kept))])))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, INTERVAL)
    return [round(float(low), 4), round(float(statistic(np.concatenate(kept))), 4), round(float(high), 4)]


def with_decoder(model: RobustSam, state: dict[str, torch.Tensor]) -> RobustSam:
    """A copy of ``model`` whose named tensors are replaced: the augmentation-only baseline shares the rest."""
    copy = RobustSam(model.config)
    copy.load_state_dict(model.state_dict() | {name: value.float() for name, value in state.items()})
    return copy.eval().to(memory_format=torch.channels_last)
