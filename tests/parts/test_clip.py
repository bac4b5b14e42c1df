"""The two-tower network against a plain float64 twin, with every scale, shift and bias away from its start."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.parts.clip import OST_MINI, VIT_B_16, ClipConfig, ClipLike, TowerConfig

SMALL = ClipConfig(8, 8, 4, TowerConfig(12, 2, 3), TowerConfig(10, 2, 2), 7, 20)


def shaken(config: ClipConfig = SMALL, seed: int = 0) -> ClipLike:
    generator = torch.Generator().manual_seed(seed)
    model = ClipLike(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


class Twin:
    """The same network written out token by token and head by head, in float64."""

    def __init__(self, model: ClipLike) -> None:
        self.w = {name: value.double() for name, value in model.state_dict().items()}
        self.config = model.config

    def norm(self, x: Tensor, name: str) -> Tensor:
        centred = x - x.mean()
        return centred / torch.sqrt((centred**2).mean() + 1e-5) * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def block(self, rows: list[Tensor], name: str, heads: int, causal: bool) -> list[Tensor]:
        width = len(rows[0])
        size = width // heads
        inside = [self.norm(row, f"{name}.ln_1") for row in rows]
        joint = [self.w[f"{name}.attn.in_proj_weight"] @ row + self.w[f"{name}.attn.in_proj_bias"] for row in inside]
        out = []
        for place, row in enumerate(rows):
            seen = joint[: place + 1] if causal else joint
            heard = []
            for head in range(heads):
                cut = slice(head * size, (head + 1) * size)
                query = joint[place][:width][cut]
                keys = torch.stack([other[width : 2 * width][cut] for other in seen])
                values = torch.stack([other[2 * width :][cut] for other in seen])
                heard.append(torch.softmax(keys @ query / math.sqrt(size), dim=0) @ values)
            mixed = self.w[f"{name}.attn.out_proj.weight"] @ torch.cat(heard) + self.w[f"{name}.attn.out_proj.bias"]
            out.append(row + mixed)
        done = []
        for row in out:
            hidden = (
                self.w[f"{name}.mlp.c_fc.weight"] @ self.norm(row, f"{name}.ln_2") + self.w[f"{name}.mlp.c_fc.bias"]
            )
            hidden = hidden / (1 + torch.exp(-1.702 * hidden))
            done.append(row + self.w[f"{name}.mlp.c_proj.weight"] @ hidden + self.w[f"{name}.mlp.c_proj.bias"])
        return done

    def image(self, frame: Tensor) -> Tensor:
        patch, kernel = self.config.patch, self.w["image_encoder.conv1.weight"]
        rows = [self.w["image_encoder.class_embedding"]]
        for top in range(0, frame.shape[1], patch):
            for left in range(0, frame.shape[2], patch):
                piece = frame[:, top : top + patch, left : left + patch].double()
                rows.append((kernel * piece).sum(dim=(1, 2, 3)))
        rows = [row + place for row, place in zip(rows, self.w["image_encoder.positional_embedding"], strict=True)]
        rows = [self.norm(row, "image_encoder.ln_pre") for row in rows]
        for layer in range(self.config.vision.layers):
            rows = self.block(rows, f"image_encoder.transformer.resblocks.{layer}", self.config.vision.heads, False)
        return self.norm(rows[0], "image_encoder.ln_post") @ self.w["image_encoder.proj"]

    def text(self, tokens: list[int]) -> Tensor:
        table, places = self.w["text_encoder.token_embedding.weight"], self.w["text_encoder.positional_embedding"]
        rows = [table[token] + places[place] for place, token in enumerate(tokens)]
        for layer in range(self.config.text.layers):
            rows = self.block(rows, f"text_encoder.transformer.resblocks.{layer}", self.config.text.heads, True)
        end = tokens.index(max(tokens))
        return self.norm(rows[end], "text_encoder.ln_final") @ self.w["text_encoder.text_projection"]


@torch.no_grad()
def test_image_tower_equals_the_twin() -> None:
    model = shaken()
    frames = torch.randn(2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    found = model.encode_image(frames)
    wanted = torch.stack([Twin(model).image(frame) for frame in frames.flatten(0, 1)]).view(2, 3, -1)
    assert found.shape == (2, 3, 8)
    assert torch.allclose(found.double(), wanted, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_text_tower_equals_the_twin_and_ignores_what_follows_the_end() -> None:
    model = shaken()
    tokens = torch.tensor([[17, 3, 4, 19, 0, 0, 0], [17, 19, 5, 5, 5, 5, 5]])
    wanted = torch.stack([Twin(model).text(row) for row in tokens.tolist()])
    assert torch.allclose(model.encode_text(tokens).double(), wanted, atol=1e-5, rtol=1e-4)
    other = tokens.clone()
    other[0, 4:] = 7
    assert torch.allclose(model.encode_text(other, crop=False), model.encode_text(tokens), atol=1e-5)


@torch.no_grad()
def test_float64_stays_float64() -> None:
    model = shaken().double()
    frame = torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(model.encode_image(frame)[0], Twin(model).image(frame[0]), atol=1e-12)


def test_progress_reaches_the_end_and_empty_batches_pass() -> None:
    model, told = shaken(), []
    with torch.no_grad():
        model.encode_image(torch.zeros(1, 3, 8, 8), told.append)
        assert model.encode_text(torch.zeros(0, 7, dtype=torch.long)).shape == (0, 8)
    assert told == [0.5, 1.0]


def test_sizes_have_the_stated_number_of_parameters() -> None:
    with torch.device("meta"):
        full, mini = ClipLike(VIT_B_16), ClipLike(OST_MINI)
    assert sum(parameter.numel() for parameter in full.parameters()) == 149_620_737
    assert sum(parameter.numel() for parameter in mini.parameters()) < 6_000_000
