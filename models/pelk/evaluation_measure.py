"""What the report card measures on each network: answers, label maps, receptive fields, on held-out pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.pelk.nano import SIDE, LayoutNet, PathfinderNet
from models.pelk.receptive_field import area_scores, field_of
from models.worlds import layouts, pathfinder

EVALUATION_SEED = 17
"""Training begins at seed 1,000,003 (nano_recipe): no picture is in both."""
BEYOND = 16
"""Dashes; longer than any curve that was trained on."""
LENGTHS = (*pathfinder.LENGTHS, BEYOND)
_BATCH = 50


@dataclass(frozen=True)
class Questions:
    """The held-out pictures. paths: images (N, S, S) and answers (N,) by length. rooms: images, labels."""

    paths: dict[int, tuple[NDArray[np.float32], NDArray[np.int64]]]
    rooms: tuple[NDArray[np.float32], NDArray[np.int64]]

    @property
    def digest(self) -> str:
        """Equal for equal pictures."""
        content = hashlib.sha256()
        for images, answers in [*self.paths.values(), self.rooms]:
            content.update((255 * images).astype(np.uint8).tobytes())
            content.update(answers.tobytes())
        return content.hexdigest()[:16]


def questions(per_length: int, rooms: int, lengths: tuple[int, ...] = LENGTHS) -> Questions:
    """`per_length` pathfinder pictures of every length and `rooms` layouts, always the same."""
    paths = {}
    for length in lengths:
        drawn = pathfinder.batch(np.random.default_rng([EVALUATION_SEED, length]), per_length, (length,))
        paths[length] = drawn.images, drawn.answers
    return Questions(paths, layouts.batch(np.random.default_rng(EVALUATION_SEED), rooms, SIDE))


def _parts(images: NDArray[np.float32]) -> Iterator[torch.Tensor]:
    """Batches as the networks take them: (b, C, S, S)."""
    for start in range(0, len(images), _BATCH):
        part = torch.from_numpy(images[start : start + _BATCH])
        yield part[:, None] if part.dim() == 3 else part.permute(0, 3, 1, 2)


@torch.inference_mode()
def right_answers(model: PathfinderNet, asked: Questions) -> dict[int, NDArray[np.bool_]]:
    """For every length which pictures were answered right, (N,)."""
    right = {}
    for length, (images, answers) in asked.paths.items():
        given = torch.cat([model(part).argmax(1) for part in _parts(images)]).numpy()
        right[length] = given == answers
    return right


@torch.inference_mode()
def overlaps(model: LayoutNet, asked: Questions) -> NDArray[np.int64]:
    """(N, 2, classes): by picture and class the pixels in both and in either of answer and truth."""
    images, labels = asked.rooms
    given = torch.cat([model(part).argmax(1) for part in _parts(images)]).numpy()
    return overlaps_of(given, labels)


def overlaps_of(given: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N, 2, classes) of label maps (N, S, S)."""
    counts = []
    for kind in range(len(layouts.CLASSES)):
        a, b = given == kind, labels == kind
        counts.append(np.stack([(a & b).sum((1, 2)), (a | b).sum((1, 2))], axis=1))
    return np.stack(counts, axis=2)


def texture_guess(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The label map of one who sees textures without error but nothing far away: of each pair the commoner class."""
    often = np.bincount(labels.ravel(), minlength=len(layouts.CLASSES)).reshape(-1, 2).argmax(1)
    guess: NDArray[np.int64] = labels // 2 * 2 + often[labels // 2]
    return guess


def field_areas(
    model: PathfinderNet | LayoutNet, asked: Questions, pictures: int, shares: Sequence[float]
) -> list[float]:
    """For every share the area of the smallest centred square with that much of the receptive field of the last
    stage's middle, over the picture's; 1 where no square holds that much."""
    images = next(iter(asked.paths.values()))[0] if isinstance(model, PathfinderNet) else asked.rooms[0]
    shown = list(next(_parts(images[:pictures])))
    field = field_of(lambda x: model.features(x)[-1], shown)
    return [1.0 if score.area is None else score.area for score in area_scores(field, shares)]
