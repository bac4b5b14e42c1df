"""Sizes of the PeLK networks, from the paper where it prints them (section 4.1), and of the small ones made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.parts.large_kernel_grids import Grid, checked_grid, sharing_grid
from models.parts.problems import BadInput

Kpe = Literal["literal", "masked", "none"]
WIDTH_FACTOR = 1.3
"""SLaK's and PeLK's widening, paid for by 40 % sparsity; widths are cut to whole numbers."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of colours in 0..1; PeLK, ConvNeXt, SLaK and RepLKNet are trained on pictures normalised with them."""


@dataclass(frozen=True)
class PelkConfig:
    """One network.

    dims, depths, kernels, centre_radii: per stage. grids: explicit sharing grids per stage instead of the generated
    ones; all-ones bins make a dense kernel. convolved: share of the channels that pass the large kernel, the rest goes
    on as it is (partial convolution, rounded down). kpe: form of the positional embedding, added behind the large
    branch's norm. small_kernel: side of the parallel small kernel, 0 for none. mixer_norm: BatchNorm in both branches
    (SLaK). density: share of weights kept by dynamic sparsity when trained at full size. hidden: widths of the
    two-layer perceptrons per stage; empty means four times the stage's width. image: side of the input the size is
    quoted for.
    """

    name: str
    dims: tuple[int, ...]
    depths: tuple[int, ...]
    kernels: tuple[int, ...] = (51, 49, 47, 13)
    centre_radii: tuple[int, ...] = (2, 2, 2, 2)
    grids: tuple[Grid, ...] = ()
    merge_tail: bool = False
    convolved: float = 3 / 8
    kpe: Kpe = "literal"
    small_kernel: int = 5
    mixer_norm: bool = True
    density: float = 0.6
    mlp_ratio: int = 4
    hidden: tuple[int, ...] = ()
    stem: int = 4
    in_channels: int = 3
    classes: int = 1000
    image: int = 224
    drop_path: float = 0.1
    layer_scale: float = 1e-6
    base: float = 2.0

    def __post_init__(self) -> None:
        stages = len(self.dims)
        lists: dict[str, tuple[object, ...]] = {
            "depths": self.depths,
            "kernels": self.kernels,
            "centre_radii": self.centre_radii,
        }
        lists |= {name: given for name, given in (("grids", self.grids), ("hidden", self.hidden)) if given}
        for name, given in lists.items():
            if len(given) != stages:
                raise BadInput(
                    f"The setting {name}", f"has {len(given)} entries for {stages} stages", "Give one per stage"
                )
        if not 0 < self.convolved <= 1 or any(self.convolved_channels(stage) < 1 for stage in range(stages)):
            raise BadInput("The convolved share", f"is {self.convolved}", "Give more than 0 and at most 1, as 3/8")
        if self.kpe not in ("literal", "masked", "none"):
            raise BadInput("The embedding form", f"is {self.kpe!r}", "Use literal, masked or none")
        if self.small_kernel and (self.small_kernel % 2 == 0 or self.small_kernel > min(self.kernels)):
            raise BadInput("The small kernel", f"is {self.small_kernel}", "Give an odd size within the kernels, or 0")
        for stage in range(stages):
            self.grid(stage)

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return len(self.dims)

    def grid(self, stage: int) -> Grid:
        """The sharing grid of a stage."""
        if self.grids:
            return checked_grid(self.grids[stage], self.kernels[stage])
        return sharing_grid(self.kernels[stage], self.centre_radii[stage], self.base, self.merge_tail)

    def convolved_channels(self, stage: int) -> int:
        """g: how many channels of a stage pass the large kernel."""
        return int(self.convolved * self.dims[stage])

    def hidden_width(self, stage: int) -> int:
        """Width of the perceptron between its two layers."""
        return self.hidden[stage] if self.hidden else self.mlp_ratio * self.dims[stage]

    def with_grids(self, grids: Sequence[Sequence[int]]) -> PelkConfig:
        """The same network with other sharing grids, which must sum to the stages' kernels."""
        return replace(self, grids=tuple(tuple(grid) for grid in grids))


def widened(dims: Sequence[int]) -> tuple[int, ...]:
    """The widths times 1.3, cut to whole numbers: 96 -> 124."""
    return tuple(int(width * WIDTH_FACTOR) for width in dims)


_SMALL, _BASE = widened((96, 192, 384, 768)), widened((128, 256, 512, 1024))
_T, _SB = (3, 3, 9, 3), (3, 3, 27, 3)
_K101, _WIDE_CENTRE = (101, 69, 67, 13), (3, 3, 3, 2)


def _sizes(*configs: PelkConfig) -> dict[str, PelkConfig]:
    return {config.name: config for config in configs}


CONFIGS = _sizes(
    PelkConfig("pelk_t", _SMALL, _T),
    PelkConfig("pelk_s", _SMALL, _SB, drop_path=0.4),
    PelkConfig("pelk_b", _BASE, _SB, drop_path=0.5),
    PelkConfig("pelk_b_384", _BASE, _SB, drop_path=0.5, image=384),
    PelkConfig("pelk_t_101", _SMALL, _T, kernels=_K101, centre_radii=_WIDE_CENTRE),
    PelkConfig("pelk_s_101", _SMALL, _SB, drop_path=0.4, kernels=_K101, centre_radii=_WIDE_CENTRE),
    PelkConfig("pelk_b_101_384", _BASE, _SB, drop_path=0.5, image=384, kernels=_K101, centre_radii=_WIDE_CENTRE),
    PelkConfig("pelk_t_151", _SMALL, _T, kernels=(151, 89, 87, 13), centre_radii=_WIDE_CENTRE),
    PelkConfig(
        "pelk_nano",
        (24, 48, 96),
        (2, 2, 4),
        kernels=(31, 23, 11),
        centre_radii=(2, 2, 2),
        density=1.0,
        stem=2,
        in_channels=1,
        classes=2,
        image=96,
        drop_path=0.0,
        layer_scale=1e-2,
    ),
)
"""By name. drop_path: SLaK's rates for T, S and B. The layer scale of nano is larger: it trains for few steps."""


def small_twin(config: PelkConfig, kernel: int) -> PelkConfig:
    """The same network with dense `kernel` x `kernel` convolutions and, within half a percent, as many parameters.

    What the large kernels, the small branch and the embedding saved goes into the perceptrons, stage by stage.
    """
    from models.pelk.counting import stage_parameters

    twin = replace(
        config,
        name=f"{config.name}_k{kernel}",
        kernels=(kernel,) * config.stages,
        centre_radii=(kernel // 2,) * config.stages,
        grids=(),
        kpe="none",
        small_kernel=0,
    )
    hidden = []
    for stage in range(config.stages):
        spare = stage_parameters(config, stage) - stage_parameters(twin, stage)
        per_unit = config.depths[stage] * (2 * config.dims[stage] + 1)
        hidden.append(config.hidden_width(stage) + round(spare / per_unit))
    return replace(twin, hidden=tuple(hidden))
