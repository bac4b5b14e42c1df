"""How Chromium comes to be on a machine that runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from app.record.chromium import REMEDY, find


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
