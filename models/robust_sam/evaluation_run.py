"""Runs the measurement of every photo and scene and tells how far it is; a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

import models.parts.degradations
from models.parts.digests import file_digest
from models.parts.measuring import measured, say, workers
from models.robust_sam import METHOD, evaluation_scenes
from models.robust_sam.evaluation_config import EvaluationConfig, Part
from models.robust_sam.evaluation_measure import Panel, Scene, measure
from models.robust_sam.evaluation_records import Record, journal
from models.robust_sam.pipeline import weights_file
from models.robust_sam.training import AUGMENTED_FILE
from models.worlds import packages

PROGRESS_S = 15.0
Task = tuple[Part, int]

_MEASURING = (
    "amfg",
    "clicks",
    "decoder",
    "encoder",
    "evaluation_config",
    "evaluation_measure",
    "evaluation_records",
    "everything",
    "everything_config",
    "everything_decode",
    "everything_filter",
    "everything_search",
    "frames",
    "network",
    "pipeline",
    "protocol",
    "real_photos",
)
"""The modules whose change makes kept records worthless."""


def run(config: EvaluationConfig, processes: int | None = None) -> list[Record]:
    """The record of every photo and scene, measured or taken from the journal of a run that was stopped.

    ``processes`` 0 measures in this process. Raises EvaluationProblem when a worker dies, packages.PackageProblem when
    the scenes cannot be made.
    """
    scenes = evaluation_scenes.prepare(config, say)
    written = journal(journal_file(config))
    known = written.read()
    tasks = [task for task in all_tasks(config) if name_of(task) not in known]
    if known:
        say(f"going on with a run that was stopped: {len(known)} pictures are measured, {len(tasks)} are not")
    start = last = time.monotonic()
    found = measured(tasks, _work, _open, (config, scenes), workers() if processes is None else processes)
    for done, record in enumerate(found, 1):
        written.add(record)
        known[record.picture] = record
        now = time.monotonic()
        if now - last > PROGRESS_S or done == len(tasks):
            last, left = now, (now - start) / done * (len(tasks) - done)
            say(f"{done} of {len(tasks)} pictures measured, about {left / 60:.1f} min left")
    written.finish()
    return [known[name] for name in map(name_of, all_tasks(config)) if known[name].answers]


def all_tasks(config: EvaluationConfig) -> list[Task]:
    """Photos first, then scenes of both generators in turn."""
    photos: list[Task] = [("real", scene.index) for scene in evaluation_scenes.photos()]
    return photos + evaluation_scenes.names(config)


def name_of(task: Task) -> str:
    """The name a task's record has in the journal."""
    return f"{task[0]}-{task[1]}"


def journal_file(config: EvaluationConfig) -> Path:
    """The journal of this configuration, these weights, this code and these scenes."""
    content = hashlib.sha256(json.dumps(asdict(config)).encode())
    for weights in (weights_file(), METHOD.weights_folder / AUGMENTED_FILE):
        content.update(file_digest(weights).encode())
    here = Path(__file__).parent
    degradations = sorted(Path(models.parts.degradations.__path__[0]).glob("*.py"))
    for file in [*(here / f"{module}.py" for module in _MEASURING), *degradations, real_photos_file()]:
        content.update(file.read_bytes())
    content.update(evaluation_scenes.code_digest().encode())
    folder = packages.cache_folder() / "robust_sam_evaluation"
    return folder / f"journal-{content.hexdigest()[:12]}.jsonl"


def real_photos_file() -> Path:
    """The outlines of the hand-drawn set."""
    return evaluation_scenes.real_photos.FOLDER / "real.json"


class _Worker:
    """What a worker process keeps between pictures."""

    config: EvaluationConfig
    scenes: Path
    panel: Panel
    photos: list[Scene]


def _open(config: EvaluationConfig, scenes: Path) -> None:
    _Worker.config, _Worker.scenes, _Worker.panel = config, scenes, Panel.open()
    _Worker.photos = list(evaluation_scenes.photos())


def _work(task: Task) -> Record:
    part, index = task
    scene = (
        _Worker.photos[index] if part == "real" else evaluation_scenes.load(_Worker.scenes, _Worker.config, part, index)
    )
    if scene is None:
        return Record(name_of(task), part, "")
    record = measure(_Worker.panel, scene, _Worker.config)
    return Record(name_of(task), part, record.digest, record.answers, record.clicks, record.found)
