"""Long measurements: one single-threaded worker a core, and a journal that a stopped run goes on from.

journal = Journal(path, name_of=attrgetter("name"), from_json=from_json)
known = journal.read()
for record in measured(tasks, work, opening, (config,), workers()):
    journal.add(record)
journal.finish()
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import torch

R = TypeVar("R")
T = TypeVar("T")


class EvaluationProblem(RuntimeError):
    """The measurement cannot go on; the text says why and what to do."""


def say(line: str) -> None:
    """One line of progress, beside the report that goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def workers() -> int:
    """How many workers this machine's cores are for: 1 or 2; each holds its own copy of what it works with."""
    return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Journal(Generic[R]):
    """Records (dataclasses) on disk, one line each, written as they come. A line cut off by a stop is left out.

    ``path`` should name everything the records depend on; ``finish`` removes it. ``from_json`` makes a record of what
    ``asdict`` gave and raises KeyError or TypeError for another form.
    """

    def __init__(self, path: Path, name_of: Callable[[R], str], from_json: Callable[[dict[str, Any]], R]) -> None:
        self.path, self._name_of, self._from_json = path, name_of, from_json

    def read(self) -> dict[str, R]:
        """Name -> record, of the run that was stopped; empty when there is none."""
        records = {}
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        for line in lines:
            try:
                record = self._from_json(json.loads(line))
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
            records[self._name_of(record)] = record
        return records

    def add(self, record: R) -> None:
        """Append one record; it is on the disk when this returns."""
        plain: Any = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # A line cut off by a stop must not swallow this one.
            file.write(("\n" if file.tell() else "") + json.dumps(asdict(plain)))
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> None:
        """The run is complete: the next one measures anew."""
        self.path.unlink(missing_ok=True)


def measured(
    tasks: Sequence[T], work: Callable[[T], R], opening: Callable[..., None], given: tuple[Any, ...], processes: int
) -> Iterator[R]:
    """``work`` of every task, in the order they are done. ``opening(*given)`` comes first in each worker.

    ``processes`` 0 measures in this process. Raises EvaluationProblem when a worker dies.
    """
    if not tasks:
        return
    if processes == 0:
        opening(*given)
        yield from map(work, tasks)
        return
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_open_worker, initargs=(opening, given)
    )
    try:
        for future in as_completed([pool.submit(work, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool as problem:
        raise EvaluationProblem(
            "a worker was ended from outside, most likely for want of memory. Close other programs and run the same "
            "command again: it goes on where it stopped."
        ) from problem
    finally:
        pool.shutdown(cancel_futures=True)


def _open_worker(opening: Callable[..., None], given: tuple[Any, ...]) -> None:
    # The parent hears Ctrl-C, waits for the tasks in work and writes them down.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    opening(*given)
