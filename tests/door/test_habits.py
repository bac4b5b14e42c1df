"""Habits that hold for the whole tree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from door import ROOT, quality

ABSOLUTE = re.compile(r"""["'`(=\s](/work/|/root/|/home/\w)""")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_arrows_between_layers_go_down_only() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main(['--no-cache'])"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_door_imports_the_standard_library_only() -> None:
    ours = {"door", "app", "bench", "models"}
    for file in [ROOT / "launch.py", *(ROOT / "door").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in ours, f"{file.name} imports {name}"


def test_no_file_names_a_folder_of_one_machine() -> None:
    kinds = (".py", ".md", ".toml", ".txt", ".yaml", ".json", ".js", ".css")
    found = []
    for name in tracked():
        if name.endswith(kinds) and name != "tests/door/test_habits.py":
            text = (ROOT / name).read_text(encoding="utf-8")
            found += [f"{name}: {match[0]}" for match in ABSOLUTE.finditer(text)]
    assert not found


def test_no_file_is_too_long() -> None:
    assert not quality.long_files()
