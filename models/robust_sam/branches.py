"""Runs the two branches for training: what a prompt batch gives, with everything the losses read."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.robust_sam.losses import BranchOutput
from models.robust_sam.network import RobustSam


def image_side(model: RobustSam, images: Tensor) -> tuple[Tensor, Tensor]:
    """images: (B, 3, S, S) in 0..255, already padded -> embedding and early feature, without gradient."""
    with torch.no_grad():
        return model.encode(images, side=images.shape[-1])


def dense_position(model: RobustSam, embedding: Tensor) -> Tensor:
    """(1, D, h, w) positional encoding of an embedding's own size, so that training may use smaller images.

    In float32 whatever the autocast: phases do not survive bfloat16.
    """
    with torch.autocast(embedding.device.type, enabled=False):
        position: Tensor = model.prompt_encoder.pe_layer(embedding.shape[-2:])[None]
    return position


def run_branch(
    model: RobustSam,
    embedding: Tensor,
    early: Tensor,
    sparse: Tensor,
    dense: Tensor,
    *,
    clean: bool,
    logit_size: tuple[int, int],
    image_of_prompt: Tensor | None = None,
    image_feature: Tensor | None = None,
) -> BranchOutput:
    """One branch over P prompts of B images.

    embedding: (B, D, h, w); early: (B, e, h, w); sparse: (P, N, D); dense: (P, D, h, w); image_of_prompt: (P,) index of
    each prompt's image (default: all of image 0); image_feature: (B, D/8, 4h, 4w), R where the caller has it already.
    ``clean`` selects the plain branch, with its features by projection only.
    """
    decoder = model.mask_decoder
    index = image_of_prompt if image_of_prompt is not None else sparse.new_zeros(len(sparse), dtype=torch.long)
    position = dense_position(model, embedding)
    decoded = decoder.decode(embedding[index], position, sparse, dense, "sam" if clean else "robust")
    if image_feature is None:
        image_feature = decoder.image_features(early, embedding, clean)
    image_feature = image_feature[index]
    mask_feature = decoder.fourier_mask_features(decoded.upscaled, clean)
    if clean:
        masks, cleaned = decoder.sam_masks(decoded), None
    else:
        masks = decoder.robust_masks(decoded, mask_feature + image_feature)
        cleaned = decoder.custom_token_block(decoded.tokens)[:, :, 0]
    logits = F.interpolate(masks[:, :1].float(), logit_size, mode="bilinear", align_corners=False)
    return BranchOutput(logits, image_feature, mask_feature, decoded.tokens, cleaned)
