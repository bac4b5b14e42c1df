"""Which interpreter runs a command, and how `.venv` comes to be.

An interpreter that already satisfies the pins is used as it is. Otherwise `.venv` in the repository is made and the
pins are installed into it once, and again when they change. What `.venv` holds is read from the names of the
packages' metadata folders. A mark is set before an install and taken away after it, so an interrupted one is redone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from door import ROOT, DoorProblem, pins

RUN, DEV = ("requirements.txt",), ("requirements.txt", "requirements-dev.txt")


def _call(command: Sequence[str]) -> int:
    return subprocess.call(list(command))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Environment:
    """The set-up of one repository: `files` are the requirements of a command, `call` runs a program."""

    root: Path = ROOT
    files: tuple[str, ...] = RUN
    call: Callable[[Sequence[str]], int] = _call
    say: Callable[[str], None] = _say

    @property
    def venv(self) -> Path:
        """The folder of the virtual environment."""
        return self.root / ".venv"

    @property
    def interpreter(self) -> Path:
        """The interpreter inside `.venv`, whether it exists or not."""
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def required(self) -> tuple[pins.Pin, ...]:
        """The pins of the requirements files."""
        return pins.read(self.root / name for name in self.files)

    def ensure(self, install: bool = True) -> Path:
        """Return an interpreter that satisfies the pins, installing them into `.venv` when there is none.

        Raises `DoorProblem` when `install` is false and something is missing, or when the installation fails.
        """
        wanted = self.required()
        missing = pins.unmet(wanted)
        if not missing:
            return Path(sys.executable)
        if self.ready(wanted):
            # Inside .venv already: something else (PYTHONPATH) hides its packages, and starting it again would not end.
            return Path(sys.executable) if Path(sys.prefix).resolve() == self.venv.resolve() else self.interpreter
        if not install:
            names = ", ".join(map(str, missing[:4])) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
            raise DoorProblem(
                f"--no-install was given, but this Python lacks {names}. "
                "Run without --no-install, or install the pins yourself."
            )
        with _locked(self.root / ".venv.lock", self.say):
            # Another start may have finished the work while this one waited for the lock.
            if not self.ready(wanted):
                self._install(wanted)
        return self.interpreter

    def ready(self, wanted: tuple[pins.Pin, ...] | None = None) -> bool:
        """Whether `.venv` exists, was installed to the end, and satisfies the pins."""
        return (
            self.interpreter.exists()
            and not self._mark.exists()
            and not pins.unmet(self.required() if wanted is None else wanted, self._packages())
        )

    @property
    def _mark(self) -> Path:
        return self.venv / "vitrine-install-unfinished"

    def _packages(self) -> list[str]:
        names = {"base": str(self.venv), "platbase": str(self.venv)}
        return sorted({sysconfig.get_path(key, "venv", names) for key in ("purelib", "platlib")})

    def _install(self, wanted: tuple[pins.Pin, ...]) -> None:
        fresh = not self.interpreter.exists() or self._mark.exists()
        if fresh:
            self.say(f"Setting up .venv with {len(wanted)} pins: once, some minutes and about 6.5 GB, mostly torch.")
            self._make()
        else:
            self.say("The pins are not met by .venv: installing what is missing.")
        self._mark.touch()
        command = [*self._pip(), "install", "--disable-pip-version-check", "--no-input"]
        for name in self.files:
            command += ["-r", str(self.root / name)]
        status = self.call(command)
        if status != 0:
            raise DoorProblem(
                f"pip ended with status {status} (its messages are above). "
                "Check the network and the disk, then run the same command again."
            )
        still = pins.unmet(wanted, self._packages())
        if still:
            raise DoorProblem(
                "pip finished, but .venv still lacks "
                + ", ".join(map(str, still))
                + ". Remove .venv and run the same command again."
            )
        self._mark.unlink()

    def _make(self) -> None:
        # --clear: pip takes a package of an interrupted install for a whole one, so only a fresh folder is safe.
        command = [sys.executable, "-m", "venv", "--clear"]
        if importlib.util.find_spec("ensurepip") is None:
            # Debian's python3 without python3-venv: the running interpreter's pip installs into the new environment.
            if importlib.util.find_spec("pip") is None:
                raise DoorProblem(
                    "this Python has neither pip nor ensurepip. "
                    "Install them (Debian: apt-get install python3-venv) and run again."
                )
            command.append("--without-pip")
        status = self.call([*command, str(self.venv)])
        if status != 0:
            raise DoorProblem(
                f"making .venv ended with status {status}. "
                "On Debian: apt-get install python3-venv. Then run the same command again."
            )

    def _pip(self) -> list[str]:
        if any((Path(folder) / "pip").is_dir() for folder in self._packages()):
            return [str(self.interpreter), "-m", "pip"]
        return [sys.executable, "-m", "pip", "--python", str(self.interpreter)]


def become(interpreter: Path, arguments: Sequence[str]) -> int:
    """Run `launch.py` again with another interpreter, in place of this process where the system can."""
    command = [str(interpreter), str(ROOT / "launch.py"), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(command[0], command)
    return _call(command)


@contextlib.contextmanager
def _locked(file: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold an exclusive lock on `file`, waiting for another start that is installing."""
    try:
        handle = open(file, "w", encoding="utf-8")  # noqa: SIM115 - closed by the `with` below
    except OSError as problem:
        raise DoorProblem(
            f"cannot write into {file.parent} ({problem.strerror}). Make the folder writable, or start with a Python "
            "that has the pins of requirements.txt."
        ) from problem
    with handle:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another start is setting up .venv: waiting for it.")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
