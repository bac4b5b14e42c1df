"""Anti-degradation Mask Feature Generation (RobustSAM, section 3.2): removes what a degradation did to a feature map.

Names of parameters and sub-modules are those of the released checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.robust_sam.norm import ChannelNorm

SELECTOR_POOL = 4
SQUEEZE_REDUCTION = 16
LEAKY_SLOPE = 0.01
SMALLEST_AMPLITUDE = 1e-6
"""Below it a frequency counts as absent; the quotient of two such numbers must stay finite."""


@dataclass(frozen=True)
class AmfgTrace:
    """What happens inside one AMFG, for the inside view and the parity tests; C channels in, H x W cells.

    ``batch_normed``, ``instance_normed``: (B, C, H, W) after the leaky ReLU. ``batch_conv``, ``instance_conv``: the two
    convolved branches. ``batch_weight``, ``instance_weight``: (B, C, H, W) in 0..1, sum 1: how much of each branch the
    selector takes. ``selected``: their weighted sum. ``excited``, ``suppressed``: (B, 2C, H, W) before and after the
    Fourier suppression. ``reduced``: (B, C, H, W), the cleaned map.
    """

    batch_normed: Tensor
    instance_normed: Tensor
    batch_conv: Tensor
    instance_conv: Tensor
    batch_weight: Tensor
    instance_weight: Tensor
    selected: Tensor
    excited: Tensor
    suppressed: Tensor
    reduced: Tensor


Selection = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""The first seven fields of AmfgTrace; the last of them is the merged map."""


class BranchSelector(nn.Module):
    """Chooses, per channel and per quarter of the map, between the batch- and the instance-normalised branch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        cells = SELECTOR_POOL**2
        self.fc = nn.Sequential(nn.Linear(cells * channels, channels, bias=False), nn.ReLU())
        self.att_conv1 = nn.Linear(channels, cells * channels)
        self.att_conv2 = nn.Linear(channels, cells * channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, C, H, W), H and W multiples of 4 -> two weights (B, C, H, W) that sum to 1."""
        batch, channels, height, width = x.shape
        if height % SELECTOR_POOL or width % SELECTOR_POOL:
            raise ValueError(f"the selector needs sides that are multiples of {SELECTOR_POOL}, got {height} x {width}")
        hidden = self.fc(F.adaptive_avg_pool2d(x, SELECTOR_POOL).flatten(1))
        heads = torch.stack([self.att_conv1(hidden), self.att_conv2(hidden)])
        weights = heads.softmax(dim=0).view(2, batch, channels, SELECTOR_POOL, SELECTOR_POOL)
        weights = weights.repeat_interleave(height // SELECTOR_POOL, 3).repeat_interleave(width // SELECTOR_POOL, 4)
        return weights[0], weights[1]


class DualNormBlock(nn.Module):
    """Two normalisations of one map, convolved apart and merged by the selector."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.BN = nn.BatchNorm2d(channels)
        self.selector = BranchSelector(channels)

    def forward(self, x: Tensor) -> Selection:
        """x: (B, C, H, W) -> both branches, their weights and the merged map, all (B, C, H, W)."""
        batch_normed = F.leaky_relu(self.BN(x), LEAKY_SLOPE)
        instance_normed = F.leaky_relu(F.instance_norm(x), LEAKY_SLOPE)
        batch_conv, instance_conv = self.conv1(batch_normed), self.conv2(instance_normed)
        batch_weight, instance_weight = self.selector(batch_conv + instance_conv)
        selected = batch_conv * batch_weight + instance_conv * instance_weight
        return batch_normed, instance_normed, batch_conv, instance_conv, batch_weight, instance_weight, selected


class SelectiveBlock(nn.Module):
    """Holds the dual-norm block under the name the checkpoints use."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(DualNormBlock(channels))

    def forward(self, x: Tensor) -> Selection:
        """See DualNormBlock."""
        selection: Selection = self.maxpool_conv(x)
        return selection


class ChannelAttention(nn.Module):
    """Squeeze and excitation (Hu et al. 2018) over the 2C concatenated channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.excitation = nn.Sequential(
            nn.Linear(channels, channels // SQUEEZE_REDUCTION),
            nn.ReLU(),
            nn.Linear(channels // SQUEEZE_REDUCTION, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 2C, H, W) -> the same, scaled per channel."""
        return x * self.excitation(x.mean((2, 3)))[:, :, None, None]


class NormalisedFeatures(nn.Module):
    """Steps 1 to 4: dual normalisation, selection, concatenation with the input, channel attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.SEMBlock = SelectiveBlock(channels)
        self.channel_attention = ChannelAttention(2 * channels)

    def forward(self, x: Tensor) -> tuple[Selection, Tensor]:
        """x: (B, C, H, W) -> the selector's trace and (B, 2C, H, W)."""
        trace = self.SEMBlock(x)
        return trace, self.channel_attention(torch.cat([x, trace[-1]], dim=1))


class FourierSuppression(nn.Module):
    """Scales the amplitude spectrum by a 1x1 convolution and keeps the phase (step 5).

    The half-plane transform gives the numbers of the full one to rounding, at half the cost; ``full_plane`` is the slow
    twin.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(channels, channels, 1)
        self.full_plane = False

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> (B, C, H, W) float32; half-precision transforms overflow and want powers of two."""
        size = x.shape[-2:]
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            spectrum = torch.fft.fft2(x) if self.full_plane else torch.fft.rfft2(x)
            amplitude = spectrum.abs()
            scaled = F.conv2d(amplitude, self.conv_layer.weight.float(), _float(self.conv_layer.bias))
            if torch.is_grad_enabled() and scaled.requires_grad:
                # angle() has no gradient where the spectrum vanishes, and complex division is dear: scale it instead.
                cleaned = spectrum * (scaled / amplitude.clamp_min(SMALLEST_AMPLITUDE))
            else:
                cleaned = torch.polar(scaled, spectrum.angle())
            return torch.fft.ifft2(cleaned).real if self.full_plane else torch.fft.irfft2(cleaned, s=size)


def _float(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.float()


class Amfg(nn.Module):
    """One feature cleaner with its projection to the mask feature space.

    ``projection="upsample"`` (early and final features): 4x larger, ``channels`` -> ``hidden`` -> ``out``.
    ``projection="mask"``: same size, 3x3 convolutions ``channels`` -> ``hidden`` -> ``out``.
    """

    def __init__(self, channels: int, hidden: int, out: int, projection: Literal["upsample", "mask"]) -> None:
        super().__init__()
        self.dnc_block_combined = NormalisedFeatures(channels)
        self.fgm_block = FourierSuppression(2 * channels)
        self.conv_layer = nn.Conv2d(2 * channels, channels, 3, padding=1)
        if projection == "upsample":
            self.upsample_layer = nn.Sequential(
                nn.ConvTranspose2d(channels, hidden, 2, stride=2),
                ChannelNorm(hidden),
                nn.GELU(),
                nn.ConvTranspose2d(hidden, out, 2, stride=2),
            )
        else:
            self.downsample_layer = nn.Sequential(
                nn.Conv2d(channels, hidden, 3, padding=1),
                ChannelNorm(hidden),
                nn.GELU(),
                nn.Conv2d(hidden, out, 3, padding=1),
            )
        self._projection_name = f"{'upsample' if projection == 'upsample' else 'downsample'}_layer"

    def project(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W), cleaned or not -> (B, out, 4H, 4W), or (B, out, H, W) for the mask projection (step 7)."""
        return self.get_submodule(self._projection_name)(x)

    def trace(self, x: Tensor) -> AmfgTrace:
        """x: (B, C, H, W) -> every intermediate of steps 1 to 6."""
        selection: Selection
        selection, excited = self.dnc_block_combined(x)
        suppressed = self.fgm_block(excited)
        return AmfgTrace(*selection, excited, suppressed, self.conv_layer(suppressed.to(excited.dtype)))

    def forward(self, x: Tensor, clean: bool) -> Tensor:
        """x: (B, C, H, W) -> the projection of the cleaned map, or of x itself when ``clean`` says nothing is to
        remove.
        """
        return self.project(x if clean else self.trace(x).reduced)
