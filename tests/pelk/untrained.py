"""Drawn weights in the place of trained ones, for tests of what runs with them and not of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from models.pelk import nano


def untrained_weights(folder: Path, monkeypatch: Any, tasks: Sequence[nano.Task] = nano.TASKS) -> None:
    """Write run 0 of ``tasks`` into ``folder`` and let nano find its weights there, and nowhere else."""
    write(folder, tasks)

    def file(task: str, variant: str, seed: int = 0, elsewhere: Path | None = None) -> Path:
        return (elsewhere or folder) / f"{task}_{variant}_{seed}.safetensors"

    monkeypatch.setattr(nano, "weights_file", file)


def write(folder: Path, tasks: Sequence[nano.Task] = nano.TASKS) -> None:
    """Networks drawn with a fixed seed, as files."""
    for task in tasks:
        for variant in nano.VARIANTS:
            with torch.random.fork_rng():
                torch.manual_seed(7)
                state = nano.build(task, variant).state_dict()
            save_file({k: v.contiguous() for k, v in state.items()}, folder / f"{task}_{variant}_0.safetensors")
