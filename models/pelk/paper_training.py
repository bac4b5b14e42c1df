"""The paper's training at full size, by configuration: ImageNet-1K classification as in SLaK and ConvNeXt.

The paper's appendix with the table of settings was not at hand; the values are those of SLaK, which the paper names as
its recipe. A run of this size was never done here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from models.parts.problems import BadInput
from models.pelk.config import CONFIGS, IMAGENET_DEVIATION, IMAGENET_MEAN, PelkConfig
from models.pelk.network import Pelk
from models.pelk.sparsity import PRUNE_RATE, UPDATE_EVERY, Masks, apply_masks, exchange, snip_masks


@dataclass(frozen=True)
class PaperRecipe:
    """epochs: 300 for the main results, 120 for ablations. batch: pictures per update, summed up over `part`s that fit
    into memory. augment: RandAugment of 2 operations at `magnitude`, used with chance `chance`. average: decay of the
    averaged weights. prune_rate and update_every: dynamic sparsity.
    """

    epochs: int = 300
    batch: int = 4096
    part: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warm_up_epochs: int = 20
    magnitude: int = 9
    chance: float = 0.5
    mixup: float = 0.8
    cutmix: float = 1.0
    erasing: float = 0.25
    smoothing: float = 0.1
    average: float = 0.9999
    prune_rate: float = 0.3
    update_every: int = 100
    workers: int = 8
    seed: int = 0


def recipe_of(name: str) -> PaperRecipe:
    """The recipe of a configuration of the paper: sizes T, S and B differ in how they exchange weights."""
    size = "_".join(name.split("_")[:2])
    return PaperRecipe(prune_rate=PRUNE_RATE.get(size, 0.3), update_every=UPDATE_EVERY.get(size, 100))


def train(name: str, data: Path, folder: Path, quick: bool = False) -> Pelk:
    """Trains CONFIGS[name] on a folder with one folder of pictures per class; resumes from `folder` after any epoch.

    quick: one epoch in batches of 8, to see that data and machine work. Raises BadInput for a folder without classes.
    """
    recipe = recipe_of(name)
    if quick:
        recipe = replace(recipe, epochs=1, batch=8, part=4, warm_up_epochs=0, workers=0)
    return PaperTrainer(CONFIGS[name], data, folder, recipe).run()


class PaperTrainer:
    """Trains in place; `folder/last.pt` after every epoch, `folder/log.jsonl` a line per epoch."""

    def __init__(self, config: PelkConfig, data: Path, folder: Path, recipe: PaperRecipe) -> None:
        self.recipe, self.folder = recipe, folder
        self.pictures = pictures(data, config.image, recipe)
        config = replace(config, classes=len(self.pictures.classes))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        model = Pelk(config)
        model.reset_parameters(self.generator)
        self.model = model.to(self.device)
        self.averaged = deepcopy(self.model).requires_grad_(False).eval()
        decayed = [weight for weight in self.model.parameters() if weight.dim() > 1]
        free = [weight for weight in self.model.parameters() if weight.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        self.masks: Masks = {}
        self.epoch, self.step = 0, 0
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "last.pt"
        if self.file.exists():
            self._resume()

    @property
    def updates(self) -> int:
        """Of one epoch."""
        return max(1, len(self.pictures) // self.recipe.batch)

    def rate(self) -> float:
        """The learning rate of the next update: a linear rise, then half a cosine to zero."""
        warm, whole = self.recipe.warm_up_epochs * self.updates, self.recipe.epochs * self.updates
        if self.step < warm:
            return self.recipe.learning_rate * (self.step + 1) / warm
        return self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (self.step - warm) / max(1, whole - warm)))

    def run(self) -> Pelk:
        """Trains to the last epoch and returns the averaged network."""
        while self.epoch < self.recipe.epochs:
            total, count = 0.0, 0
            for loss in self._epoch():
                total, count = total + loss, count + 1
            self.epoch += 1
            self._save()
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({"epoch": self.epoch, "step": self.step, "loss": total / max(1, count)}) + "\n")
        return self.averaged

    def _epoch(self) -> Iterator[float]:
        recipe = self.recipe
        self.generator.manual_seed(recipe.seed + self.epoch)
        loader = DataLoader(
            self.pictures, recipe.part, True, num_workers=recipe.workers, generator=self.generator, drop_last=False
        )
        parts = max(1, min(recipe.batch, len(self.pictures)) // recipe.part)
        self.model.train()
        # Of the epoch before, parts that made no whole update.
        self.optimizer.zero_grad(set_to_none=True)
        for index, (images, labels) in enumerate(loader):
            mixed, targets = mix(images, labels, self.averaged.config.classes, recipe, self.generator)
            mixed, targets = mixed.to(self.device), targets.to(self.device)
            if not self.masks and self.model.config.density < 1:
                first = F.cross_entropy(self.model(mixed), targets)
                self.masks = snip_masks(self.model, self.model.config.density, first)
                apply_masks(self.model, self.masks)
            loss = F.cross_entropy(self.model(mixed), targets)
            (loss / parts).backward()
            if (index + 1) % parts == 0:
                self._update()
            yield float(loss.detach())

    def _update(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.masks:
            if self.step % self.recipe.update_every == 0:
                self.masks = exchange(self.masks, self.model, self.recipe.prune_rate, self.generator)
            apply_masks(self.model, self.masks)
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        pairs = zip(self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True)
        for mine, theirs in pairs:
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)

    def _save(self) -> None:
        draft = self.file.with_suffix(".draft")
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "masks": self.masks,
            "epoch": self.epoch,
            "step": self.step,
        }
        torch.save(state, draft)
        draft.replace(self.file)

    def _resume(self) -> None:
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.masks, self.epoch, self.step = state["masks"], state["epoch"], state["step"]


def pictures(data: Path, side: int, recipe: PaperRecipe) -> ImageFolder:
    """The augmented training pictures, (3, side, side) float32. Raises BadInput for a folder without classes."""
    change = v2.Compose(
        [
            v2.RGB(),
            v2.RandomResizedCrop(side, interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandAugment(magnitude=recipe.magnitude)], p=recipe.chance),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION),
            v2.RandomErasing(p=recipe.erasing),
        ]
    )
    try:
        return ImageFolder(data, change)
    except OSError as problem:
        raise BadInput(
            f"The folder {data.name}", "holds no pictures in folders named after classes", "Give class/picture.jpg"
        ) from problem


def mix(
    images: Tensor, labels: Tensor, classes: int, recipe: PaperRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mixup or CutMix, half of the time each, with smoothed labels: (B, 3, S, S), (B,) -> the same, (B, classes)."""
    one = nn.functional.one_hot(labels, classes).float()
    targets = one * (1 - recipe.smoothing) + recipe.smoothing / classes
    cut = bool(torch.rand((), generator=generator) < 0.5)
    alpha = recipe.cutmix if cut else recipe.mixup
    share = _beta(alpha, generator)
    other = torch.randperm(len(images), generator=generator)
    if not cut:
        return share * images + (1 - share) * images[other], share * targets + (1 - share) * targets[other]
    side = images.shape[-1]
    hole = round(side * math.sqrt(1 - share))
    top, left = (int(at) for at in torch.randint(0, side - hole + 1, (2,), generator=generator))
    images = images.clone()
    images[..., top : top + hole, left : left + hole] = images[other, :, top : top + hole, left : left + hole]
    share = 1 - hole * hole / (side * side)
    return images, share * targets + (1 - share) * targets[other]


def _beta(alpha: float, generator: torch.Generator) -> float:
    """A number of the distribution Beta(alpha, alpha), by Joehnk's method (alpha up to 1)."""
    while True:
        a, b = (float(u) ** (1 / alpha) for u in torch.rand(2, generator=generator))
        if 0 < a + b <= 1:
            return a / (a + b)
