"""Runs the measurement: one single-threaded worker a core, a journal that a stopped run goes on from, progress."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import cv2
import torch

import models.parts.degradations
from models.robust_sam import METHOD, evaluation_scenes
from models.robust_sam.evaluation_config import EvaluationConfig, Part
from models.robust_sam.evaluation_measure import Panel, Scene, measure
from models.robust_sam.evaluation_records import Journal, Record
from models.robust_sam.pipeline import weights_digest, weights_file
from models.robust_sam.team import workers
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


class EvaluationProblem(RuntimeError):
    """The measurement cannot go on; the text says why and what to do."""


def say(line: str) -> None:
    """One line of progress, beside the report that goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def run(config: EvaluationConfig, processes: int | None = None) -> list[Record]:
    """The record of every photo and scene, measured or taken from the journal of a run that was stopped.

    ``processes`` 0 measures in this process. Raises EvaluationProblem when a worker dies, packages.PackageProblem when
    the scenes cannot be made.
    """
    scenes = evaluation_scenes.prepare(config, say)
    journal = Journal(journal_file(config))
    known = journal.read()
    tasks = [task for task in all_tasks(config) if name_of(task) not in known]
    if known:
        say(f"going on with a run that was stopped: {len(known)} pictures are measured, {len(tasks)} are not")
    start = last = time.monotonic()
    for done, record in enumerate(_measured(config, scenes, tasks, workers() if processes is None else processes), 1):
        journal.add(record)
        known[record.picture] = record
        now = time.monotonic()
        if now - last > PROGRESS_S or done == len(tasks):
            last, left = now, (now - start) / done * (len(tasks) - done)
            say(f"{done} of {len(tasks)} pictures measured, about {left / 60:.1f} min left")
    journal.finish()
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
        content.update(weights_digest(weights).encode())
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


def _measured(config: EvaluationConfig, scenes: Path, tasks: list[Task], processes: int) -> Iterator[Record]:
    if not tasks:
        return
    if processes == 0:
        _open(config, scenes)
        yield from map(_work, tasks)
        return
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_open_worker, initargs=(config, scenes)
    )
    try:
        for future in as_completed([pool.submit(_work, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool as problem:
        raise EvaluationProblem(
            "a worker was ended from outside, most likely for want of memory. Close other programs and run the same "
            "command again: it goes on where it stopped."
        ) from problem
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker:
    """What a worker process keeps between pictures."""

    config: EvaluationConfig
    scenes: Path
    panel: Panel
    photos: list[Scene]


def _open_worker(config: EvaluationConfig, scenes: Path) -> None:
    # The parent hears Ctrl-C, waits for the pictures in work and writes them down.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _open(config, scenes)


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
