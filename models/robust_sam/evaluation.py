"""The report card of the embedded weights, and the paper's protocol on folders of the user's own.

``launch.py evaluate robust_sam`` measures both branches and two baselines on held-out scenes and on real photos with
masks drawn by hand; ``--quick`` takes the first scenes of it. ``--folder PATH [--checkpoint FILE]`` runs the paper's
protocol instead (models.robust_sam.folder_protocol).
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.parts.digests import file_digest
from models.parts.measuring import EvaluationProblem, say
from models.robust_sam import evaluation_run, folder_protocol
from models.robust_sam.evaluation_config import FULL, QUICK, SEVERITIES
from models.robust_sam.evaluation_figures import figures
from models.robust_sam.evaluation_records import Record
from models.robust_sam.pipeline import weights_file
from models.robust_sam.protocol import MOST_CLICKS, POINTS
from models.runtime import WrongCheckpoint
from models.worlds.packages import PackageProblem

PROBLEMS = (EvaluationProblem, folder_protocol.FolderProblem, PackageProblem, WrongCheckpoint)
"""What the command line shows as a sentence instead of a traceback."""


def evaluate(quick: bool) -> dict[str, Any]:
    """Figures with intervals ([low, value, high]) and the configuration they hold for."""
    config = QUICK if quick else FULL
    records = evaluation_run.run(config)
    return {"figures": figures(records), "config": asdict(config) | describe(records)}


def describe(records: Sequence[Record]) -> dict[str, Any]:
    """What was measured, in numbers, and digests of scenes and weights: equal digests mean equal questions."""
    scenes = [record for record in records if record.part != "real"]
    photos = [record for record in records if record.part == "real"]
    content = hashlib.sha256("".join(record.digest for record in records).encode())
    return {
        "points": POINTS,
        "severities": list(SEVERITIES),
        "most_clicks": MOST_CLICKS,
        "scenes_used": len(scenes),
        "objects_used": _objects(scenes),
        "scenes_clicked": sum(bool(record.clicks) for record in scenes),
        "scenes_of_grabcut": sum(any("grabcut" in a.iou for a in record.answers) for record in scenes),
        "scenes_of_everything": sum(bool(record.found) for record in scenes),
        "photos": len(photos),
        "photo_objects": _objects(photos),
        "pictures_digest": content.hexdigest()[:16],
        "weights_digest": file_digest(weights_file()),
    }


def _objects(records: Sequence[Record]) -> int:
    return sum(len({answer.object for answer in record.answers}) for record in records)


def options() -> argparse.ArgumentParser:
    """What ``launch.py evaluate robust_sam`` takes beyond ``--quick`` and ``--json``."""
    parser = argparse.ArgumentParser(prog="launch.py evaluate robust_sam", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, metavar="PATH", help="run the paper's protocol on this folder instead")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="with --folder: the authors' or your weights")
    return parser


def evaluate_with(quick: bool, words: Sequence[str], door: folder_protocol.Door) -> dict[str, Any]:
    """``evaluate`` with further words of the command line; ``door`` turns a checkpoint into safetensors.

    Raises SystemExit (2) for words that are not understood, like any command line.
    """
    parser = options()
    asked = parser.parse_args(list(words))
    if asked.folder is None:
        if asked.checkpoint is not None:
            parser.error("--checkpoint goes with --folder; the report card is that of the embedded weights")
        return evaluate(quick)
    return folder_protocol.evaluate_folder(asked.folder, asked.checkpoint, door=door, say=say)
