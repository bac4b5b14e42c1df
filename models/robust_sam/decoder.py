"""SAM's mask decoder with RobustSAM's tokens, feature cleaners and token cleaner beside it (sections 3.1 to 3.3).

``branch="sam"`` runs the frozen SAM part alone; ``branch="robust"`` runs the new part on the same weights. Unlike the
released decoder it takes any number of prompts at once, and takes the image-side features ready made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from models.robust_sam.amfg import Amfg
from models.robust_sam.norm import ChannelNorm

Branch = Literal["sam", "robust"]

AOTG_CHUNKS = 4
"""The token is cut into quarters; the single mask uses the first quarter of token 0 only (method document 1.3)."""

ROBUST_PREFIXES = (
    "custom_robust_token.",
    "robust_mlp.",
    "custom_token_block.",
    "fourier_first_layer_features.",
    "fourier_last_layer_features.",
    "fourier_mask_features.",
)
"""What RobustSAM adds to SAM's ``mask_decoder``."""


@dataclass(frozen=True)
class Decoded:
    """One pass of the two-way transformer over P prompts.

    ``tokens``: (P, 4, D) mask tokens. ``image_tokens``: (P, h*w, D). ``upscaled``: (P, D/8, 4h, 4w), U in the paper.
    ``iou``: (P, 4) predicted IoU of each mask token.
    """

    tokens: Tensor
    image_tokens: Tensor
    upscaled: Tensor
    iou: Tensor


class TokenCleaner(nn.Module):
    """AOTG: normalises a token twice over its features, then lifts each quarter of it back to D."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        chunk = dim // AOTG_CHUNKS
        self.mlp = nn.Sequential(nn.Linear(chunk, chunk), nn.ReLU(), nn.Linear(chunk, dim))

    def normalise(self, tokens: Tensor) -> Tensor:
        """tokens: (..., D) -> the same, instance-normalised twice without affine (biased variance, eps 1e-5)."""
        dim = tokens.shape[-1:]
        return F.layer_norm(F.layer_norm(tokens, dim), dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (..., D) -> (..., 4, D), one vector for each quarter of the normalised token."""
        return self.mlp(self.normalise(tokens).unflatten(-1, (AOTG_CHUNKS, -1)))


class RobustMaskDecoder(MaskDecoder):
    """SAM's decoder (segment-anything's own class, so its names and numbers) with the robust branch.

    ``robust=False`` leaves the new part out, for plain SAM checkpoints; only ``branch="sam"`` works then.
    """

    def __init__(
        self,
        *,
        dim: int,
        early_channels: int,
        depth: int = 2,
        heads: int = 8,
        mlp_dim: int = 2048,
        attention_downsample: int = 2,
        iou_hidden: int = 256,
        iou_depth: int = 3,
        robust: bool = True,
    ) -> None:
        super().__init__(
            transformer_dim=dim,
            transformer=TwoWayTransformer(
                depth=depth,
                embedding_dim=dim,
                num_heads=heads,
                mlp_dim=mlp_dim,
                attention_downsample_rate=attention_downsample,
            ),
            num_multimask_outputs=3,
            iou_head_depth=iou_depth,
            iou_head_hidden_dim=iou_hidden,
        )
        self.output_upscaling[1] = ChannelNorm(dim // 4)
        if not robust:
            return
        mask_channels = dim // 8
        self.custom_robust_token = nn.Embedding(self.num_mask_tokens, dim)
        self.robust_mlp = MLP(dim, dim, mask_channels, 3)
        self.custom_token_block = TokenCleaner(dim)
        self.fourier_first_layer_features = Amfg(early_channels, dim, mask_channels, "upsample")
        self.fourier_last_layer_features = Amfg(dim, dim, mask_channels, "upsample")
        self.fourier_mask_features = Amfg(mask_channels, 2 * mask_channels, mask_channels, "mask")

    def image_features(self, early: Tensor, embedding: Tensor, clean: bool) -> Tensor:
        """R, the part of the robust mask feature that depends on the image only.

        early: (B, e, h, w), embedding: (B, D, h, w) -> (B, D/8, 4h, 4w). ``clean`` forms it by the projections alone,
        as the training target does.
        """
        return self.fourier_first_layer_features(early, clean) + self.fourier_last_layer_features(embedding, clean)

    def decode(self, embedding: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor, branch: Branch) -> Decoded:
        """embedding: (P or 1, D, h, w), image_pe: (1, D, h, w), sparse: (P, N, D), dense: (P or 1, D, h, w)."""
        mask_tokens = self.mask_tokens if branch == "sam" else self.custom_robust_token
        outputs = torch.cat([self.iou_token.weight, mask_tokens.weight], dim=0)
        return self._run(outputs.unsqueeze(0).expand(len(sparse), -1, -1), embedding, image_pe, sparse, dense)

    def decode_both(
        self, embedding: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Decoded, Decoded]:
        """Both branches in one pass of 2P prompts; the same numbers as two calls of ``decode``."""
        prompts = len(sparse)
        tokens = [
            torch.cat([self.iou_token.weight, mask.weight], dim=0).unsqueeze(0).expand(prompts, -1, -1)
            for mask in (self.mask_tokens, self.custom_robust_token)
        ]
        both = self._run(
            torch.cat(tokens),
            embedding.repeat(2, 1, 1, 1) if len(embedding) > 1 else embedding,
            image_pe,
            sparse.repeat(2, 1, 1),
            dense.repeat(2, 1, 1, 1) if len(dense) > 1 else dense,
        )
        halves = [
            Decoded(both.tokens[half], both.image_tokens[half], both.upscaled[half], both.iou[half])
            for half in (slice(0, prompts), slice(prompts, None))
        ]
        return halves[0], halves[1]

    def _run(self, outputs: Tensor, embedding: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor) -> Decoded:
        tokens = torch.cat([outputs, sparse], dim=1)
        source = embedding + dense
        prompts, (dim, height, width) = len(tokens), source.shape[1:]
        source = source.expand(prompts, -1, -1, -1)
        hidden, image_tokens = self.transformer(source, image_pe, tokens)
        grid = image_tokens.transpose(1, 2).reshape(prompts, dim, height, width)
        return Decoded(
            tokens=hidden[:, 1 : 1 + self.num_mask_tokens],
            image_tokens=image_tokens,
            upscaled=self.output_upscaling(grid),
            iou=self.iou_prediction_head(hidden[:, 0]),
        )

    def sam_masks(self, decoded: Decoded) -> Tensor:
        """(P, 4, 4h, 4w) logits of plain SAM: mask 0 is the single answer, 1 to 3 the alternatives."""
        kernels = [mlp(decoded.tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)]
        return _mask_product(torch.stack(kernels, dim=1), decoded.upscaled)

    def robust_feature(self, decoded: Decoded, image_features: Tensor, clean: bool = False) -> Tensor:
        """E = cleaned mask feature + R: (P, D/8, 4h, 4w). image_features: (P or 1, D/8, 4h, 4w)."""
        return self.fourier_mask_features(decoded.upscaled, clean) + image_features

    def robust_kernels(self, tokens: Tensor) -> Tensor:
        """tokens: (P, 4, D) -> (P, 4 chunks, 4 tokens, D/8), the kernels the mask feature is multiplied with."""
        cleaned = self.custom_token_block(tokens)
        return self.robust_mlp(cleaned).transpose(1, 2)

    def robust_masks(self, decoded: Decoded, feature: Tensor, all16: bool = False) -> Tensor:
        """(P, 4, 4h, 4w) logits: mask i is chunk 0 of token i. ``all16`` gives the released code's 16 masks instead.

        In the 16, channel ``4 n + i`` is chunk n of token i; its single mask is channel 0, its "multimask" 1 to 15.
        """
        kernels = self.robust_kernels(decoded.tokens)
        return _mask_product(kernels.flatten(1, 2) if all16 else kernels[:, 0], feature)


def _mask_product(kernels: Tensor, feature: Tensor) -> Tensor:
    """kernels: (P, M, C), feature: (P, C, H, W) -> (P, M, H, W)."""
    return torch.einsum("pmc,pchw->pmhw", kernels, feature)
