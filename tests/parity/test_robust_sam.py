"""Our RobustSAM against numbers recorded from the authors' code; everything is read from the recorded set."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor

from models.robust_sam import frames
from models.robust_sam.amfg import AmfgTrace
from models.robust_sam.decoder import Decoded
from models.robust_sam.network import CONFIGS, RobustSam
from tests.parity.recorded import Recorded, recipe_weight
from tests.parity.robust_sam_models import configuration, with_recorded_weights

SLUG = "robust_sam"
AMFG_NAMES = {
    "first": "fourier_first_layer_features",
    "last": "fourier_last_layer_features",
    "mask": "fourier_mask_features",
}
TRACE_NAMES = {
    "bn": "batch_normed",
    "in": "instance_normed",
    "conv1": "batch_conv",
    "conv2": "instance_conv",
    "selector.0": "batch_weight",
    "selector.1": "instance_weight",
    "selective": "selected",
    "se": "excited",
    "fourier": "suppressed",
    "reduce": "reduced",
}


@lru_cache(maxsize=1)
def tiny() -> tuple[Recorded, dict[str, np.ndarray], RobustSam]:
    file = Recorded.open(SLUG, "robustsam_tiny_io.npz")
    return file, file.arrays(), with_recorded_weights(file)


def check(name: str, got: Tensor) -> None:
    file, arrays, _ = tiny()
    file.check(name, got.detach().numpy(), arrays[name])


def prompts(name: str) -> dict[str, Tensor]:
    file, arrays, _ = tiny()
    return {part: torch.from_numpy(arrays[f"{name}__in.{part}"]) for part in file.entry["prompt_sets"][name]}


def embed_prompts(model: RobustSam, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    points = (given["point_coords"], given["point_labels"]) if "point_coords" in given else None
    return model.prompt_encoder(points, given.get("boxes"), given.get("mask_inputs"))


@torch.no_grad()
def image_side() -> tuple[Tensor, Tensor]:
    _, arrays, model = tiny()
    return model.encode(torch.from_numpy(arrays["image_raw"])[None])


@torch.no_grad()
def run(name: str, branch: str) -> tuple[Decoded, Tensor, Tensor, Tensor]:
    """Decoded, mask feature E, all masks of the branch's released order, sparse prompt embedding."""
    _, _, model = tiny()
    embedding, early = image_side()
    sparse, dense = embed_prompts(model, prompts(name))
    decoder = model.mask_decoder
    clean = branch == "clear"
    decoded = decoder.decode(
        embedding, model.prompt_encoder.get_dense_pe(), sparse, dense, "sam" if clean else "robust"
    )
    feature = decoder.robust_feature(decoded, decoder.image_features(early, embedding, clean), clean)
    masks = decoder.sam_masks(decoded) if clean else decoder.robust_masks(decoded, feature, all16=True)
    return decoded, feature, masks, sparse


def all_sets() -> list[str]:
    try:
        return list(Recorded.open(SLUG, "robustsam_tiny_io.npz").entry["prompt_sets"])
    except pytest.skip.Exception:
        return ["pts3"]


def test_state_file_loads_strictly_and_equals_the_recipe() -> None:
    file = Recorded.open(SLUG, "robustsam_tiny_state.npz")
    arrays = file.arrays()
    model = RobustSam(configuration(file.entry))
    assert len(arrays) == file.entry["n_keys"]
    model.load_state_dict({key: torch.from_numpy(value) for key, value in arrays.items()}, strict=True)
    for key, value in arrays.items():
        file.check(key, recipe_weight(file.salt, key, value.shape), value)


def test_image_encoder_and_padding_match() -> None:
    file, arrays, model = tiny()
    raw = torch.from_numpy(arrays["image_raw"])[None]
    check("preprocessed", model.normalise(raw, model.config.image_size))
    recorded: dict[str, Tensor] = {}
    encoder = model.image_encoder
    hooks = [encoder.patch_embed.register_forward_hook(lambda *a: recorded.update({"enc__enc.patch_embed": a[2]}))]
    for index, block in enumerate(encoder.blocks):
        name = f"enc__enc.block{index}"
        hooks.append(block.register_forward_hook(lambda *a, name=name: recorded.update({name: a[2]})))
    with torch.no_grad():
        embedding, early = model.encode(raw)
    for hook in hooks:
        hook.remove()
    for name, value in recorded.items():
        check(name, value)
    check("enc__enc.neck", embedding)
    check("enc__embedding", embedding)
    check("enc__n_features", torch.tensor(len(file.entry["network"]["encoder_global_attn_indexes"])))
    check("enc__feature0", early.permute(0, 2, 3, 1))
    check("dense_pe", model.prompt_encoder.get_dense_pe())


@pytest.mark.parametrize("branch", ["clear", "robust"])
@pytest.mark.parametrize("name", all_sets())
def test_every_prompt_kind_matches_in_both_branches(name: str, branch: str) -> None:
    file, arrays, model = tiny()
    decoded, feature, masks, sparse = run(name, branch)
    check(f"{name}__sparse", sparse)
    if f"{name}__dense" in arrays:
        check(f"{name}__dense", embed_prompts(model, prompts(name))[1])
    check(f"{name}__{branch}__low_res", masks[:, :1])
    check(f"{name}__{branch}__iou", decoded.iou[:, :1])
    check(f"{name}__{branch}__tokens", decoded.tokens)
    stride = file.entry["robust_embeddings_stride"][name]
    check(f"{name}__{branch}__robust_embeddings", feature[..., ::stride, ::stride])
    if f"{name}__{branch}__multimask" in arrays:
        check(f"{name}__{branch}__multimask", masks[:, 1:])
        check(f"{name}__{branch}__multiiou", decoded.iou[:, 1:])
    if branch == file.entry["final_branch"]:
        final = frames.to_original_frame(
            masks[:, :1],
            tuple(file.entry["original_size"]),
            tuple(file.entry["original_size"]),
            model.config.image_size,
        )
        check(f"{name}__final_logits", final)
        check(f"{name}__final_iou", decoded.iou[:, :1])
        mask = (final > file.entry["mask_threshold"]).numpy()
        file.check(f"{name}__final_mask", mask, arrays[f"{name}__final_mask"], arrays[f"{name}__final_logits"])


@torch.no_grad()
def test_modules_inside_the_full_sets_match() -> None:
    file, arrays, model = tiny()
    decoder = model.mask_decoder
    embedding, early = image_side()
    for name in file.entry["full_sets"]:
        for branch in file.entry["branches"]:
            decoded, _, _, _ = run(name, branch)
            prefix = f"{name}__{branch}__"
            inputs = {"first": early, "last": embedding, "mask": decoded.upscaled}
            for part, module in AMFG_NAMES.items():
                amfg = decoder.get_submodule(module)
                check(f"{prefix}{part}.out", amfg(inputs[part], branch == "clear"))
                trace: AmfgTrace = amfg.trace(inputs[part])
                for recorded, ours in TRACE_NAMES.items():
                    if f"{prefix}{part}.{recorded}" in arrays:
                        check(f"{prefix}{part}.{recorded}", getattr(trace, ours))
            check(f"{prefix}mask.upscaled", decoded.upscaled)
            check(f"{prefix}transformer.1", decoded.image_tokens)
            check(f"{prefix}transformer.0", arrays_tokens(decoder, name, branch))
            for index in range(decoded.tokens.shape[1]):
                if f"{prefix}aotg{index}.in" not in arrays:
                    continue
                token = decoded.tokens[:, index]
                check(f"{prefix}aotg{index}.in", token)
                lifted = decoder.custom_token_block(token)
                check(f"{prefix}aotg{index}.out", lifted[0])
                check(f"{prefix}hyper{index}", decoder.robust_mlp(lifted)[0])


def arrays_tokens(decoder: torch.nn.Module, name: str, branch: str) -> Tensor:
    """All output tokens of the two-way transformer, the prompt's included."""
    seen: list[Tensor] = []
    hook = decoder.transformer.register_forward_hook(lambda *a: seen.append(a[2][0]))
    run(name, branch)
    hook.remove()
    return seen[-1]


def test_resize_matches_both_recorded_paths() -> None:
    file, arrays, _ = tiny()
    long_side = file.entry["resize"]["long_side"]
    image = arrays["resize__in"]
    file.check("resize__torch", frames.resize_image(image, long_side).numpy(), arrays["resize__torch"])
    pillow = frames.resize_image(image, long_side, "pillow")[0].permute(1, 2, 0).numpy().astype(np.uint8)
    file.check("resize__pil", pillow, arrays["resize__pil"])
    points = np.array(file.entry["resize"]["coords_input"], dtype=np.float64)
    file.check("resize__coords", frames.to_model_frame(points, image.shape[:2], long_side), arrays["resize__coords"])


@pytest.mark.parametrize("name", ["robustsam_tiny_keys.json", "robustsam_vitb_keys.json"])
def test_key_lists_match(name: str) -> None:
    file = Recorded.open(SLUG, name)
    keys = file.json()
    keys = keys.get("keys", keys)
    with torch.device("meta"):
        state = RobustSam(configuration(file.entry)).state_dict()
    assert len(state) == file.entry["n_keys"]
    assert {key: list(value.shape) for key, value in state.items()} == keys


def test_large_and_huge_shapes_match() -> None:
    file = Recorded.open(SLUG, "robustsam_vitl_vith_decoder_diffs.json")
    for size, shapes in file.json().items():
        with torch.device("meta"):
            state = RobustSam(configuration(file.entry["networks"][size])).state_dict()
            ours = RobustSam(CONFIGS[f"vit_{size}"]).state_dict()
        assert len(state) == file.entry["n_keys"][size]
        assert {key: list(state[key].shape) for key in shapes} == shapes
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in state.items()}


@pytest.mark.slow
def test_full_size_vit_b_matches_with_formula_weights() -> None:
    file = Recorded.open(SLUG, "robustsam_vitb_formula.npz")
    arrays = file.arrays()
    model = with_recorded_weights(file)
    strides = {name: tuple(slice(None, None, step) for step in steps) for name, steps in file.entry["strides"].items()}
    with torch.no_grad():
        embedding, early = model.encode(frames.resize_image(arrays["image"], file.entry["long_side"]))
        file.check("emb", embedding[strides["emb"]].numpy(), arrays["emb"])
        file.check("feat0", early.permute(0, 2, 3, 1)[strides["feat0"]].numpy(), arrays["feat0"])
        labels = torch.tensor(file.entry["point_labels"], dtype=torch.float32)
        sparse, dense = model.prompt_encoder((torch.from_numpy(arrays["points"]), labels), None, None)
        decoder, pe = model.mask_decoder, model.prompt_encoder.get_dense_pe()
        for branch in file.entry["branches"]:
            clean = branch == "clear"
            decoded = decoder.decode(embedding, pe, sparse, dense, "sam" if clean else "robust")
            feature = decoder.robust_feature(decoded, decoder.image_features(early, embedding, clean), clean)
            masks = decoder.sam_masks(decoded) if clean else decoder.robust_masks(decoded, feature)
            file.check(f"{branch}_low", masks[:, :1][strides["low"]].numpy(), arrays[f"{branch}_low"])
            file.check(f"{branch}_remb", feature[strides["remb"]].numpy(), arrays[f"{branch}_remb"])
            file.check(f"{branch}_tok", decoded.tokens[strides["tok"]].numpy(), arrays[f"{branch}_tok"])
            file.check(f"{branch}_iou", decoded.iou[:, :1][strides["iou"]].numpy(), arrays[f"{branch}_iou"])
