"""Trains the shipped networks of PeLK, or a network of the paper on a folder of pictures.

    python3 launch.py train pelk                                   both tasks, three variants, three seeds
    python3 launch.py train pelk --task pathfinder --variant large --seed 0
    python3 launch.py train pelk --quick                           a smoke run, weights left in runs/pelk/quick
    python3 launch.py train pelk --paper pelk_t --data FOLDER      the paper's recipe (models.pelk.paper_training)

Every run resumes where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from models.pelk import packing, paper_training
from models.pelk.config import CONFIGS
from models.pelk.nano import RUNS, SEEDS, TASKS, VARIANTS, Task, Variant, weights_file
from models.pelk.nano_recipe import RECIPES
from models.pelk.trainer import Trainer

QUICK_SHARE = 0.004
"""Of the updates, in a smoke run."""


def train(
    quick: bool,
    tasks: Sequence[Task] = TASKS,
    variants: Sequence[Variant] = VARIANTS,
    seeds: Sequence[int] = SEEDS,
    folder: Path | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Trains every combination and writes its weights to `out`, else to where `weights_file` says; returns the files.

    Variants come innermost: what is interrupted is whole for the seeds that are done.
    """
    folder = folder or (RUNS / "quick" if quick else RUNS)
    out = out or (folder if quick else None)
    written = []
    for task in tasks:
        recipe = RECIPES[task].shortened(QUICK_SHARE) if quick else RECIPES[task]
        for seed in seeds:
            for variant in variants:
                model = Trainer(task, variant, seed, folder, recipe).run()
                written.append(weights_file(task, variant, seed, out))
                packing.save(model.state_dict(), written[-1])
    return written


def main(words: Sequence[str]) -> int:
    """`launch.py train pelk` with its words; exit status 0. Raises SystemExit (2) for words not understood."""
    parser = argparse.ArgumentParser(prog="launch.py train pelk", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="a few updates of everything, to see that it runs")
    parser.add_argument("--task", choices=TASKS, help="one task instead of both")
    parser.add_argument("--variant", choices=VARIANTS, help="one network instead of three")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="one seed instead of three")
    parser.add_argument("--paper", choices=[name for name in CONFIGS if name != "pelk_nano"], help="the paper's size")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with --paper: a folder per class, of pictures")
    asked = parser.parse_args(list(words))
    if (asked.paper is None) != (asked.data is None):
        parser.error("--paper and --data belong together")
    if asked.paper is not None:
        paper_training.train(asked.paper, asked.data, RUNS / asked.paper, quick=asked.quick)
        return 0
    written = train(
        asked.quick,
        (asked.task,) if asked.task else TASKS,
        (asked.variant,) if asked.variant else VARIANTS,
        SEEDS if asked.seed is None else (asked.seed,),
    )
    for file in written:
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")
    return 0
