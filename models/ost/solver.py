"""The optimal-descriptor solver: entropic transport between the frames of a video and the descriptors of each class.

All classes of all videos are solved at once. What the authors' code does, and where this one offers a choice:

- the rule that stops is a mean over everything in the call, so a class's score depends a little on what else is asked
  (2e-4 at a scale of 100). ``stop_rule="global"`` is that rule. ``"video"``, the default, takes the mean over the
  classes of one video: the answer for a video is then the same whatever other videos share the call;
- a plan with NaN makes the authors' function return nothing; here it raises NoPlan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.parts.problems import BadInput

Marginals = Literal["uniform", "similarity"]
StopRule = Literal["video", "global"]
MARGINAL_TEMPERATURE = 0.1


class NoPlan(BadInput):
    """No transport plan exists in floating point: the features hold NaN, or epsilon is too small for them."""


@dataclass(frozen=True)
class SolverConfig:
    """The authors' constants are the defaults."""

    eps: float = 0.1
    """Weight of the entropy; larger values spread a frame over more descriptors. 0.01 to 1 is sensible."""
    iterations: int = 100
    """Most row and column updates."""
    stop: float = 1e-2
    """Stop when the row factors change by less than this on average."""
    marginals: Marginals = "uniform"
    """How much mass a frame and a descriptor carry: all the same, or more for those similar to the other side."""
    stop_rule: StopRule = "video"
    """Over what the change is averaged, see the module."""

    def checked(self) -> SolverConfig:
        """Itself; raises BadInput for values no solver can use."""
        if not self.eps > 0:
            raise BadInput("Epsilon", f"is {self.eps:g}", "Give a number above 0; the authors use 0.1")
        if self.iterations < 1:
            raise BadInput("The number of iterations", f"is {self.iterations}", "Give at least 1")
        if self.marginals not in ("uniform", "similarity"):
            raise BadInput("The marginals", f"are {self.marginals!r}", "Choose uniform or similarity")
        return self


AUTHORS = SolverConfig(stop_rule="global")
"""Exactly the authors' function."""


@dataclass(frozen=True)
class Transport:
    """The solution for B videos, A classes, T frames, N descriptors.

    ``similarity``: (B, A, T, N) cosines, with gradient. ``plan``: (B, A, T, N), without; each class's plan sums to 1,
    its columns to the descriptors' marginal exactly and its rows to the frames' within the stop rule.
    ``iterations``: int64 (B,) updates made for each video.
    """

    similarity: Tensor
    plan: Tensor
    iterations: Tensor

    @property
    def scores(self) -> Tensor:
        """(B, A): the similarity that the plan collects; gradient flows through the similarity alone."""
        return (self.plan * self.similarity).sum(dim=(-2, -1))


def similarities(frames: Tensor, bank: Tensor) -> Tensor:
    """frames (B, T, D) and bank (A, N, D), of unit norm -> (B, A, T, N)."""
    return torch.einsum("btd,and->batn", frames, bank)


def solve(frames: Tensor, bank: Tensor, config: SolverConfig = SolverConfig()) -> Transport:
    """frames (B, T, D), bank (A, N, D), both of unit norm along D -> the plans. Raises NoPlan and BadInput."""
    config.checked()
    similarity = similarities(frames, bank)
    with torch.no_grad():
        plan, iterations = sinkhorn(similarity.detach(), config)
    return Transport(similarity, plan, iterations)


def sinkhorn(similarity: Tensor, config: SolverConfig) -> tuple[Tensor, Tensor]:
    """similarity (B, A, T, N) -> plan of that shape and the updates made for each video, (B,)."""
    kernel = torch.exp((similarity - 1) / config.eps)
    of_frames, of_descriptors = marginals(similarity, config.marginals)
    videos = len(similarity)
    rows, columns = torch.ones_like(similarity[..., 0]), torch.ones_like(similarity[..., 0, :])
    done = torch.zeros(videos, dtype=torch.long, device=similarity.device)
    active = torch.arange(videos, device=similarity.device)
    # The work is done on those videos that have not stopped; alike[k] belongs to video active[k].
    alike, row, column = kernel, rows.clone(), columns
    for _ in range(config.iterations):
        before = row
        row = of_frames[active] / (alike * column.unsqueeze(-2)).sum(dim=-1)
        column = of_descriptors[active] / (alike * row.unsqueeze(-1)).sum(dim=-2)
        rows[active], columns[active] = row, column
        done[active] += 1
        change = (row - before).abs()
        if config.stop_rule == "global":
            if float(change.mean()) < config.stop:
                break
            continue
        going = ~(change.mean(dim=(-2, -1)) < config.stop)
        if bool(going.all()):
            continue
        active, alike, row, column = active[going], alike[going], row[going], column[going]
        if not len(active):
            break
    plan = rows.unsqueeze(-1) * columns.unsqueeze(-2) * kernel
    if not bool(torch.isfinite(plan).all()):
        raise NoPlan(
            "The transport plan",
            "has values that are no numbers",
            f"Raise epsilon (now {config.eps:g}), or check the weights: their features may not be finite",
        )
    return plan, done


def marginals(similarity: Tensor, kind: Marginals) -> tuple[Tensor, Tensor]:
    """similarity (B, A, T, N) -> mass of the frames (B, A, T) and of the descriptors (B, A, N), each summing to 1.

    "similarity": softmax, at temperature 0.1, of how similar a frame (a descriptor) is on average to the other side.
    This is ours, for comparison; the authors use uniform masses.
    """
    if kind == "uniform":
        frames, descriptors = similarity.shape[-2:]
        return torch.full_like(similarity[..., 0], 1 / frames), torch.full_like(similarity[..., 0, :], 1 / descriptors)
    of_frames = torch.softmax(similarity.mean(dim=-1) / MARGINAL_TEMPERATURE, dim=-1)
    of_descriptors = torch.softmax(similarity.mean(dim=-2) / MARGINAL_TEMPERATURE, dim=-1)
    return of_frames, of_descriptors
