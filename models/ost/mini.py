"""What ost-mini is: the sizes of its towers, and how it starts and learns faster than OpenAI's start lets it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.clip import OST_MINI, Attention, ClipConfig, ClipLike, LayerNorm

MINI: ClipConfig = replace(OST_MINI, patch=16)
"""ost-mini as trained: patches of 16 pixels instead of the 12 planned, which halves the cost of a frame."""

POINTS, POSTURES, ITEMS = 24, 33, 30


class PlainAttention(Attention):
    """The same numbers from two products and a softmax: on a CPU its backward pass is several times faster."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, L, width) -> (B, L, width)."""
        batch, length, width = x.shape
        joint = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = joint.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = (query * (width // self.heads) ** -0.5) @ key.transpose(-1, -2)
        if self.causal:
            scores = scores + torch.full((length, length), -1e4, dtype=scores.dtype).triu(1)
        mixed = scores.softmax(dim=-1) @ value
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class NarrowNorm(LayerNorm):
    """Normalises in the type it gets; the sums inside are float32 anyway."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width) -> the same shape and type."""
        return F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


def quickened(model: nn.Module) -> nn.Module:
    """``model`` with its attention and norms exchanged for the quick ones, which share its parameters."""
    for module in model.modules():
        if type(module) is Attention:
            module.__class__ = PlainAttention
        elif type(module) is LayerNorm:
            module.__class__ = NarrowNorm
    return model


def grid_code(side: int, width: int) -> Tensor:
    """(side * side, width) sines and cosines of the row and the column of each patch."""
    place = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    rates = 100.0 ** -(torch.arange(width // 4) / (width // 4))
    waves = [turn(value.flatten()[:, None] * rates) for value in (rows, columns) for turn in (torch.sin, torch.cos)]
    return torch.cat(waves, dim=1)


def fresh(config: ClipConfig = MINI, seed: int = 0) -> ClipLike:
    """A new model whose patches know where they are from the start."""
    torch.manual_seed(seed)
    model = ClipLike(config)
    with torch.no_grad():
        code = grid_code(config.image_size // config.patch, config.vision.width)
        model.image_encoder.positional_embedding[1:] = 0.5 * code
    return model


class Guides(nn.Module):
    """Heads that only the training has: where 24 points of the body are, which posture, which item.

    A transformer finds the body in a frame hours sooner when it is told where the joints are.
    """

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        width, joint = config.vision.width, config.embed_dim
        self.side = config.image_size // config.patch
        self.where = nn.Linear(width, POINTS)
        self.posture = nn.Linear(joint, POSTURES)
        self.item = nn.Linear(joint, ITEMS)
        self.place = nn.Sequential(nn.Linear(joint, joint), nn.GELU(), nn.Linear(joint, 2 * POINTS))

    def loss(self, tokens: Tensor, features: Tensor, points: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """tokens (B, patches, width), features (B, D), points (B, 24, 2) in shares, rows int64 (B, 10) of
        figures_words -> the parts of the loss."""
        cell = (points.clamp(0, 0.999) * self.side).long()
        target = cell[..., 1] * self.side + cell[..., 0]
        found = self.place(features).float().view(-1, POINTS, 2) * 0.25 + 0.5
        known = [torch.where(rows[:, column] >= 0, rows[:, column], -100) for column in (0, 1)]
        return {
            "where": F.cross_entropy(self.where(tokens).float(), target),
            "place": F.smooth_l1_loss(found, points, beta=0.02),
            "posture": F.cross_entropy(self.posture(features).float(), known[0]),
            "item": F.cross_entropy(self.item(features).float(), known[1]),
        }
