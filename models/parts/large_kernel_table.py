"""The measured table of this machine: times per case and algorithm, in a small file in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import sys
import tempfile
import threading
from pathlib import Path

import torch

log = logging.getLogger(__name__)

Milliseconds = dict[str, float]
"""Algorithm -> best time of one call."""


def cache_folder() -> Path:
    """`$VITRINE_CACHE`, else `vitrine` in the user's cache folder; not created here."""
    chosen = os.environ.get("VITRINE_CACHE")
    if chosen:
        return Path(chosen)
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "vitrine"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "vitrine" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vitrine"
    return Path.home() / ".cache" / "vitrine"


def machine() -> dict[str, str]:
    """What the figures of a table depend on beside the number of threads, which is part of each case."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "mkl": str(torch.backends.mkl.is_available()),
        "onednn": str(torch.backends.mkldnn.is_available()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


class Table:
    """Case -> milliseconds per algorithm; read once, written after each measurement by replacing the file.

    A file that cannot be read is measured anew; a folder that cannot be written leaves the table in memory, with one
    line in the log. Safe to use from several threads and processes: the last writer of a case wins.
    """

    def __init__(self, folder: Path | None = None) -> None:
        about = machine()
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
        self.file = (folder or cache_folder()) / f"large_kernel_{digest}.json"
        self._about = about
        self._lock = threading.Lock()
        self._cases: dict[str, Milliseconds] | None = None

    def get(self, case: str) -> Milliseconds | None:
        """The times measured for `case`, or None."""
        with self._lock:
            if self._cases is None:
                self._cases = self._read()
            return self._cases.get(case)

    def put(self, case: str, times: Milliseconds) -> None:
        """Keep the times of `case`, in memory and in the file."""
        with self._lock:
            self._cases = {**(self._cases or {}), **self._read(), case: times}
            try:
                self._write()
            except OSError as problem:
                log.warning("large-kernel timings are kept in memory only: %s", problem.strerror)

    def _read(self) -> dict[str, Milliseconds]:
        try:
            cases = json.loads(self.file.read_text(encoding="utf-8"))["cases"]
            return {
                str(case): {str(name): float(value) for name, value in times.items()} for case, times in cases.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("%s is not a table of timings; it is measured anew", self.file.name)
            return {}

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=self.file.parent, prefix=self.file.stem, suffix=".part", delete=False
        ) as part:
            json.dump({"machine": self._about, "cases": self._cases}, part, indent=1)
        os.replace(part.name, self.file)
