"""Weights under three namings, mixed weights, and files that are something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.guard.checkpoints import checkpoint_door
from models.ost import official
from models.ost.key_maps import (
    from_openai,
    from_transformers,
    interpolated,
    scheme_of,
    to_openai,
    to_ours,
    to_transformers,
)
from models.ost.weights import model_resource, weights_file
from models.parts.clip import VIT_B_16, ClipLike
from models.parts.problems import BadInput
from models.runtime import WrongCheckpoint
from tests.ost.models import TINY, tiny, weights_folder


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    return dict(tiny(seed).state_dict())


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_every_naming_goes_there_and_back() -> None:
    ours = state()
    assert same(from_transformers(to_transformers(ours)), ours)
    assert same(from_openai(to_openai(ours)), ours)
    assert [scheme_of(names) for names in (ours, to_openai(ours), to_transformers(ours), {"w": 0})] == [
        "ost",
        "openai",
        "transformers",
        None,
    ]


def test_all_302_names_of_the_full_size_have_partners_of_fitting_shapes() -> None:
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        ours = ClipLike(VIT_B_16).state_dict()
        theirs = transformers.CLIPModel(transformers.CLIPConfig()).state_dict()
    renamed = to_transformers(ours)
    # The default configuration of transformers is ViT-B/32: only the patches differ.
    differ = {name for name, tensor in renamed.items() if tensor.shape != theirs[name].shape}
    assert differ == {
        "vision_model.embeddings.patch_embedding.weight",
        "vision_model.embeddings.position_embedding.weight",
    }
    assert len(ours) == 302
    assert len(renamed) == 302 + 2 * 2 * 2 * 12
    assert {name for name in theirs if name not in renamed} <= {
        "vision_model.embeddings.position_ids",
        "text_model.embeddings.position_ids",
    }


@torch.no_grad()
def test_transformers_weights_give_the_features_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.CLIPConfig(
        text_config={
            "vocab_size": 50,
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "max_position_embeddings": 9,
            "eos_token_id": 49,
        },
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "image_size": 32,
            "patch_size": 16,
        },
        projection_dim=24,
    )
    generator = torch.Generator().manual_seed(0)
    theirs = transformers.CLIPModel(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    theirs.save_pretrained(tmp_path)
    ours = official.load(official.weights_in(tmp_path))
    frames = torch.randn(2, 3, 32, 32, generator=generator)
    tokens = torch.tensor([[48, 3, 5, 49, 0, 0, 0, 0, 0], [48, 7, 8, 9, 10, 11, 12, 13, 49]])
    image = theirs.visual_projection(theirs.vision_model(pixel_values=frames).pooler_output)
    text = theirs.text_projection(theirs.text_model(input_ids=tokens).pooler_output)
    assert torch.allclose(ours.encode_image(frames), image, atol=1e-4)
    assert torch.allclose(ours.encode_text(tokens), text, atol=1e-4)


def test_an_authors_file_passes_the_door_and_loads_without_its_leftovers(tmp_path: Path) -> None:
    prefixed = {f"module.{name}": tensor for name, tensor in state().items()}
    leftovers = {f"module.prompt_learner.{name}": torch.zeros(2) for name in ("token_prefix", "token_suffix")}
    content = {"model": prefixed | leftovers, "epoch": 9, "max_accuracy": 0.0, "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "ost.pth")
    file = checkpoint_door(tmp_path / "ost.pth", cache=tmp_path / "cache")
    assert official.inspect(file).scheme == "ost"
    assert same(dict(official.load(file).state_dict()), state())


@pytest.mark.parametrize("names", [to_openai, to_transformers])
def test_half_precision_files_of_other_namings_load_as_float32(tmp_path: Path, names: object) -> None:
    renamed = names({name: tensor.half() for name, tensor in state().items()})  # type: ignore[operator]
    save_file({name: tensor.contiguous().clone() for name, tensor in renamed.items()}, tmp_path / "clip.safetensors")
    loaded = official.load(tmp_path / "clip.safetensors").state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in loaded.values())
    assert same(dict(loaded), {name: tensor.half().float() for name, tensor in state().items()})


def test_openais_notes_of_sizes_and_transformers_counters_are_left_out() -> None:
    openai = to_openai(state()) | {"input_resolution": torch.tensor(32), "vocab_size": torch.tensor(5)}
    theirs = to_transformers(state()) | {"text_model.embeddings.position_ids": torch.arange(3)[None]}
    assert same(to_ours(openai, "openai"), state())
    assert same(to_ours(theirs, "transformers"), state())


@pytest.mark.parametrize("ratio", [0.0, 0.2, 1.0])
def test_mixing_is_linear_in_every_tensor_also_in_the_logarithm_of_the_scale(tmp_path: Path, ratio: float) -> None:
    zero_shot, tuned = state(1), state(2)
    tuned["logit_scale"] = torch.tensor(4.6)
    mixed = interpolated(zero_shot, tuned, ratio)
    for name, tensor in mixed.items():
        assert torch.allclose(tensor, ratio * zero_shot[name] + (1 - ratio) * tuned[name], atol=1e-6)
    for name, content in (("a", zero_shot), ("b", tuned)):
        save_file(content, tmp_path / f"{name}.safetensors")
    loaded = official.load(tmp_path / "b.safetensors", "cpu", tmp_path / "a.safetensors", ratio)
    assert same(dict(loaded.state_dict()), mixed)


def test_mixing_refuses_other_sizes_and_ratios(tmp_path: Path) -> None:
    weights_folder(tmp_path)
    save_file(dict(ClipLike(replace(TINY, vocabulary=700)).state_dict()), tmp_path / "other.safetensors")
    with pytest.raises(WrongCheckpoint, match="differ in size"):
        official.load(tmp_path / "mini.safetensors", "cpu", tmp_path / "other.safetensors", 0.5)
    with pytest.raises(ValueError, match="outside"):
        interpolated(state(), state(), 1.5)
    with pytest.raises(BadInput, match="ratio"):
        model_resource(str(tmp_path / "mini.safetensors"), None, 0.5)


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    content = state()
    del content["image_encoder.transformer.resblocks.1.mlp.c_fc.weight"]
    save_file(content, tmp_path / "cut.safetensors")
    with pytest.raises(WrongCheckpoint, match=r"resblocks\.1\.mlp\.c_fc\.weight"):
        official.load(tmp_path / "cut.safetensors")


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "w.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    for name in ("w.safetensors", "text.safetensors", "nowhere.safetensors"):
        with pytest.raises(WrongCheckpoint, match=name):
            official.inspect(tmp_path / name)
    with pytest.raises(WrongCheckpoint, match="nowhere"):
        model_resource(str(tmp_path / "nowhere.safetensors"))


def test_a_folder_must_hold_weights_and_quick_gelu(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="neither"):
        official.weights_in(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"hidden_act": "gelu"}}))
    with pytest.raises(BadInput, match="activation gelu"):
        official.weights_in(tmp_path)


def test_the_model_comes_as_a_resource_with_its_own_tokeniser(tmp_path: Path) -> None:
    file = weights_folder(tmp_path)
    spec = model_resource(str(file))
    loaded = spec.load("cpu")
    assert loaded.value.tokeniser.size <= loaded.value.model.config.vocabulary
    assert loaded.value.least_cosine is None
    assert model_resource(str(file)).key == spec.key
    assert weights_file(str(file)) == file
