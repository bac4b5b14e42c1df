"""Names of one CLIP network in three schemes: OST's files (ours), OpenAI's, and transformers' CLIPModel.

Every map works on whole state dicts and has an inverse; a round trip gives the same tensors back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

State = dict[str, Tensor]
Scheme = Literal["ost", "openai", "transformers"]

_PREFIX = "module."
_BESIDE_THE_WEIGHTS = ("prompt_learner.",)
_OPENAI_NUMBERS = ("input_resolution", "context_length", "vocab_size")
_TRANSFORMERS_COUNTERS = ("vision_model.embeddings.position_ids", "text_model.embeddings.position_ids")

_TOP = {
    "logit_scale": "logit_scale",
    "image_encoder.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "image_encoder.class_embedding": "vision_model.embeddings.class_embedding",
    "image_encoder.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "image_encoder.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "image_encoder.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "image_encoder.ln_post.weight": "vision_model.post_layernorm.weight",
    "image_encoder.ln_post.bias": "vision_model.post_layernorm.bias",
    "text_encoder.token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "text_encoder.positional_embedding": "text_model.embeddings.position_embedding.weight",
    "text_encoder.ln_final.weight": "text_model.final_layer_norm.weight",
    "text_encoder.ln_final.bias": "text_model.final_layer_norm.bias",
}
_TURNED = {
    "image_encoder.proj": "visual_projection.weight",
    "text_encoder.text_projection": "text_projection.weight",
}
"""Stored (in, out) in our names and (out, in) in transformers'."""
_TOWERS = {"image_encoder": "vision_model", "text_encoder": "text_model"}
_PARTS = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_OUR_BLOCK = re.compile(r"(image_encoder|text_encoder)\.transformer\.resblocks\.(\d+)\.(.+)")
_THEIR_BLOCK = re.compile(r"(vision_model|text_model)\.encoder\.layers\.(\d+)\.(.+)")
_JOINT = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")


def scheme_of(names: Mapping[str, object]) -> Scheme | None:
    """Whose names these are, or None when they are no CLIP's."""
    plain = {name.removeprefix(_PREFIX) for name in names}
    if "image_encoder.conv1.weight" in plain:
        return "ost"
    if "visual.conv1.weight" in plain:
        return "openai"
    if "vision_model.embeddings.patch_embedding.weight" in plain:
        return "transformers"
    return None


def to_ours(state: Mapping[str, Tensor], scheme: Scheme) -> State:
    """``state`` of any scheme under our names; what is no weight of the network is left out."""
    plain = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    if scheme == "ost":
        return {name: tensor for name, tensor in plain.items() if not name.startswith(_BESIDE_THE_WEIGHTS)}
    return from_openai(plain) if scheme == "openai" else from_transformers(plain)


def from_openai(state: Mapping[str, Tensor]) -> State:
    """OpenAI's names to ours."""
    renamed: State = {}
    for name, tensor in state.items():
        if name in _OPENAI_NUMBERS:
            continue
        if name.startswith("visual."):
            renamed["image_encoder." + name.removeprefix("visual.")] = tensor
        elif name == "logit_scale":
            renamed[name] = tensor
        else:
            renamed["text_encoder." + name] = tensor
    return renamed


def to_openai(state: Mapping[str, Tensor]) -> State:
    """Our names to OpenAI's."""
    return {
        name.removeprefix("text_encoder.").replace("image_encoder.", "visual.", 1): tensor
        for name, tensor in state.items()
    }


def from_transformers(state: Mapping[str, Tensor]) -> State:
    """CLIPModel's names to ours: query, key and value are stacked in this order, projections turned."""
    top = {theirs: ours for ours, theirs in _TOP.items()}
    turned = {theirs: ours for ours, theirs in _TURNED.items()}
    renamed: State = {}
    joint: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name in _TRANSFORMERS_COUNTERS:
            continue
        if name in top:
            renamed[top[name]] = tensor
        elif name in turned:
            renamed[turned[name]] = tensor.T.contiguous()
        elif block := _THEIR_BLOCK.fullmatch(name):
            tower = next(ours for ours, theirs in _TOWERS.items() if theirs == block[1])
            start = f"{tower}.transformer.resblocks.{block[2]}."
            if part := _JOINT.fullmatch(block[3]):
                joint.setdefault(f"{start}attn.in_proj_{part[2]}", {})[part[1]] = tensor
            else:
                renamed[start + _part(block[3], {theirs: ours for ours, theirs in _PARTS.items()})] = tensor
        else:
            renamed[name] = tensor
    for name, parts in joint.items():
        if set(parts) == set("qkv"):
            renamed[name] = torch.cat([parts[letter] for letter in "qkv"])
    return renamed


def to_transformers(state: Mapping[str, Tensor]) -> State:
    """Our names to CLIPModel's."""
    renamed: State = {}
    for name, tensor in state.items():
        if name in _TOP:
            renamed[_TOP[name]] = tensor
        elif name in _TURNED:
            renamed[_TURNED[name]] = tensor.T.contiguous()
        elif block := _OUR_BLOCK.fullmatch(name):
            start = f"{_TOWERS[block[1]]}.encoder.layers.{block[2]}."
            if block[3].startswith("attn.in_proj_"):
                kind = block[3].removeprefix("attn.in_proj_")
                for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                    renamed[f"{start}self_attn.{letter}_proj.{kind}"] = part
            else:
                renamed[start + _part(block[3], _PARTS)] = tensor
        else:
            renamed[name] = tensor
    return renamed


def _part(name: str, parts: Mapping[str, str]) -> str:
    """``name`` of one block's tensor with its module renamed; unknown modules keep their name and fail when loaded."""
    module, _, kind = name.rpartition(".")
    return f"{parts.get(module, module)}.{kind}"


def interpolated(zero_shot: Mapping[str, Tensor], tuned: Mapping[str, Tensor], ratio: float) -> State:
    """WiSE: ``ratio`` * zero_shot + (1 - ratio) * tuned for every tensor; logit_scale as stored, a logarithm.

    0 is the tuned model itself, 1 the zero-shot one. Raises ValueError for a ratio outside [0, 1] and KeyError when
    the two do not have the same names.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio of {ratio:g} is outside 0 to 1")
    if set(zero_shot) != set(tuned):
        raise KeyError(f"the two models differ in {sorted(set(zero_shot) ^ set(tuned))[:5]}")
    mixed: State = {}
    for name, tensor in tuned.items():
        other = zero_shot[name].to(tensor.dtype)
        mixed[name] = tensor if ratio == 0 else other if ratio == 1 else ratio * other + (1 - ratio) * tensor
    return mixed
