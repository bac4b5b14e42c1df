"""What the sub-commands that measure nothing do, once the right interpreter runs them."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

from door import ROOT, DoorProblem


def test(arguments: argparse.Namespace) -> int:
    """pytest with the configuration of pyproject.toml; installs Chromium first where it may."""
    from door import browser

    browser.provide()
    return subprocess.call([sys.executable, "-m", "pytest", *arguments.rest], cwd=ROOT)


def check(_: argparse.Namespace) -> int:
    """All static checks; 1 when one of them finds something."""
    from door import quality

    return quality.run()


def record(arguments: argparse.Namespace) -> int:
    """Refresh the README: its tables, and the pictures of its tour."""
    problem = importlib.import_module("app.record.errors").RecordProblem
    try:
        return int(importlib.import_module("app.record").run(arguments.tour, tables_only=arguments.tables_only))
    except problem as stopped:
        raise DoorProblem(str(stopped)) from stopped


def doctor(_: argparse.Namespace) -> int:
    """Print what this machine has and lacks; 1 when something needed is missing."""
    from door.doctor import run

    return run()
