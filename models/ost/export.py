"""What leaves the room: scores, plans, segments as CSV and JSON, and labels that a person corrected, as JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from models.ost.pipeline import Recognition, Scoring
from models.ost.timeline import Timeline
from models.parts.problems import BadInput


@dataclass(frozen=True)
class Annotation:
    """A label of a stretch of a video. ``predicted``: what the model said there; ``label``: what a person says.

    start, end: seconds. video: its name; digest: of its content.
    """

    video: str
    digest: str
    start: float
    end: float
    predicted: str
    label: str

    @property
    def corrected(self) -> bool:
        """Whether the person disagreed."""
        return self.label != self.predicted


def scores_csv(answer: Recognition) -> str:
    """One line a class: shares and logits of every scoring, and the parts of the OST logit."""
    columns = ["class"]
    for scoring in answer.scores:
        columns += [f"{scoring} share", f"{scoring} logit"]
    lines: list[list[Any]] = [[*columns, *answer.parts]]
    for place, name in enumerate(answer.classes.names):
        line: list[Any] = [name]
        for found in answer.scores.values():
            line += [f"{found.shares[place]:.6g}", f"{found.logits[place]:.6g}"]
        lines.append([*line, *(f"{values[place]:.6g}" for values in answer.parts.values())])
    return _csv(lines)


def plan_csv(answer: Recognition, name: str) -> str:
    """One line a frame and descriptor of the class ``name``: plan times T*N, and cosine. Raises BadInput."""
    if name not in answer.classes.names:
        raise BadInput(f"Class {name!r}", "is not in the answer", f"It has: {', '.join(answer.classes.names[:10])}")
    place = answer.classes.names.index(name)
    lines: list[list[Any]] = [["kind", "descriptor", "frame", "seconds", "weight", "cosine"]]
    for kind, matching in (("spatial", answer.spatial), ("temporal", answer.temporal)):
        for n, text in enumerate(answer.classes.classes[place].of(kind)):
            for t, (frame, seconds) in enumerate(zip(answer.indices, answer.seconds, strict=True)):
                weight, cosine = matching.weight[place, t, n], matching.similarity[place, t, n]
                lines.append([kind, text, int(frame), f"{seconds:.3f}", f"{weight:.6g}", f"{cosine:.6g}"])
    return _csv(lines)


def segments_csv(line: Timeline, scoring: Scoring = "ost") -> str:
    """One line a segment: class, in and out in seconds, mean share."""
    rows = [[one.name, f"{one.start:.3f}", f"{one.end:.3f}", f"{one.share:.6g}"] for one in line.segments(scoring)]
    return _csv([["class", "start", "end", "share"], *rows])


def timeline_json(line: Timeline) -> str:
    """Windows with the shares of every scoring, and the segments of each."""
    content = {
        "classes": list(line.classes.names),
        "duration": line.duration,
        "windows": [{"start": a, "end": b} for a, b in zip(line.starts.tolist(), line.ends.tolist(), strict=True)],
        "shares": {scoring: shares.tolist() for scoring, shares in line.shares.items()},
        "segments": {scoring: [asdict(one) for one in line.segments(scoring)] for scoring in line.shares},
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def annotations_of(line: Timeline, video: str, digest: str, scoring: Scoring = "ost") -> tuple[Annotation, ...]:
    """The segments as annotations that a person has not touched yet."""
    return tuple(Annotation(video, digest, one.start, one.end, one.name, one.name) for one in line.segments(scoring))


def annotations_jsonl(annotations: Iterable[Annotation]) -> str:
    """One JSON line each."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in annotations)


def _csv(lines: Iterable[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()
