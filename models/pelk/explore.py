"""Effective receptive fields layer by layer: any torch module, our trained networks and their small-kernel twins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.parts.problems import BadInput
from models.pelk.receptive_field import SHARES, AreaScore, area_scores

Layers = Sequence[tuple[str, nn.Module]]
Tick = Callable[[float], None]


@dataclass(frozen=True)
class Depth:
    """The field of one layer: (H, W) float32 over the input's pixels, not normalised, and its area scores."""

    name: str
    stride: int
    field: np.ndarray
    scores: tuple[AreaScore, ...]

    @property
    def dead(self) -> bool:
        """True when nothing in the image changes the centre of this layer."""
        return not self.field.any()


@dataclass(frozen=True)
class Network:
    """One network's fields, shallow to deep. trained: False for weights as drawn; weights: where they come from."""

    key: str
    title: str
    trained: bool
    weights: str
    depths: tuple[Depth, ...]

    def as_dict(self) -> dict[str, Any]:
        """Scores in plain values, without the fields."""
        return {
            "key": self.key,
            "title": self.title,
            "trained": self.trained,
            "weights": self.weights,
            "depths": [
                {
                    "name": depth.name,
                    "stride": depth.stride,
                    "scores": [{"share": s.share, "side_px": s.side, "area_ratio": s.area} for s in depth.scores],
                }
                for depth in self.depths
            ],
        }


def fields_by_depth(
    module: nn.Module, images: Tensor, layers: Layers | None = None, tick: Tick | None = None
) -> tuple[Depth, ...]:
    """The effective receptive field of every layer from one forward pass per image.

    module: any torch module. images: (B, C, H, W); the fields are means over B. layers: (name, submodule) whose outputs
    are maps (1, D, h, w), in the order they run; default: the module's own output. The centre of a layer's output,
    ReLU'd and summed over channels, is differentiated with respect to the image; positive parts are summed over
    colours. Fields of other image sizes are not comparable: say the size. Parameters collect no gradients, the module's
    mode is left as it is. Raises BadInput when a layer was not run or gives no map.
    """
    if images.dim() != 4 or not len(images):
        raise BadInput("The images", f"have the shape {tuple(images.shape)}", "Give (count, channels, height, width)")
    chosen = list(layers) if layers is not None else [("output", module)]
    totals: list[np.ndarray | float] = [0.0] * len(chosen)
    strides = [1] * len(chosen)
    for number, image in enumerate(images):
        for index, (gradient, stride) in enumerate(_of_one(module, image[None], chosen)):
            totals[index] = totals[index] + gradient
            strides[index] = stride
            if tick is not None:
                tick((number * len(chosen) + index + 1) / (len(images) * len(chosen)))
    depths = []
    for (name, _), total, stride in zip(chosen, totals, strides, strict=True):
        field = np.asarray(total) / len(images)
        depths.append(Depth(name, stride, field.astype(np.float32), tuple(area_scores(field, SHARES))))
    return tuple(depths)


def _of_one(module: nn.Module, image: Tensor, layers: Layers) -> Iterator[tuple[np.ndarray, int]]:
    with torch.inference_mode(False), torch.enable_grad():
        seen = image.detach().clone().requires_grad_(True)
        with _recorded(layers) as outputs, _frozen(module):
            module(seen)
        for index, (name, _) in enumerate(layers):
            features = outputs.get(index)
            if not isinstance(features, Tensor) or features.dim() != 4:
                kind = "was not run" if features is None else f"gives {_kind(features)}, not a map of features"
                raise BadInput(f"The layer {name}", kind, "Choose a layer before the pooling")
            centre = features[:, :, features.shape[2] // 2, features.shape[3] // 2].relu().sum()
            if centre.requires_grad:
                (gradient,) = torch.autograd.grad(centre, seen, retain_graph=index + 1 < len(layers), allow_unused=True)
            else:
                gradient = None
            field = torch.zeros_like(seen) if gradient is None else gradient
            yield field.relu().sum((0, 1)).double().cpu().numpy(), max(1, round(seen.shape[3] / features.shape[3]))


def _kind(value: object) -> str:
    return f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


@contextmanager
def _recorded(layers: Layers) -> Iterator[dict[int, Any]]:
    """Outputs of the layers, by their index, of the forward pass inside the block."""
    outputs: dict[int, Any] = {}

    def keep(index: int) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            outputs[index] = output

        return hook

    handles = [layer.register_forward_hook(keep(index)) for index, (_, layer) in enumerate(layers)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for parameters inside the block: they cost half of the backward pass."""
    thawed = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in thawed:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in thawed:
            weight.requires_grad_(True)


def blocks_of(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The blocks of the first PeLK trunk inside ``module``, named by stage. Raises BadInput when there is none."""
    from models.pelk.network import Pelk

    for part in module.modules():
        if isinstance(part, Pelk):
            return [
                (f"stage {stage + 1}, block {index + 1}", block)
                for stage, blocks in enumerate(part.stages)
                for index, block in enumerate(blocks)
            ]
    raise BadInput("The network", f"{type(module).__name__} holds no PeLK trunk", "Name its layers yourself")
