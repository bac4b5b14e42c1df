"""Loads the authors' Nerfacto checkpoints (checkpoint_00025000.ckpt), strictly, and says what a file holds.

The files are {state, model, optimizer, scheduler, scaler}; the checkpoint door hands over their ``model`` as
safetensors, so nothing here unpickles. Sizes are read from shapes and buffers, since the files carry no configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from models.hugs.network import FIELD_BUFFERS, Nerfacto
from models.hugs.network_config import CONFIGS, NerfactoConfig, ProposalConfig
from models.parts.hash_grid import levels_of
from models.runtime import WrongCheckpoint
from models.runtime.backends.torch_adapter import load_module

DATA_PARALLEL_PREFIX = "module."
GRID, FIRST, LAST = "mlp_base.0.params", "mlp_base.1.weight", "mlp_base.3.weight"
FINEST_OF_PROPOSAL = {5: 512, 7: 2048}
"""Levels -> finest resolution of the released proposal networks; their files need not say it."""


@dataclass(frozen=True)
class FileReport:
    """What a checkpoint holds, from its header and its few size buffers alone.

    config: sizes as found, with ``legacy_deltas`` on, since these weights were trained with them.
    kind: the released configuration that fits, or "other". shapes: key -> shape. note: sentences for the panel.
    """

    config: NerfactoConfig
    kind: str
    shapes: Mapping[str, tuple[int, ...]]
    note: str


def plain_name(key: str) -> str | None:
    """The key in our module; None for size buffers of the proposals, which are read but not kept."""
    name = key.removeprefix(DATA_PARALLEL_PREFIX)
    if name.startswith("proposal_networks.") and name.rsplit(".", 1)[-1] in (*FIELD_BUFFERS, "aabb"):
        return None
    return None if name in ("field.aabb", "aabb") else name


def inspect(file: Path) -> FileReport:
    """Sizes and kind of the Nerfacto in ``file`` (safetensors). Raises WrongCheckpoint when it is none."""
    try:
        with safe_open(file, framework="pt") as weights:
            names = {key.removeprefix(DATA_PARALLEL_PREFIX): key for key in list(weights.keys())}
            shapes = {name: tuple(weights.get_slice(key).get_shape()) for name, key in names.items()}
            sizes = {
                name: int(weights.get_tensor(key))
                for name, key in names.items()
                if name.rsplit(".", 1)[-1] in FIELD_BUFFERS and shapes[name] in ((), (1,))
            }
    except (SafetensorError, OSError) as problem:
        raise WrongCheckpoint(f"{file.name} cannot be read as safetensors ({problem}). Download it again.") from None
    wanted = [f"field.{name}" for name in (GRID, FIRST, LAST)] + ["field.mlp_head.0.weight"]
    missing = [key for key in wanted if key not in shapes]
    if missing:
        raise WrongCheckpoint(
            f"{file.name} is not a Nerfacto of NeRF-HuGS: of its {len(shapes)} tensors none is called {missing[0]}. "
            "Choose a checkpoint_*.ckpt that the authors' train.py wrote with a nerfacto configuration."
        )
    config = _config(file, shapes, sizes)
    kind = next((name for name, known in CONFIGS.items() if _sizes(known) == _sizes(config)), "other")
    if kind in CONFIGS:
        config = replace(CONFIGS[kind], images=config.images, legacy_deltas=True)
        note = f"Nerfacto of the {kind} configuration; interval lengths as released."
    else:
        note = "A Nerfacto of other sizes than the released ones; spacing and bound are those of the Distractor set."
    return FileReport(config, kind, shapes, note)


def load(file: Path, device: str, config: NerfactoConfig | None = None) -> Nerfacto:
    """The model in ``file``; every key must fit, or WrongCheckpoint lists those that do not.

    ``config``: overrides what ``inspect`` found, to set the bound, near and far of a scene.
    """
    found = config or inspect(file).config
    module = load_module(lambda: Nerfacto(found), file, device, torch.float32, rename=plain_name)
    assert isinstance(module, Nerfacto)
    return module


def _config(file: Path, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> NerfactoConfig:
    hidden, width = shapes[f"field.{FIRST}"]
    geometry = shapes[f"field.{LAST}"][0] - 1
    appearance = shapes["field.mlp_head.0.weight"][1] - 16 - geometry
    base, finest = sizes.get("field.base_res", 16), sizes.get("field.max_res", 8192)
    log2 = sizes.get("field.log2_hashmap_size", 21)
    _same_table(file, "field", shapes, (width // 2, base, finest, log2))
    proposals: list[ProposalConfig] = []
    while f"proposal_networks.{len(proposals)}.{GRID}" in shapes:
        proposals.append(_proposal(file, f"proposal_networks.{len(proposals)}", shapes, sizes))
    return NerfactoConfig(
        tuple(proposals),
        width // 2,
        base,
        finest,
        log2,
        hidden,
        geometry,
        appearance=appearance,
        images=shapes.get("embedding_appearance.weight", (3500,))[0],
        legacy_deltas=True,
    )


def _proposal(file: Path, name: str, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> ProposalConfig:
    hidden, width = shapes.get(f"{name}.{FIRST}", (64, 10))
    levels = width // 2
    finest = sizes.get(f"{name}.max_res", FINEST_OF_PROPOSAL.get(levels, 2048))
    log2, base = sizes.get(f"{name}.log2_hashmap_size", 17), sizes.get(f"{name}.base_res", 16)
    _same_table(file, name, shapes, (levels, base, finest, log2))
    return ProposalConfig(levels, finest, 512 if levels == 5 else 256, base, log2, hidden)


def _same_table(file: Path, name: str, shapes: Mapping[str, tuple[int, ...]], sizes: tuple[int, int, int, int]) -> None:
    expected = 2 * sum(level.entries for level in levels_of(*sizes))
    found = shapes[f"{name}.{GRID}"]
    if found != (expected,):
        raise WrongCheckpoint(
            f"{file.name}: {name}.{GRID} has shape {found}; a grid of {sizes[0]} levels from {sizes[1]} to {sizes[2]} "
            f"with 2^{sizes[3]} entries has ({expected},). It was trained with other grid settings, which its file "
            "does not tell. Choose a checkpoint of a released configuration."
        )


def _sizes(config: NerfactoConfig) -> tuple[object, ...]:
    return (
        config.levels,
        config.base,
        config.finest,
        config.log2_entries,
        config.hidden,
        config.geometry,
        config.appearance,
        config.proposals,
    )
