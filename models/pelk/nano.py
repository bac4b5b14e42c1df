"""The small networks that ship: pelk_nano and its twins with small dense kernels, for two tasks made by rule.

`build("pathfinder", "large")` draws one anew, `load("pathfinder", "large")` brings the trained one. The twins "k7" and
"k3" have as many parameters (within half a percent): what their kernels save goes into wider perceptrons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.method import ASSETS
from models.parts.problems import BadInput
from models.pelk import METHOD
from models.pelk.config import CONFIGS, PelkConfig, small_twin
from models.pelk.network import Pelk
from models.pelk.packing import read

Task = Literal["pathfinder", "segmentation"]
Variant = Literal["large", "k7", "k3"]
TASKS: tuple[Task, ...] = get_args(Task)
VARIANTS: tuple[Variant, ...] = get_args(Variant)
SEEDS = (0, 1, 2)
SHIPPED_SEED = 0
"""Of the training runs the one whose weights are part of the tree; the others lie in RUNS where they were trained."""
RUNS = ASSETS.parent / "runs" / METHOD.slug
SIDE = 96
"""Side of the square pictures the networks were trained on, pixels; other sizes of 16 pixels and more run too."""
LAYOUT_CLASSES = 8
_NECK = 64
_BINS = (1, 2, 3, 6)


def config_of(task: Task, variant: Variant) -> PelkConfig:
    """The trunk's configuration. Raises BadInput for a task or a variant that does not exist."""
    _known("task", task, TASKS)
    _known("variant", variant, VARIANTS)
    nano = CONFIGS["pelk_nano"]
    if task == "segmentation":
        nano = replace(nano, name="pelk_nano_seg", in_channels=3)
    return nano if variant == "large" else small_twin(nano, int(variant[1:]))


class PathfinderNet(nn.Module):
    """Answers whether one curve joins the dots, and marks on a coarse map whose curves carry how many dots.

    The map is learnt beside the answer (it tells every place what to find out) and is shown, it does not decide.
    """

    STRIDE = 8

    def __init__(self, config: PelkConfig) -> None:
        super().__init__()
        self.trunk = Pelk(config)
        self.trace = nn.Conv2d(config.dims[-1], 3, 1)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 1, H, W) in 0..1 -> logits (B, 2) of "two curves" and "one curve", and of the map (B, 3, H/8, W/8):
        here runs a curve with 0, 1, 2 dots."""
        features = self.trunk.features(x)[-1]
        logits = self.trunk.head(self.trunk.norm(features.mean((-2, -1))))
        return logits, self.trace(features)

    def features(self, x: Tensor) -> list[Tensor]:
        """The trunk's map after every stage, for receptive fields."""
        return self.trunk.features(x)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W) -> logits (B, 2): two curves, one curve."""
        return self.both(x)[0]


class LayoutNet(nn.Module):
    """Trunk and a light UPerNet head: pyramid pooling over bins of 1, 2, 3 and 6 cells, then a 64-channel pyramid."""

    def __init__(self, config: PelkConfig, classes: int = LAYOUT_CLASSES) -> None:
        super().__init__()
        self.trunk = Pelk(config)
        self.trunk.norm, self.trunk.head = nn.Identity(), nn.Identity()
        *lower, top = config.dims
        self.pooled = nn.ModuleList(nn.Conv2d(top, _NECK // 4, 1) for _ in _BINS)
        self.top = nn.Conv2d(top + _NECK, _NECK, 3, padding=1)
        self.lateral = nn.ModuleList(nn.Conv2d(width, _NECK, 1) for width in lower)
        self.fuse = nn.Conv2d(3 * _NECK, _NECK, 3, padding=1)
        self.classify = nn.Conv2d(_NECK, classes, 1)

    def features(self, x: Tensor) -> list[Tensor]:
        """The trunk's map after every stage, for receptive fields."""
        return self.trunk.features(x)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) in 0..1 -> class logits (B, classes, H, W)."""
        first, second, top = self.trunk.features(x)
        size = (top.shape[2], top.shape[3])
        pools = [
            _resized(F.gelu(conv(F.adaptive_avg_pool2d(top, bins))), size)
            for bins, conv in zip(_BINS, self.pooled, strict=True)
        ]
        coarse = F.gelu(self.top(torch.cat([top, *pools], dim=1)))
        middle = (second.shape[2], second.shape[3])
        across = _resized(coarse, middle)
        low = self.lateral[1](second) + across
        fine = F.adaptive_avg_pool2d(self.lateral[0](first), middle) + low
        fused = F.gelu(self.fuse(torch.cat([across, low, fine], dim=1)))
        detailed = _resized(fused, (first.shape[2], first.shape[3])) + self.lateral[0](first)
        return _resized(self.classify(F.gelu(detailed)), (x.shape[2], x.shape[3]))


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


NETS: dict[Task, Callable[[PelkConfig], PathfinderNet | LayoutNet]] = {
    "pathfinder": PathfinderNet,
    "segmentation": LayoutNet,
}


def build(task: Task, variant: Variant, generator: torch.Generator | None = None) -> PathfinderNet | LayoutNet:
    """The network, freshly drawn; the same weights for the same state of `generator`."""
    config = config_of(task, variant)
    model = NETS[task](config)
    model.trunk.reset_parameters(generator)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith("trunk."):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return model


def weights_file(task: Task, variant: Variant, seed: int = SHIPPED_SEED, folder: Path | None = None) -> Path:
    """Where the weights of one training run lie: in `folder`, else with the shipped ones or among the runs."""
    config_of(task, variant)
    own = METHOD.weights_folder if seed == SHIPPED_SEED else RUNS
    return (folder or own) / f"{task}_{variant}_{seed}.safetensors"


def stored_file(task: Task, variant: Variant, seed: int = SHIPPED_SEED, folder: Path | None = None) -> Path:
    """The file of `weights_file`. Raises BadInput when it is not there."""
    file = weights_file(task, variant, seed, folder)
    if not file.exists():
        raise BadInput(
            f"The network {task} {variant} (seed {seed})",
            "has no weights here",
            "Train it with `python3 launch.py train pelk`, or choose one that ships",
        )
    return file


def available() -> list[tuple[Task, Variant, int]]:
    """The runs whose weights are here, shipped or trained on this machine."""
    runs = ((task, variant, seed) for task in TASKS for variant in VARIANTS for seed in SEEDS)
    return [run for run in runs if weights_file(*run).exists()]


def shipped() -> list[tuple[Task, Variant, int]]:
    """The runs whose weights are part of the tree."""
    return [run for run in available() if run[2] == SHIPPED_SEED]


def load(
    task: Task, variant: Variant, seed: int = SHIPPED_SEED, folder: Path | None = None
) -> PathfinderNet | LayoutNet:
    """The trained network in eval mode, float32. Raises BadInput when its weights are not there."""
    model = build(task, variant)
    model.load_state_dict(read(stored_file(task, variant, seed, folder)))
    return model.eval()


def parameters(model: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(weight.numel() for weight in model.parameters())


def _known(what: str, given: str, there: tuple[str, ...]) -> None:
    if given not in there:
        raise BadInput(f"The {what}", f"{given!r} is unknown", f"Use {', '.join(there)}")
