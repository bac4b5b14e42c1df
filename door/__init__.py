"""What stands behind `launch.py`: set-up, commands and reports, in the standard library only."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class DoorProblem(Exception):
    """Something the user can put right; the message says what and how. Ends the command with status 1."""


class UsageProblem(DoorProblem):
    """The command line itself is wrong. Ends the command with a usage line and status 2."""
