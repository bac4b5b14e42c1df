"""A radiance field of a capture on the CPU: a voxel grid trained coarse to fine under static maps.

``train_field`` is a generator: each step it hands out is a place to look at the field, to stop (close it) or to go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.hugs.field_config import FieldConfig
from models.hugs.field_rays import Pixels, gather_pixels, learning_size, rays_of_view
from models.hugs.field_space import Space, space_of
from models.parts import volume_rendering as vr
from models.parts import volume_rendering_losses as losses
from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput
from models.parts.voxel_grid import VoxelGrid, resolution_of

Picture = npt.NDArray[np.float32]

DENSITY_BIAS = -5.0
"""Added to the density before softplus: an empty grid stops about half of the light on its way through."""
LEVELS = ((0.0, 1 / 64), (0.12, 1 / 8), (0.35, 1.0))
"""From which share of the iterations the grid has which share of its nodes."""
REFRESH = 40
"""Steps between two looks at where the surfaces are."""
RENDER_RAYS = 8192


class Renderable(Protocol):
    """A trained field, of whatever kind."""

    def picture(
        self, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64], config: FieldConfig
    ) -> tuple[Picture, Picture]:
        """(H, W, 3) float32 colours in [0, 1] and (H, W) float32 distances along the rays, in scene units."""
        ...


class VoxelField(nn.Module):
    """Density and colour in a ``Space``: channel 0 is density before softplus, 1 to 3 are colour before sigmoid."""

    def __init__(self, space: Space, nodes: int) -> None:
        super().__init__()
        self.space = space
        self.grid = VoxelGrid(self.resolution(nodes), torch.zeros(4))
        self.occupied: Tensor | None = None

    def resolution(self, nodes: int) -> tuple[int, int, int]:
        """Nodes a side for about ``nodes`` of them."""
        return resolution_of(self.space.half.numpy(), nodes)

    @property
    def per_length(self) -> float:
        """Density one per voxel, in 1 / scene unit."""
        return float((self.grid.size / (2 * self.space.half * (1 + self.space.shell))).mean())

    def refine(self, nodes: int) -> None:
        """Goes on with another number of nodes."""
        self.grid = self.grid.refined(self.resolution(nodes))
        self.occupied = None

    @torch.no_grad()
    def look(self) -> None:
        """Notes where density is, on half the nodes a side and a bit wider, for the coarse pass."""
        density = F.softplus(self.grid.volume()[:1] + DENSITY_BIAS)
        wide = F.max_pool3d(density[None], 3, stride=2, padding=1)[0, 0]
        self.occupied = wide * self.per_length

    @torch.no_grad()
    def edges(
        self, origins: Tensor, directions: Tensor, leave: Tensor, config: FieldConfig, generator: torch.Generator | None
    ) -> Tensor:
        """(R, samples + 1) shares of the rays to read: where the coarse pass expects surfaces."""
        count = config.probes
        coarse = torch.linspace(0, 1, count + 1).expand(len(origins), -1).contiguous()
        if generator is not None:
            shift = torch.rand((len(origins), 1), generator=generator) - 0.5
            coarse = (coarse + shift / count).clamp(0, 1)
        if self.occupied is None:
            return vr.sample_pdf(coarse, torch.ones_like(coarse[:, 1:]), config.samples, generator=generator)
        distance = self.space.distance(coarse, leave)
        size = torch.tensor(self.occupied.shape, dtype=torch.float32)
        unit = self.space.along(origins, directions, vr.middles(distance))
        place = unit.mul_(size - 1).add_(0.5).to(torch.int32)
        i, j, k = place.unbind(-1)
        flat = (i * self.occupied.shape[1] + j) * self.occupied.shape[2] + k
        density = self.occupied.flatten()[flat]
        weights = vr.weights_from_density(density, distance, opaque=True).weights
        return vr.sample_pdf(coarse, weights, config.samples, padding=0.01, generator=generator)

    def render(
        self,
        origins: Tensor,
        directions: Tensor,
        config: FieldConfig,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colour (R, 3), weights (R, n), edges as shares and as distances (R, n + 1) of rays with unit directions."""
        leave = self.space.leaves(origins, directions)
        share = self.edges(origins, directions, leave, config, generator)
        distance = self.space.distance(share, leave)
        middle = vr.middles(distance)
        places = self.space.along(origins, directions, middle)
        raw = self.grid(places.view(-1, 3)).view(*middle.shape, 4)
        if raw.requires_grad:
            # What is near a camera is seen by few others and would move too fast: floaters (Philip 2023).
            slow = (middle / self.space.scale).square_().clamp_(max=1.0)[..., None]
            raw.register_hook(lambda gradient: gradient.mul_(slow))
        density = F.softplus(raw[..., 0] + DENSITY_BIAS) * self.per_length
        weights = vr.weights_from_density(density, distance, opaque=True).weights
        return vr.composite(weights, torch.sigmoid(raw[..., 1:])), weights, share, distance

    @torch.no_grad()
    def picture(
        self, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64], config: FieldConfig
    ) -> tuple[Picture, Picture]:
        """See ``Renderable``."""
        if self.occupied is None:
            self.look()
        origins, directions = rays_of_view(intrinsics, camera_to_world)
        colours, depths = [], []
        for start in range(0, len(origins), RENDER_RAYS):
            part = slice(start, start + RENDER_RAYS)
            colour, weights, _, distance = self.render(origins[part], directions[part], config)
            colours.append(colour)
            depths.append(vr.expected_depth(weights, distance))
        shape = (intrinsics.height, intrinsics.width)
        picture: Picture = torch.cat(colours).clamp(0, 1).view(*shape, 3).numpy()
        depth: Picture = torch.cat(depths).view(*shape).numpy()
        return picture, depth


@dataclass(frozen=True)
class FieldProgress:
    """``step`` of ``steps`` is done, ``loss`` is the mean of late; ``field`` can be rendered as it is now."""

    step: int
    steps: int
    loss: float
    field: Renderable
    config: FieldConfig

    def snapshot(self, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64]) -> Picture:
        """(H, W, 3) float32 picture of the field as it is now."""
        return render_view(self.field, intrinsics, camera_to_world, self.config)[0]

    def seen_by(self, view: View) -> Picture:
        """The picture of a view at the size it learns at. Raises BadInput for a view without a camera."""
        if view.intrinsics is None or view.camera_to_world is None:
            raise BadInput(view.name, "has no camera", "Run structure from motion first")
        return self.snapshot(view.intrinsics.scaled(*learning_size(view, self.config.side)), view.camera_to_world)


def train_field(
    views: Sequence[View],
    masks: Mapping[str, npt.NDArray[np.bool_]] | None,
    config: FieldConfig,
    generator: np.random.Generator,
    points: npt.NDArray[np.float64] | None = None,
) -> Iterator[FieldProgress]:
    """Trains on posed ``views``; ``masks``: view name -> (H, W) bool static map, views without one are used whole.

    ``points``: structure points (P, 3) in the cameras' frame, which tell where the scene is. Raises BadInput when
    there is nothing to learn from. Closing the generator stops the training.
    """
    config = config.checked()
    if config.network == "nerfacto":
        from models.hugs.field_nerfacto import train_nerfacto

        yield from train_nerfacto(views, masks, config, generator, points)
        return
    random = torch.Generator().manual_seed(int(generator.integers(2**62)))
    pixels = gather_pixels(views, masks, config)
    field = VoxelField(space_of(views, points, config.shell), max(int(config.nodes * LEVELS[0][1]), 64))
    pending = [(int(share * config.iterations), int(config.nodes * size)) for share, size in LEVELS[1:]]
    optimiser = _optimiser(field, config.rate)
    threshold, smooth = 1.0, None
    for step in range(config.iterations):
        if pending and step == pending[0][0]:
            field.refine(pending.pop(0)[1])
            optimiser = _optimiser(field, config.rate)
        if step and (step % REFRESH == 0 or field.occupied is None):
            field.look()
        for group in optimiser.param_groups:
            group["lr"] = config.rate * 0.1 ** (step / config.iterations)
        chosen = pixels.draw(config, random)
        colour, weights, share, _ = field.render(chosen.origins, chosen.directions, config, random)
        error = colour - chosen.colours
        loss, threshold = colour_loss(error, config, threshold)
        if config.distortion:
            loss = loss + config.distortion * losses.distortion(weights, share)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if step + 1 == config.iterations:
            field.look()
        yield FieldProgress(step + 1, config.iterations, smooth, field, config)


def colour_loss(error: Tensor, config: FieldConfig, threshold: float) -> tuple[Tensor, float]:
    """Loss of colour errors (R, 3) of pixels already chosen by the masks, and the next threshold of the trimming."""
    if config.loss == "robust":
        size = Pixels.PATCH
        squared = (error**2).view(-1, size, size, 3)
        mask, following = losses.trimming_mask(squared.detach(), threshold)
        return losses.masked_mean(squared, mask), following
    each = losses.charbonnier(error) if config.loss == "charbonnier" else error**2
    return each.mean(), threshold


def render_view(
    field: Renderable,
    intrinsics: Intrinsics,
    camera_to_world: npt.NDArray[np.float64],
    config: FieldConfig | None = None,
) -> tuple[Picture, Picture]:
    """(H, W, 3) float32 colours in [0, 1] and (H, W) float32 distances along the rays, in scene units."""
    return field.picture(intrinsics, camera_to_world, config or FieldConfig())


def _optimiser(field: VoxelField, rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(field.parameters(), lr=rate, eps=1e-15, fused=True)
