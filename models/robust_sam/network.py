"""RobustSAM as one module with the authors' state-dict names, in four sizes that differ by configuration only."""

from __future__ import annotations

from dataclasses import dataclass

from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.efficientnet_lite import PIXEL_MEAN, PIXEL_STD
from models.robust_sam.decoder import Branch, RobustMaskDecoder
from models.robust_sam.encoder import EARLY_CHANNELS_NANO, NanoEncoder, Tick, VitEncoder, no_tick

SAM_PIXEL_MEAN = (123.675, 116.28, 103.53)
SAM_PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class VitConfig:
    """Size of SAM's image encoder (segment-anything, ViTDet style)."""

    embed_dim: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    window_size: int = 14
    mlp_ratio: float = 4


@dataclass(frozen=True)
class RobustSamConfig:
    """One size of RobustSAM. ``vit=None`` means the convolutional nano encoder.

    ``image_size``: side of the square model input in pixels; ``dim``: decoder width D; the mask feature has D/8
    channels at a quarter of the input's resolution.
    """

    name: str
    vit: VitConfig | None
    image_size: int = 1024
    patch_size: int = 16
    dim: int = 256
    two_way_depth: int = 2
    two_way_heads: int = 8
    two_way_mlp: int = 2048
    attention_downsample: int = 2
    mask_in_channels: int = 16
    iou_hidden: int = 256
    iou_depth: int = 3
    pixel_mean: tuple[float, float, float] = SAM_PIXEL_MEAN
    pixel_std: tuple[float, float, float] = SAM_PIXEL_STD

    @property
    def grid(self) -> int:
        """Cells along one side of the image embedding."""
        return self.image_size // self.patch_size

    @property
    def low_resolution(self) -> int:
        """Side of the low-resolution mask logits."""
        return 4 * self.grid


CONFIGS = {
    config.name: config
    for config in (
        RobustSamConfig(
            "nano",
            vit=None,
            image_size=512,
            dim=128,
            two_way_mlp=512,
            iou_hidden=128,
            pixel_mean=(PIXEL_MEAN,) * 3,
            pixel_std=(PIXEL_STD,) * 3,
        ),
        RobustSamConfig("vit_b", VitConfig(768, 12, 12, (2, 5, 8, 11))),
        RobustSamConfig("vit_l", VitConfig(1024, 24, 16, (5, 11, 17, 23))),
        RobustSamConfig("vit_h", VitConfig(1280, 32, 16, (7, 15, 23, 31))),
    )
}
"""nano: method document section 7. vit_b, vit_l, vit_h: segment-anything's published sizes (document section 1)."""


class RobustSam(nn.Module):
    """Image encoder, prompt encoder and mask decoder; calls are made on the parts by pipeline.py and training.py.

    ``branches``: what these weights can run; a plain SAM checkpoint (``robust=False``) has no robust one.
    """

    def __init__(self, config: RobustSamConfig, robust: bool = True) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = _image_encoder(config)
        self.prompt_encoder = PromptEncoder(
            embed_dim=config.dim,
            image_embedding_size=(config.grid, config.grid),
            input_image_size=(config.image_size, config.image_size),
            mask_in_chans=config.mask_in_channels,
        )
        self.mask_decoder = RobustMaskDecoder(
            dim=config.dim,
            early_channels=EARLY_CHANNELS_NANO if config.vit is None else config.vit.embed_dim,
            depth=config.two_way_depth,
            heads=config.two_way_heads,
            mlp_dim=config.two_way_mlp,
            attention_downsample=config.attention_downsample,
            iou_hidden=config.iou_hidden,
            iou_depth=config.iou_depth,
            robust=robust,
        )
        self.branches: tuple[Branch, ...] = ("sam", "robust") if robust else ("sam",)

    def normalise(self, image: Tensor, side: int) -> Tensor:
        """image: (B, 3, H, W) float, 0..255 -> zero mean, unit spread, zero-padded right and bottom to (B, 3, side,
        side).
        """
        mean = image.new_tensor(self.config.pixel_mean).view(3, 1, 1)
        std = image.new_tensor(self.config.pixel_std).view(3, 1, 1)
        height, width = image.shape[-2:]
        return F.pad((image - mean) / std, (0, side - width, 0, side - height))

    def encode(self, image: Tensor, tick: Tick = no_tick, side: int | None = None) -> tuple[Tensor, Tensor]:
        """image: (B, 3, H, W) float 0..255, long side at most ``side`` -> embedding (B, D, h, w), early (B, e, h, w).

        ``side``: of the padded square, ``image_size`` unless training works on smaller ones. ``tick(share)`` is called
        between the encoder's blocks: progress and cancellation of a pass that may take a minute.
        """
        embedding, early = self.image_encoder(self.normalise(image, side or self.config.image_size), tick)
        return embedding, early


def _image_encoder(config: RobustSamConfig) -> nn.Module:
    if config.vit is None:
        return NanoEncoder(config.dim)
    return VitEncoder(
        image_size=config.image_size,
        patch_size=config.patch_size,
        embed_dim=config.vit.embed_dim,
        depth=config.vit.depth,
        heads=config.vit.heads,
        out_channels=config.dim,
        window_size=config.vit.window_size,
        global_blocks=config.vit.global_blocks,
        mlp_ratio=config.vit.mlp_ratio,
    )
