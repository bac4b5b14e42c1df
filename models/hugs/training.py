"""The paper's training of the repository's Nerfacto under static maps, top to bottom, by configuration.

Made for a GPU; the same code runs on a CPU at small sizes. ``launch.py train hugs --folder PROJECT`` is its command.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.hugs.field_rays import learning_size, rays_of_view, reduced
from models.hugs.network import Nerfacto, Rendered, parameters_by_kind
from models.hugs.network_config import NerfactoConfig
from models.hugs.training_config import TrainingConfig
from models.parts import volume_rendering as vr
from models.parts import volume_rendering_losses as losses
from models.parts.capture import Intrinsics, View
from models.parts.problems import BadInput

Picture = npt.NDArray[np.float32]

RENDER_RAYS = 4096


@dataclass(frozen=True)
class Batch:
    """Patches as rays: origins, directions, colours (R, 3), used (R, 1) in {0, 1}, images (R,) numbers of photos."""

    origins: Tensor
    directions: Tensor
    colours: Tensor
    used: Tensor
    images: Tensor


@dataclass(frozen=True)
class Photo:
    """One photo at its learning size: directions and colours (H, W, 3), origin (3,), used (H, W, 1)."""

    origin: Tensor
    directions: Tensor
    colours: Tensor
    used: Tensor


@dataclass(frozen=True)
class TrainingProgress:
    """``step`` of ``steps`` is done; ``terms`` are the losses by name; ``model`` can be rendered as it is."""

    step: int
    steps: int
    terms: Mapping[str, float]
    model: Nerfacto

    @property
    def loss(self) -> float:
        """The colour loss of this step."""
        return self.terms["colour"]

    def snapshot(self, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64]) -> Picture:
        """(H, W, 3) float32 picture of the field as it is now."""
        return render(self.model, intrinsics, camera_to_world)[0]


def train(
    views: Sequence[View],
    masks: Mapping[str, npt.NDArray[np.bool_]] | None,
    network: NerfactoConfig,
    config: TrainingConfig,
    generator: np.random.Generator,
    device: str = "cuda",
    side: int = 10_000,
) -> Iterator[TrainingProgress]:
    """Trains Nerfacto on posed ``views``, whose cameras must lie in the frame that ``network`` expects.

    masks: view name -> (H, W) bool static map; ``side``: longer side of the photos in training. Raises BadInput when
    there is nothing to learn from. Closing the generator stops the training.
    """
    config = config.checked()
    random = torch.Generator().manual_seed(int(generator.integers(2**62)))
    on_device = torch.Generator(device).manual_seed(int(generator.integers(2**62)))
    photos = _photos(views, masks, side, config.patch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**62)))
        model = Nerfacto(network).to(device)
    optimiser = torch.optim.Adam(
        [{"params": list(group)} for group in parameters_by_kind(model).values()], lr=config.rate, eps=config.epsilon
    )
    mixed = config.half_precision and device.startswith("cuda")
    scaler = torch.amp.GradScaler(enabled=mixed)
    threshold = 1.0
    since_proposals = 0
    for step in range(config.iterations):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(config, step)
        batch = _to(draw(photos, config, random), device)
        background = torch.rand((len(batch.origins), 3), generator=on_device, device=device)
        since_proposals += 1
        proposals_learn = since_proposals > proposal_interval(config, step) or step < 10
        if proposals_learn:
            since_proposals = 0
        with torch.autocast("cuda") if mixed else nullcontext():
            rendered = model(
                batch.origins,
                batch.directions,
                batch.images,
                background=background,
                anneal=vr.anneal_at(step / config.anneal_steps),
                generator=on_device,
                proposals_learn=proposals_learn,
            )
            terms, threshold = loss_terms(rendered, batch, config, network.distortion, threshold, proposals_learn)
            total = torch.stack(list(terms.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(total).backward()
        scaler.step(optimiser)
        scaler.update()
        yield TrainingProgress(
            step + 1, config.iterations, {name: value.item() for name, value in terms.items()}, model
        )


def rate_at(config: TrainingConfig, step: int) -> float:
    """Learning rate: exponential from ``rate`` to ``final_rate``, times a quarter sine during the warm-up."""
    share = step / max(config.iterations, 1)
    falling = config.rate * (config.final_rate / config.rate) ** share
    if step >= config.warm_up:
        return falling
    return falling * math.sin(0.5 * math.pi * (step + 1) / config.warm_up)


def proposal_interval(config: TrainingConfig, step: int) -> int:
    """Every how many steps the proposal networks learn."""
    over, least, most = config.proposal_every
    return int(min(max(5 * step / over, least), most))


def loss_terms(
    rendered: Rendered,
    batch: Batch,
    config: TrainingConfig,
    distortion: float,
    threshold: float,
    proposals_learn: bool,
) -> tuple[dict[str, Tensor], float]:
    """The losses of one batch by name, weighted, and the next threshold of RobustNeRF's trimming."""
    error = rendered.colour - batch.colours
    if config.loss == "robust":
        squared = (error**2).view(config.patches, config.patch, config.patch, 3)
        keep, threshold = losses.trimming_mask(squared.detach().float(), threshold)
        colour = losses.masked_mean(squared, keep)
    else:
        each = losses.charbonnier(error) if config.loss == "charbonnier" else error**2
        colour = losses.masked_mean(each, batch.used)
    *proposals, (weights, edges) = rendered.levels
    terms = {"colour": colour}
    if proposals_learn and proposals:
        terms["interlevel"] = config.interlevel * losses.interlevel(proposals, weights, edges)
    if distortion:
        terms["distortion"] = distortion * losses.distortion(weights, edges)
    return terms, threshold


def draw(photos: Sequence[Photo], config: TrainingConfig, generator: torch.Generator) -> Batch:
    """``config.patches`` patches, each at a random place of a random photo."""
    size = config.patch
    parts = []
    for _ in range(config.patches):
        number = int(torch.randint(len(photos), (), generator=generator))
        photo = photos[number]
        height, width = photo.colours.shape[:2]
        y = int(torch.randint(height - size + 1, (), generator=generator))
        x = int(torch.randint(width - size + 1, (), generator=generator))
        here = (slice(y, y + size), slice(x, x + size))
        parts.append(
            (
                photo.origin.expand(size * size, 3),
                photo.directions[here].reshape(-1, 3),
                photo.colours[here].reshape(-1, 3),
                photo.used[here].reshape(-1, 1),
                torch.full((size * size,), number),
            )
        )
    return Batch(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def render(
    model: Nerfacto, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64]
) -> tuple[Picture, Picture]:
    """(H, W, 3) colours in [0, 1] and (H, W) depth along unit rays; the appearance code is that of a test, zeros."""
    device = next(model.parameters()).device
    origins, directions = (part.to(device) for part in rays_of_view(intrinsics, camera_to_world))
    colours, depths = [], []
    for start in range(0, len(origins), RENDER_RAYS):
        rendered = model(origins[start : start + RENDER_RAYS], directions[start : start + RENDER_RAYS])
        colours.append(rendered.colour.float().cpu())
        depths.append(rendered.depth.float().cpu())
    shape = (intrinsics.height, intrinsics.width)
    picture: Picture = torch.cat(colours).clamp(0, 1).view(*shape, 3).numpy()
    depth: Picture = torch.cat(depths).view(*shape).numpy()
    return picture, depth


def _photos(
    views: Sequence[View], masks: Mapping[str, npt.NDArray[np.bool_]] | None, side: int, patch: int
) -> list[Photo]:
    photos = []
    for view in views:
        if view.intrinsics is None or view.camera_to_world is None:
            continue
        width, height = learning_size(view, side)
        if min(width, height) < patch:
            raise BadInput(view.name, f"is smaller than a patch of {patch} pixels", "Choose a larger learning size")
        origins, directions = rays_of_view(view.intrinsics.scaled(width, height), view.camera_to_world)
        colours = torch.from_numpy(reduced(view.image, (width, height)) / 255)
        mask = None if masks is None else masks.get(view.name)
        used = np.ones((height, width), np.float32) if mask is None else reduced(mask, (width, height))
        photos.append(
            Photo(
                origins[0],
                directions.view(height, width, 3),
                colours,
                torch.from_numpy(used)[..., None],
            )
        )
    if not photos:
        raise BadInput(
            "The capture", "has no photo with a known camera", "Run structure from motion first, or load a project"
        )
    return photos


def _to(batch: Batch, device: str) -> Batch:
    return Batch(*(getattr(batch, name).to(device) for name in ("origins", "directions", "colours", "used", "images")))


def main(words: Sequence[str]) -> int:
    """The command of ``launch.py train hugs``; see models.hugs.training_command."""
    from models.hugs import training_command

    return training_command.main(words)
