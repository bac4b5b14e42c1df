"""Trains nerfstudio's nerfacto on an export, when nerfstudio is installed in an environment of its own.

    found = find_nerfstudio()                        # None when there is none; nothing here needs it
    result = train(found, "export/nerfstudio", "runs/nerfacto", tick)
    result.psnr

Only its command line is used: nerfstudio pins packages that do not go together with ours.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.parts.problems import BadInput

Tick = Callable[[float, str], None]
VARIABLE = "VITRINE_NERFSTUDIO"
"""Environment variable with the path of ns-train, or of the environment (or its bin folder) it is installed in."""
METHODS = ("nerfacto", "splatfacto")
_RUN = ("vitrine", "run")
_PROGRESS = re.compile(r"^\s*(\d+) \((\d+(?:\.\d+)?)%\)")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_KEPT = 40


@dataclass(frozen=True)
class Nerfstudio:
    """An installed nerfstudio. version: None when its environment does not tell."""

    train: Path
    evaluate: Path
    version: str | None


@dataclass(frozen=True)
class Trained:
    """What came of a training: nerfstudio's own figures on its own held-out photos."""

    config: Path
    renders: Path
    psnr: float
    ssim: float
    lpips: float


def find_nerfstudio(path: str | Path | None = None) -> Nerfstudio | None:
    """The nerfstudio at `path`, else where VITRINE_NERFSTUDIO points, else on PATH; None when there is none.

    Nothing is started: looking takes milliseconds.
    """
    given = path or os.environ.get(VARIABLE)
    if given:
        base = Path(given).expanduser()
        places = [base, base / "ns-train", base / "bin" / "ns-train"]
    else:
        found = shutil.which("ns-train")
        places = [Path(found)] if found else []
    for place in places:
        beside = place.with_name("ns-eval")
        if place.name == "ns-train" and _runs(place) and _runs(beside):
            return Nerfstudio(place, beside, _version(place))
    return None


def advice() -> str:
    """How to get nerfstudio, in one sentence, for `launch.py doctor` and the panel."""
    return (
        "nerfstudio was not found: install it into an environment of its own (docs.nerf.studio) and set "
        f"{VARIABLE} to that environment's folder; exports work without it."
    )


def train_command(
    installed: Nerfstudio, data: str | Path, output: str | Path, method: str = "nerfacto", steps: int = 5000
) -> list[str]:
    """The command line that trains `method` on an exported folder; ValueError for an unknown method or steps."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if not 1 <= steps <= 1_000_000:
        raise ValueError(f"steps must lie between 1 and 1,000,000, not {steps}")
    name, run = _RUN
    return [
        *(str(installed.train), method),
        *("--data", str(data)),
        *("--output-dir", str(output)),
        *("--experiment-name", name),
        *("--timestamp", run),
        *("--max-num-iterations", str(steps)),
        # Without this it would open a viewer and wait for someone to close it.
        *("--vis", "tensorboard"),
        "nerfstudio-data",
    ]


def train(
    installed: Nerfstudio,
    data: str | Path,
    output: str | Path,
    tick: Tick = lambda share, message: None,
    method: str = "nerfacto",
    steps: int = 5000,
) -> Trained:
    """Trains on an exported folder and evaluates; blocks until done.

    tick: called for every line the trainer prints; what it raises stops the trainer and comes out.
    Raises BadInput when the folder is no export, or when nerfstudio fails: with the last line it printed.
    """
    data, output = Path(data), Path(output)
    if not (data / "transforms.json").is_file():
        raise BadInput(data.name, "holds no transforms.json", "Export the nerfstudio folder first")
    output.mkdir(parents=True, exist_ok=True)
    _run(train_command(installed, data, output, method, steps), lambda share, line: tick(0.9 * share, line))
    config = output / _RUN[0] / method / _RUN[1] / "config.yml"
    if not config.is_file():
        raise BadInput("nerfstudio", "left no result", "Look into its folder, or start the command by hand")
    figures, renders = output / "figures.json", output / "renders"
    command = [str(installed.evaluate), "--load-config", str(config), "--output-path", str(figures)]
    _run([*command, "--render-output-path", str(renders)], lambda share, line: tick(0.95, line))
    return _result(config, figures, renders)


def _result(config: Path, figures: Path, renders: Path) -> Trained:
    try:
        values = json.loads(figures.read_text())["results"]
        return Trained(config, renders, float(values["psnr"]), float(values["ssim"]), float(values["lpips"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "nerfstudio", "wrote no figures that can be read", "Use nerfstudio 1.1, or start ns-eval by hand"
        ) from error


def _run(command: Sequence[str], tick: Tick) -> None:
    """Runs a command, told line by line; its whole process group ends when `tick` raises."""
    last: deque[str] = deque(maxlen=_KEPT)
    share = 0.0
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise BadInput("nerfstudio", "cannot be started", f"Check the path in {VARIABLE}") from error
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            line = _COLOUR.sub("", raw).strip()
            if line:
                last.append(line)
                found = _PROGRESS.match(line)
                share = min(float(found.group(2)) / 100, 1.0) if found else share
                tick(share, line[:120])
        code = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        process.stdout.close()
    if code:
        said = next((line for line in reversed(last) if "Error" in line), last[-1] if last else "nothing")
        raise BadInput("nerfstudio", f"stopped with code {code} and said: {said[:200]}", "Mend that and start it again")


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _version(train: Path) -> str | None:
    """From the name of the metadata folder beside the program; starting it would take ten seconds."""
    for folder in train.resolve().parent.parent.glob("lib/python3*/site-packages/nerfstudio-*.dist-info"):
        return folder.name.removeprefix("nerfstudio-").removesuffix(".dist-info")
    return None
