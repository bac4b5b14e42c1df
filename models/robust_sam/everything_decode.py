"""Decodes many single-point prompts of one photo: what does not depend on the prompt is computed once.

``GridDecoder`` gives the numbers of ``pipeline.predict`` (its slow twin, see the tests) to rounding. Its gains: before
the first attention every prompt sees the same image tokens, so their projections are shared; the position term of every
projection is a constant; and a prompt whose predicted IoU is too low is dropped before its mask feature is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.robust_sam import frames
from models.robust_sam.amfg import LEAKY_SLOPE, SELECTOR_POOL, SMALLEST_AMPLITUDE, Amfg
from models.robust_sam.decoder import Branch
from models.robust_sam.network import RobustSam
from models.robust_sam.pipeline import ImageFeatures


@dataclass(frozen=True)
class Attended:
    """P prompts after the two-way transformer.

    ``tokens``: (P, 4, D) mask tokens; ``image``: (P, h*w, D); ``iou``: (P, 4), each mask's predicted IoU.
    """

    tokens: Tensor
    image: Tensor
    iou: Tensor

    def __getitem__(self, chosen: Tensor | slice) -> Attended:
        return Attended(self.tokens[chosen], self.image[chosen], self.iou[chosen])


class GridDecoder:
    """One branch of ``model`` over the points of one photo or crop."""

    def __init__(self, model: RobustSam, features: ImageFeatures, branch: Branch) -> None:
        """Raises ValueError when the weights have no such branch."""
        if branch not in model.branches:
            raise ValueError(f"these weights have no {branch} branch; they have {', '.join(model.branches)}")
        self.model, self.features, self.branch = model, features, branch
        self.decoder, self.transformer = model.mask_decoder, model.mask_decoder.transformer
        embedding = features.embedding.float()
        dense = model.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        self.grid = embedding.shape[-2:]
        self.source = (embedding + dense).flatten(2).transpose(1, 2).contiguous()
        position = model.prompt_encoder.get_dense_pe().flatten(2).transpose(1, 2)
        self.projections = [_KeyProjections(layer, position) for layer in self.transformer.layers]
        self.final = _FinalProjections(self.transformer.final_attn_token_to_image, position)
        self.feature = torch.empty(0) if features.robust is None else features.robust[0].float()
        first = self.decoder.mask_tokens if branch == "sam" else self.decoder.custom_robust_token
        self.outputs = torch.cat([self.decoder.iou_token.weight, first.weight])[None]

    def attend(self, points: np.ndarray) -> Attended:
        """points: (P, 2) x, y in pixels of the photo or crop, each a prompt of its own."""
        side, device = self.model.config.image_size, self.source.device
        placed = frames.to_model_frame(points[:, None], self.features.size, side)
        coordinates = torch.as_tensor(placed, dtype=torch.float32, device=device)
        labels = torch.ones(len(points), 1, device=device)
        sparse, _ = self.model.prompt_encoder((coordinates, labels), None, None)
        tokens = torch.cat([self.outputs.expand(len(points), -1, -1), sparse], dim=1)
        queries, keys = tokens, self.source
        for layer, projections in zip(self.transformer.layers, self.projections, strict=True):
            queries, keys = _two_way(layer, projections, queries, keys, tokens)
        key, value = self.final(keys)
        attention = self.transformer.final_attn_token_to_image
        queries = queries + _attend(attention, attention.q_proj(queries + tokens), key, value)
        queries = self.transformer.norm_final_attn(queries)
        masks = self.decoder.num_mask_tokens
        return Attended(queries[:, 1 : 1 + masks], keys, self.decoder.iou_prediction_head(queries[:, 0]))

    def masks(self, attended: Attended, candidates: slice) -> Tensor:
        """(P, M, 4h, 4w) float32 logits of the ``candidates`` (0: single answer, 1 to 3: alternatives)."""
        upscaled = self._upscaled(attended.image)
        if self.branch == "sam":
            chosen = list(self.decoder.output_hypernetworks_mlps)[candidates]
            tokens = attended.tokens[:, candidates]
            kernels = torch.stack([mlp(tokens[:, i]) for i, mlp in enumerate(chosen)], dim=1)
            return torch.einsum("pmc,pchw->pmhw", kernels, upscaled)
        kernels = self.decoder.robust_kernels(attended.tokens)[:, 0, candidates]
        product = (kernels @ self.feature.flatten(1)).unflatten(-1, upscaled.shape[-2:])
        cleaner = self.decoder.fourier_mask_features
        if upscaled.device.type != "cpu":
            return product + _cleaned_product(cleaner, upscaled, kernels)
        # One prompt's maps fit in a processor's cache, those of several do not: twice as fast one by one.
        parts = [_cleaned_product(cleaner, upscaled[i : i + 1], kernels[i : i + 1]) for i in range(len(kernels))]
        return product + torch.cat(parts)

    def _upscaled(self, image: Tensor) -> Tensor:
        """U: (P, h*w, D) -> (P, D/8, 4h, 4w), channels last in memory."""
        grid = image.unflatten(1, self.grid).permute(0, 3, 1, 2)
        return self.decoder.output_upscaling(grid)


class _KeyProjections:
    """All that one two-way layer projects from the image tokens, in one product, with the position term added."""

    def __init__(self, layer: nn.Module, position: Tensor) -> None:
        out, back = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
        self.weight = torch.cat([out.k_proj.weight, out.v_proj.weight, back.q_proj.weight])
        self.constant = torch.cat(
            [out.k_proj(position), out.v_proj.bias.expand(*position.shape[:2], -1), back.q_proj(position)], dim=-1
        )
        self.parts = [out.k_proj.out_features, out.v_proj.out_features, back.q_proj.out_features]

    def __call__(self, keys: Tensor) -> tuple[Tensor, ...]:
        """keys: (P or 1, N, D) -> key and value for the tokens' question, question of the image to the tokens."""
        return (F.linear(keys, self.weight) + self.constant).split(self.parts, dim=-1)


class _FinalProjections:
    """Key and value of the last attention."""

    def __init__(self, attention: nn.Module, position: Tensor) -> None:
        self.weight = torch.cat([attention.k_proj.weight, attention.v_proj.weight])
        value = attention.v_proj.bias.expand(*position.shape[:2], -1)
        self.constant = torch.cat([attention.k_proj(position), value], dim=-1)
        self.parts = [attention.k_proj.out_features, attention.v_proj.out_features]

    def __call__(self, keys: Tensor) -> tuple[Tensor, ...]:
        """keys: (P, N, D) -> key, value."""
        return (F.linear(keys, self.weight) + self.constant).split(self.parts, dim=-1)


def _two_way(
    layer: nn.Module, projections: _KeyProjections, queries: Tensor, keys: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """segment-anything's TwoWayAttentionBlock. queries, tokens: (P, T, D); keys: (P, N, D), or (1, N, D) at first."""
    if layer.skip_first_layer_pe:
        queries = layer.self_attn(q=queries, k=queries, v=queries)
    else:
        asked = queries + tokens
        queries = queries + layer.self_attn(q=asked, k=asked, v=queries)
    queries = layer.norm1(queries)
    key, value, question = projections(keys)
    out, back = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
    queries = layer.norm2(queries + _attend(out, out.q_proj(queries + tokens), key, value))
    queries = layer.norm3(queries + layer.mlp(queries))
    answer = _attend(back, question, back.k_proj(queries + tokens), back.v_proj(queries))
    return queries, layer.norm4(keys + answer)


def _attend(attention: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Multi-head attention of projected (P or 1, *, C) tensors; a leading 1 is shared by all prompts."""
    prompts, heads = max(len(query), len(key)), attention.num_heads
    parts = [
        part.unflatten(-1, (heads, -1)).transpose(1, 2).expand(prompts, -1, -1, -1) for part in (query, key, value)
    ]
    mixed = F.scaled_dot_product_attention(*parts)
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def _cleaned_product(cleaner: Amfg, upscaled: Tensor, kernels: Tensor) -> Tensor:
    """kernels (P, M, C) times the cleaned mask feature of ``upscaled`` (P, C, H, W) -> (P, M, H, W).

    The cleaner's last convolution and the product with the kernels are both linear: their weights are multiplied first,
    so that only M channels are convolved.
    """
    reduced = cleaner.conv_layer(_suppressed(cleaner, upscaled))
    first, norm, activation, last = cleaner.downsample_layer
    hidden = activation(norm(first(reduced)))
    prompts, masks = kernels.shape[:2]
    weight = torch.einsum("pmc,cikl->pmikl", kernels, last.weight).flatten(0, 1)
    bias = (kernels @ last.bias).flatten()
    joined = hidden.reshape(1, -1, *hidden.shape[-2:])
    return F.conv2d(joined, weight, bias, padding=1, groups=prompts).unflatten(1, (prompts, masks))[0]


def _suppressed(cleaner: Amfg, x: Tensor) -> Tensor:
    """Steps 1 to 5 of the cleaner on x: (P, C, H, W) -> (P, 2C, H, W), amplitudes scaled instead of angles taken."""
    block = cleaner.dnc_block_combined
    dual = block.SEMBlock.maxpool_conv[0]
    batch = dual.conv1(F.leaky_relu(dual.BN(x), LEAKY_SLOPE))
    instance = dual.conv2(F.leaky_relu(F.instance_norm(x), LEAKY_SLOPE))
    selector = dual.selector
    hidden = selector.fc(F.adaptive_avg_pool2d(batch + instance, SELECTOR_POOL).flatten(1))
    # A softmax over two heads is a sigmoid of their difference.
    share = torch.sigmoid(selector.att_conv1(hidden) - selector.att_conv2(hidden))
    cells = share.view(*x.shape[:2], SELECTOR_POOL, 1, SELECTOR_POOL, 1)
    split = (*x.shape[:2], SELECTOR_POOL, x.shape[2] // SELECTOR_POOL, SELECTOR_POOL, x.shape[3] // SELECTOR_POOL)
    batch, instance = batch.reshape(split), instance.reshape(split)
    merged = (instance + (batch - instance) * cells).reshape(x.shape)
    both = torch.cat([x, merged], dim=1)
    spectrum = torch.fft.rfft2(block.channel_attention(both).contiguous())
    amplitude = spectrum.abs()
    suppression = cleaner.fgm_block.conv_layer
    scaled = F.conv2d(amplitude, suppression.weight, suppression.bias)
    return torch.fft.irfft2(spectrum * (scaled / amplitude.clamp_min(SMALLEST_AMPLITUDE)), s=x.shape[-2:])
