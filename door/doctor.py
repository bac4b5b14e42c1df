"""`launch.py doctor`: what this machine has, what it lacks, and the command that mends it. Installs nothing."""

from __future__ import annotations

import ctypes.util
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.record import chromium
from door import ROOT, environment, machine, pins

GIB = 2**30
_DEVICES = """
import json, torch
cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
cuda = [(card.name, card.total_memory) for card in cards]
print(json.dumps({"torch": torch.__version__, "cuda": cuda, "mps": torch.backends.mps.is_available()}))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report. `remedy` is empty when all is well; `needed`: the app cannot start without it."""

    subject: str
    state: str
    remedy: str = ""
    needed: bool = False


def run() -> int:
    """Print all findings; 1 when something the app needs is missing."""
    findings = list(examine())
    width = max(len(one.subject) for one in findings)
    for one in findings:
        print(f"{one.subject:<{width}}  {one.state}")
        if one.remedy:
            print(f"{'':<{width}}  -> {one.remedy}")
    return 1 if any(one.needed and one.remedy for one in findings) else 0


def examine() -> Iterator[Finding]:
    """Every finding, cheap ones first; asking torch for devices comes last because it takes seconds."""
    yield Finding("system", f"{platform.platform(terse=True)}, {platform.machine()}")
    yield Finding("processor", f"{machine.processor()}, {machine.cores()} cores")
    yield _memory()
    yield _disk()
    house = environment.Environment()
    wanted = house.required()
    missing = pins.unmet(wanted)
    interpreter = Path(sys.executable) if not missing or not house.ready() else house.interpreter
    own = interpreter == Path(sys.executable)
    yield Finding("python", f"{platform.python_version()} ({'this one runs the app' if own else '.venv runs the app'})")
    if missing and own:
        yield Finding(
            "packages",
            f"{len(missing)} of {len(wanted)} pins are missing",
            "python3 launch.py installs them into .venv",
            needed=True,
        )
    else:
        yield Finding("packages", f"all {len(wanted)} pins are met")
    yield from _libraries()
    yield from _devices(interpreter)


def _memory() -> Finding:
    size = machine.memory_bytes()
    if not size:
        return Finding("memory", "unknown")
    low = "The shipped weights work in 4 GiB; close other programs" if size < 4 * GIB else ""
    return Finding("memory", f"{size / GIB:.1f} GiB{_available()}", low)


def _available() -> str:
    file = Path("/proc/meminfo")
    if not file.exists():
        return ""
    lines = dict(line.split(":", 1) for line in file.read_text(encoding="utf-8").splitlines() if ":" in line)
    kib = lines.get("MemAvailable", "").split()
    return f", {int(kib[0]) / 2**20:.1f} GiB available" if kib else ""


def _disk() -> Finding:
    free = shutil.disk_usage(ROOT).free
    short = free < 8 * GIB and not (ROOT / ".venv").exists()
    return Finding(
        "disk",
        f"{free / GIB:.1f} GiB free",
        "The packages take about 6.5 GB, and some more while installing: free some room" if short else "",
    )


def _libraries() -> Iterator[Finding]:
    found = chromium.find()
    yield Finding("Chromium (tests, tours)", str(found.name) if found else "missing", "" if found else chromium.REMEDY)
    ffmpeg = shutil.which("ffmpeg")
    yield Finding(
        "ffmpeg (video files)", "found" if ffmpeg else "missing", "" if ffmpeg else _install("ffmpeg", "ffmpeg")
    )
    if sys.platform == "linux":
        for library, package, use in (("usb-1.0", "libusb-1.0-0", "3-D rooms"), ("gomp", "libgomp1", "networks")):
            there = ctypes.util.find_library(library)
            yield Finding(
                f"lib{library} ({use})", "found" if there else "missing", "" if there else _install(package, package)
            )


def _install(debian: str, brew: str) -> str:
    return f"brew install {brew}" if sys.platform == "darwin" else f"apt-get install {debian} (Debian, Ubuntu)"


def _devices(interpreter: Path) -> Iterator[Finding]:
    try:
        done = subprocess.run(
            [str(interpreter), "-c", _DEVICES], capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        yield Finding(
            "torch",
            f"does not answer ({type(problem).__name__})",
            "Remove .venv and run python3 launch.py",
            needed=True,
        )
        return
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        absent = "No module named 'torch'" in last
        yield Finding(
            "torch",
            "not installed" if absent else last,
            "" if absent else "Remove .venv and run python3 launch.py",
            needed=True,
        )
        return
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    yield Finding("torch", answer["torch"])
    for number, (name, size) in enumerate(answer["cuda"]):
        yield Finding(f"cuda:{number}", f"{name}, {size / GIB:.1f} GiB")
    if answer["mps"]:
        yield Finding("mps", "Apple GPU")
    if not answer["cuda"] and not answer["mps"]:
        yield Finding("devices", "cpu only: the shipped weights run here; the authors' large models want a GPU")
