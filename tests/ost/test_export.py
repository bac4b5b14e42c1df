"""Exports carry the numbers of the answer and the labels of a person."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from models.ost.export import (
    Annotation,
    annotations_jsonl,
    annotations_of,
    plan_csv,
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


def test_segments_and_annotations_follow_the_timeline() -> None:
    line = timeline(
        JobContext(), tiny_recogniser(), source=clip(40), classes=NAMES, options=Options(frames=4), window=3.0
    )
    rows = table(segments_csv(line))
    assert (float(rows[0]["start"]), float(rows[-1]["end"])) == (0, line.duration)
    content = json.loads(timeline_json(line))
    assert len(content["windows"]) == len(content["shares"]["ost"])
    assert content["segments"]["ost"][0]["name"] == rows[0]["class"]
    first, *rest = annotations_of(line, "walk.mp4", "abc")
    mended = replace(first, label="跳舞")
    lines = annotations_jsonl([mended, *rest]).splitlines()
    assert [Annotation(**json.loads(text)) for text in lines] == [mended, *rest]
    assert (first.corrected, mended.corrected) == (False, True)
