"""Exports carry the numbers of the answer; annotations are added, never overwritten."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.ost.export import (
    annotations_of,
    append_annotations,
    plan_csv,
    read_annotations,
    scores_csv,
    segments_csv,
    timeline_json,
)
from models.ost.pipeline import Options, recognise
from models.ost.timeline import timeline
from models.parts.problems import BadInput
from models.runtime import JobContext
from tests.ost.models import classes, clip, tiny_recogniser

NAMES = classes("run, fast", "sit")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_tables_carry_the_numbers_of_the_answer() -> None:
    answer = recognise(JobContext(), tiny_recogniser(), source=clip(), classes=NAMES, options=Options(frames=3))
    rows = table(scores_csv(answer))
    assert [row["class"] for row in rows] == ["run, fast", "sit"]
    assert float(rows[1]["ost logit"]) == pytest.approx(answer.scores["ost"].logits[1], rel=1e-4)
    assert float(rows[0]["pool_temporal"]) == pytest.approx(answer.parts["pool_temporal"][0], rel=1e-4)
    cells = table(plan_csv(answer, "sit"))
    assert len(cells) == 2 * 2 * 3
    assert float(cells[1]["weight"]) == pytest.approx(answer.spatial.weight[1, 1, 0], rel=1e-4)
    with pytest.raises(BadInput, match="walk"):
        plan_csv(answer, "walk")


def test_segments_and_annotations_follow_the_timeline(tmp_path: Path) -> None:
    line = timeline(
        JobContext(), tiny_recogniser(), source=clip(40), classes=NAMES, options=Options(frames=4), window=3.0
    )
    rows = table(segments_csv(line))
    assert (float(rows[0]["start"]), float(rows[-1]["end"])) == (0, line.duration)
    content = json.loads(timeline_json(line))
    assert len(content["windows"]) == len(content["shares"]["ost"])
    assert content["segments"]["ost"][0]["name"] == rows[0]["class"]
    first, *rest = annotations_of(line, "walk.mp4", "abc")
    file = tmp_path / "notes.jsonl"
    append_annotations(file, [first, *rest])
    mended = replace(first, label="跳舞")
    append_annotations(file, [mended])
    assert read_annotations(file) == (first, *rest, mended)
    assert (first.corrected, mended.corrected) == (False, True)


def test_incomplete_annotations_and_broken_files_are_refused(tmp_path: Path) -> None:
    line = timeline(JobContext(), tiny_recogniser(), source=clip(8), classes=NAMES, options=Options(frames=4))
    (whole, *_) = annotations_of(line, "walk.mp4", "abc")
    for broken in (replace(whole, label=" "), replace(whole, end=whole.start)):
        with pytest.raises(BadInput, match="incomplete"):
            append_annotations(tmp_path / "notes.jsonl", [broken])
    assert read_annotations(tmp_path / "notes.jsonl") == ()
    (tmp_path / "notes.jsonl").write_text('{"video": 1}\n')
    with pytest.raises(BadInput, match="line 1"):
        read_annotations(tmp_path / "notes.jsonl")
    with pytest.raises(BadInput, match="cannot be written"):
        append_annotations(tmp_path / "nowhere" / "notes.jsonl", [whole])
