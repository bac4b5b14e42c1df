"""The repository's Nerfacto: hash grid field, proposal networks, appearance codes, under the authors' key names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.hugs.network_config import NerfactoConfig, ProposalConfig
from models.parts import volume_rendering as vr
from models.parts.hash_grid import HashGrid
from models.parts.volume_rendering_rays import contract

SH_WIDTH = 16
EXPONENT_LIMIT = 15.0
FIELD_BUFFERS = ("base_res", "max_res", "num_levels", "log2_hashmap_size")


class _Exponential(torch.autograd.Function):
    """exp whose gradient stays finite: the exponent is clamped to +-15 on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * torch.exp(x.clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT))


def exponential(x: Tensor) -> Tensor:
    """exp with the clamped gradient of the released density."""
    result: Tensor = _Exponential.apply(x)
    return result


class DirectionEncoder(nn.Module):
    """Spherical harmonics up to degree 4 (16 values) of directions given in [0, 1], with tiny-cuda-nn's signs."""

    def __init__(self) -> None:
        super().__init__()
        self.params = nn.Parameter(torch.zeros(0))

    def forward(self, unit: Tensor) -> Tensor:
        x, y, z = (unit * 2 - 1).unbind(-1)
        xx, yy, zz = x * x, y * y, z * z
        terms = [
            torch.full_like(x, 0.28209479177387814),
            -0.48860251190291987 * y,
            0.48860251190291987 * z,
            -0.48860251190291987 * x,
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.94617469575755997 * zz - 0.31539156525251999,
            -1.0925484305920792 * x * z,
            0.54627421529603959 * (xx - yy),
            0.59004358992664352 * y * (yy - 3 * xx),
            2.8906114426405538 * x * y * z,
            0.45704579946446572 * y * (1 - 5 * zz),
            0.3731763325901154 * z * (5 * zz - 3),
            0.45704579946446572 * x * (1 - 5 * zz),
            1.4453057213202769 * z * (xx - yy),
            0.59004358992664352 * x * (3 * yy - xx),
        ]
        return torch.stack(terms, -1)


def unit_places(points: Tensor, bound: float | None) -> tuple[Tensor, Tensor]:
    """Places (..., 3) in the unit cube and whether they lie inside (...); all of space when ``bound`` is None."""
    unit = (contract(points) + 2) / 4 if bound is None else points / (2 * bound) + 0.5
    return unit, ((unit > 0) & (unit < 1)).all(-1)


class ProposalNetwork(nn.Module):
    """Density alone, small: says where along a ray it is worth looking."""

    def __init__(self, config: ProposalConfig) -> None:
        super().__init__()
        grid = HashGrid(config.levels, config.base, config.finest, config.log2_entries)
        self.mlp_base = nn.Sequential(
            grid, nn.Linear(grid.width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1)
        )

    def forward(self, points: Tensor, bound: float | None) -> Tensor:
        """(...) density at points (..., 3) in scene units."""
        unit, inside = unit_places(points, bound)
        return exponential(self.mlp_base(unit)[..., 0]) * inside


class NerfactoField(nn.Module):
    """Density and colour of a place seen from a direction."""

    def __init__(self, config: NerfactoConfig) -> None:
        super().__init__()
        self.bound = config.bound
        grid = HashGrid(config.levels, config.base, config.finest, config.log2_entries)
        for name, value in zip(
            FIELD_BUFFERS, (config.base, config.finest, config.levels, config.log2_entries), strict=True
        ):
            self.register_buffer(name, torch.tensor(value))
        self.mlp_base = nn.Sequential(
            grid, nn.Linear(grid.width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1 + config.geometry)
        )
        self.direction_encoder = DirectionEncoder()
        self.mlp_head = nn.Sequential(
            nn.Linear(SH_WIDTH + config.geometry + config.appearance, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 3),
            nn.Sigmoid(),
        )

    def forward(self, points: Tensor, directions: Tensor, appearance: Tensor | None) -> tuple[Tensor, Tensor]:
        """Density (R, n) and colour (R, n, 3) at points (R, n, 3), unit directions (R, 3), codes (R, a) or None."""
        unit, inside = unit_places(points, self.bound)
        base = self.mlp_base(unit)
        density = exponential(base[..., 0]) * inside
        parts = [self.direction_encoder((directions + 1) / 2)[:, None].expand(*points.shape[:-1], -1), base[..., 1:]]
        if appearance is not None:
            parts.append(appearance[:, None].expand(*points.shape[:-1], -1))
        return density, self.mlp_head(torch.cat(parts, -1))


@dataclass(frozen=True)
class Rendered:
    """What a batch of rays sees: colour (R, 3), depth (R,), weights and edges (shares of [near, far]) of every level.

    ``levels`` are (weights, edges) of the proposals in order, then of the field.
    """

    colour: Tensor
    depth: Tensor
    levels: tuple[tuple[Tensor, Tensor], ...]


class Nerfacto(nn.Module):
    """Field, proposals and appearance codes; ``forward`` renders rays."""

    def __init__(self, config: NerfactoConfig) -> None:
        super().__init__()
        self.config = config
        self.field = NerfactoField(config)
        self.proposal_networks = nn.ModuleList(ProposalNetwork(one) for one in config.proposals)
        if config.appearance:
            self.embedding_appearance = nn.Embedding(config.images, config.appearance)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight)

    def forward(
        self,
        origins: Tensor,
        directions: Tensor,
        images: Tensor | None = None,
        background: Tensor | float = 0.5,
        anneal: float = 1.0,
        generator: torch.Generator | None = None,
        proposals_learn: bool = True,
    ) -> Rendered:
        """Renders rays (R, 3); directions need not have length 1.

        images: (R,) numbers of the photos, whose appearance codes are used; None for the code of a test (zeros).
        background: colour (R, 3) or grey value behind everything. generator: jitters the samples while training.
        """
        sizes = [*(one.samples for one in self.config.proposals), self.config.samples]
        edges = torch.linspace(0, 1, sizes[0] + 1, device=origins.device).expand(len(origins), -1).contiguous()
        levels: list[tuple[Tensor, Tensor]] = []
        for number, proposal in enumerate(self.proposal_networks):
            with torch.set_grad_enabled(proposals_learn and torch.is_grad_enabled()):
                distance = self.distance(edges)
                density = proposal(self._points(origins, directions, distance), self.config.bound)
                weights = self._weigh(density, distance, directions)
            levels.append((weights, edges))
            edges = vr.sample_pdf(edges, weights.detach(), sizes[number + 1], anneal=anneal, generator=generator)
        distance = self.distance(edges)
        view = F.normalize(directions, dim=-1)
        density, colour = self.field(self._points(origins, directions, distance), view, self._codes(images, view))
        weights = self._weigh(density, distance, directions)
        levels.append((weights, edges))
        behind = torch.as_tensor(background, dtype=colour.dtype, device=colour.device).expand(len(origins), 3)
        return Rendered(vr.composite(weights, colour, behind), vr.expected_depth(weights, distance), tuple(levels))

    def distance(self, share: Tensor) -> Tensor:
        """Distances in units of the directions for shares of [near, far]."""
        near, far = self.config.near, self.config.far
        if self.config.spacing == "uniform":
            return near + share * (far - near)
        start, end = _bent(torch.tensor(near)), _bent(torch.tensor(far))
        return _straight(start + share * (end - start))

    def _weigh(self, density: Tensor, distance: Tensor, directions: Tensor) -> Tensor:
        config = self.config
        return vr.weights_from_density(
            density, distance, directions, opaque=config.opaque_background, legacy_deltas=config.legacy_deltas
        ).weights

    def _codes(self, images: Tensor | None, like: Tensor) -> Tensor | None:
        if not self.config.appearance:
            return None
        if images is None:
            return like.new_zeros(len(like), self.config.appearance)
        codes: Tensor = self.embedding_appearance(images)
        return codes

    @staticmethod
    def _points(origins: Tensor, directions: Tensor, distance: Tensor) -> Tensor:
        return origins[:, None] + vr.middles(distance)[..., None] * directions[:, None]


def _bent(distance: Tensor) -> Tensor:
    """Even up to distance 1, then even in 1 / distance, up to 1."""
    return torch.where(distance < 1, distance / 2, 1 - 1 / (2 * distance.clamp(min=1)))


def _straight(bent: Tensor) -> Tensor:
    return torch.where(bent < 0.5, 2 * bent, 1 / (2 - 2 * bent.clamp(min=0.5, max=1 - 1e-6)))


def parameters_by_kind(model: Nerfacto) -> dict[str, Sequence[nn.Parameter]]:
    """``field`` (with the codes) and ``proposals``: the two groups that learn at different steps."""
    proposals = list(model.proposal_networks.parameters())
    known = {id(parameter) for parameter in proposals}
    return {"field": [p for p in model.parameters() if id(p) not in known], "proposals": proposals}
