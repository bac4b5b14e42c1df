"""Which version of the code made a result."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = "vitrine"


@lru_cache(maxsize=1)
def code_version() -> str:
    """The commit of the checkout this file lies in ("git:" and 12 digits), else the package's version, else "unknown".

    Reads git's files directly: starting git costs milliseconds and it need not be installed.
    """
    for folder in Path(__file__).resolve().parents:
        commit = _head(folder / ".git")
        if commit is not None:
            return f"git:{commit[:12]}"
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _head(git: Path) -> str | None:
    """Full commit of HEAD; follows the pointer file of a worktree."""
    try:
        if git.is_file():
            git = (git.parent / git.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        common = git / "commondir"
        homes = [git, (git / common.read_text().strip()).resolve()] if common.exists() else [git]
        for home in homes:
            if (home / name).exists():
                return (home / name).read_text().strip()
            commit = _packed(home / "packed-refs", name)
            if commit is not None:
                return commit
    except OSError:
        return None
    return None


def _packed(file: Path, name: str) -> str | None:
    if not file.exists():
        return None
    lines = (line.split() for line in file.read_text().splitlines())
    return next((words[0] for words in lines if len(words) == 2 and words[1] == name), None)
