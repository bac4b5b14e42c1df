"""The page with the shipped weights for UI tests of the tools below the stage, which look inside the real model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVE = "from app.main import serve; serve(port=0)"
PATIENCE = float(os.environ.get("VITRINE_UI_PATIENCE", "1"))
"""Multiplies the waiting times on a busy machine."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Where the page answers while the block runs; its state lies in ``folder``."""
    environment = os.environ | {
        "VITRINE_STATE": str(folder / "state"),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-u", "-c", SERVE]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout or ())
            yield next(line.split()[-1] for line in lines if line.startswith("Vitrine is at "))
        finally:
            process.terminate()


def patient(seconds: float) -> float:
    """Milliseconds to wait at most."""
    return 1000 * seconds * PATIENCE
