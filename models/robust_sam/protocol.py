"""How a model is asked for a report: prompts from a true mask, answers of both branches, simulated clicking."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from models.robust_sam import frames
from models.robust_sam.decoder import Branch
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import ImageFeatures, embed_image, iou, predict
from models.runtime import JobContext

POINTS = 3
"""The paper trains with three points and does not state the number it tests with (method document section 3)."""

MOST_CLICKS = 20
"""Clicks after which an object counts as not reached, the convention of interactive segmentation."""

MOST_PROMPTS = 16
"""Prompts that go through the decoder at once: what bounds the memory of a photo with many objects."""


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


def middle_point(mask: np.ndarray) -> Prompt:
    """The pixel of ``mask`` (bool, H x W) farthest from its outline, where SAM's authors click."""
    place, _ = next_click(np.zeros_like(mask), mask)
    return Prompt(place[None], np.ones(1))


def true_box(mask: np.ndarray) -> Prompt:
    """The tight box around ``mask``."""
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=np.float64)
    return Prompt(box=box)


def next_click(answer: np.ndarray, mask: np.ndarray, clicked: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """The middle of the largest wrong region (x, y), and whether it is to be added (1) or removed (0).

    Of the pixels missed and those too many, the one farthest from a pixel that is right; never one of ``clicked``
    (N, 2), because a click in the same place would say nothing new.
    """
    best, place, label = -1.0, np.zeros(2), 1
    for wrong, kind in ((mask & ~answer, 1), (answer & ~mask, 0)):
        distance = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        if clicked is not None and len(clicked):
            columns, rows = np.asarray(clicked, dtype=np.intp).T
            distance[rows, columns] = 0
        if distance.max() > best:
            best, label = float(distance.max()), kind
            row, column = np.unravel_index(distance.argmax(), distance.shape)
            place = np.array([column, row], dtype=np.float64)
    return place, label


@dataclass(frozen=True)
class Answers:
    """Masks (bool, H x W), low-resolution logits (P, h, w) and predicted IoU (P,) of one branch to P prompts."""

    masks: list[np.ndarray]
    logits: np.ndarray
    predicted: np.ndarray


class Subject:
    """A model whose branches are asked; keeps the features of the image it was shown last."""

    def __init__(self, model: RobustSam, device: str = "cpu") -> None:
        self.model, self.context = model, JobContext(device)
        self.features: ImageFeatures | None = None

    def look(self, image: np.ndarray) -> None:
        """image: (H, W, 3) uint8."""
        self.features = embed_image(self.context, self.model, image)

    def share(self, other: Subject) -> None:
        """Take over the features ``other`` has of its image; only the plain branch can be asked then."""
        assert other.features is not None, "look at an image first"
        self.features = replace(other.features, robust=None)

    def ask(
        self, prompts: Sequence[Prompt], logits: np.ndarray | None = None, plain_only: bool = False
    ) -> dict[Branch, Answers]:
        """All prompts must be of one kind; ``logits`` (P, h, w) are former answers to build on.

        ``plain_only`` leaves the robust branch, the costlier one, out.
        """
        assert self.features is not None, "look at an image first"
        features = replace(self.features, robust=None) if plain_only else self.features
        parts: dict[Branch, list[Answers]] = {}
        for start in range(0, len(prompts), MOST_PROMPTS):
            window = slice(start, start + MOST_PROMPTS)
            for branch, answer in self._ask(prompts[window], None if logits is None else logits[window], features):
                parts.setdefault(branch, []).append(answer)
        return {branch: _joined(answers) for branch, answers in parts.items()}

    def _ask(
        self, prompts: Sequence[Prompt], logits: np.ndarray | None, features: ImageFeatures
    ) -> list[tuple[Branch, Answers]]:
        first = prompts[0]
        raw = predict(
            self.model,
            features,
            None if first.points is None else np.stack([p.points for p in prompts if p.points is not None]),
            None if first.labels is None else np.stack([p.labels for p in prompts if p.labels is not None]),
            None if first.box is None else np.stack([p.box for p in prompts if p.box is not None]),
            logits,
        )
        return [(branch, self._read(answer.logits, answer.iou, features)) for branch, answer in raw.items()]

    def _read(self, logits: Tensor, predicted: Tensor, features: ImageFeatures) -> Answers:
        size, single = features.size, logits[:, :1]
        with torch.inference_mode():
            masks = frames.to_original_frame(single, size, size, self.model.config.image_size)[:, 0]
            binary = (masks > frames.MASK_THRESHOLD).cpu().numpy()
        return Answers(
            list(binary), single[:, 0].float().cpu().numpy(), predicted[:, 0].float().clamp(0, 1).cpu().numpy()
        )


def _joined(parts: list[Answers]) -> Answers:
    if len(parts) == 1:
        return parts[0]
    return Answers(
        [mask for part in parts for mask in part.masks],
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.predicted for part in parts]),
    )


@dataclass
class _Clicking:
    """One object on its way to the goals."""

    mask: np.ndarray
    answer: np.ndarray
    logits: np.ndarray | None
    points: list[np.ndarray]
    labels: list[int]
    reached: list[int]

    def click(self) -> Prompt:
        place, label = next_click(self.answer, self.mask, np.array(self.points).reshape(-1, 2))
        self.points.append(place)
        self.labels.append(label)
        return Prompt(np.stack(self.points), np.array(self.labels, dtype=np.float64))


def clicks_until(
    subject: Subject, branch: Branch, masks: Sequence[np.ndarray], goals: Sequence[float]
) -> list[list[int]]:
    """For each object of the image the clicks until its IoU reaches each goal; MOST_CLICKS + 1 when it never does.

    The protocol of interactive segmentation: the first click in the middle of the object, each next one in the middle
    of the largest error, the last answer given back as a mask prompt. All objects go through the decoder together.
    """
    every = [_Clicking(mask, np.zeros_like(mask), None, [], [], [MOST_CLICKS + 1] * len(goals)) for mask in masks]
    active = every
    for count in range(1, MOST_CLICKS + 1):
        prompts = [one.click() for one in active]
        before = [one.logits for one in active if one.logits is not None]
        given = subject.ask(prompts, np.stack(before) if before else None, plain_only=branch == "sam")[branch]
        for one, answer, logits in zip(active, given.masks, given.logits, strict=True):
            one.answer, one.logits = answer, logits
            now = iou(answer, one.mask)
            for place, goal in enumerate(goals):
                if now >= goal:
                    one.reached[place] = min(one.reached[place], count)
        active = [one for one in active if any(value > count for value in one.reached)]
        if not active:
            break
    return [one.reached for one in every]


def with_decoder(model: RobustSam, state: dict[str, torch.Tensor]) -> RobustSam:
    """A copy of ``model`` whose named tensors are replaced: the augmentation-only baseline shares the rest."""
    copy = RobustSam(model.config)
    copy.load_state_dict(model.state_dict() | {name: value.float() for name, value in state.items()})
    return copy.eval().to(memory_format=torch.channels_last)
