"""Chromium for tests and tours: where it is, and how it comes to be there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
REMEDY = (
    "Install Chromium (Debian and Ubuntu: apt-get install chromium) or Chrome, or set VITRINE_CHROMIUM to its program."
)


def find() -> Path | None:
    """The program of Chromium or Chrome: `$VITRINE_CHROMIUM`, else the search path, else the usual places."""
    named = os.environ.get("VITRINE_CHROMIUM")
    if named:
        return Path(named) if Path(named).is_file() else None
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    return next((Path(place) for place in _PLACES if Path(place).is_file()), None)


def provide() -> None:
    """Install Debian's Chromium when it is missing and this process may; else say so: only the page's tests need it."""
    if find() is not None:
        return
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        print(f"launch.py: no Chromium, so the tests of the page are skipped. {REMEDY}", file=sys.stderr)
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        if subprocess.call(command, env=quiet, stdin=subprocess.DEVNULL) != 0:
            print(
                f"launch.py: `{' '.join(command)}` failed, so the tests of the page are skipped. {REMEDY}",
                file=sys.stderr,
            )
            return
