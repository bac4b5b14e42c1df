"""Training: it learns, it resumes as if never stopped, all variants see the same pictures, the command works."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.parts.problems import BadInput
from models.pelk import training
from models.pelk.config import PelkConfig
from models.pelk.nano import TASKS, VARIANTS, PathfinderNet, Task, load, weights_file
from models.pelk.nano_recipe import RECIPES, TRAINING_SEED, Phase, Recipe, pathfinder_loss, rng_of
from models.pelk.paper_training import PaperRecipe, PaperTrainer, mix, recipe_of
from models.pelk.trainer import Trainer
from models.worlds import pathfinder

SHORT: dict[Task, Recipe] = {
    "pathfinder": Recipe((Phase(2, 48, 2, (3,)), Phase(2, 48, 2, (4,))), warm_up=1),
    "segmentation": Recipe((Phase(3, 48, 2),), warm_up=1),
}


@pytest.mark.parametrize("task", TASKS)
def test_an_interrupted_run_ends_where_an_unbroken_one_does(task: Task, tmp_path: Path) -> None:
    whole = Trainer(task, "k3", 0, tmp_path / "whole", SHORT[task]).run()
    Trainer(task, "k3", 0, tmp_path / "broken", SHORT[task]).run(until=1)
    resumed = Trainer(task, "k3", 0, tmp_path / "broken", SHORT[task])
    assert resumed.step == 1
    end = resumed.run().state_dict()
    assert all(torch.equal(value, end[name]) for name, value in whole.state_dict().items())
    assert not whole.training


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    def first(seed: int, step: int) -> np.ndarray:
        return pathfinder.batch(rng_of(seed, step), 2, (5,)).images

    assert np.array_equal(first(0, 3), first(0, 3))
    assert not np.array_equal(first(0, 3), first(0, 4))
    assert not np.array_equal(first(0, 3), first(1, 3))
    assert TRAINING_SEED > 10**6


@pytest.mark.slow
def test_the_large_kernel_learns_a_handful_of_pictures_by_heart(tmp_path: Path) -> None:
    recipe = Recipe((Phase(40, 48, 8, (3,)),), learning_rate=4e-3, warm_up=5)
    trainer = Trainer("pathfinder", "large", 0, tmp_path, recipe)
    model = trainer.model.train()
    assert isinstance(model, PathfinderNet)
    losses = []
    for step in range(recipe.steps):
        for group in trainer.optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        parts = pathfinder_loss(model, recipe, seed=0, step=0)
        trainer.optimizer.zero_grad()
        parts["total"].backward()
        trainer.optimizer.step()
        losses.append(float(parts["answer"].detach()))
    assert losses[0] > 0.4
    assert losses[-1] < 0.1


def test_the_schedule_rises_stays_and_falls_and_knows_its_phases() -> None:
    recipe = Recipe((Phase(40, 48, 2, (3,)), Phase(60, 96, 4, (6,))), learning_rate=1.0, warm_up=10, fall=0.5)
    assert (recipe.steps, recipe.pictures) == (100, 320)
    assert [recipe.phase(step).side for step in (0, 39, 40, 99, 500)] == [48, 48, 96, 96, 96]
    rates = [recipe.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:51] == pytest.approx([1.0] * 42)
    assert rates[100] == pytest.approx(0.0)
    assert all(a >= b for a, b in pairwise(rates[50:]))
    assert [phase.steps for phase in recipe.shortened(0.001).phases] == [1, 1]


def test_every_task_ends_with_the_full_size() -> None:
    assert RECIPES["pathfinder"].phases[-1].lengths == pathfinder.LENGTHS
    assert all(RECIPES[task].phases[-1].side == 96 for task in TASKS)


def test_the_quick_run_writes_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RECIPES", SHORT)
    files = training.train(True, ("pathfinder",), ("k3",), (0,), tmp_path / "runs", tmp_path / "out")
    assert files == [weights_file("pathfinder", "k3", 0, tmp_path / "out")]
    assert not load("pathfinder", "k3", 0, tmp_path / "out").training
    assert not (tmp_path / "out" / "pathfinder_k3_0.draft").exists()


def test_the_command_passes_its_words_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[object, ...]] = []

    def noted(*given: object) -> list[Path]:
        asked.append(given)
        return []

    monkeypatch.setattr(training, "train", noted)
    assert training.main(["--quick"]) == 0
    assert training.main(["--task", "pathfinder", "--variant", "k7", "--seed", "2"]) == 0
    assert asked == [(True, TASKS, VARIANTS, (0, 1, 2)), (False, ("pathfinder",), ("k7",), (2,))]
    for wrong in (["--paper", "pelk_t"], ["--data", str(tmp_path)], ["--variant", "k5"], ["fast"]):
        with pytest.raises(SystemExit):
            training.main(wrong)


TINY = PelkConfig(
    "tiny", (16, 24), (1, 1), kernels=(15, 9), centre_radii=(2, 2), stem=4, image=32, layer_scale=0.1, density=0.6
)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for index, name in enumerate(("dark", "light")):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(4):
            shade = 40 + 160 * index + 3 * number
            Image.fromarray(np.full((40, 48, 3), shade, np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "data"


def test_the_papers_recipe_runs_thins_out_and_resumes(classes: Path, tmp_path: Path) -> None:
    recipe = PaperRecipe(epochs=1, batch=4, part=2, warm_up_epochs=0, workers=0, update_every=1)
    trainer = PaperTrainer(TINY, classes, tmp_path / "run", recipe)
    trainer.run()
    assert trainer.step == 2
    zeros = sum(int((weight == 0).sum()) for weight in trainer.model.parameters())
    assert zeros > 0
    again = PaperTrainer(TINY, classes, tmp_path / "run", replace(recipe, epochs=2))
    assert (again.epoch, again.step) == (1, 2)
    again.run()
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["loss"]) for row in rows)
    assert again.rate() == pytest.approx(0.0)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="folders named after classes"):
        PaperTrainer(TINY, tmp_path / "nowhere", tmp_path / "run", PaperRecipe())


def test_sizes_exchange_weights_as_slak_does() -> None:
    assert (recipe_of("pelk_t_101").prune_rate, recipe_of("pelk_t").update_every) == (0.5, 2000)
    assert (recipe_of("pelk_b_384").prune_rate, recipe_of("pelk_s").update_every) == (0.3, 100)


@pytest.mark.parametrize("seed", range(6))
def test_mixing_keeps_labels_a_distribution_and_weighs_them_by_the_picture(seed: int) -> None:
    images = torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])
    recipe = PaperRecipe(smoothing=0.0)
    mixed, targets = mix(images, torch.tensor([0, 1]), 2, recipe, torch.Generator().manual_seed(seed))
    assert torch.allclose(targets.sum(1), torch.ones(2))
    # The share of ones in a picture is the share of class 1 in its label, mixed or cut.
    assert torch.allclose(mixed.mean((1, 2, 3)), targets[:, 1], atol=1e-5)
    smooth = mix(images, torch.tensor([0, 1]), 4, PaperRecipe(), torch.Generator().manual_seed(seed))[1]
    assert smooth.min() >= 0.1 / 4 - 1e-6
