"""Parameters and multiply-adds by closed formula, in the paper's way of counting (its tables 1 to 4)."""

from __future__ import annotations

from dataclasses import dataclass

from models.pelk.config import PelkConfig


@dataclass(frozen=True)
class Counts:
    """Of one network at one image size.

    parameters: weights that remain at the configured density, embedding not included. stored: before masking, with it.
    embedding: weights of the positional embeddings. flops: multiply-adds at the density, large kernels counted at their
    dense K^2. large_kernel: the part of flops that the large kernels take.
    """

    parameters: float
    stored: int
    embedding: int
    flops: float
    large_kernel: float


def stage_parameters(config: PelkConfig, stage: int) -> int:
    """All weights that a stage stores: blocks, embedding, without the convolution that leads to it."""
    return config.depths[stage] * (_sparse_weights(config, stage) + _dense_weights(config, stage)) + _embedding(
        config, stage
    )


def _sparse_weights(config: PelkConfig, stage: int) -> int:
    """Weights of one block that sparsity thins out: both pointwise layers and the shared kernel."""
    channels = config.convolved_channels(stage)
    return 2 * config.dims[stage] * config.hidden_width(stage) + channels * len(config.grid(stage)) ** 2


def _dense_weights(config: PelkConfig, stage: int) -> int:
    """The rest of one block: small kernel, norms, biases, layer scale."""
    width, channels = config.dims[stage], config.convolved_channels(stage)
    small = channels * config.small_kernel**2
    branches = 2 if config.small_kernel else 1
    norms = 2 * channels * branches if config.mixer_norm else 0
    return small + norms + 2 * width + config.hidden_width(stage) + width + width


def _embedding(config: PelkConfig, stage: int) -> int:
    return 0 if config.kpe == "none" else config.convolved_channels(stage) * config.kernels[stage] ** 2


def _leading(config: PelkConfig, stage: int) -> int:
    """Weights of the convolution that leads to a stage."""
    if stage == 0:
        return config.in_channels * config.stem**2 * config.dims[0]
    return 4 * config.dims[stage - 1] * config.dims[stage]


def counts(config: PelkConfig, image: int | tuple[int, int] | None = None, small_kernel: bool = False) -> Counts:
    """Counts at an `image` of one side or (height, width); default: the configuration's own size.

    small_kernel: count the small branch's weights and work too; the paper's figures are of the merged network.
    """
    image = config.image if image is None else image
    high, wide = (image, image) if isinstance(image, int) else image
    high, wide = high // config.stem, wide // config.stem
    thin = dense = work = large = 0.0
    for stage in range(config.stages):
        pixels = high * wide
        blocks, width, channels = config.depths[stage], config.dims[stage], config.convolved_channels(stage)
        thin += _leading(config, stage) + blocks * _sparse_weights(config, stage)
        dense += _merged_rest(config, stage, small_kernel)
        large += blocks * pixels * channels * config.kernels[stage] ** 2
        work += pixels * (_leading(config, stage) + blocks * 2 * width * config.hidden_width(stage))
        if small_kernel:
            work += blocks * pixels * channels * config.small_kernel**2
        high, wide = high // 2, wide // 2
    head = config.dims[-1] * config.classes
    dense += head + config.classes + 2 * config.dims[-1]
    embedding = sum(_embedding(config, stage) for stage in range(config.stages))
    return Counts(
        parameters=config.density * thin + dense,
        stored=int(thin + dense) + embedding,
        embedding=embedding,
        flops=config.density * (work + large) + head,
        large_kernel=config.density * large,
    )


def _merged_rest(config: PelkConfig, stage: int, small_kernel: bool) -> int:
    """Unthinned weights of a stage and of its leading convolution: biases and norms; the small branch if asked for."""
    width, hidden, channels = config.dims[stage], config.hidden_width(stage), config.convolved_channels(stage)
    leading = width + 2 * (config.dims[stage - 1] if stage else width)
    block = _dense_weights(config, stage) if small_kernel else channels + 2 * width + hidden + width + width
    return leading + config.depths[stage] * block
