"""Our two towers, head and loss against the authors' tiny model, and ViT-B/16 against its list of names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from models.ost.network import HeadConfig, divergence, head, training_logits, unit
from models.ost.solver import SolverConfig
from models.parts.clip import ClipConfig, ClipLike, TowerConfig
from tests.parity.recorded import Recorded


def sizes(model: dict[str, Any]) -> ClipConfig:
    return ClipConfig(
        model["embed_dim"],
        model["image_resolution"],
        model["vision_patch_size"],
        TowerConfig(model["vision_width"], model["vision_layers"], model["vision_heads"]),
        TowerConfig(model["text_width"], model["text_layers"], model["text_heads"]),
        model["context_length"],
        model["vocab_size"],
        model["mlp_ratio"],
    )


@lru_cache(maxsize=1)
def tiny() -> tuple[Recorded, dict[str, Any], ClipLike, HeadConfig]:
    file = Recorded.open("ost", "ost_tiny_full.pt")
    content = torch.load(file.path, weights_only=True)
    model = ClipLike(sizes(file.entry["model"]))
    prefix = file.entry["state_dict_prefix"]
    model.load_state_dict({key.removeprefix(prefix): value for key, value in content["state_dict"].items()})
    solver = file.entry["solver"]
    config = SolverConfig(solver["eps"], solver["max_iterations"], solver["stop"], solver["marginals"], "global")
    form = HeadConfig(config, file.entry["transport"], file.entry["pool"], **file.entry["weights"])
    return file, content, model.eval(), form


def by_class(tokens: Tensor, file: Recorded) -> Tensor:
    return tokens.view(file.entry["classes"], file.entry["descriptors_per_class"], -1)


@torch.no_grad()
def test_features_of_both_towers_equal_the_recorded_ones() -> None:
    file, content, model, _ = tiny()
    file.check("frame_features", model.encode_image(content["images"]), content["frame_features"])
    for kind in ("spatial", "temporal"):
        tokens = content[f"des_{kind}_tokens"]
        file.check(f"text_{kind}", model.encode_text(tokens), content[f"text_{kind}"])


@torch.no_grad()
def test_leaving_out_what_follows_the_longest_text_changes_nothing() -> None:
    file, content, model, _ = tiny()
    tokens = content["des_spatial_tokens"]
    file.check("text_spatial", model.encode_text(tokens, crop=False), content["text_spatial"])


@torch.no_grad()
def test_inference_logits_equal_the_recorded_ones() -> None:
    file, content, model, form = tiny()
    frames = unit(model.encode_image(content["images"]))
    banks = [unit(model.encode_text(by_class(content[f"des_{kind}_tokens"], file))) for kind in ("spatial", "temporal")]
    scores = head(frames, banks[0], banks[1], model.scale, form)
    file.check("inference_logits", scores.logits, content["inference_logits"])


def test_training_logits_losses_and_gradients_equal_the_recorded_ones() -> None:
    file, content, model, form = tiny()
    labels = content["labels"]
    tokens = [by_class(content[f"des_{kind}_tokens"], file)[labels] for kind in ("spatial", "temporal")]
    model.zero_grad()
    logits = training_logits(model, content["images"], tokens[0], tokens[1], form)
    file.check("train_logits", logits.detach(), content["train_logits"])
    to_text, to_video = divergence(logits, labels), divergence(logits.T, labels)
    file.check("loss_video_to_text", to_text.detach(), content["loss_video_to_text"])
    file.check("loss_text_to_video", to_video.detach(), content["loss_text_to_video"])
    (to_text + to_video).backward()
    norms = {name: parameter.grad.norm() for name, parameter in model.named_parameters()}
    assert set(norms) == set(content["grad_norms"])
    for name, norm in norms.items():
        terms = file.tolerance("grad_norms")
        wanted = float(content["grad_norms"][name])
        assert abs(float(norm) - wanted) <= terms["atol"] + terms["rtol"] * wanted, name


def test_names_and_shapes_of_the_full_size_equal_the_list() -> None:
    file = Recorded.open("ost", "ost_vitb16_state_dict_keys.json")
    with torch.device("meta"):
        model = ClipLike(sizes(file.entry["model"]))
    state = model.state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == file.json()
    assert len(state) == file.entry["tensors"]
    assert sum(parameter.numel() for parameter in model.parameters()) == file.entry["parameters"]
