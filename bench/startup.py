"""How fast the door opens: our app against a bare Gradio app with as many components; is torch imported by then?"""

from __future__ import annotations

import json
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from app.record.served import PATIENCE_S, Served, served

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7

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
    """Interleaved starts to the first HTTP 200; `startup_ratio` is the median of ours over the bare one."""
    counts, torch_imported = inspect()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        plain = [sys.executable, str(script), json.dumps(counts)]
        _seconds(plain)
        pairs = [(_seconds(_ours(sys.executable)), _seconds(plain)) for _ in range(ROUNDS)]
    return {
        "figures": {
            "startup_ratio": statistics.median(ours / bare for ours, bare in pairs),
            "torch_imported_at_start": torch_imported,
            # What a user types: the system's Python, which goes on in .venv.
            "second_start_s": statistics.median(_seconds(_ours("python3")) for _ in range(3)),
        },
        "config": {
            "rounds": ROUNDS,
            "components": sum(counts.values()),
            "ours_s": [round(ours, 3) for ours, _ in pairs],
            "bare_s": [round(bare, 3) for _, bare in pairs],
        },
    }


def _ours(interpreter: str) -> list[str]:
    return [interpreter, str(ROOT / "launch.py"), "serve", "--no-install", "--port"]


def _seconds(command: Sequence[str]) -> float:
    with served(command) as server:
        return server.wait()


def inspect() -> tuple[dict[str, int], int | None]:
    """The component classes of our page with their counts; 1 when its process has imported torch by its first answer.

    The second is None where the system has no signals to ask a running process with.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(PROBE, encoding="utf-8")
        answer = Path(folder) / "answer"
        extra = {"PYTHONPATH": folder, "VITRINE_PROBE": str(answer)}
        with served(_ours(sys.executable), extra=extra) as server:
            server.wait()
            imported = _ask(server, answer) if hasattr(signal, "SIGUSR1") else None
            config = json.loads(server.get("/config")[1])
    # "api" entries are functions without a component.
    return dict(Counter(one["type"] for one in config["components"] if one["type"] != "api")), imported


def _ask(server: Served, answer: Path) -> int:
    server.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + PATIENCE_S
    while not answer.exists():
        if server.process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the started app did not say whether it imported torch. Start it by hand to see why.")
        time.sleep(0.01)
    return int(answer.read_text(encoding="utf-8"))
