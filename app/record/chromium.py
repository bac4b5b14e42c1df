"""Where Chromium is, and how it is started. Standard library only: the door asks it before anything is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REMEDY = (
    "Install Chromium (Debian and Ubuntu: apt-get install chromium) or Chrome, or set VITRINE_CHROMIUM to its program."
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
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
