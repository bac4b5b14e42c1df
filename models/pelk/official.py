"""Takes over what fits from ConvNeXt, SLaK and RepLKNet checkpoints, and says what became of every tensor.

PeLK's authors published none. Pointwise layers, norms and downsampling of SLaK fit PeLK's widths as they are. Large
kernels are dense there and act on all channels: the first g are taken, brought to K x K, and replaced by the nearest
shared kernel. Files come through the checkpoint door as safetensors; nothing here unpickles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.parts.large_kernel_expansion import project
from models.pelk.network import Pelk
from models.pelk.official_kernels import brought_to, norm_of, of_slak, plain_kernel
from models.runtime import WrongCheckpoint

PREFIXES = ("module.", "model.", "backbone.", "state_dict.")
_REP_LARGE = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.large_kernel\.")
_REP_POINTWISE = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.(pw[12])\.conv\.weight")
_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.")


@dataclass
class Report:
    """What became of a checkpoint.

    scheme: convnext, slak or replknet. copied: our keys that took a tensor as it is. fitted: our large kernels that
    took a changed one, with the relative residual of the change. left: keys of the file that were not used, with the
    reason. untouched: our keys that kept their values.
    """

    scheme: str
    copied: list[str] = field(default_factory=list)
    fitted: dict[str, float] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    untouched: list[str] = field(default_factory=list)

    def text(self) -> str:
        """One line for a panel."""
        worst = f", largest change {max(self.fitted.values()):.0%}" if self.fitted else ""
        return (
            f"{self.scheme}: {len(self.copied)} tensors taken over, {len(self.fitted)} kernels fitted{worst}, "
            f"{len(self.left)} not used, {len(self.untouched)} of ours left as they were."
        )


def load(file: Path, model: Pelk) -> Report:
    """`load_state` on a safetensors file. Raises WrongCheckpoint when it cannot be read or nothing in it fits."""
    try:
        state = load_file(file)
    except (SafetensorError, OSError) as problem:
        raise WrongCheckpoint(f"{file.name} cannot be read as safetensors ({problem}). Download it again.") from None
    return load_state(model, state, file.name)


@torch.no_grad()
def load_state(model: Pelk, given: Mapping[str, Tensor], name: str = "The checkpoint") -> Report:
    """Fill `model` (not merged) from a state dict in ConvNeXt's, SLaK's or RepLKNet's key scheme.

    Raises WrongCheckpoint when the keys belong to none of them, or no tensor fits.
    """
    state = {_plain(key): value for key, value in given.items()}
    report = Report(scheme_of(state, name))
    fitting = _Fitting(model, state, report)
    if report.scheme == "replknet":
        fitting.from_replknet()
    else:
        fitting.from_convnext_family()
    taken = fitting.taken
    if not taken:
        raise WrongCheckpoint(
            f"{name} has {report.scheme} keys but no tensor of a size that {model.config.name} has. "
            "Choose a checkpoint or a configuration of the same widths.",
            wrong_shape=tuple(report.left),
        )
    model.load_state_dict(taken, strict=False)
    report.untouched = [key for key in model.state_dict() if key not in taken]
    return report


def scheme_of(state: Mapping[str, Tensor], name: str = "The checkpoint") -> str:
    """convnext, slak or replknet, by the keys. Raises WrongCheckpoint for anything else."""
    keys = list(state)
    if any(_REP_LARGE.match(key) for key in keys):
        return "replknet"
    if any(_BLOCK.match(key) and ".large_kernel." in key for key in keys):
        return "slak"
    if any(_BLOCK.match(key) and ".dwconv." in key for key in keys):
        return "convnext"
    raise WrongCheckpoint(
        f"{name} holds {len(keys)} tensors, none of them a depthwise convolution of ConvNeXt, SLaK or RepLKNet. "
        "Choose one of their image classification checkpoints.",
        unexpected=tuple(keys),
    )


def _plain(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


class _Fitting:
    """Collects in `taken` what a checkpoint gives to our keys."""

    def __init__(self, model: Pelk, state: Mapping[str, Tensor], report: Report) -> None:
        self.ours = model.state_dict()
        self.config = model.config
        self.state, self.report = state, report
        self.taken: dict[str, Tensor] = {}

    def from_convnext_family(self) -> None:
        """Same names for everything but the depthwise convolution."""
        kernels: set[tuple[int, int]] = set()
        for key, value in self.state.items():
            block = _BLOCK.match(key)
            if block and (".large_kernel." in key or ".dwconv." in key):
                kernels.add((int(block[1]), int(block[2])))
            else:
                self._copy(key, key, value)
        for stage, index in sorted(kernels):
            prefix = f"stages.{stage}.{index}."
            source = prefix + ("large_kernel." if self.report.scheme == "slak" else "dwconv.")
            parts = {key.removeprefix(source): value for key, value in self.state.items() if key.startswith(source)}
            large = of_slak(parts) if self.report.scheme == "slak" else plain_kernel(parts)
            self._fit(stage, index, source, large)
            if self.report.scheme == "slak" and "small_conv.conv.weight" in parts:
                self._small(stage, index, source, parts)

    def from_replknet(self) -> None:
        """Its stages alternate large-kernel blocks and perceptrons of two 1 x 1 convolutions with BatchNorm."""
        for key in self.state:
            pointwise = _REP_POINTWISE.match(key)
            if pointwise and int(pointwise[2]) % 2 == 1:
                self._pointwise(key, int(pointwise[1]), int(pointwise[2]) // 2, pointwise[3])
        sources = sorted({(int(m[1]), int(m[2])) for m in map(_REP_LARGE.match, self.state) if m})
        for stage, position in sources:
            source = f"stages.{stage}.blocks.{position}.large_kernel."
            parts = {key.removeprefix(source): value for key, value in self.state.items() if key.startswith(source)}
            self._fit(stage, position // 2, source, of_slak(parts))
            if "small_conv.conv.weight" in parts:
                self._small(stage, position // 2, source, parts)
        used = tuple(f"stages.{stage}.blocks.{position}.large_kernel." for stage, position in sources)
        for key in self.state:
            if key not in self.report.left and not key.startswith(used) and not self._was_used(key):
                self.report.left[key] = "PeLK has no such layer"

    def _was_used(self, key: str) -> bool:
        match = re.match(r"stages\.(\d+)\.blocks\.(\d+)\.(pw[12])\.", key)
        if not match or int(match[2]) % 2 == 0:
            return False
        return f"stages.{match[1]}.{int(match[2]) // 2}.pwconv{match[3][-1]}.weight" in self.taken

    def _copy(self, key: str, ours: str, value: Tensor) -> bool:
        if ours not in self.ours:
            self.report.left[key] = "PeLK has no such layer"
        elif self.ours[ours].shape != value.shape:
            self.report.left[key] = f"its shape is {tuple(value.shape)}, ours {tuple(self.ours[ours].shape)}"
        else:
            self.taken[ours] = value.to(self.ours[ours].dtype)
            self.report.copied.append(ours)
            return True
        return False

    def _pointwise(self, key: str, stage: int, index: int, layer: str) -> None:
        """A 1 x 1 convolution with its BatchNorm folded, as our linear layer."""
        prefix = key.removesuffix("conv.weight")
        weight = self.state[key]
        scale, shift = norm_of(self.state, prefix + "bn.", weight)
        ours = f"stages.{stage}.{index}.pwconv{layer[-1]}."
        if self._copy(key, ours + "weight", weight.flatten(1) * scale[:, None]):
            self._copy(prefix + "bn.bias", ours + "bias", shift)

    def _fit(self, stage: int, index: int, source: str, large: tuple[Tensor, Tensor]) -> None:
        """The dense kernel and bias of all channels, as the shared kernel of our first channels with a neutral norm."""
        target = f"stages.{stage}.{index}.large_kernel.lkb_origin."
        key = target + "conv.weight"
        kernel, bias = large
        if key not in self.ours:
            self.report.left[source] = "PeLK has no such block"
            return
        channels = self.ours[key].shape[0]
        if kernel.shape[0] < channels:
            self.report.left[source] = f"it has {kernel.shape[0]} channels, our branch {channels}"
            return
        kernel = kernel[:channels]
        at_size, cut = brought_to(kernel, self.config.kernels[stage])
        shared, residual = project(at_size.double(), self.config.grid(stage))
        self.taken[key] = shared.unsqueeze(1).to(self.ours[key].dtype)
        self.report.fitted[key] = (cut**2 + (1 - cut**2) * residual**2) ** 0.5
        if target + "bn.bias" in self.ours:
            self._neutral_norm(target + "bn.", bias[:channels])
        elif bool(bias.any()):
            self.report.left[source + "bias"] = "our branch without a norm has no bias"

    def _small(self, stage: int, index: int, source: str, parts: Mapping[str, Tensor]) -> None:
        target = f"stages.{stage}.{index}.large_kernel.small_conv."
        for part, value in parts.items():
            if part.startswith("small_conv.") and target + part.removeprefix("small_conv.") in self.ours:
                ours = target + part.removeprefix("small_conv.")
                self._copy(source + part, ours, value[: self.ours[ours].shape[0]] if value.dim() else value)

    def _neutral_norm(self, prefix: str, bias: Tensor) -> None:
        """A BatchNorm that in eval mode adds `bias` and nothing else."""
        epsilon = 1e-5
        values = {
            "weight": torch.ones_like(bias),
            "bias": bias,
            "running_mean": torch.zeros_like(bias),
            "running_var": torch.full_like(bias, 1 - epsilon),
        }
        for part, value in values.items():
            self.taken[prefix + part] = value.to(self.ours[prefix + part].dtype)
