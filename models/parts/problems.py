"""The one error for things a person gave that cannot be used, and the name under which an input may be shown."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME = 80


class BadInput(ValueError):
    """Something a person gave that cannot be used.

    name: what the person calls it (a bare file name, never a server path).
    problem: what is wrong, a clause that reads on from the name ("is not an image").
    remedy: what to do about it, a sentence.

    `str()` is one or two full sentences that a panel can show unchanged.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        self.name = shown_name(name)
        self.problem = problem.strip().rstrip(".")
        self.remedy = remedy.strip().rstrip(".")
        super().__init__(f"{self.name} {self.problem}. {self.remedy}.")

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str, str]]:
        return type(self), (self.name, self.problem, self.remedy)


def shown_name(name: str, fallback: str = "The file") -> str:
    """The last part of `name`, without control or direction characters, at most 80 characters.

    Folders are dropped in the POSIX and the Windows spelling: a message must not tell where the server keeps things.
    """
    bare = PureWindowsPath(PurePosixPath(name).name).name
    bare = _UNPRINTABLE.sub("", bare).strip()
    if not bare:
        return fallback
    if len(bare) > _LONGEST_NAME:
        keep = (_LONGEST_NAME - 3) // 2
        bare = f"{bare[:keep]}...{bare[-keep:]}"
    return bare


def readable_bytes(count: int) -> str:
    """`count` bytes as people write it: 812 bytes, 20 kB, 3.4 MB, 2.0 GB (powers of 1000)."""
    if count < 1000:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    raise AssertionError("unreachable")
