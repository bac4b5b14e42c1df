"""Simulated users: points and boxes for a target mask, and the next click where the answer is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.robust_sam.network import RobustSam

BOX_JITTER = 0.1
"""Box corners move by up to this share of the box side (method document section 7)."""


@dataclass(frozen=True)
class PromptBatch:
    """Prompts of Q targets in model pixels: coordinates (Q, N, 2), labels (Q, N), boxes (Q, 4) or None, mask (Q, 1, h,
    w) or None.
    """

    coordinates: Tensor | None
    labels: Tensor | None
    boxes: Tensor | None = None
    mask: Tensor | None = None

    def with_click(self, point: Tensor, label: Tensor, mask: Tensor) -> PromptBatch:
        """The same prompts with one more click (Q, 2), (Q,) and the last answer as mask prompt."""
        if self.coordinates is None or self.labels is None:
            return PromptBatch(point[:, None], label[:, None], self.boxes, mask)
        coordinates = torch.cat([self.coordinates, point[:, None]], dim=1)
        labels = torch.cat([self.labels, label[:, None]], dim=1)
        return PromptBatch(coordinates, labels, self.boxes, mask)

    def embed(self, model: RobustSam, grid: int) -> tuple[Tensor, Tensor]:
        """Sparse (Q, N', D) and dense (Q, D, grid, grid) embeddings for an embedding of ``grid`` cells a side."""
        encoder = model.prompt_encoder
        scale = encoder.input_image_size[0] / (grid * model.config.patch_size)
        points = None
        if self.coordinates is not None and self.labels is not None:
            # The half-pixel the encoder adds belongs to its own frame, so it is scaled with the rest.
            points = ((self.coordinates + 0.5) * scale - 0.5, self.labels)
        boxes = None if self.boxes is None else (self.boxes + 0.5) * scale - 0.5
        with torch.autocast("cpu", enabled=False):  # phases of the positional encoding do not survive bfloat16
            sparse, dense = encoder(points, boxes, self.mask)
        if self.mask is None:
            dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(len(sparse), -1, grid, grid)
        return sparse, dense


def sample_points(weight: Tensor, generator: torch.Generator) -> Tensor:
    """weight: (Q, h, w) >= 0, one point drawn per row in proportion to it -> (Q, 2) x, y indices (float)."""
    total = weight.flatten(1).double().cumsum(1)
    drawn = torch.rand((len(weight), 1), generator=generator, dtype=torch.float64) * total[:, -1:]
    index = torch.searchsorted(total, drawn, right=True)[:, 0].clamp(max=total.shape[1] - 1)
    return torch.stack([index % weight.shape[-1], index // weight.shape[-1]], dim=1).float()


def interior(mask: Tensor, radius: int = 5) -> Tensor:
    """mask: (Q, h, w) bool -> weights that prefer pixels whose neighbourhood is inside, as a person's clicks do."""
    side = 2 * radius + 1
    near = F.avg_pool2d(mask[:, None].float(), (side, 1), 1, (radius, 0), count_include_pad=False)
    near = F.avg_pool2d(near, (1, side), 1, (0, radius), count_include_pad=False)[:, 0]
    return torch.where(mask, near.square().square(), 0.0)


def surroundings(mask: Tensor, radius: int = 20) -> Tensor:
    """mask: (Q, h, w) bool -> bool, the pixels outside it but near; all outside where the mask leaves nothing near."""
    side = 2 * radius + 1
    grown = F.max_pool2d(mask[:, None].float(), (side, 1), 1, (radius, 0))
    around = F.max_pool2d(grown, (1, side), 1, (0, radius))[:, 0].bool() & ~mask
    return torch.where(around.flatten(1).any(1)[:, None, None], around, ~mask)


def boxes_of(mask: Tensor, scale: float, generator: torch.Generator, jitter: float = BOX_JITTER) -> Tensor:
    """mask: (Q, h, w) bool -> jittered boxes (Q, 4) x0, y0, x1, y1, times ``scale``."""
    height, width = mask.shape[-2:]
    columns, rows = mask.any(dim=1), mask.any(dim=2)
    x0, x1 = columns.float().argmax(1), width - columns.flip(1).float().argmax(1)
    y0, y1 = rows.float().argmax(1), height - rows.flip(1).float().argmax(1)
    box = torch.stack([x0, y0, x1, y1], dim=1).float()
    side = torch.stack([x1 - x0, y1 - y0, x1 - x0, y1 - y0], dim=1).float()
    noise = (torch.rand(box.shape, generator=generator) * 2 - 1) * jitter
    limit = torch.tensor([width, height, width, height]).float()
    return ((box + noise * side).clamp(min=torch.zeros(4), max=limit) * scale) - 0.5


def first_prompts(mask: Tensor, generator: torch.Generator) -> PromptBatch:
    """mask: (Q, h, w) bool at half the model's resolution -> one kind of prompt for all Q, drawn at random.

    One click, two or three clicks, clicks with one outside, a box, or a box with a click.
    """
    kind = float(torch.rand((), generator=generator))
    weight = interior(mask) if torch.rand((), generator=generator) < 0.5 else mask.float()
    inside = [sample_points(weight, generator) * 2 + 0.5 for _ in range(3)]
    ones = torch.ones(len(mask), 1)
    if kind < 0.35:
        return PromptBatch(torch.stack(inside[:1], 1), ones)
    if kind < 0.55:
        count = 2 + int(torch.randint(2, (), generator=generator))
        return PromptBatch(torch.stack(inside[:count], 1), ones.expand(-1, count).clone())
    if kind < 0.68:
        outside = sample_points(surroundings(mask), generator) * 2 + 0.5
        labels = torch.cat([ones, ones, torch.zeros_like(ones)], dim=1)
        return PromptBatch(torch.stack([*inside[:2], outside], 1), labels)
    boxes = boxes_of(mask, 2.0, generator)
    if kind < 0.93:
        return PromptBatch(None, None, boxes)
    return PromptBatch(torch.stack(inside[:1], 1), ones, boxes)


def corrective_click(answer: Tensor, mask: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """answer, mask: (Q, h, w) bool -> a click (Q, 2) in model pixels and its label where they disagree.

    Large wrong regions and their middle are preferred. Where nothing is wrong, a click inside the target.
    """
    wrong = answer ^ mask
    none = ~wrong.flatten(1).any(1)
    place = torch.where(none[:, None, None], mask.float(), interior(wrong) + 1e-3 * wrong)
    point = sample_points(place, generator)
    index = point.long()
    label = mask[torch.arange(len(mask)), index[:, 1], index[:, 0]].float()
    return point * 2 + 0.5, label
