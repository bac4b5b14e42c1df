"""The networks that ship, as resources of the runtime, and what each is called."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from models.parts.digests import file_digest
from models.parts.problems import BadInput
from models.pelk import nano
from models.pelk.nano import LayoutNet, PathfinderNet, Task, Variant
from models.runtime import Loaded, ResourceSpec

Net = PathfinderNet | LayoutNet


@dataclass(frozen=True)
class Label:
    """How a network is called: variant, title with its kernels, number of parameters."""

    variant: Variant
    title: str
    parameters: int


def label_of(net: Net, variant: Variant) -> Label:
    """Its kernels per stage stand in the title."""
    kernels = net.trunk.config.kernels
    if variant == "large":
        return Label(variant, f"PeLK, K = {', '.join(map(str, kernels))}", nano.parameters(net))
    return Label(variant, f"K = {kernels[0]} in every stage", nano.parameters(net))


def require_trained(task: Task, seed: int = 0) -> None:
    """Raises BadInput naming the first variant of ``task`` whose weights are missing."""
    for variant in nano.VARIANTS:
        nano.stored_file(task, variant, seed)


def trained(task: Task, variant: Variant, seed: int = 0) -> ResourceSpec:
    """A trained network in eval mode, for ``context.resource``. Raises BadInput when its weights are not here."""
    digest = file_digest(nano.stored_file(task, variant, seed))

    def load(device: str) -> Loaded:
        net = nano.load(task, variant, seed).to(device)
        return Loaded(net, 4 * nano.parameters(net), lambda: None)

    return ResourceSpec(f"pelk/{task}/{variant}/{digest}", load, 4_000_000, label=f"PeLK {task} {variant}")


def drawn(task: Task, variant: Variant, seed: int) -> Net:
    """An untrained network in eval mode whose weights are drawn with ``seed``, for comparisons that say so."""
    return nano.build(task, variant, torch.Generator().manual_seed(seed)).eval()


def checked_seed(seed: int) -> int:
    """The number of one of the training runs, shipped or not; raises BadInput."""
    if seed not in nano.SEEDS:
        raise BadInput("The training run", f"is {seed!r}", f"Choose one of {', '.join(map(str, nano.SEEDS))}")
    return seed
