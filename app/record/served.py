"""The app, or any server, as a child process on a free port: for tours, benchmarks and tests."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.record.errors import NotServed

PATIENCE_S = 120.0
STEP_S = 0.005


@dataclass
class Served:
    """A started server. `output` is the file that takes what it prints."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path
    started: float

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/") -> tuple[int, bytes]:
        """Status and body of one GET request; raises OSError while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait(self) -> float:
        """Seconds from the start of the process to its first HTTP 200; raises NotServed."""
        return self._until(self._answers, "answer")

    def wait_for_words(self, words: str) -> None:
        """Wait until it has printed `words`; raises NotServed."""
        self._until(lambda: words in self.said(), f"word of {words!r}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get()[0] == 200
        return False

    def _until(self, holds: Callable[[], bool], what: str) -> float:
        while not holds():
            if self.process.poll() is not None:
                raise NotServed(f"the server ended with status {self.process.returncode}:\n{self.said()[-2000:]}")
            if time.perf_counter() - self.started > PATIENCE_S:
                raise NotServed(f"no {what} within {PATIENCE_S:.0f} s:\n{self.said()[-2000:]}")
            # A starting process can only be asked; nothing announces that it is ready.
            time.sleep(STEP_S)
        return time.perf_counter() - self.started

    def said(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(
    command: Sequence[str], *, folder: Path | None = None, extra: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Start `command` plus a free port as its last word, in `folder`, and end it afterwards.

    Its state goes to a folder of its own, so that it neither sees nor leaves anything in the user's.
    """
    with tempfile.TemporaryDirectory() as home:
        settings = {
            **os.environ,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            "VITRINE_STATE": home,
            **(extra or {}),
        }
        output = Path(home) / "output.txt"
        port = free_port()
        with open(output, "wb") as sink:
            started = time.perf_counter()
            process = subprocess.Popen(
                [*command, str(port)], cwd=folder, env=settings, stdout=sink, stderr=subprocess.STDOUT
            )
        try:
            yield Served(process, port, output, started)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
