"""What the panel, the command line and the API call: segment an object of a photo with plain SAM and with RobustSAM.

job = segment_job("me", image, image_digest(image), Prompts(points=((120, 80),), labels=(1,)))
answer = runtime.submit(job).result()
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from models.parts.digests import file_digest
from models.robust_sam import METHOD, frames, official
from models.robust_sam.clicks import ImageFeatures, Raw, click_by_click, predict
from models.robust_sam.frames import Size
from models.robust_sam.network import CONFIGS, RobustSam
from models.robust_sam.prompts import BadPrompt, Prompts
from models.runtime import Job, JobContext, Loaded, ResourceSpec
from models.runtime.backends.torch_adapter import module_bytes

__all__ = [
    "BadPrompt",
    "BranchResult",
    "Compat",
    "ImageFeatures",
    "Prompts",
    "Segmentation",
    "difference",
    "embed_image",
    "image_digest",
    "iou",
    "model_resource",
    "predict",
    "segment",
    "segment_job",
]


@dataclass(frozen=True)
class Compat:
    """Where the released code offers two ways. The defaults are those its evaluation uses.

    ``resize``: "torch" is the evaluation's antialiased path, "pillow" that of SamPredictor. ``candidate``: which of the
    four masks answers; 0 is the single mask, 1 to 3 the alternatives (the released robust branch returns 15 wrong ones
    here).
    """

    resize: Literal["torch", "pillow"] = "torch"
    candidate: int = 0


@dataclass(frozen=True)
class BranchResult:
    """One branch's answer to one prompt.

    ``mask``: bool (h, w) at the asked size. ``confidence``: predicted IoU in 0..1 (trained for plain SAM only).
    ``area``: in original pixels. ``low_res_logits``: float32, to be given back as ``Prompts.mask``.
    """

    mask: np.ndarray
    confidence: float
    area: int
    milliseconds: float
    low_res_logits: np.ndarray


@dataclass(frozen=True)
class Segmentation:
    """Both answers; ``robust`` is None when the checkpoint has no robust part. ``image_ms``: 0 when the features were
    cached.
    """

    sam: BranchResult
    robust: BranchResult | None
    image_ms: float


def weights_file(checkpoint: str = "nano", path: str | None = None) -> Path:
    """The safetensors file of an embedded checkpoint, or of ``path`` when the user gave one."""
    if path is not None:
        return Path(path)
    return METHOD.weights_folder / (METHOD.checkpoint(checkpoint).file or "")


def model_resource(checkpoint: str = "nano", path: str | None = None) -> ResourceSpec:
    """The model for ``Job.model``; ``path`` is a file that has passed the checkpoint door. Raises WrongCheckpoint."""
    file = weights_file(checkpoint, path)
    report = official.inspect(file)

    def load(device: str) -> Loaded:
        model = official.load(file, device)
        if model.config.vit is None:
            model = model.to(memory_format=torch.channels_last)
        return Loaded(model, module_bytes(model), lambda: None)

    size = 4 * file.stat().st_size if report.config is CONFIGS["nano"] else 2 * file.stat().st_size
    return ResourceSpec(f"robust_sam/{file_digest(file)}", load, size, label=f"RobustSAM {report.config.name}")


@torch.inference_mode()
def embed_image(
    context: JobContext, model: RobustSam, image: np.ndarray, resize: Literal["torch", "pillow"] = "torch"
) -> ImageFeatures:
    """image: (H, W, 3) uint8 -> its features for both branches. Ticks between the encoder's blocks."""
    start = time.perf_counter()
    pixels = frames.resize_image(image, model.config.image_size, resize).to(context.device)
    embedding, early = model.encode(pixels, lambda share: context.tick(0.9 * share, "reading the image"))
    robust = model.mask_decoder.image_features(early, embedding, clean=False) if "robust" in model.branches else None
    return ImageFeatures(embedding, robust, image.shape[:2], 1000 * (time.perf_counter() - start))


def features_resource(
    context: JobContext,
    model: RobustSam,
    model_key: str,
    image: np.ndarray,
    digest: str,
    resize: Literal["torch", "pillow"],
) -> ResourceSpec:
    """The features of one photo under one model, as something the shared cache can hold."""
    grid, dim = model.config.grid, model.config.dim
    size = 4 * grid * grid * (dim + 16 * (dim // 8))

    def load(device: str) -> Loaded:
        return Loaded(embed_image(context, model, image, resize), size)

    return ResourceSpec(f"{model_key}/{resize}/{digest}", load, size, label="photo features")


@torch.inference_mode()
def segment(
    context: JobContext,
    model: RobustSam,
    *,
    image: np.ndarray,
    digest: str,
    prompts: Prompts,
    model_key: str = "",
    output_size: Size | None = None,
    compat: Compat = Compat(),
) -> Segmentation:
    """Both masks of one object. image: (H, W, 3) uint8; ``output_size``: (h, w) of the masks, the original's when None.

    The photo's features come from the shared cache, so only the first click on a photo pays for the encoder. Raises
    BadPrompt.
    """
    checked = prompts.checked(image.shape[:2])
    known = time.perf_counter()
    with context.resource(features_resource(context, model, model_key, image, digest, compat.resize)) as features:
        fresh = features.milliseconds < 1000 * (time.perf_counter() - known)
        context.tick(0.9, "segmenting")
        raw = click_by_click(model, features, checked, compat.candidate)
    size = output_size or image.shape[:2]
    results = {name: _finish(answer, compat.candidate, image.shape[:2], size, model) for name, answer in raw.items()}
    return Segmentation(results["sam"], results.get("robust"), features.milliseconds if fresh else 0.0)


def _finish(raw: Raw, candidate: int, original: Size, output: Size, model: RobustSam) -> BranchResult:
    logits = raw.logits[:1, candidate : candidate + 1]
    mask = frames.to_original_frame(logits, original, output, model.config.image_size)[0, 0] > frames.MASK_THRESHOLD
    scale = original[0] * original[1] / (output[0] * output[1])
    return BranchResult(
        mask=mask.cpu().numpy(),
        confidence=float(raw.iou[0, candidate].clamp(0, 1)),
        area=round(int(mask.sum()) * scale),
        milliseconds=raw.milliseconds,
        low_res_logits=logits[0, 0].float().cpu().numpy(),
    )


def segment_job(
    user: str,
    image: np.ndarray,
    digest: str,
    prompts: Prompts,
    output_size: Size | None = None,
    checkpoint: str = "nano",
    path: str | None = None,
    compat: Compat = Compat(),
) -> Job:
    """``segment`` as a job for the runtime. Raises BadPrompt and WrongCheckpoint before anything is queued."""
    checked = prompts.checked(image.shape[:2])
    model = model_resource(checkpoint, path)
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint=checkpoint if path is None else Path(path).name,
        call=segment,
        arguments={
            "image": image,
            "digest": digest,
            "prompts": checked,
            "model_key": model.key,
            "output_size": output_size,
            "compat": compat,
        },
        model=model,
        shape_bucket="full" if output_size is None else "screen",
        label="Segment",
        inputs_digest=digest,
        weights_digest=file_digest(weights_file(checkpoint, path)),
        peak_bytes={"device": 300_000_000},
    )


def image_digest(image: np.ndarray) -> str:
    """A name for the content of ``image``: 32 hex digits over its shape and pixels."""
    content = hashlib.blake2b(repr((image.shape, image.dtype.str)).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a, b: bool (H, W) -> uint8 (H, W): 0 neither, 1 only a (SAM), 2 only b (RobustSAM), 3 both."""
    return a.astype(np.uint8) + 2 * b.astype(np.uint8)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two bool masks of one shape; two empty masks agree fully (1.0)."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0
