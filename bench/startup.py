"""How fast the door opens: our app against a bare Gradio app with as many components; is torch imported by then?"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
PATIENCE_S = 120.0

# Builds as many components of each class as our page has, with their defaults, and no events.
BARE = """
import json, sys
import gradio as gr
from gradio.utils import component_or_layout_class
counts, port = json.loads(sys.argv[1]), int(sys.argv[2])
with gr.Blocks() as page:
    for name, count in counts.items():
        kind = gr.Tab if name == "tabitem" else component_or_layout_class(name)
        for _ in range(count):
            block = kind()
page.launch(server_port=port, quiet=True)
"""

# Runs in the measured process at its start: on a signal it writes whether torch is among its modules.
PROBE = """
import os, signal, sys
def _tell(*_):
    with open(os.environ["VITRINE_PROBE"] + ".part", "w") as file:
        file.write(str(int("torch" in sys.modules)))
    os.replace(os.environ["VITRINE_PROBE"] + ".part", os.environ["VITRINE_PROBE"])
signal.signal(signal.SIGUSR1, _tell)
"""


def run() -> dict[str, object]:
    """Interleaved starts; `startup_ratio` is the median over rounds of ours over the bare one, to the first HTTP 200."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "bare.py").write_text(BARE, encoding="utf-8")
        counts, torch_imported = _inspect(home)
        _start([sys.executable, str(home / "bare.py"), json.dumps(counts)], home)
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(_start(_ours(sys.executable), home))
            bare.append(_start([sys.executable, str(home / "bare.py"), json.dumps(counts)], home))
        second = statistics.median(_start(_ours("python3"), home) for _ in range(3))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return {
        "figures": {
            "startup_ratio": statistics.median(ratios),
            "torch_imported_at_start": torch_imported,
            "second_start_s": second,
        },
        "config": {
            "rounds": ROUNDS,
            "components": sum(counts.values()),
            "ours_s": [round(value, 3) for value in ours],
            "bare_s": [round(value, 3) for value in bare],
        },
    }


def _ours(interpreter: str) -> list[str]:
    return [interpreter, str(ROOT / "launch.py"), "serve", "--no-install", "--port"]


def _inspect(home: Path) -> tuple[dict[str, int], int | None]:
    """The component classes of our page with their counts, and whether its process has imported torch."""
    (home / "sitecustomize.py").write_text(PROBE, encoding="utf-8")
    answer = home / "torch"
    with _process(_ours(sys.executable), home, {"PYTHONPATH": str(home), "VITRINE_PROBE": str(answer)}) as (
        process,
        port,
    ):
        _until_ready(process, port)
        imported = _ask(process, answer) if hasattr(signal, "SIGUSR1") else None
        config = json.loads(_get(port, "/config")[1])
    (home / "sitecustomize.py").unlink()
    return dict(Counter(component["type"] for component in config["components"])), imported


def _ask(process: subprocess.Popen[bytes], answer: Path) -> int:
    process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + PATIENCE_S
    while not answer.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the started app did not say whether it imported torch. Start it by hand to see why.")
        time.sleep(0.01)
    return int(answer.read_text(encoding="utf-8"))


def _start(command: Sequence[str], home: Path) -> float:
    """Seconds from starting the process to its first HTTP 200."""
    start = time.perf_counter()
    with _process(command, home) as (process, port):
        _until_ready(process, port)
        return time.perf_counter() - start


@contextlib.contextmanager
def _process(
    command: Sequence[str], home: Path, extra: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    settings = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "VITRINE_STATE": str(home), **(extra or {})}
    with open(home / "output.txt", "wb") as output:
        process = subprocess.Popen([*command, str(port)], env=settings, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process, port
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if _get(port, "/")[0] == 200:
                return
        if process.poll() is not None:
            raise RuntimeError(f"the started app ended with status {process.returncode}. Start it by hand to see why.")
        if time.monotonic() > end:
            raise RuntimeError(f"no answer within {PATIENCE_S:.0f} s. Start the app by hand to see why.")
        time.sleep(0.005)


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
