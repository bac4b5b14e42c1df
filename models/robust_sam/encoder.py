"""The two image encoders: SAM's ViT for the authors' checkpoints, and a convolutional one for the embedded weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.efficientnet_lite import PYRAMID_CHANNELS, EfficientNetLite0
from models.robust_sam.norm import ChannelNorm

EARLY_CHANNELS_NANO = PYRAMID_CHANNELS[2]

Tick = Callable[[float], None]
"""Called with the share of the encoder that is done."""


def no_tick(share: float) -> None:
    """For callers that need neither progress nor cancellation."""


class VitEncoder(ImageEncoderViT):
    """SAM's ViT, also returning the feature after its first global-attention block (the paper's early feature)."""

    def __init__(
        self,
        *,
        image_size: int,
        patch_size: int,
        embed_dim: int,
        depth: int,
        heads: int,
        out_channels: int,
        window_size: int,
        global_blocks: Sequence[int],
        mlp_ratio: float,
    ) -> None:
        super().__init__(
            img_size=image_size,
            patch_size=patch_size,
            embed_dim=embed_dim,
            depth=depth,
            num_heads=heads,
            mlp_ratio=mlp_ratio,
            out_chans=out_channels,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=window_size,
            global_attn_indexes=tuple(global_blocks),
        )
        self.early_block = global_blocks[0]

    def forward(self, x: Tensor, tick: Tick = no_tick) -> tuple[Tensor, Tensor]:
        """x: (B, 3, S, S) normalised and padded -> embedding (B, D, S/16, S/16), early feature (B, e, S/16, S/16)."""
        x = self.patch_embed(x)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        early = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.early_block:
                early = x
            tick((index + 1) / len(self.blocks))
        return self.neck(x.permute(0, 3, 1, 2)), early.permute(0, 3, 1, 2)


class ContextBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022): depthwise 7x7, layer norm, inverted bottleneck, residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, 4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> (B, C, H, W)."""
        with torch.autocast(x.device.type, enabled=False):  # its backward pass is far slower in bfloat16
            y = self.norm(self.depthwise(x.float()).permute(0, 2, 3, 1))
        return x + self.narrow(F.gelu(self.widen(y))).permute(0, 3, 1, 2)


class NanoEncoder(nn.Module):
    """EfficientNet-lite0 with a neck at stride 16 that also keeps the finer maps, folded into channels.

    The decoder only ever sees a stride-16 embedding, so a boundary finer than that must travel in its channels: the
    stride-4 and stride-8 maps enter by space-to-depth, the stride-32 map by up-sampling. The early feature is the
    stride-16 map.
    """

    def __init__(self, out_channels: int, context_blocks: int = 3) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        fine, middle, early, deep = PYRAMID_CHANNELS
        self.neck = nn.Sequential(
            nn.Conv2d(16 * fine + 4 * middle + early + deep, out_channels, 1, bias=False),
            ChannelNorm(out_channels),
            *(ContextBlock(out_channels) for _ in range(context_blocks)),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            ChannelNorm(out_channels),
        )

    def forward(self, x: Tensor, tick: Tick = no_tick) -> tuple[Tensor, Tensor]:
        """x: (B, 3, S, S), S a multiple of 64 -> embedding (B, D, S/16, S/16), early feature (B, 112, S/16, S/16)."""
        fine, middle, early, deep = self.trunk(x)
        tick(0.8)
        folded = [
            F.pixel_unshuffle(fine, 4),
            F.pixel_unshuffle(middle, 2),
            early,
            F.interpolate(deep, scale_factor=2.0),
        ]
        return self.neck(torch.cat(folded, dim=1)), early
