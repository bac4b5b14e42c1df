"""Runs the measurement of every capture and tells how far it is; a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

from models.hugs import evaluation_captures, evaluation_measure, scenes
from models.hugs.evaluation_config import EvaluationConfig
from models.hugs.evaluation_records import Record, journal
from models.parts.measuring import measured, say, workers

Task = tuple[str, int]

FOLDER = Path(__file__).resolve().parent
NOT_MEASURING = ("evaluation.py", "evaluation_figures.py", "evaluation_run.py", "official.py", "training.py")


def run(config: EvaluationConfig, processes: int | None = None) -> list[Record]:
    """The record of every capture, measured or taken from the journal of a run that was stopped.

    ``processes`` 0 measures in this process; None uses one a core, two at most. Raises EvaluationProblem when a worker
    dies.
    """
    written = journal(journal_file(config))
    known = written.read()
    tasks = [task for task in all_tasks(config) if name_of(task) not in known]
    if known:
        say(f"going on with a run that was stopped: {len(known)} captures are measured, {len(tasks)} are not")
    start = time.monotonic()
    found = measured(tasks, _work, _open, (config,), workers() if processes is None else processes)
    for done, record in enumerate(found, 1):
        written.add(record)
        known[record.name] = record
        left = (time.monotonic() - start) / done * (len(tasks) - done)
        say(f"{done} of {len(tasks)} captures measured ({record.name}), about {left / 60:.1f} min left")
    written.finish()
    return [known[name_of(task)] for task in all_tasks(config)]


def all_tasks(config: EvaluationConfig) -> list[Task]:
    """Setting and seed of every capture, all settings with the first seed first."""
    settings = scenes.EVALUATION[: config.scenes]
    return [(setting.name, seed) for seed in range(config.seeds) for setting in settings]


def name_of(task: Task) -> str:
    """The name a task's record has in the journal."""
    return f"{task[0]} {task[1]}"


def journal_file(config: EvaluationConfig) -> Path:
    """The journal of this configuration and code, scenes apart (a capture's digest is in its record)."""
    # Fewer scenes are the same measurement: a quick run that was stopped serves the full one.
    asked = {key: value for key, value in asdict(config).items() if key not in ("scenes", "seeds")}
    content = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for file in sorted(FOLDER.glob("*.py")):
        if file.name not in NOT_MEASURING:
            content.update(file.read_bytes())
    for part in ("voxel_grid", "volume_rendering", "volume_rendering_losses", "volume_rendering_rays", "metrics"):
        content.update((FOLDER.parent / "parts" / f"{part}.py").read_bytes())
    return evaluation_captures.folder() / f"journal-{content.hexdigest()[:12]}.jsonl"


class _Worker:
    """What a worker process keeps between captures."""

    config: EvaluationConfig


def _open(config: EvaluationConfig) -> None:
    _Worker.config = config


def _work(task: Task) -> Record:
    capture = evaluation_captures.capture_of(*task, _Worker.config)
    return evaluation_measure.measure(task[0], task[1], capture, _Worker.config)
