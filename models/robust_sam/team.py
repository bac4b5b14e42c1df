"""Data-parallel training on the cores of one machine: single-threaded workers that average their gradients.

On a CPU one worker a core beats one worker with as many threads: its threads would wait for each other in every
operation, the workers do so once a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

import cv2
import torch
from torch import Tensor, multiprocessing

PATIENCE_S = 600.0
"""A worker that others have waited for this long has died."""


@dataclass(frozen=True)
class Member:
    """One worker's place in the team. Alone (the default) it shares nothing."""

    rank: int = 0
    size: int = 1
    board: Tensor | None = None
    barrier: Barrier | None = None

    @property
    def leads(self) -> bool:
        """Whether this worker writes the log and the checkpoints."""
        return self.rank == 0

    def mean(self, values: list[Tensor]) -> None:
        """Replaces every tensor by its mean over the team, in place. Raises BrokenBarrierError when a worker died, and
        SystemExit when the process that started the team was killed.
        """
        if self.board is None or self.barrier is None:
            return
        starter = multiprocessing.parent_process()
        if starter is not None and not starter.is_alive():
            raise SystemExit("the training command was stopped")
        flat = torch.cat([value.reshape(-1) for value in values])
        mine = self.board[self.rank, : len(flat)]
        mine.copy_(flat)
        self.barrier.wait(PATIENCE_S)
        torch.mean(self.board[:, : len(flat)], dim=0, out=flat)
        # Nobody may write its next values before all have read these.
        self.barrier.wait(PATIENCE_S)
        start = 0
        for value in values:
            value.copy_(flat[start : start + value.numel()].view_as(value))
            start += value.numel()


ALONE = Member()


def together(size: int, numbers: int, work: Callable[..., object], *arguments: Any) -> None:
    """Runs ``work(member, *arguments)`` in ``size`` processes that can average up to ``numbers`` values; waits for all.

    ``work`` must be importable (a module's function). The first error of any worker is raised.
    """
    context = multiprocessing.get_context("spawn")
    board = torch.zeros(size, numbers).share_memory_()
    multiprocessing.start_processes(
        _worker, (size, board, context.Barrier(size), work, arguments), nprocs=size, start_method="spawn"
    )


def _worker(
    rank: int, size: int, board: Tensor, barrier: Barrier, work: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work(Member(rank, size, board, barrier), *arguments)
