"""The report card of ost-mini, and the paper's protocol on videos of the user's own.

``launch.py evaluate ost`` measures 24 held-out actions in unseen places and colours: names alone, mean-pooled
descriptors, transport alone and OST, and what happens when descriptors are worded otherwise or wrong; ``--quick`` takes
fewer clips. ``--videos FOLDER ...`` runs on lists of videos instead (models.ost.evaluation_lists).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from models.ost import METHOD, evaluation_lists, official
from models.ost.evaluation_config import FULL, QUICK, WRONG_SHARE, EvaluationConfig
from models.ost.evaluation_figures import Outcome, figures, run
from models.ost.official import WISE_RATIO
from models.ost.weights import BASE_FILE, Recogniser, tokeniser_for, weights_digest, weights_file
from models.parts.problems import BadInput
from models.runtime import WrongCheckpoint
from models.worlds.figures_actions import HELD_OUT_ACTIONS, ORDER_PAIRS, SEEN_ACTIONS

PROBLEMS = (BadInput, WrongCheckpoint)
"""What the command line shows as a sentence instead of a traceback."""


def evaluate(quick: bool) -> dict[str, Any]:
    """Figures with intervals ([low, value, high]) and the configuration they hold for. Raises WrongCheckpoint."""
    config = QUICK if quick else FULL
    with torch.inference_mode(False):
        outcome = run(recognisers(), config, say)
    return {"figures": figures(outcome), "config": described(outcome, config)}


def recognisers() -> dict[str, Recogniser]:
    """ "mixed": the shipped weights with the paper's share of stage 1; beside it both stages where both are shipped."""
    file = weights_file()
    base = METHOD.weights_folder / BASE_FILE
    if not base.is_file():
        return {"mixed": _loaded(file, None)}
    return {"mixed": _loaded(file, base), "stage_1": _loaded(base, None), "stage_2": _loaded(file, None)}


def _loaded(file: Path, base: Path | None) -> Recogniser:
    model = official.load(file, "cpu", base, WISE_RATIO if base is not None else 0.0)
    return Recogniser(model, tokeniser_for(model, file))


def described(outcome: Outcome, config: EvaluationConfig) -> dict[str, Any]:
    """What was measured, in numbers; equal digests mean equal questions."""
    content = hashlib.sha256("".join(outcome.digests).encode()).hexdigest()
    return asdict(config) | {
        "classes": [action.name for action in HELD_OUT_ACTIONS],
        "seen_classes": [action.name for action in SEEN_ACTIONS],
        "order_pairs": [[first.name, second.name] for first, second in ORDER_PAIRS],
        "chance": round(1 / len(HELD_OUT_ACTIONS), 4),
        "wrong_share": WRONG_SHARE,
        "stage_1_share": WISE_RATIO,
        "confusion": outcome.confusion.tolist(),
        "clips_digest": content[:16],
        "weights_digest": weights_digest(weights_file()),
    }


def say(line: str) -> None:
    """Progress, beside the report and not in it."""
    print(line, file=sys.stderr, flush=True)


def options() -> argparse.ArgumentParser:
    """What ``launch.py evaluate ost`` takes beyond ``--quick`` and ``--json``."""
    parser = argparse.ArgumentParser(prog="launch.py evaluate ost", allow_abbrev=False)
    parser.add_argument("--videos", type=Path, metavar="FOLDER", help="measure on videos of this folder instead")
    parser.add_argument("--lists", type=Path, nargs="+", metavar="FILE", help='"file label" a line; one list a split')
    parser.add_argument("--labels", type=Path, metavar="CSV", help="class names, header id,name")
    parser.add_argument("--spatial", type=Path, metavar="JSON", help="spatial descriptors, the authors' form")
    parser.add_argument("--temporal", type=Path, metavar="JSON", help="temporal descriptors, the authors' form")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="OST's or CLIP's weights instead of ost-mini")
    parser.add_argument("--zero-shot", type=Path, metavar="FILE", help="CLIP's weights to mix in")
    parser.add_argument("--ratio", type=float, default=WISE_RATIO, help="share of them; the paper's is 0.2")
    parser.add_argument("--frames", type=int, default=32, help="frames of a video; the paper's are 32")
    return parser


def evaluate_with(quick: bool, words: Sequence[str], door: evaluation_lists.Door) -> dict[str, Any]:
    """``evaluate`` with further words of the command line; ``door`` turns a checkpoint into safetensors.

    Raises SystemExit (2) for words that are not understood, like any command line.
    """
    parser = options()
    asked = parser.parse_args(list(words))
    needed = (asked.lists, asked.labels, asked.spatial, asked.temporal)
    if asked.videos is None:
        if any(value is not None for value in (*needed, asked.checkpoint, asked.zero_shot)):
            parser.error("these go with --videos; without it the embedded weights are measured on rendered clips")
        return evaluate(quick)
    if any(value is None for value in needed):
        parser.error("--videos needs --lists, --labels, --spatial and --temporal")
    if asked.frames < 1:
        parser.error("--frames: give at least 1")
    classes = evaluation_lists.read_classes(asked.labels, asked.spatial, asked.temporal)
    job = evaluation_lists.Asked(asked.videos, tuple(asked.lists), classes, asked.frames)
    return evaluation_lists.evaluate_lists(job, asked.checkpoint, asked.zero_shot, asked.ratio, door=door, say=say)
