"""How the small networks are trained: phases from small pictures with short curves to the full task, equal for all.

Every batch is drawn from (seed, step) alone: all variants of a seed see the same pictures in the same order, and a run
that was interrupted goes on with the pictures it would have seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.pelk.nano import LayoutNet, PathfinderNet, Task
from models.worlds import layouts, pathfinder
from models.worlds.pathfinder import PathfinderSettings

TRAINING_SEED = 1_000_003
"""Seeds of training pictures begin here; the evaluation's are far below (models.pelk.evaluation)."""


@dataclass(frozen=True)
class Phase:
    """`steps` updates on pictures of `side` pixels, `batch` at a time; `lengths`: dashes of the main curves."""

    steps: int
    side: int
    batch: int
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """One task's schedule. AdamW, gradients clipped to norm 1, forward pass in bfloat16. The learning rate rises in
    `warm_up` updates, stays, and falls over the last `fall` of them (half a cosine) to zero.

    trace: weight of the pathfinder's dense loss (which curve carries how many dots, cell by cell) beside the answer's.
    """

    phases: tuple[Phase, ...]
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up: int = 50
    fall: float = 0.4
    trace: float = 5.0

    @property
    def steps(self) -> int:
        """Updates in all."""
        return sum(phase.steps for phase in self.phases)

    @property
    def pictures(self) -> int:
        """Pictures in all."""
        return sum(phase.steps * phase.batch for phase in self.phases)

    def phase(self, step: int) -> Phase:
        """The phase that update number `step` (from 0) belongs to."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]

    def rate(self, step: int) -> float:
        """The learning rate of update number `step`."""
        rise = min(1.0, (step + 1) / self.warm_up)
        done = max(0.0, 1 - (1 - step / self.steps) / self.fall)
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * done))

    def shortened(self, share: float) -> Recipe:
        """The same with fewer updates, at least one a phase."""
        return replace(
            self, phases=tuple(replace(phase, steps=max(1, round(share * phase.steps))) for phase in self.phases)
        )


RECIPES: dict[Task, Recipe] = {
    "pathfinder": Recipe(
        (
            Phase(400, 48, 16, (3, 4, 5)),
            Phase(250, 64, 16, (4, 5, 6, 7, 8)),
            Phase(250, 80, 16, (5, 6, 7, 8, 9, 10, 11)),
            Phase(500, 96, 16, pathfinder.LENGTHS),
        )
    ),
    "segmentation": Recipe((Phase(250, 48, 24), Phase(250, 96, 12))),
}


def rng_of(seed: int, step: int) -> np.random.Generator:
    """The generator of one batch."""
    return np.random.default_rng([TRAINING_SEED + seed, step])


def pathfinder_loss(model: PathfinderNet, recipe: Recipe, seed: int, step: int) -> dict[str, Tensor]:
    """One batch's losses: total, answer (cross-entropy), trace (binary cross-entropy), and accuracy."""
    phase = recipe.phase(step)
    drawn = pathfinder.batch(rng_of(seed, step), phase.batch, phase.lengths, PathfinderSettings(side=phase.side))
    answers, marks = torch.from_numpy(drawn.answers), torch.from_numpy(drawn.trace(model.STRIDE))
    with torch.autocast("cpu", torch.bfloat16):
        logits, trace = model.both(torch.from_numpy(drawn.images)[:, None])
    answer = F.cross_entropy(logits.float(), answers)
    dense = F.binary_cross_entropy_with_logits(trace.float(), marks)
    right = (logits.detach().argmax(1) == answers).float().mean()
    return {"total": answer + recipe.trace * dense, "answer": answer, "trace": dense, "accuracy": right}


def segmentation_loss(model: LayoutNet, recipe: Recipe, seed: int, step: int) -> dict[str, Tensor]:
    """One batch's losses: total, the mean over pixels of the cross-entropy with rare classes weighted up; accuracy."""
    phase = recipe.phase(step)
    images, labels = (torch.from_numpy(part) for part in layouts.batch(rng_of(seed, step), phase.batch, phase.side))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images.permute(0, 3, 1, 2))
    weight = torch.tensor(CLASS_WEIGHTS)
    total = F.cross_entropy(logits.float(), labels, weight)
    right = (logits.detach().argmax(1) == labels).float().mean()
    return {"total": total, "accuracy": right}


CLASS_WEIGHTS = (1.0, 1.0, 4.0, 4.0, 2.0, 2.0, 4.0, 4.0)
"""By class, about the square root of how rare its pixels are."""
