"""Loads CLIP's and OST's weights in any of their namings, strictly, and mixes two of them.

The files come through the checkpoint door as safetensors; nothing here unpickles.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from models.ost.key_maps import Scheme, State, interpolated, scheme_of, to_ours
from models.parts.clip import OST_MINI, ClipConfig, ClipLike, TowerConfig
from models.parts.clip_convolutional import ConvTowerConfig
from models.parts.problems import BadInput
from models.runtime import WrongCheckpoint

WISE_RATIO = 0.2
"""Share of the zero-shot weights in the paper's zero-shot figures."""
_HEAD_WIDTH = 64
_SHOWN = 6
_BUILT_FOR_REAL = 20_000_000
_SCHEMES = {"ost": "OST's own names", "openai": "OpenAI's names", "transformers": "transformers' names"}


@dataclass(frozen=True)
class FileReport:
    """What a weights file holds, read from its header alone."""

    config: ClipConfig
    scheme: Scheme
    note: str


def weights_in(path: Path) -> Path:
    """The weights file to hand to the checkpoint door: ``path`` itself, or the one in a transformers folder.

    Raises BadInput when the folder has none, or when its config.json asks for another activation than QuickGELU.
    """
    if not path.is_dir():
        return path
    description = path / "config.json"
    if description.is_file():
        try:
            content = json.loads(description.read_text(encoding="utf-8"))
            found = {content.get(part, {}).get("hidden_act", "quick_gelu") for part in ("vision_config", "text_config")}
        except (ValueError, AttributeError) as error:
            raise BadInput(description.name, "is not a model's description", "Download the folder again") from error
        if found != {"quick_gelu"}:
            raise BadInput(
                path.name,
                f"uses the activation {', '.join(sorted(map(str, found - {'quick_gelu'})))}",
                "Choose CLIP as OpenAI trained it, such as openai/clip-vit-base-patch16",
            )
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path / name).is_file():
            return path / name
    raise BadInput(path.name, "has neither model.safetensors nor pytorch_model.bin", "Choose the model's folder")


def inspect(file: Path) -> FileReport:
    """Which sizes and whose names ``file`` has. Raises WrongCheckpoint when it is no CLIP with a ViT."""
    try:
        with safe_open(file, framework="pt") as weights:
            shapes = {key: tuple(weights.get_slice(key).get_shape()) for key in list(weights.keys())}
    except (SafetensorError, OSError) as problem:
        raise WrongCheckpoint(f"{file.name} cannot be read as safetensors ({problem}). Download it again.") from None
    scheme = scheme_of(shapes)
    if scheme is None:
        raise WrongCheckpoint(
            f"{file.name} is not CLIP: none of its {len(shapes)} tensors is the patch embedding of CLIP's image tower. "
            "Choose an OST checkpoint, or CLIP ViT-B/16 from OpenAI or transformers."
        )
    stand_ins = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    config = _sizes(to_ours(stand_ins, scheme), file.name)
    return FileReport(config, scheme, f"{config.name or 'CLIP'} under {_SCHEMES[scheme]}.")


def _sizes(state: State, name: str) -> ClipConfig:
    """The configuration that has tensors of these shapes. CLIP's heads are always 64 wide."""
    if "image_encoder.maps.weight" in state and "image_encoder.conv1.weight" in state:
        return _convolutional_sizes(state, name)
    wanted = (
        "image_encoder.conv1.weight",
        "image_encoder.positional_embedding",
        "image_encoder.proj",
        "text_encoder.token_embedding.weight",
        "text_encoder.positional_embedding",
    )
    missing = tuple(key for key in wanted if key not in state)
    if missing:
        raise WrongCheckpoint(f"{name} lacks {', '.join(missing)}. Download it again.", missing)
    patch_embedding, positions, projection, tokens, places = (tuple(state[key].shape) for key in wanted)
    grid = math.isqrt(positions[0] - 1)
    vision, text = (
        TowerConfig(width, _depth(state, tower), max(width // _HEAD_WIDTH, 1))
        for tower, width in (("image_encoder", patch_embedding[0]), ("text_encoder", tokens[1]))
    )
    patch = patch_embedding[-1]
    title = {768: "ViT-B", 1024: "ViT-L", 192: "ost-mini"}.get(patch_embedding[0], "ViT")
    shown = title if title == "ost-mini" else f"{title}/{patch}"
    return ClipConfig(projection[1], grid * patch, patch, vision, text, places[0], tokens[0], name=shown)


def _convolutional_sizes(state: State, name: str) -> ClipConfig:
    """The configuration of a small model with a convolutional image tower, whose frames are 96 pixels wide."""
    wanted = ("image_encoder.proj", "text_encoder.token_embedding.weight", "text_encoder.positional_embedding")
    missing = tuple(key for key in wanted if key not in state)
    if missing:
        raise WrongCheckpoint(f"{name} lacks {', '.join(missing)}. Download it again.", missing)
    projection, tokens, places = (tuple(state[key].shape) for key in wanted)
    maps = state["image_encoder.maps.weight"].shape[0]
    vision = ConvTowerConfig(2 * state["image_encoder.conv1.weight"].shape[0], maps)
    text = TowerConfig(tokens[1], _depth(state, "text_encoder"), max(tokens[1] // _HEAD_WIDTH, 1))
    return replace(OST_MINI, embed_dim=projection[1], vision=vision, text=text, context=places[0], vocabulary=tokens[0])


def _depth(state: State, tower: str) -> int:
    start = f"{tower}.transformer.resblocks."
    return len({name.removeprefix(start).split(".")[0] for name in state if name.startswith(start)})


def read_state(file: Path) -> State:
    """The tensors of ``file`` under our names, in float32. Raises WrongCheckpoint."""
    report = inspect(file)
    return {name: tensor.float() for name, tensor in to_ours(load_file(file), report.scheme).items()}


def load(file: Path, device: str = "cpu", zero_shot: Path | None = None, ratio: float = 0.0) -> ClipLike:
    """The model in ``file``, in eval mode and without gradients; every tensor must fit.

    zero_shot, ratio: weights to mix in, ``ratio`` of them (0: none of them, 1: them alone). Raises WrongCheckpoint
    and BadInput.
    """
    report = inspect(file)
    state = read_state(file)
    if zero_shot is not None and ratio > 0:
        other = inspect(zero_shot)
        if other.config != report.config:
            raise WrongCheckpoint(
                f"{zero_shot.name} ({other.note}) and {file.name} ({report.note}) differ in size. Mix equal sizes."
            )
        try:
            state = interpolated(read_state(zero_shot), state, ratio)
        except ValueError as problem:
            raise BadInput("The mixing ratio", str(problem), "Give a number from 0 to 1") from problem
        except KeyError as problem:
            raise WrongCheckpoint(f"{zero_shot.name} cannot be mixed into {file.name}: {problem}.") from problem
    return assembled(report.config, state, file.name, device)


def assembled(config: ClipConfig, state: dict[str, Tensor], name: str, device: str = "cpu") -> ClipLike:
    """The network with ``state``; raises WrongCheckpoint listing what is missing, left over or of another shape."""
    model = _skeleton(config, state)
    expected = model.state_dict()
    missing = tuple(sorted(set(expected) - set(state)))
    unexpected = tuple(sorted(set(state) - set(expected)))
    wrong = tuple(
        f"{key}: file {tuple(tensor.shape)}, model {tuple(expected[key].shape)}"
        for key, tensor in state.items()
        if key in expected and tensor.shape != expected[key].shape
    )
    if missing or unexpected or wrong:
        lists = (("missing", missing), ("unexpected", unexpected), ("wrong shape", wrong))
        said = "; ".join(f"{title}: {_listed(names)}" for title, names in lists if names)
        raise WrongCheckpoint(f"{name} does not belong to this model. {said}.", missing, unexpected, wrong)
    model.load_state_dict({key: tensor.to(device) for key, tensor in state.items()}, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _skeleton(config: ClipConfig, state: State) -> ClipLike:
    """The network with any weights. The first construction without memory makes torch import a second's worth of
    modules, so small ones are built for real."""
    if sum(tensor.numel() for tensor in state.values()) > _BUILT_FOR_REAL:
        with torch.device("meta"):
            return ClipLike(config)
    with torch.random.fork_rng(devices=[]):
        return ClipLike(config)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{more})"
