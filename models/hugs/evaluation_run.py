"""Runs the measurement: one single-threaded worker a core, a journal that a stopped run goes on from, progress."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import cv2
import torch

from models.hugs import evaluation_captures, evaluation_measure, scenes
from models.hugs.evaluation_config import EvaluationConfig
from models.hugs.evaluation_measure import Proposer
from models.hugs.evaluation_records import Journal, Record

Task = tuple[str, int]
Maker = Callable[[], tuple[str, Proposer] | None]
"""Called once in each worker: the name of the proposer and the proposer, None for colours alone. Must be importable."""

FOLDER = Path(__file__).resolve().parent
NOT_MEASURING = ("evaluation.py", "evaluation_figures.py", "evaluation_run.py", "official.py", "training.py")


class EvaluationProblem(RuntimeError):
    """The measurement cannot go on; the text says why and what to do."""


def colours_alone() -> None:
    """No segmenter: segments by colour."""
    return


def say(line: str) -> None:
    """One line of progress, beside the report that goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def run(config: EvaluationConfig, maker: Maker = colours_alone, processes: int | None = None) -> list[Record]:
    """The record of every capture, measured or taken from the journal of a run that was stopped.

    ``processes`` 0 measures in this process; None uses one a core, two at most. Raises EvaluationProblem when a worker
    dies.
    """
    journal = Journal(journal_file(config, maker))
    known = journal.read()
    tasks = [task for task in all_tasks(config) if name_of(task) not in known]
    if known:
        say(f"going on with a run that was stopped: {len(known)} captures are measured, {len(tasks)} are not")
    start = time.monotonic()
    for done, record in enumerate(_measured(config, maker, tasks, workers() if processes is None else processes), 1):
        journal.add(record)
        known[record.name] = record
        left = (time.monotonic() - start) / done * (len(tasks) - done)
        say(f"{done} of {len(tasks)} captures measured ({record.name}), about {left / 60:.1f} min left")
    journal.finish()
    return [known[name_of(task)] for task in all_tasks(config)]


def all_tasks(config: EvaluationConfig) -> list[Task]:
    """Setting and seed of every capture, all settings with the first seed first."""
    settings = scenes.EVALUATION[: config.scenes]
    return [(setting.name, seed) for seed in range(config.seeds) for setting in settings]


def name_of(task: Task) -> str:
    """The name a task's record has in the journal."""
    return f"{task[0]} {task[1]}"


def workers() -> int:
    """One a core, two at most: each needs a core of its own and some 700 MB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(2, cores)


def journal_file(config: EvaluationConfig, maker: Maker) -> Path:
    """The journal of this configuration, proposer and code, scenes apart (a capture's digest is in its record)."""
    # Fewer scenes are the same measurement: a quick run that was stopped serves the full one.
    asked = {key: value for key, value in asdict(config).items() if key not in ("scenes", "seeds")}
    content = hashlib.sha256(json.dumps(asked, sort_keys=True).encode() + maker.__name__.encode())
    for file in sorted(FOLDER.glob("*.py")):
        if file.name not in NOT_MEASURING:
            content.update(file.read_bytes())
    for part in ("voxel_grid", "volume_rendering", "volume_rendering_losses", "volume_rendering_rays", "metrics"):
        content.update((FOLDER.parent / "parts" / f"{part}.py").read_bytes())
    return evaluation_captures.folder() / f"journal-{content.hexdigest()[:12]}.jsonl"


def _measured(config: EvaluationConfig, maker: Maker, tasks: list[Task], processes: int) -> Iterator[Record]:
    if not tasks:
        return
    if processes == 0:
        _open(config, maker)
        yield from map(_work, tasks)
        return
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_open_worker, initargs=(config, maker)
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
    """What a worker process keeps between captures."""

    config: EvaluationConfig
    name: str
    proposer: Proposer | None


def _open_worker(config: EvaluationConfig, maker: Maker) -> None:
    # The parent hears Ctrl-C, waits for the captures in work and writes them down.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _open(config, maker)


def _open(config: EvaluationConfig, maker: Maker) -> None:
    made = maker()
    _Worker.config = config
    _Worker.name, _Worker.proposer = made if made is not None else ("", None)


def _work(task: Task) -> Record:
    capture = evaluation_captures.capture_of(*task, _Worker.config)
    return evaluation_measure.measure(task[0], task[1], capture, _Worker.config, _Worker.proposer, _Worker.name)
