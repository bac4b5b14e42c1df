"""The report card of the small networks: does a large kernel win where range matters?

``launch.py evaluate pelk [--quick]``: pathfinder answers by path length and segmentation of ambiguous rooms for
pelk_nano and its twins with kernels of 7 and 3, all of equal parameters, on the weights that are there.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from models.parts.digests import file_digest
from models.pelk import evaluation_measure as measure
from models.pelk.evaluation_figures import Statistic, difference, interval, mean_iou, share
from models.pelk.nano import (
    TASKS,
    VARIANTS,
    LayoutNet,
    PathfinderNet,
    Task,
    Variant,
    available,
    load,
    parameters,
    shipped,
    weights_file,
)
from models.pelk.nano_recipe import RECIPES
from models.worlds import layouts, pathfinder

FIELD_SHARES = {"half": 0.5, "nearly_all": 0.99}


@dataclass(frozen=True)
class EvaluationConfig:
    """How much is measured: pictures of each path length, rooms, pictures for receptive fields."""

    per_length: int
    rooms: int
    field_pictures: int


FULL = EvaluationConfig(per_length=120, rooms=200, field_pictures=10)
QUICK = EvaluationConfig(per_length=60, rooms=60, field_pictures=4)


class NothingToMeasure(RuntimeError):
    """No trained network is there."""


PROBLEMS = (NothingToMeasure,)
"""What the command line shows as a sentence instead of a traceback."""


def evaluate(quick: bool) -> dict[str, Any]:
    """Figures with intervals ([low, value, high]) and the configuration they hold for. Raises NothingToMeasure."""
    config = QUICK if quick else FULL
    start = time.perf_counter()
    runs = available()
    if not runs:
        raise NothingToMeasure("No weights of pelk are there. Train them with: python3 launch.py train pelk")
    asked = measure.questions(config.per_length, config.rooms)
    figures: dict[str, Any] = {}
    described: dict[str, Any] = {"seeds": {}, "by_seed": {}, "parameters": {}, "weights_digest": {}}
    lengths, rooms, fields = _measured(runs, asked, config, described)
    figures |= _pathfinder_figures(lengths)
    figures |= _segmentation_figures(rooms)
    figures |= {name: interval_of(values) for name, values in fields.items()}
    figures |= _chance(asked)
    described |= asdict(config) | {
        "shipped": [f"{task}_{variant}_{seed}" for task, variant, seed in shipped()],
        "path_lengths": list(measure.LENGTHS),
        "trained_lengths": list(pathfinder.LENGTHS),
        "updates": {task: RECIPES[task].steps for task in TASKS},
        "training_pictures": {task: RECIPES[task].pictures for task in TASKS},
        "classes": list(layouts.CLASSES),
        "pictures_digest": asked.digest,
        "seconds": round(time.perf_counter() - start, 1),
    }
    return {"figures": figures, "config": described}


Lengths = dict[Variant, dict[int, NDArray[np.float64]]]
Fields = dict[str, list[float]]


def _measured(
    runs: list[tuple[Task, Variant, int]],
    asked: measure.Questions,
    config: EvaluationConfig,
    described: dict[str, Any],
) -> tuple[Lengths, dict[Variant, NDArray[np.float64]], Fields]:
    """Every network once. Pathfinder tables (seeds, pictures, 2) by variant and length; room tables (seeds, pictures,
    2 * classes) by variant; areas of receptive fields by figure name."""
    paths: dict[Variant, list[dict[int, NDArray[np.bool_]]]] = {}
    rooms: dict[Variant, list[NDArray[np.int64]]] = {}
    fields: Fields = {}
    for task, variant, seed in runs:
        say(f"{task} {variant} seed {seed}")
        model = load(task, variant, seed)
        name = f"{task}_{variant}"
        if task == "pathfinder":
            right = measure.right_answers(cast(PathfinderNet, model), asked)
            paths.setdefault(variant, []).append(right)
            value = float(np.mean([right[length].mean() for length in pathfinder.LENGTHS]))
        else:
            counts = measure.overlaps(cast(LayoutNet, model), asked)
            rooms.setdefault(variant, []).append(counts)
            value = float(mean_iou(counts.sum(0).reshape(-1).astype(np.float64)))
        areas = measure.field_areas(model, asked, config.field_pictures, tuple(FIELD_SHARES.values()))
        for word, area in zip(FIELD_SHARES, areas, strict=True):
            fields.setdefault(f"field_{word}_{name}", []).append(area)
        described["seeds"].setdefault(name, []).append(seed)
        described["by_seed"].setdefault(name, []).append(round(value, 4))
        described["parameters"][name] = parameters(model)
        digest = file_digest(weights_file(task, variant, seed))
        described["weights_digest"][f"{name}_{seed}"] = digest
    lengths: Lengths = {variant: _by_length(answers) for variant, answers in paths.items()}
    flat = {variant: np.stack(c).reshape(len(c), -1, 2 * len(layouts.CLASSES)) for variant, c in rooms.items()}
    return lengths, {variant: table.astype(np.float64) for variant, table in flat.items()}, fields


def _by_length(answers: list[dict[int, NDArray[np.bool_]]]) -> dict[int, NDArray[np.float64]]:
    tables = {}
    for length in answers[0]:
        right = np.stack([one[length] for one in answers]).astype(np.float64)
        tables[length] = np.stack([right, np.ones_like(right)], axis=-1)
    return tables


def _pathfinder_figures(lengths: Lengths) -> dict[str, Any]:
    """`pathfinder_<variant>` over the trained lengths, `pathfinder_<variant>_<length>` and the gains over the twins."""
    figures: dict[str, Any] = {}
    whole = {
        variant: np.concatenate([table for length, table in tables.items() if length in pathfinder.LENGTHS], axis=1)
        for variant, tables in lengths.items()
    }
    for variant in lengths:
        figures[f"pathfinder_{variant}"] = interval(whole[variant], share)
        for length, table in lengths[variant].items():
            figures[f"pathfinder_{variant}_{length}"] = interval(table, share)
    return figures | _gains("pathfinder", whole, share)


def _segmentation_figures(rooms: dict[Variant, NDArray[np.float64]]) -> dict[str, Any]:
    """`segmentation_<variant>`, the mean IoU, `segmentation_<variant>_<class>`, and the gains over the twins."""
    figures: dict[str, Any] = {}
    kinds = len(layouts.CLASSES)
    for variant, table in rooms.items():
        figures[f"segmentation_{variant}"] = interval(table, mean_iou)
        for index, name in enumerate(layouts.CLASSES):
            figures[f"segmentation_{variant}_{name}"] = interval(table[..., [index, kinds + index]], mean_iou)
    return figures | _gains("segmentation", rooms, mean_iou)


def _gains(task: Task, tables: dict[Variant, NDArray[np.float64]], statistic: Statistic) -> dict[str, Any]:
    gains = {}
    for twin in VARIANTS[1:]:
        if "large" in tables and twin in tables and tables["large"].shape == tables[twin].shape:
            gains[f"{task}_gain_over_{twin}"] = difference(tables["large"], tables[twin], statistic)
    return gains


def interval_of(values: list[float]) -> list[float]:
    """[least, mean, largest] over training seeds."""
    return [round(value, 4) for value in (min(values), sum(values) / len(values), max(values))]


def _chance(asked: measure.Questions) -> dict[str, float]:
    """What is reached without looking far: pathfinder by guessing, rooms by texture alone."""
    labels = asked.rooms[1]
    counts = measure.overlaps_of(measure.texture_guess(labels), labels)
    return {
        "pathfinder_chance": 0.5,
        "segmentation_by_texture": round(float(mean_iou(counts.sum(0).reshape(-1).astype(np.float64))), 4),
    }


def say(words: str) -> None:
    """One line of progress on the error stream."""
    print(f"evaluate pelk: {words}", file=sys.stderr, flush=True)
