"""From records to figures: means with intervals over pictures, paired differences, tables as flat names.

Scenes and photos are never mixed: names of photos' figures begin with ``real_``. "Degraded" is the mean over all
objects and kinds, half of them at severity 0.5 and half at 1; without a word on prompts three points are meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from models.parts.degradations import KINDS
from models.robust_sam.evaluation_calibration import expected_calibration_error, reliability
from models.robust_sam.evaluation_config import GOALS, PROMPTS, ROWS, SEVERITIES, SIZES, PromptKind, Row
from models.robust_sam.evaluation_intervals import interval
from models.robust_sam.evaluation_records import Answer, Record
from models.robust_sam.protocol import MOST_CLICKS

Figures = dict[str, Any]
Chooses = Callable[[Answer], bool]
FOUND_AT = (0.5, 0.75)
"""IoU from which a true object counts as found by everything mode."""


def figures(records: Sequence[Record]) -> Figures:
    """All figures of a run. Groups that nothing was measured for are left out."""
    scenes = [record for record in records if record.part != "real"]
    photos = [record for record in records if record.part == "real"]
    result: Figures = {}
    if scenes:
        result |= _headlines(scenes) | _by_prompt(scenes) | _by_kind(scenes) | _by_severity(scenes) | _by_size(scenes)
        result |= _over_grabcut(scenes) | _clicks(scenes) | _found(scenes) | _calibration(scenes)
    if photos:
        result |= {f"real_{name}": value for name, value in _of_photos(photos).items()}
    return result


def clean(answer: Answer) -> bool:
    """Asked on the clean picture."""
    return answer.kind is None


def is_degraded(answer: Answer) -> bool:
    """Asked on a degraded picture."""
    return answer.kind is not None


def mean_iou(records: Sequence[Record], row: Row, chooses: Chooses) -> list[float] | None:
    """[low, mean, high] IoU of one row over the answers chosen; None when there are none."""
    return _interval([[a.iou[row] for a in r.answers if row in a.iou and chooses(a)] for r in records])


def mean_gain(records: Sequence[Record], row: Row, over: Row, chooses: Chooses) -> list[float] | None:
    """[low, mean, high] of ``row`` minus ``over`` on the same answers; None when there are none."""
    return _interval(
        [
            [a.iou[row] - a.iou[over] for a in r.answers if row in a.iou and over in a.iou and chooses(a)]
            for r in records
        ]
    )


def _interval(groups: list[list[float]]) -> list[float] | None:
    return interval(groups) if any(groups) else None


def _present(named: Iterable[tuple[str, Any]]) -> Figures:
    return {name: value for name, value in named if value is not None}


def _with(prompt: PromptKind, also: Chooses) -> Chooses:
    return lambda answer: answer.prompt == prompt and also(answer)


def _headlines(scenes: Sequence[Record]) -> Figures:
    points, points_degraded = _with("three_points", clean), _with("three_points", is_degraded)
    return _present(
        [
            *((f"clean_iou_{row}", mean_iou(scenes, row, points)) for row in ROWS),
            *((f"degraded_iou_{row}", mean_iou(scenes, row, points_degraded)) for row in ROWS),
            ("clean_gain", mean_gain(scenes, "robust", "plain", points)),
            ("degraded_gain", mean_gain(scenes, "robust", "plain", points_degraded)),
            ("degraded_gain_over_augmented", mean_gain(scenes, "robust", "augmented", points_degraded)),
        ]
    )


def _by_prompt(scenes: Sequence[Record]) -> Figures:
    named: list[tuple[str, Any]] = []
    for prompt in PROMPTS:
        if prompt == "three_points":
            continue
        for state, chooses in (("clean", clean), ("degraded", is_degraded)):
            asked = _with(prompt, chooses)
            named += [(f"{prompt}_{state}_iou_{row}", mean_iou(scenes, row, asked)) for row in ROWS]
            named += [(f"{prompt}_{state}_gain", mean_gain(scenes, "robust", "plain", asked))]
    return _present(named)


def _by_kind(scenes: Sequence[Record]) -> Figures:
    named: list[tuple[str, Any]] = []
    for kind in KINDS:
        chooses = _with("three_points", lambda answer, kind=kind: answer.kind == kind)  # type: ignore[misc]
        named += [(f"{kind}_iou_{row}", mean_iou(scenes, row, chooses)) for row in ROWS]
        named += [(f"{kind}_gain", mean_gain(scenes, "robust", "plain", chooses))]
    return _present(named)


def _by_severity(scenes: Sequence[Record]) -> Figures:
    named: list[tuple[str, Any]] = []
    for severity in SEVERITIES:
        name = f"severity_{severity:g}"

        def chooses(answer: Answer, severity: float = severity) -> bool:
            return answer.prompt == "three_points" and answer.kind is not None and answer.severity == severity

        named += [(f"{name}_iou_{row}", mean_iou(scenes, row, chooses)) for row in ROWS]
        named += [(f"{name}_gain", mean_gain(scenes, "robust", "plain", chooses))]
    return _present(named)


def _by_size(scenes: Sequence[Record]) -> Figures:
    named: list[tuple[str, Any]] = []
    for size, least, most in SIZES:

        def points(answer: Answer, least: float = least, most: float = most) -> bool:
            return answer.prompt == "three_points" and least <= answer.share < most

        def points_clean(answer: Answer, inside: Chooses = points) -> bool:
            return inside(answer) and clean(answer)

        def points_degraded(answer: Answer, inside: Chooses = points) -> bool:
            return inside(answer) and is_degraded(answer)

        named.append((f"{size}_objects", sum(points_clean(a) for r in scenes for a in r.answers)))
        named += [(f"{size}_clean_iou_{row}", mean_iou(scenes, row, points_clean)) for row in ROWS]
        named += [(f"{size}_degraded_iou_{row}", mean_iou(scenes, row, points_degraded)) for row in ROWS]
        named += [(f"{size}_degraded_gain", mean_gain(scenes, "robust", "plain", points_degraded))]
    return _present(named)


def _over_grabcut(records: Sequence[Record]) -> Figures:
    """GrabCut from the box and the robust branch on the same boxes; only a share of the scenes is given to it."""
    named: list[tuple[str, Any]] = []
    for state, chooses in (("clean", clean), ("degraded", is_degraded)):
        named += [
            (f"box_{state}_iou_grabcut", mean_iou(records, "grabcut", chooses)),
            (f"box_{state}_gain_over_grabcut", mean_gain(records, "robust", "grabcut", chooses)),
        ]
    return _present(named)


def _clicks(records: Sequence[Record]) -> Figures:
    """Medians count an object that is never reached as 21; the field's mean (NoC) counts it as 20."""
    named: list[tuple[str, Any]] = []
    for place, goal in enumerate(GOALS):
        percent = f"{100 * goal:.0f}"
        for row, ending in (("robust", ""), ("plain", "_plain")):
            needed = [[float(c.needed[place]) for c in r.clicks if c.row == row] for r in records]
            if not any(needed):
                continue
            capped = [[min(value, float(MOST_CLICKS)) for value in group] for group in needed]
            reached = [[float(value <= MOST_CLICKS) for value in group] for group in needed]
            named += [
                (f"clicks_to_{percent}{ending}", interval(needed, statistic=np.median)),
                (f"noc_{percent}{ending}", interval(capped)),
                (f"reached_{percent}_share{ending}", interval(reached)),
            ]
    return _present(named)


def _found(records: Sequence[Record]) -> Figures:
    named: list[tuple[str, Any]] = []
    for row in ("plain", "robust"):
        for least in FOUND_AT:
            groups = [[float(f.iou >= least) for f in r.found if f.row == row] for r in records]
            named.append((f"everything_recall_{100 * least:.0f}_{row}", _interval(groups)))
    return _present(named)


def _calibration(records: Sequence[Record]) -> Figures:
    """Of the plain branch, whose IoU head alone is trained; all prompts. The table is that of clean pictures."""
    result: Figures = {}
    for state, chooses in (("", clean), ("_degraded", is_degraded)):
        answers = [answer for record in records for answer in record.answers if chooses(answer)]
        if not answers:
            continue
        rows = reliability([answer.predicted for answer in answers], [answer.iou["plain"] for answer in answers])
        result[f"calibration_error{state}"] = round(expected_calibration_error(rows), 4)
        for tenth, (count, predicted, measured) in enumerate(rows):
            if not state and count:
                result |= {
                    f"calibration_{tenth}_answers": count,
                    f"calibration_{tenth}_predicted": round(predicted, 4),
                    f"calibration_{tenth}_measured": round(measured, 4),
                }
    return result


def _of_photos(photos: Sequence[Record]) -> Figures:
    """Without their ``real_``: intervals draw photos, so they are as wide as a dozen photos make them."""
    points, points_degraded = _with("three_points", clean), _with("three_points", is_degraded)
    box = _with("box", clean)
    named: list[tuple[str, Any]] = [
        ("photos", len(photos)),
        ("objects", sum(points(answer) for photo in photos for answer in photo.answers)),
        ("box_iou", mean_iou(photos, "robust", box)),
        *((f"box_iou_{row}", mean_iou(photos, row, box)) for row in ("plain", "augmented", "grabcut")),
        ("box_gain", mean_gain(photos, "robust", "plain", box)),
        ("box_gain_over_grabcut", mean_gain(photos, "robust", "grabcut", box)),
        *((f"one_point_iou_{row}", mean_iou(photos, row, _with("one_point", clean))) for row in ROWS),
        *((f"clean_iou_{row}", mean_iou(photos, row, points)) for row in ROWS),
        *((f"degraded_iou_{row}", mean_iou(photos, row, points_degraded)) for row in ROWS),
        ("clean_gain", mean_gain(photos, "robust", "plain", points)),
        ("degraded_gain", mean_gain(photos, "robust", "plain", points_degraded)),
        ("degraded_gain_over_augmented", mean_gain(photos, "robust", "augmented", points_degraded)),
    ]
    return _present(named) | _clicks(photos) | _found(photos)
