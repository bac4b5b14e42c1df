"""Runs one training of a small network: the loop, the log, and going on where an interrupted run stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.pelk.nano import Task, Variant, build
from models.pelk.nano_recipe import RECIPES, Recipe, pathfinder_loss, segmentation_loss

LOSSES: dict[Task, Callable[[Any, Recipe, int, int], dict[str, Tensor]]] = {
    "pathfinder": pathfinder_loss,
    "segmentation": segmentation_loss,
}


class Trainer:
    """Trains one variant with one seed; stops and goes on from `folder/<task>_<variant>_<seed>.pt`.

    A line of JSON every `log_every` updates, means since the last line or since the run went on.
    """

    log_every, save_seconds = 50, 60.0

    def __init__(self, task: Task, variant: Variant, seed: int, folder: Path, recipe: Recipe | None = None) -> None:
        self.task, self.seed = task, seed
        self.recipe = recipe or RECIPES[task]
        self.model = build(task, variant, torch.Generator().manual_seed(seed))
        matrices = [weight for weight in self.model.parameters() if weight.dim() > 1]
        others = [weight for weight in self.model.parameters() if weight.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": self.recipe.weight_decay}, {"params": others, "weight_decay": 0}]
        self.optimizer = torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=(0.9, 0.99))
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, float] = {}
        self.summed = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{task}_{variant}_{seed}.pt"
        if self.file.exists():
            self._resume()

    def run(self, until: int | None = None) -> nn.Module:
        """Trains to the end of the recipe, or to update `until`, saves, and returns the model in eval mode."""
        self.model.train()
        saved = time.monotonic()
        while self.step < min(self.recipe.steps, until or self.recipe.steps):
            start = time.monotonic()
            losses = self._update()
            self.seconds += time.monotonic() - start
            for name, value in losses.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
            self.summed += 1
            if self.step % self.log_every == 0:
                self._log()
            if time.monotonic() - saved > self.save_seconds:
                self._save()
                saved = time.monotonic()
        self._save()
        return self.model.eval()

    def _update(self) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        losses = LOSSES[self.task](self.model, self.recipe, self.seed, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return losses

    def _log(self) -> None:
        row = {"step": self.step, "side": self.recipe.phase(self.step - 1).side, "seconds": round(self.seconds, 1)}
        values = {name: round(value / self.summed, 4) for name, value in self.sums.items()}
        self.sums.clear()
        self.summed = 0
        with self.file.with_suffix(".jsonl").open("a") as log:
            log.write(json.dumps(row | values) + "\n")

    def _save(self) -> None:
        draft = self.file.with_suffix(".draft")
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, draft)
        draft.replace(self.file)

    def _resume(self) -> None:
        state = torch.load(self.file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
