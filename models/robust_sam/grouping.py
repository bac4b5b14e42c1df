"""A training-only head: which cells of the embedding belong together, for all pairs of cells at once.

A prompt teaches the encoder about one mask; the pairs of cells of a scene teach it about every object and every part in
one pass (associative embedding, Newell et al. 2017; pairwise affinity). The head is thrown away after stage A.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 2
"""Whole objects and their parts."""

CODE = 32
CELLS = 400
"""Pairs are taken among so many random cells of an image."""

UNKNOWN = -1


class GroupingHead(nn.Module):
    """Codes for cells at stride 8: cells of one object point the same way, cells of different objects do not."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.codes = nn.Linear(dim, 4 * LEVELS * CODE)
        self.gain = nn.Parameter(torch.full((LEVELS,), 8.0))
        self.bias = nn.Parameter(torch.full((LEVELS,), -4.0))

    def forward(self, embedding: Tensor) -> Tensor:
        """embedding: (N, D, h, w) -> unit codes (N, LEVELS, 2h * 2w, CODE)."""
        cells = self.codes(embedding.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        fine = F.pixel_shuffle(cells, 2).unflatten(1, (LEVELS, CODE)).flatten(3)
        return F.normalize(fine.float(), dim=2).transpose(2, 3)

    def loss(self, embedding: Tensor, ids: Tensor, generator: torch.Generator) -> Tensor:
        """embedding: (N, D, h, w), ids: (N, LEVELS, 2h, 2w), 0 nothing, UNKNOWN padding -> scalar.

        Cross-entropy of "same id" over pairs of cells; pairs alike and pairs apart weigh the same, and pairs of cells
        that both belong to nothing count in neither.
        """
        codes, names = self(embedding), ids.flatten(2)
        chosen = torch.randperm(names.shape[2], generator=generator)[:CELLS]
        codes, names = codes[:, :, chosen], names[:, :, chosen]
        logits = codes @ codes.transpose(2, 3) * self.gain[:, None, None] + self.bias[:, None, None]
        one, other = names[..., :, None], names[..., None, :]
        known = (one != UNKNOWN) & (other != UNKNOWN) & ((one > 0) | (other > 0))
        same = known & (one == other)
        apart = known & ~same
        return (_mean(F.softplus(-logits), same) + _mean(F.softplus(logits), apart)) / 2


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)
