"""Runs one stage: the loop, the averaged weights, the log, and going on where an interrupted run stopped."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.robust_sam.network import RobustSam
from models.robust_sam.scenes import Batch
from models.robust_sam.stages import LOSSES, set_modes, trainable
from models.robust_sam.team import ALONE, Member


@dataclass(frozen=True)
class StageConfig:
    """One stage's schedule. ``minutes`` is training time, resumed runs included; the learning rate falls with its share
    (cosine).

    ``sides``: (until this share of the stage, model input in pixels); ``batch``: images at the first side;
    ``per_image``: targets an image; ``pairs``: whether
    degraded twins are drawn; ``trunk_rate``: the pretrained trunk's learning rate over the others'; ``average``: decay
    of the averaged weights; ``max_steps`` ends the stage earlier, so that a baseline gets the steps of what it is
    compared with. ``parallel``: a worker a core, each with its own batch, see team.py.
    """

    name: str
    minutes: float
    learning_rate: float
    sides: tuple[tuple[float, int], ...] = ((0.42, 256), (0.8, 384), (1.0, 512))
    batch: int = 8
    per_image: int = 8
    pairs: bool = False
    trunk_rate: float = 0.15
    average: float = 0.998
    max_steps: int = 1_000_000
    parallel: bool = True
    seed: int = 0


class Trainer:
    """Trains ``model`` in place; stops and goes on from ``folder/<stage>.pt``; a line of JSON, means over
    ``log_every`` steps.
    """

    log_every, save_seconds, warm_up = 20, 120.0, 50

    def __init__(self, model: RobustSam, config: StageConfig, folder: Path, member: Member = ALONE) -> None:
        self.model, self.config, self.folder, self.member = model, config, folder, member
        named = trainable(model, config.name)
        trunk = [p for name, p in named if name.startswith("image_encoder.trunk.")]
        other = [p for name, p in named if not name.startswith("image_encoder.trunk.")]
        groups = [{"params": other, "share": 1.0}, {"params": trunk, "share": config.trunk_rate}]
        self.optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=0.01, fused=True)
        self.averaged = deepcopy(model).requires_grad_(False)
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, float] = {}
        self.generator = torch.Generator().manual_seed(config.seed + member.rank)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{config.name}.pt"
        if self.file.exists():
            self._resume()

    def run(self, batches: Callable[[int, int], Iterator[Batch]]) -> RobustSam:
        """Trains for the configured time and returns the averaged model.

        ``batches(side, step)`` gives batches of that side; the step tells a resumed run to draw other scenes.
        """
        set_modes(self.model, self.config.name)
        stream, side, saved = None, 0, time.monotonic()
        while self.share < 1:
            wanted = next(size for until, size in self.config.sides if self.share < until)
            if stream is None or wanted != side:
                side, stream = wanted, batches(wanted, self.step)
            start = time.monotonic()
            losses = self._update(next(stream), self.seconds)
            self.seconds += time.monotonic() - start
            for name, value in losses.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
            if self.step % self.log_every == 0 and self.member.leads:
                self._log()
            if time.monotonic() - saved > self.save_seconds and self.member.leads:
                self._save()
                saved = time.monotonic()
        if self.member.leads:
            self._save()
        return self.averaged

    @property
    def share(self) -> float:
        """How much of the stage is done, 0..1."""
        return max(self.seconds / (60 * self.config.minutes), self.step / self.config.max_steps)

    def _update(self, batch: Batch, seconds: float) -> dict[str, Tensor]:
        fall = 0.51 + 0.49 * math.cos(math.pi * self.share)
        rate = self.config.learning_rate * min((self.step + 1) / self.warm_up, 1) * fall
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        with torch.autocast("cpu", torch.bfloat16):
            losses = LOSSES[self.config.name](self.model, batch, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        for gradient in gradients:
            torch.nan_to_num_(gradient, posinf=0.0, neginf=0.0)
        # The clock travels with the gradients: all workers must agree on when the stage ends.
        clock = torch.tensor([seconds])
        self.member.mean([*gradients, clock])
        self.seconds = float(clock)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        if self.member.leads:
            self._average()
        return losses

    def _average(self) -> None:
        keep = min(self.config.average, (1 + self.step) / (10 + self.step))
        pairs = list(zip(self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True))
        moving = [(mine, source) for mine, source in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in moving], [source for _, source in moving], 1 - keep)
        for mine, source in pairs:
            if not mine.is_floating_point():
                mine.copy_(source)

    def _log(self) -> None:
        row = {"step": self.step, "minutes": round(self.seconds / 60, 2)}
        values = {name: round(value / self.log_every, 4) for name, value in self.sums.items()}
        self.sums.clear()
        with (self.folder / f"{self.config.name}.jsonl").open("a") as log:
            log.write(json.dumps(row | values) + "\n")

    def _save(self) -> None:
        draft = self.file.with_suffix(".draft")
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "seconds": self.seconds,
            "config": asdict(self.config),
        }
        torch.save(state, draft)
        draft.replace(self.file)

    def _resume(self) -> None:
        state = torch.load(self.file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        if self.member.leads:
            self.generator.set_state(state["generator"])
        else:
            self.generator.manual_seed(self.config.seed + self.step * self.member.size + self.member.rank)
