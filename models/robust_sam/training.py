"""Trains the embedded weights: stage A teaches plain SAM to segment, stage B adds the robust branch, then the baseline.

Stage A (method document section 7): encoder, prompts and SAM's decoder on clear scenes. Stage B (paper section 3.4):
everything of stage A frozen, the robust part on clear/degraded pairs. The baseline "augmentation only" is stage A's
decoder fine-tuned on the same degraded images for as many steps as stage B: the fair question is whether the robust
part beats it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.method import ASSETS
from models.parts.efficientnet_lite import load_imagenet
from models.parts.measuring import workers
from models.robust_sam import METHOD, dataset
from models.robust_sam.amfg import Amfg
from models.robust_sam.grouping import GroupingHead
from models.robust_sam.network import CONFIGS, RobustSam
from models.robust_sam.scenes import Batch, SceneSampler
from models.robust_sam.stages import LOSSES, set_modes, trainable
from models.robust_sam.team import ALONE, Member, together
from models.robust_sam.trainer import StageConfig, Trainer
from models.worlds.packs import Shard, read_packs

RUNS = ASSETS.parent / "runs" / METHOD.slug
ON_PAIRS = StageConfig(
    "robust",
    minutes=26,
    learning_rate=1e-3,
    sides=((0.55, 256), (0.85, 384), (1.0, 512)),
    batch=4,
    per_image=4,
    pairs=True,
    seed=1,
)
STAGES = {
    stage.name: stage
    for stage in (
        StageConfig(
            "plain", minutes=126, learning_rate=8e-4, sides=((0.74, 256), (0.88, 384), (1.0, 512)), batch=4, per_image=6
        ),
        ON_PAIRS,
        replace(ON_PAIRS, name="augmented", minutes=60, learning_rate=3e-4),
    )
}
BATCH_NORM_MOMENTUM = 0.1
AUGMENTED_FILE = "nano_augmented.safetensors"


def train(quick: bool, folder: Path = RUNS, out: Path | None = None) -> None:
    """Writes the data (once), trains the three stages (resuming what is there) and writes the weights to ``out``.

    ``quick`` is a smoke run: two dozen scenes, a few steps, weights left in ``folder``.
    """
    torch.manual_seed(0)
    sources = data(folder, quick)
    stages = {name: _shortened(stage) if quick else stage for name, stage in STAGES.items()}
    out = out or (folder if quick else METHOD.weights_folder)
    plain = run_stage(fresh_model(), stages["plain"], sources, folder)
    model = run_stage(with_robust_start(plain), stages["robust"], sources, folder)
    settle_statistics(model, stages["robust"], shards_of(sources))
    save(model.state_dict(), out / (METHOD.checkpoint("nano").file or ""))
    steps = Trainer(with_robust_start(plain), stages["robust"], folder).step
    baseline = run_stage(plain, replace(stages["augmented"], max_steps=steps), sources, folder)
    moved = {name for name, _ in trainable(baseline, "augmented")}
    save({name: value for name, value in baseline.state_dict().items() if name in moved}, out / AUGMENTED_FILE)


Sources = list[tuple[Path, float]]
"""Packs of training scenes with the weight that each scene of theirs is drawn with."""


def data(folder: Path, quick: bool) -> Sources:
    """The training packs, written first where they are missing."""
    if quick:
        dataset.write_sample(folder / "sample")
        return [(folder / "sample", 1.0)]
    sources = []
    for kind, (write, seeds, weight) in dataset.PACKS.items():
        for seed, count in seeds.items():
            pack = folder / kind / str(seed)
            write(pack, count, seed)
            sources.append((pack, weight))
    return sources


def shards_of(sources: Sources) -> list[tuple[Shard, float]]:
    """The memory-mapped shards of the packs, each with its pack's weight."""
    return [(shard, weight) for pack, weight in sources for shard in read_packs(pack)]


def run_stage(model: RobustSam, config: StageConfig, sources: Sources, folder: Path) -> RobustSam:
    """Trains one stage to its end, with a worker on each of two cores, and returns the averaged model."""
    size = workers() if config.parallel else 1
    if size == 1:
        return _work(ALONE, model, config, sources, folder)
    numbers = 1 + sum(parameter.numel() for _, parameter in trainable(model, config.name))
    together(size, numbers, _work, model, config, sources, folder)
    return Trainer(model, config, folder).averaged


def _work(member: Member, model: RobustSam, config: StageConfig, sources: Sources, folder: Path) -> RobustSam:
    shards = shards_of(sources)

    def batches(side: int, step: int) -> Iterator[Batch]:
        size = max(round(config.batch * (config.sides[0][1] / side) ** 1.5), 2)
        seed = config.seed * 1_000_003 + step * member.size + member.rank
        return SceneSampler(shards, side, size, config.per_image, config.pairs, seed).stream()

    return Trainer(model, config, folder, member).run(batches)


SETTLING_BATCHES = 24


def settle_statistics(model: RobustSam, config: StageConfig, shards: list[tuple[Shard, float]]) -> None:
    """Measures the cleaners' BatchNorm statistics anew for the averaged weights, over batches of the last side.

    Running averages of training belong to weights that were never kept (Wu and Johnson 2021, "precise" statistics).
    """
    norms = [amfg.dnc_block_combined.SEMBlock.maxpool_conv[0].BN for amfg in model.modules() if isinstance(amfg, Amfg)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    set_modes(model, "robust")
    sampler = SceneSampler(shards, config.sides[-1][1], 4, config.per_image, config.pairs, config.seed + 1)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        for _ in range(SETTLING_BATCHES):
            LOSSES["robust"](model, sampler.draw(), generator)
    for norm in norms:
        norm.momentum = BATCH_NORM_MOMENTUM
    model.eval()


GROUPING = "grouping"


def fresh_model() -> RobustSam:
    """The nano network with an ImageNet trunk and stage A's grouping head, the rest at random from torch's seed."""
    model = RobustSam(CONFIGS["nano"])
    load_imagenet(model.image_encoder.trunk)
    look_where_the_prompt_is(model)
    model.add_module(GROUPING, GroupingHead(model.config.dim))
    return model.to(memory_format=torch.channels_last)


LOCALITY = 2.5
"""Gain on the cross-attention's query and key projections at the start: attention begins local, not uniform."""


def look_where_the_prompt_is(model: RobustSam) -> None:
    """Starts every cross-attention with equal query and key projections.

    Points and image cells carry the same positional code, so a prompt attends to its own place from the first
    step.
    """
    with torch.no_grad():
        for name, module in model.mask_decoder.transformer.named_modules():
            if name.endswith(("cross_attn_token_to_image", "cross_attn_image_to_token", "final_attn_token_to_image")):
                module.q_proj.weight.mul_(LOCALITY)
                module.k_proj.weight.copy_(module.q_proj.weight)


def with_robust_start(model: RobustSam) -> RobustSam:
    """``model`` with its robust part started near plain SAM: its tokens where SAM's ended, its cleaners near identity.

    The Fourier suppression starts with every amplitude kept, the reduction with the untouched map, and the mask
    projection with x = gelu(x) - gelu(-x), so that stage B begins from SAM's own feature instead of noise.
    """
    model._modules.pop(GROUPING, None)
    decoder = model.mask_decoder
    with torch.no_grad():
        decoder.custom_robust_token.weight.copy_(decoder.mask_tokens.weight)
        for name in ("first_layer", "last_layer", "mask"):
            _keep(decoder.get_submodule(f"fourier_{name}_features"))
        first, last = (decoder.fourier_mask_features.downsample_layer[index] for index in (0, 3))
        eye = torch.eye(first.in_channels)
        for convolution, weight in ((first, torch.cat([eye, -eye])), (last, torch.cat([eye, -eye], dim=1))):
            convolution.weight.mul_(0.1)[:, :, 1, 1] += weight
            convolution.bias.zero_()
    return model


def _keep(amfg: Amfg) -> None:
    amplitude, reduction = amfg.fgm_block.conv_layer, amfg.conv_layer
    amplitude.weight.mul_(0.1)[:, :, 0, 0] += torch.eye(amplitude.in_channels)
    amplitude.bias.zero_()
    # The channel attention starts at one half.
    reduction.weight.mul_(0.1)[:, : reduction.out_channels, 1, 1] += 2 * torch.eye(reduction.out_channels)
    reduction.bias.zero_()


def save(state: dict[str, Tensor], file: Path) -> None:
    """Writes ``state`` as fp16 safetensors; integer buffers keep their type."""
    file.parent.mkdir(parents=True, exist_ok=True)
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise ValueError(f"{file.name} is not written: {broken[0]} and {len(broken) - 1} more hold infinite numbers")
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    save_file({name: value.contiguous() for name, value in halves.items()}, file)


def _shortened(stage: StageConfig) -> StageConfig:
    return replace(stage, parallel=False, max_steps=3, sides=((0.5, 64), (1.0, 128)), batch=2, per_image=2)
