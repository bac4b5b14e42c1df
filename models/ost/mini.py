"""What ost-mini is, and what its first stage of training adds to it and takes away again.

The plan was a ViT of 96-pixel frames. On the CPU time there was, it stayed at chance where convolutions named four
postures in ten (40,000 frames each), so the image tower is convolutional; the text tower is CLIP's, with three blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.clip import OST_MINI, Attention, ClipConfig, ClipLike, LayerNorm
from models.parts.clip_convolutional import STRIDE, ConvTower, Unit
from models.worlds.figures_postures import NAMES
from models.worlds.figures_things import ITEMS

MINI: ClipConfig = OST_MINI
POINTS, POSTURES, PLACED_ITEMS = 24, len(NAMES), 3 * len(ITEMS)


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


def quickened(model: ClipLike) -> ClipLike:
    """``model`` with its attention and norms exchanged for the quick ones, which share its parameters."""
    for module in model.modules():
        if type(module) is Attention:
            module.__class__ = PlainAttention
        elif type(module) is LayerNorm:
            module.__class__ = NarrowNorm
    return model


def tower_of(model: ClipLike) -> ConvTower:
    """The image tower of ost-mini. Raises TypeError for a model with another kind."""
    if not isinstance(model.image_encoder, ConvTower):
        raise TypeError(f"ost-mini has a convolutional image tower, {model.config.name} has none")
    return model.image_encoder


def _pairs(tower: ConvTower) -> list[tuple[nn.Module, str, nn.Conv2d]]:
    """Where norms stand in a training: owner, attribute, the convolution before."""
    found: list[tuple[nn.Module, str, nn.Conv2d]] = [(tower, "norm_1", tower.conv1), (tower, "norm_2", tower.conv2)]
    for unit in tower.units:
        assert isinstance(unit, Unit)
        found += [(unit, "norm_first", unit.first), (unit, "norm_second", unit.second)]
    return found


def with_norms(model: ClipLike) -> ClipLike:
    """The model with batch norms behind its convolutions, for stage 1."""
    for owner, name, convolution in _pairs(tower_of(model)):
        setattr(owner, name, nn.BatchNorm2d(convolution.out_channels))
    return model


def folded(model: ClipLike) -> ClipLike:
    """The model without batch norms: their statistics are in the convolutions now, and its answers stay the same."""
    with torch.no_grad():
        for owner, name, convolution in _pairs(tower_of(model)):
            norm = getattr(owner, name)
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            assert norm.running_var is not None
            assert norm.running_mean is not None
            assert convolution.bias is not None
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            convolution.weight.mul_(gain[:, None, None, None])
            convolution.bias.copy_((convolution.bias - norm.running_mean) * gain + norm.bias)
            setattr(owner, name, nn.Identity())
    return model


def fresh(seed: int = 0) -> ClipLike:
    """A new model for stage 1, quickened, with norms."""
    torch.manual_seed(seed)
    return with_norms(quickened(ClipLike(MINI)))


class Guides(nn.Module):
    """Heads that only the training has: where 24 points of the body are, which posture, which item.

    They say earlier than captions can what to look at.
    """

    def __init__(self, config: ClipConfig = MINI) -> None:
        super().__init__()
        width, joint = 4 * config.vision.width, config.embed_dim
        self.side = config.image_size // STRIDE
        self.where = nn.Linear(width, POINTS)
        self.posture = nn.Linear(joint, POSTURES)
        self.item = nn.Linear(joint, PLACED_ITEMS)

    def loss(self, cells: Tensor, features: Tensor, points: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """cells (B, L, width), features (B, D), points (B, 24, 2) in shares, rows int64 (B, 10) of figures_truth ->
        the parts of the loss."""
        cell = (points.clamp(0, 0.999) * self.side).long()
        target = cell[..., 1] * self.side + cell[..., 0]
        known = [torch.where(rows[:, column] >= 0, rows[:, column], -100) for column in (0, 1)]
        return {
            "where": F.cross_entropy(self.where(cells).float(), target),
            "posture": F.cross_entropy(self.posture(features).float(), known[0]),
            "item": F.cross_entropy(self.item(features).float(), known[1]),
        }
