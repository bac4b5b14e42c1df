"""Exact pins: reading them and comparing them with what is installed."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from door import DoorProblem

_LINE = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*(?P<version>[^\s;#]+)\s*(?:;\s*(?P<marker>[^#]+?))?\s*(?:#.*)?$"
)
_METADATA = re.compile(r"^(?P<name>[^-]+(?:-[^-]+)*?)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info$")
_TERM = re.compile(
    r"""^\s*(?P<variable>[a-z_]+)\s*(?P<operator>==|!=)\s*(?P<quote>["'])(?P<value>[^"']*)(?P=quote)\s*$"""
)


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file: `name==version ; marker`."""

    name: str
    version: str
    marker: str = ""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")


@dataclass(frozen=True)
class Unmet:
    """A pin that an interpreter does not satisfy; `found` is the version it has, or None."""

    pin: Pin
    found: str | None

    def __str__(self) -> str:
        return (
            f"{self.pin.name} {self.pin.version} ({'not installed' if self.found is None else 'found ' + self.found})"
        )


def parse(text: str, source: str = "requirements") -> tuple[Pin, ...]:
    """Read pins from the text of a requirements file; a line that is not an exact pin raises `DoorProblem`."""
    pins = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise DoorProblem(
                f"{source}, line {number}: {line.strip()!r} is not an exact pin. Write it as name==version  # why."
            )
        pins.append(Pin(match["name"], match["version"], (match["marker"] or "").strip()))
    return tuple(pins)


def read(files: Iterable[Path]) -> tuple[Pin, ...]:
    """Read the pins of several requirements files, in order."""
    return tuple(pin for file in files for pin in parse(file.read_text(encoding="utf-8"), file.name))


def surroundings() -> dict[str, str]:
    """The marker variables of this machine that our pins may name (a subset of PEP 508)."""
    return {
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_system": platform.system(),
        "os_name": os.name,
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "implementation_name": sys.implementation.name,
    }


def applies(marker: str, variables: Mapping[str, str] | None = None) -> bool:
    """Evaluate a marker made of `variable == "value"` or `!=` terms joined by `and` and `or`, without parentheses."""
    if not marker.strip():
        return True
    known = surroundings() if variables is None else variables
    return any(all(_holds(term, known, marker) for term in clause.split(" and ")) for clause in marker.split(" or "))


def _holds(term: str, variables: Mapping[str, str], marker: str) -> bool:
    match = _TERM.match(term)
    if match is None or match["variable"] not in variables:
        raise DoorProblem(f'marker {marker!r} is not understood. Join terms like sys_platform == "linux" with and, or.')
    return (variables[match["variable"]] == match["value"]) == (match["operator"] == "==")


def unmet(pins: Iterable[Pin], path: Sequence[str] | None = None) -> tuple[Unmet, ...]:
    """The pins that the packages in `path` (default: of this interpreter) do not satisfy.

    A local build such as 2.14.1+cpu satisfies the pin 2.14.1, as in PEP 440.
    """
    there = installed(sys.path if path is None else path)
    missing = []
    for pin in pins:
        if not applies(pin.marker):
            continue
        found = there.get(normal(pin.name))
        if found is None or (found != pin.version and found.split("+")[0] != pin.version):
            missing.append(Unmet(pin, found))
    return tuple(missing)


def installed(path: Iterable[str]) -> dict[str, str]:
    """Name -> version of the packages in the folders of `path`, an earlier folder before a later one.

    Read from the names of their metadata folders: opening the metadata itself costs the start 40 ms.
    """
    found: dict[str, str] = {}
    for folder in path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue  # zip files and folders that are gone, as everywhere on a search path
        for name in names:
            match = _METADATA.match(name)
            if match is not None:
                found.setdefault(normal(match["name"]), match["version"])
    return found


def normal(name: str) -> str:
    """A package name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
