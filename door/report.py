"""One report for benchmarks and evaluations: printed as a table, written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from door import DoorProblem, machine


def make(name: str, result: Mapping[str, object]) -> dict[str, object]:
    """`{"name", "figures", "config", "machine"}` from what a benchmark or evaluation returned.

    Each figure must be a number, None (could not be measured) or [low, mid, high].
    """
    figures = result.get("figures")
    if not isinstance(figures, Mapping):
        raise DoorProblem(f"{name} returned no figures. Its function must return a dict with figures and config.")
    return {
        "name": name,
        "figures": {key: _plain(value, name, key) for key, value in figures.items()},
        "config": result.get("config", {}),
        "machine": machine.describe(),
    }


def _plain(value: object, name: str, key: str) -> float | int | list[float] | None:
    if value is None or isinstance(value, (int, float)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return _plain(value.item(), name, key)
    if isinstance(value, (list, tuple)) and len(value) == 3:
        return [float(part) for part in value]
    raise DoorProblem(f"{name}: the figure {key} is {value!r}. It must be a number or [low, mid, high].")


def text(report: Mapping[str, object]) -> str:
    """The figures as an aligned table under the report's name."""
    figures = report["figures"]
    assert isinstance(figures, Mapping)
    width = max((len(key) for key in figures), default=0)
    return "\n".join([str(report["name"]), *(f"  {key:<{width}}  {shown(value)}" for key, value in figures.items())])


def shown(value: object) -> str:
    """A figure with sensible digits: `0.83`, or `0.83 (0.80 to 0.86)` for an interval; a dash when not measured."""
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        low, middle, high = (_digits(part) for part in value)
        return f"{middle} ({low} to {high})"
    return _digits(value)


def _digits(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    assert isinstance(value, float)
    return (
        f"{value:,.0f}"
        if abs(value) >= 1000
        else f"{value:.3g}"
        if abs(value) < 0.1 or abs(value) >= 100
        else f"{value:.2f}"
    )


SCREEN = Path("-")
"""Where `--json` without a file goes: standard output."""


def as_json(reports: list[dict[str, object]]) -> str:
    """One report as an object, several as a list."""
    return json.dumps(reports[0] if len(reports) == 1 else reports, indent=2)


def write(file: Path, reports: list[dict[str, object]]) -> None:
    """Write `as_json` to a file."""
    try:
        file.write_text(as_json(reports) + "\n", encoding="utf-8")
    except OSError as problem:
        raise DoorProblem(
            f"cannot write {file}: {problem.strerror}. Name a file in a folder that exists and can be written."
        ) from problem
