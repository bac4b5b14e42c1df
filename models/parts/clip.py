"""The CLIP-shaped two-tower network (Radford et al. 2021): a ViT for frames, a causal transformer for texts.

One class for every size. State-dict names are those of OST's files (``image_encoder.*``, ``text_encoder.*``,
``logit_scale``), so that ViT-B/16 has 302 tensors and 149,620,737 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.clip_convolutional import ConvTower, ConvTowerConfig

LOGIT_SCALE_START = math.log(1 / 0.07)
OnBlock = Callable[[float], None]
"""Told the share of the tower's blocks that are done; for progress and for stopping."""


@dataclass(frozen=True)
class TowerConfig:
    """Width, blocks and heads of one transformer."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of both towers. ``image_size`` and ``patch`` in pixels; ``context`` in tokens."""

    embed_dim: int
    image_size: int
    patch: int
    vision: TowerConfig | ConvTowerConfig
    text: TowerConfig
    context: int
    vocabulary: int
    mlp_ratio: int = 4
    name: str = ""

    @property
    def patches(self) -> int:
        """Patches of one frame, the class token not counted."""
        return (self.image_size // self.patch) ** 2


VIT_B_16 = ClipConfig(512, 224, 16, TowerConfig(768, 12, 12), TowerConfig(512, 12, 8), 77, 49408, name="ViT-B/16")
OST_MINI = ClipConfig(192, 96, 16, ConvTowerConfig(32), TowerConfig(192, 3, 3), 32, 2048, name="ost-mini")


class LayerNorm(nn.LayerNorm):
    """Computes in float32 (float64 stays float64) and gives back the type it got."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width) -> the same shape and type."""
        exact = torch.float64 if x.dtype == torch.float64 else torch.float32
        weight, bias = self.weight.to(exact), self.bias.to(exact)
        return F.layer_norm(x.to(exact), self.normalized_shape, weight, bias, self.eps).to(x.dtype)


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), the activation of OpenAI's weights."""
    return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """Multi-head self-attention with one joint projection for query, key and value."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, L, width) -> (B, L, width)."""
        batch, length, width = x.shape
        joint = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = joint.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    """Two linear layers with QuickGELU between them."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, ratio * width)
        self.c_proj = nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., width) -> (..., width)."""
        return self.c_proj(quick_gelu(self.c_fc(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, config: TowerConfig, ratio: int, causal: bool) -> None:
        super().__init__()
        self.attn = Attention(config.width, config.heads, causal)
        self.ln_1 = LayerNorm(config.width)
        self.mlp = Mlp(config.width, ratio)
        self.ln_2 = LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, L, width) -> (B, L, width)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """The blocks of one tower."""

    def __init__(self, config: TowerConfig, ratio: int, causal: bool) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(config, ratio, causal) for _ in range(config.layers))
        self._reset(config)

    def _reset(self, config: TowerConfig) -> None:
        """OpenAI's start: residual outputs shrink with the depth so that the sum keeps its size."""
        inside = config.width**-0.5
        outside = inside * (2 * config.layers) ** -0.5
        for block in self.resblocks:
            assert isinstance(block, Block)
            nn.init.normal_(block.attn.in_proj_weight, std=inside)
            nn.init.normal_(block.attn.out_proj.weight, std=outside)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * config.width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=outside)
            for bias in (block.attn.out_proj.bias, block.mlp.c_fc.bias, block.mlp.c_proj.bias):
                nn.init.zeros_(bias)

    def forward(self, x: Tensor, on_block: OnBlock | None = None) -> Tensor:
        """x: (B, L, width) -> (B, L, width)."""
        for done, block in enumerate(self.resblocks, start=1):
            x = block(x)
            if on_block is not None:
                on_block(done / len(self.resblocks))
        return x


class VisionTower(nn.Module):
    """A frame cut into patches, read at a class token."""

    def __init__(self, config: ClipConfig, tower: TowerConfig) -> None:
        super().__init__()
        width = tower.width
        self.conv1 = nn.Conv2d(3, width, config.patch, config.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(config.patches + 1, width) * width**-0.5)
        self.ln_pre = LayerNorm(width)
        self.transformer = Transformer(tower, config.mlp_ratio, causal=False)
        self.ln_post = LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, config.embed_dim) * width**-0.5)

    def forward(self, frames: Tensor, on_block: OnBlock | None = None) -> Tensor:
        """frames: (N, 3, H, W), normalised -> (N, embed_dim), not normalised."""
        patches = self.conv1(frames).flatten(2).transpose(1, 2)
        start = self.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        x = torch.cat([start, patches], dim=1) + self.positional_embedding.to(patches.dtype)
        x = self.transformer(self.ln_pre(x), on_block)
        return self.ln_post(x[:, 0]) @ self.proj


class TextTower(nn.Module):
    """Tokens read left to right; the feature is the last token's."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        width = config.text.width
        self.token_embedding = nn.Embedding(config.vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.randn(config.context, width) * 0.01)
        self.transformer = Transformer(config.text, config.mlp_ratio, causal=True)
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, config.embed_dim) * width**-0.5)
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, on_block: OnBlock | None = None) -> Tensor:
        """tokens: int64 (N, L), L <= context; the end token has the largest id -> (N, embed_dim), not normalised."""
        end = tokens.argmax(dim=-1)
        x = self.token_embedding(tokens)
        x = x + self.positional_embedding[: tokens.shape[1]].to(x.dtype)
        x = self.transformer(x, on_block)
        last = x[torch.arange(len(x), device=x.device), end]
        return self.ln_final(last) @ self.text_projection


class ClipLike(nn.Module):
    """Both towers and the learned temperature (stored as its logarithm)."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE_START))
        self.image_encoder: nn.Module = (
            ConvTower(config.vision, config.embed_dim)
            if isinstance(config.vision, ConvTowerConfig)
            else VisionTower(config, config.vision)
        )
        self.text_encoder = TextTower(config)

    @property
    def scale(self) -> Tensor:
        """The temperature itself: exp(logit_scale), a scalar with its gradient."""
        return self.logit_scale.exp()

    def encode_image(self, frames: Tensor, on_block: OnBlock | None = None) -> Tensor:
        """frames: (..., 3, H, W), normalised; (B, T, 3, H, W) or (N, 3, H, W) -> (..., embed_dim), not normalised."""
        features = self.image_encoder(frames.flatten(0, -4), on_block)
        return features.view(*frames.shape[:-3], self.config.embed_dim)

    def encode_text(self, tokens: Tensor, on_block: OnBlock | None = None, crop: bool = True) -> Tensor:
        """tokens: int64 (..., L) -> (..., embed_dim), not normalised.

        crop: leave out what follows the longest text. The mask is causal and the end token is read, so what follows
        cannot matter; it only costs time.
        """
        flat = tokens.flatten(0, -2)
        if crop and len(flat):
            flat = flat[:, : int(flat.argmax(dim=-1).max()) + 1]
        return self.text_encoder(flat, on_block).view(*tokens.shape[:-1], self.config.embed_dim)
