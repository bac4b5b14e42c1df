"""The page in a process of its own, and how long to wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ("-c", "from app.main import serve; serve(port=0, rooms=['robust_sam'])")
"""The segmentation room with the shipped weights, for tests of the tools that look inside the real model."""
ALL_ROOMS = ("-c", "from app.main import serve; serve(port=0)")
"""The whole house."""
STAND_IN = ("-m", "tests.ui.stand_in", "0")
"""With a model that answers at once and predictably."""
PATIENCE = float(os.environ.get("VITRINE_UI_PATIENCE", "1"))
"""Multiplies the waiting times on a busy machine."""


@contextmanager
def served(folder: Path, what: tuple[str, ...] = REAL, threads: int | None = 1) -> Iterator[str]:
    """Where the page answers while the block runs; its state lies in ``folder``. ``threads``: None for the default."""
    environment = os.environ | {"VITRINE_STATE": str(folder / "state"), "GRADIO_TEMP_DIR": str(folder / "uploads")}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-u", *what]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if line.startswith("Vitrine is at "):
                    yield line.split()[-1]
                    break
            else:
                pytest.fail("the page did not start")
        finally:
            process.terminate()


def patient(seconds: float) -> float:
    """Milliseconds to wait at most."""
    return 1000 * seconds * PATIENCE
