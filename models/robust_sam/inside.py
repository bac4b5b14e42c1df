"""Inside view: what RobustSAM's parts do to one picture, for people who want to understand the method.

The three feature cleaners (AMFG: amplitude spectra, branch selector, energy) and where the output tokens look.

view = runtime.submit(inside_job("me", image, image_digest(image), prompts)).result()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.parts.digests import file_digest
from models.parts.sizes import shrunk
from models.robust_sam import METHOD, frames
from models.robust_sam.amfg import Amfg, AmfgTrace
from models.robust_sam.clicks import ImageFeatures, painted_logits
from models.robust_sam.decoder import Branch
from models.robust_sam.inside_attention import padding_share, token_to_image
from models.robust_sam.inside_types import (
    HISTOGRAM_BINS,
    Cleaner,
    CleanerName,
    Distance,
    Floats,
    InsideView,
    Stage,
    TokenAttention,
)
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import model_resource, weights_file
from models.robust_sam.prompts import Prompts
from models.robust_sam.sweep_pictures import look_at, masks_of
from models.robust_sam.sweep_types import Picture
from models.runtime import Job, JobContext

SMALLEST = 1e-8
"""Added to amplitudes before their logarithm."""
MASK_SIDE = 512
NO_CLEANERS = (
    "This is a plain SAM checkpoint: it has no feature cleaners and no robust token. "
    "Only the attention of SAM's own mask token is shown. Choose RobustSAM weights to see the rest."
)
MASK_TOKEN = 1
"""Place of the single mask's token among the decoder's tokens; the IoU token is 0."""

Run = Generator[Stage, None, InsideView]


def spectrum(feature: Tensor) -> Tensor:
    """feature: (1, C, h, w) -> (h, w) mean over channels of |FFT|, zero frequency in the middle."""
    amplitude = torch.fft.fft2(feature.float()).abs().mean(dim=(0, 1))
    return torch.fft.fftshift(amplitude)


def rings(amplitude: Tensor) -> tuple[Tensor, Tensor]:
    """amplitude: (h, w), zero frequency in the middle -> radii 0, 1, ... in cycles per map, and ring means."""
    height, width = amplitude.shape
    rows, columns = torch.meshgrid(torch.arange(height) - height // 2, torch.arange(width) - width // 2, indexing="ij")
    radius = (rows**2 + columns**2).float().sqrt().round().long().clamp_max(min(height, width) // 2).flatten()
    count = int(radius.max()) + 1
    totals = torch.zeros(count).index_add_(0, radius, amplitude.flatten().cpu())
    return torch.arange(count), totals / torch.bincount(radius, minlength=count)


def cleaner_view(name: CleanerName, feature: Tensor, trace: AmfgTrace, distance: Distance | None) -> Cleaner:
    """Small pictures of one AMFG. feature: (1, C, h, w), what went in; ``trace``: what happened to it."""
    before, after = spectrum(trace.excited), spectrum(trace.suppressed)
    radius, ring_before = rings(before)
    _, ring_after = rings(after)
    height, width = feature.shape[-2:]
    cells = trace.batch_weight[0, :, :: height // 4, :: width // 4]
    channels = cells.mean(dim=(1, 2)).clamp(0, 1)
    return Cleaner(
        name=name,
        channels=feature.shape[1],
        spectrum_before=_array(torch.log10(before + SMALLEST)),
        spectrum_after=_array(torch.log10(after + SMALLEST)),
        ratio=_array(torch.log2((after + SMALLEST) / (before + SMALLEST))),
        radius=_array(radius),
        radial_before=_array(ring_before),
        radial_after=_array(ring_after),
        selector=_array(cells.mean(dim=0)),
        selector_channels=_array(channels),
        histogram=np.histogram(_array(channels), bins=HISTOGRAM_BINS, range=(0, 1))[0].astype(np.int64),
        energy_before=_array(_energy(feature)),
        energy_after=_array(_energy(trace.reduced)),
        distance=distance,
    )


def inside_view(
    context: JobContext,
    model: RobustSam,
    *,
    image: Picture,
    prompts: Prompts,
    clean: Picture | None = None,
) -> Run:
    """What the model does to ``image`` (H, W, 3) uint8 for one prompt; yields a Stage after each cleaner.

    ``clean``: the same photo before it was degraded, for distances to its features; None when the picture is clean or
    was bent. Nothing is kept in the shared cache. Raises BadPrompt.
    """
    start = time.perf_counter()
    size = image.shape[0], image.shape[1]
    checked = prompts.checked(size)
    robust = "robust" in model.branches
    context.tick(0.0, "Reading the picture")
    features, early = look_at(model, image, context.device, _part(context, 0.0, 0.3, "Reading the picture"))
    clean_features, clean_early = (
        look_at(model, clean, context.device, _part(context, 0.3, 0.55, "Reading the clean photo"))
        if clean is not None and robust
        else (None, None)
    )
    context.tick(0.55, "Asking the output tokens")
    attention = _attention(model, features, checked)
    cleaners: list[Cleaner] = []
    if robust:
        decoder, upscaled = model.mask_decoder, _upscaled(model, features, checked)
        clean_upscaled = None if clean_features is None else _upscaled(model, clean_features, checked)
        clean_embedding = None if clean_features is None else clean_features.embedding
        inputs: tuple[tuple[CleanerName, Amfg, Tensor, Tensor | None], ...] = (
            ("early", decoder.fourier_first_layer_features, early, clean_early),
            ("final", decoder.fourier_last_layer_features, features.embedding, clean_embedding),
            ("mask", decoder.fourier_mask_features, upscaled, clean_upscaled),
        )
        for index, (name, amfg, feature, target) in enumerate(inputs):
            context.tick(0.65 + 0.1 * index, "Following the feature cleaners")
            cleaners.append(_clean(name, amfg, feature, target))
            yield Stage(tuple(cleaners))
    context.tick(0.95, "Drawing the masks")
    used = frames.resized_size(size, model.config.image_size)
    return InsideView(
        cleaners=tuple(cleaners),
        attention=attention,
        masks=masks_of(model, features, checked, shrunk(size, MASK_SIDE)),
        grid=model.config.grid,
        used=_used(model, size),
        model=f"{model.config.name}, {used[1]} x {used[0]} px of {model.config.image_size}",
        missing="" if robust else NO_CLEANERS,
        milliseconds=1000 * (time.perf_counter() - start),
    )


def _part(context: JobContext, low: float, high: float, message: str) -> Callable[[float], None]:
    return lambda share: context.tick(low + (high - low) * share, message)


@torch.inference_mode()
def _clean(name: CleanerName, amfg: Amfg, feature: Tensor, target: Tensor | None) -> Cleaner:
    trace = amfg.trace(feature)
    distance = None
    if target is not None:
        wanted = amfg.project(target)
        distance = Distance(_relative(amfg.project(feature), wanted), _relative(amfg.project(trace.reduced), wanted))
    return cleaner_view(name, feature, trace, distance)


@torch.inference_mode()
def _upscaled(model: RobustSam, features: ImageFeatures, prompts: Prompts) -> Tensor:
    """(1, D/8, 4h, 4w): the robust branch's mask feature before it is cleaned."""
    sparse, dense = _encoded(model, features, prompts)
    position = model.prompt_encoder.get_dense_pe()
    return model.mask_decoder.decode(features.embedding, position, sparse, dense, "robust").upscaled


@torch.inference_mode()
def _attention(model: RobustSam, features: ImageFeatures, prompts: Prompts) -> dict[Branch, TokenAttention]:
    """Attention of each branch's mask token."""
    sparse, dense = _encoded(model, features, prompts)
    decoder, position = model.mask_decoder, model.prompt_encoder.get_dense_pe()
    found: dict[Branch, TokenAttention] = {}
    for branch in model.branches:
        output = decoder.mask_tokens if branch == "sam" else decoder.custom_robust_token
        tokens = torch.cat([decoder.iou_token.weight, output.weight])[None].expand(len(sparse), -1, -1)
        tokens = torch.cat([tokens, sparse], dim=1)
        steps = list(token_to_image(decoder.transformer, features.embedding + dense, position, tokens, MASK_TOKEN))
        weights = torch.stack([rows[0] for _, rows in steps])
        found[branch] = TokenAttention(
            branch,
            tuple(name for name, _ in steps),
            _array(weights),
            padding_share(weights[-1], _used(model, features.size)),
        )
    return found


def _encoded(model: RobustSam, features: ImageFeatures, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """Sparse (1, N, D) and dense (1, D, h, w) embeddings of one checked prompt, all its clicks at once."""
    device, side = features.embedding.device, model.config.image_size

    def tensor(values: object) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

    points = corners = None
    if prompts.points:
        scaled = frames.to_model_frame(np.array([prompts.points]), features.size, side)
        points = tensor(scaled), tensor([prompts.labels])
    if prompts.box is not None:
        scaled = frames.to_model_frame(np.array(prompts.box).reshape(-1, 2, 2), features.size, side)
        corners = tensor(scaled).reshape(-1, 4)
    given = prompts.mask
    if prompts.painted is not None:
        given = painted_logits(prompts.painted, features.size, side, model.config.low_resolution)
    sparse, dense = model.prompt_encoder(points, corners, None if given is None else tensor(given)[None, None])
    return sparse, dense


def _used(model: RobustSam, size: frames.Size) -> tuple[float, float]:
    """(rows, columns) of the embedding that the photo covers; fractions where it ends inside a cell."""
    height, width = frames.resized_size(size, model.config.image_size)
    return height / model.config.patch_size, width / model.config.patch_size


def _energy(feature: Tensor) -> Tensor:
    return feature.float().pow(2).mean(dim=1)[0].sqrt()


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm().clamp_min(SMALLEST))


def _array(values: Tensor) -> Floats:
    return values.detach().cpu().numpy().astype(np.float32)


def inside_job(
    user: str,
    image: Picture,
    digest: str,
    prompts: Prompts,
    clean: Picture | None = None,
    checkpoint: str = "nano",
    path: str | None = None,
) -> Job:
    """``inside_view`` as a job for the runtime. Raises BadPrompt and WrongCheckpoint before anything is queued."""
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint=checkpoint if path is None else Path(path).name,
        call=inside_view,
        arguments={"image": image, "prompts": prompts.checked(image.shape[:2]), "clean": clean},
        model=model_resource(checkpoint, path),
        shape_bucket="clean" if clean is None else "degraded",
        label="Inside view",
        inputs_digest=digest,
        weights_digest=file_digest(weights_file(checkpoint, path)),
        peak_bytes={"device": 600_000_000},
    )
