"""`launch.py check`: the static checks, each with the time it took."""

from __future__ import annotations

import subprocess
import sys
import time

from door import ROOT

LONGEST = 400
_CODE = ("launch.py", "door", "bench", "app", "models", "tests")


def run() -> int:
    """Run every check even when one fails; 1 when any found something."""
    places = [place for place in _CODE if (ROOT / place).exists()]
    linter = "from importlinter.cli import lint_imports_command as main; main(['--no-logo', '--no-cache'])"
    checks = {
        "style (ruff)": ["-m", "ruff", "check", "--quiet", "--output-format", "concise", *places],
        "types (mypy)": ["-m", "mypy", "--no-error-summary"],
        "layers (import-linter)": ["-c", linter],
        "dead code (vulture)": ["-m", "vulture"],
    }
    failed = 0
    for name, command in checks.items():
        start = time.perf_counter()
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        failed += not _tell(
            name, (done.stdout + done.stderr).strip() if done.returncode else "", time.perf_counter() - start
        )
    failed += not _tell("file sizes", "\n".join(long_files()), 0.0)
    return 1 if failed else 0


def long_files() -> list[str]:
    """Python files, tests aside, past the length at which a file wants to be two."""
    found = []
    for place in _CODE[:-1]:
        for file in sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]:
            lines = file.read_text(encoding="utf-8").count("\n")
            if lines > LONGEST:
                found.append(
                    f"{file.relative_to(ROOT).as_posix()} has {lines} lines; past {LONGEST} it wants to be two files"
                )
    return found


def _tell(name: str, findings: str, seconds: float) -> bool:
    print(f"{name}: {'found' if findings else 'clean'} ({seconds:.1f} s)", flush=True)
    if findings:
        print("  " + findings.replace("\n", "\n  "), flush=True)
    return not findings
