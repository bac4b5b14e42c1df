"""Reports of benchmarks and evaluations: one shape, sensible digits, readable refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest

from door import DoorProblem, measuring, report


def test_a_report_has_the_four_parts_and_survives_json(tmp_path: Path) -> None:
    made = report.make(
        "bench x", {"figures": {"a": numpy.float32(0.5), "b": [1, 2, 3], "c": None, "d": 7}, "config": {"n": 3}}
    )
    report.write(tmp_path / "out.json", [made])
    read = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(read) == ["name", "figures", "config", "machine"]
    assert read["figures"] == {"a": 0.5, "b": [1.0, 2.0, 3.0], "c": None, "d": 7}
    assert read["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (41, "41"),
        (0.8349, "0.83"),
        (0.01234, "0.0123"),
        (15234.7, "15,235"),
        ([0.8, 0.83, 0.86], "0.83 (0.80 to 0.86)"),
        (None, "-"),
    ],
)
def test_figures_are_shown_with_sensible_digits(value: object, text: str) -> None:
    assert report.shown(value) == text


def test_a_figure_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(DoorProblem, match="the figure a is 'fast'"):
        report.make("bench x", {"figures": {"a": "fast"}})


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(DoorProblem, match="cannot write"):
        report.write(tmp_path / "absent" / "out.json", [{}])


def test_benchmarks_are_the_modules_that_can_run() -> None:
    assert "startup" in measuring.benchmarks()
    assert "__init__" not in measuring.benchmarks()
