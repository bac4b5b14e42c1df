"""Attention of an output token over the image, recomputed from the two-way transformer's own layers.

No hooks: the model is shared with other jobs, whose calls a hook would see too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor


def attention_rows(attention: Attention, queries: Tensor, keys: Tensor) -> Tensor:
    """softmax(q k / sqrt(c)) of one layer. queries: (P, N, D), keys: (P, M, D) -> (P, heads, N, M), rows sum to 1."""
    heads = attention.num_heads
    q = attention.q_proj(queries).unflatten(-1, (heads, -1)).transpose(1, 2)
    k = attention.k_proj(keys).unflatten(-1, (heads, -1)).transpose(1, 2)
    scores: Tensor = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return scores


def token_to_image(
    transformer: TwoWayTransformer, image: Tensor, position: Tensor, tokens: Tensor, token: int
) -> Iterator[tuple[str, Tensor]]:
    """How ``tokens[:, token]`` attends to the image in each layer that asks the image: (name, (P, heads, h, w)).

    image: (P, D, h, w), dense prompt added; position: (1, D, h, w); tokens: (P, N, D) as the decoder feeds them.
    """
    height, width = image.shape[-2:]
    keys, key_position = image.flatten(2).transpose(1, 2), position.flatten(2).transpose(1, 2)
    queries, row = tokens, slice(token, token + 1)
    for index, block in enumerate(transformer.layers):
        asked = _after_self_attention(block, queries, tokens) + tokens
        rows = attention_rows(block.cross_attn_token_to_image, asked[:, row], keys + key_position)
        yield f"layer {index + 1}", rows.unflatten(-1, (height, width))[:, :, 0]
        queries, keys = block(queries=queries, keys=keys, query_pe=tokens, key_pe=key_position)
    rows = attention_rows(transformer.final_attn_token_to_image, (queries + tokens)[:, row], keys + key_position)
    yield "last look", rows.unflatten(-1, (height, width))[:, :, 0]


def _after_self_attention(block: TwoWayAttentionBlock, queries: Tensor, position: Tensor) -> Tensor:
    """The block's first step, after which it asks the image."""
    if block.skip_first_layer_pe:
        return block.norm1(block.self_attn(q=queries, k=queries, v=queries))
    asked = queries + position
    return block.norm1(queries + block.self_attn(q=asked, k=asked, v=queries))


def padding_share(weights: Tensor, used: tuple[float, float]) -> float:
    """Share of attention (..., h, w) on cells that lie wholly outside the first ``used`` (rows, columns)."""
    inside = weights[..., : math.ceil(used[0]), : math.ceil(used[1])].sum((-2, -1)).mean()
    return float(torch.clamp(1 - inside, 0, 1))
