"""A user's ConvNeXt, SLaK or RepLKNet checkpoint as a network here: its sizes are read off its tensors.

ConvNeXt and SLaK are PeLKs that convolve all channels with a dense kernel, so they are taken over whole. RepLKNet has
other stems and transitions: what fits is taken over, the rest stays as drawn, and the report says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from models.parts.problems import BadInput
from models.pelk import official
from models.pelk.config import PelkConfig
from models.pelk.network import Pelk
from models.runtime import Loaded, ResourceSpec, WrongCheckpoint

Shapes = Mapping[str, tuple[int, ...]]
SCHEMES = {"convnext": "ConvNeXt", "slak": "SLaK", "replknet": "RepLKNet"}
MOST_BLOCKS, WIDEST = 200, 4096
_BLOCK = re.compile(r"stages\.(\d+)\.(?:blocks\.)?(\d+)\.")


@dataclass(frozen=True)
class Own:
    """A checkpoint that fits. name: of the file as the user knows it. complete: every weight that shapes the features
    comes from the file. report: one line on what became of its tensors."""

    file: Path
    name: str
    digest: str
    config: PelkConfig
    scheme: str
    complete: bool
    report: str

    @property
    def title(self) -> str:
        """ "ConvNeXt of yours"; partial ones say so."""
        return f"{SCHEMES[self.scheme]} of yours{'' if self.complete else ', in part'}"

    def build(self) -> Pelk:
        """The network in eval mode."""
        model = _drawn(self.config)
        official.load(self.file, model)
        return model.eval()

    def resource(self) -> ResourceSpec:
        """The network for the shared cache."""
        size = self.file.stat().st_size

        def load(device: str) -> Loaded:
            return Loaded(self.build().to(device), size)

        return ResourceSpec(f"pelk/own/{self.digest}", load, size, label=self.title)


def own_checkpoint(file: Path, name: str = "") -> Own:
    """Read a safetensors file that has passed the checkpoint door.

    Raises WrongCheckpoint for files of other networks, BadInput for sizes that no such network has.
    """
    name = name or file.name
    try:
        with safe_open(file, framework="pt") as opened:
            shapes = {_bare(key): tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as problem:
        raise WrongCheckpoint(f"{name} cannot be read as safetensors ({problem}). Download it again.") from None
    scheme = official.scheme_of(dict.fromkeys(shapes, torch.empty(0)), name)
    config = config_of(shapes, scheme, name)
    model = _drawn(config)
    report = official.load(file, model)
    # The embedding does not exist there, classifiers do not touch the features, merged small kernels are in the large.
    open_ends = [key for key in report.untouched if not key.startswith(("head.", "norm.")) and "num_batches" not in key]
    with file.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()[:16]
    return Own(file, name, digest, config, scheme, not open_ends, report.text())


def _bare(key: str) -> str:
    for prefix in official.PREFIXES:
        key = key.removeprefix(prefix)
    return key


def config_of(shapes: Shapes, scheme: str, name: str) -> PelkConfig:
    """The configuration whose tensors have these shapes. Raises BadInput."""
    blocks: dict[int, int] = {}
    for key in shapes:
        found = _BLOCK.match(key)
        if found:
            stage, block = int(found[1]), int(found[2])
            blocks[stage] = max(blocks.get(stage, 0), block + 1)
    stages = range(len(blocks))
    if sorted(blocks) != list(stages) or not 1 <= len(blocks) <= 8 or sum(blocks.values()) > MOST_BLOCKS:
        raise BadInput(name, "has stages that do not follow each other", "Choose an image classification checkpoint")
    kernels = tuple(_kernel(shapes, stage, name) for stage in stages)
    halves = 2 if scheme == "replknet" else 1
    dims = tuple(_width(shapes, stage, name) for stage in stages)
    stem = shapes.get("downsample_layers.0.0.weight", (dims[0], 3, 4, 4))
    small = any(".small_conv." in key for key in shapes)
    return PelkConfig(
        name=SCHEMES[scheme],
        dims=dims,
        depths=tuple(max(1, blocks[stage] // halves) for stage in stages),
        kernels=kernels,
        centre_radii=(0,) * len(blocks),
        grids=tuple((1,) * kernel for kernel in kernels),
        convolved=1.0,
        kpe="none",
        small_kernel=5 if small else 0,
        density=1.0,
        hidden=tuple(_hidden(shapes, stage, dims[stage]) for stage in stages),
        stem=stem[-1],
        in_channels=stem[1],
        classes=max(1, shapes.get("head.weight", (1000, 0))[0]),
        drop_path=0.0,
    )


def _of_stage(shapes: Shapes, stage: int, *parts: str) -> list[tuple[int, ...]]:
    prefix = f"stages.{stage}."
    return [shape for key, shape in shapes.items() if key.startswith(prefix) and any(part in key for part in parts)]


def _kernel(shapes: Shapes, stage: int, name: str) -> int:
    large = _of_stage(
        shapes, stage, ".dwconv.weight", "lkb_origin.conv.weight", "LoRA1.conv.weight", "lkb_reparam.weight"
    )
    sides = {max(shape[-2:]) for shape in large if len(shape) == 4}
    if len(sides) != 1 or not 1 <= min(sides) <= 255 or min(sides) % 2 == 0:
        raise BadInput(
            name, f"has no single odd kernel size in stage {stage + 1}", "Choose a ConvNeXt, SLaK or RepLKNet"
        )
    return sides.pop()


def _width(shapes: Shapes, stage: int, name: str) -> int:
    large = _of_stage(
        shapes, stage, ".dwconv.weight", "lkb_origin.conv.weight", "LoRA1.conv.weight", "lkb_reparam.weight"
    )
    width = large[0][0]
    if not 1 <= width <= WIDEST:
        raise BadInput(name, f"is {width} channels wide in stage {stage + 1}", f"At most {WIDEST} can be loaded")
    return width


def _hidden(shapes: Shapes, stage: int, width: int) -> int:
    layers = [shape for shape in _of_stage(shapes, stage, ".pwconv1.weight") if len(shape) == 2]
    return min(layers[0][0], 8 * WIDEST) if layers else 4 * width


def _drawn(config: PelkConfig) -> Pelk:
    model = Pelk(config)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model
