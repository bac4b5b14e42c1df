"""The weights that ship answer right on pictures they never saw; the report card says how often."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.pelk import METHOD
from models.pelk.evaluation_figures import mean_iou
from models.pelk.evaluation_measure import overlaps_of
from models.pelk.nano import TASKS, VARIANTS, PathfinderNet, Variant, load, shipped
from models.worlds import layouts, pathfinder

OTHER_SEED = 123


@pytest.mark.parametrize("variant", VARIANTS)
def test_short_paths_are_followed(variant: Variant) -> None:
    asked = pathfinder.batch(np.random.default_rng(OTHER_SEED), 40, (6, 7))
    with torch.inference_mode():
        given = load("pathfinder", variant)(torch.from_numpy(asked.images)[:, None]).argmax(1).numpy()
    assert (given == asked.answers).mean() >= 0.85


def test_the_map_shows_which_curves_carry_dots() -> None:
    asked = pathfinder.batch(np.random.default_rng(OTHER_SEED), 30, (8,))
    model = load("pathfinder", "large")
    assert isinstance(model, PathfinderNet)
    with torch.inference_mode():
        _, trace = model.both(torch.from_numpy(asked.images)[:, None])
    truth = asked.trace(model.STRIDE) > 0
    found = trace.numpy() > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_rooms_are_segmented_better_than_by_texture_in_one_colour(variant: Variant) -> None:
    images, labels = layouts.batch(np.random.default_rng(OTHER_SEED), 12)
    with torch.inference_mode():
        given = load("segmentation", variant)(torch.from_numpy(images).permute(0, 3, 1, 2)).argmax(1).numpy()
    counts = overlaps_of(given, labels).sum(0).reshape(-1).astype(np.float64)
    assert float(mean_iou(counts)) > 0.4


def test_one_run_of_every_network_ships_and_all_are_light() -> None:
    assert shipped() == [(task, variant, 0) for task in TASKS for variant in VARIANTS]
    assert sum(file.stat().st_size for file in METHOD.weights_folder.glob("*.safetensors")) <= 4e6


def test_every_checkpoint_has_a_name_of_its_own() -> None:
    names = [checkpoint.name for checkpoint in METHOD.checkpoints]
    assert len(names) == len(set(names))
