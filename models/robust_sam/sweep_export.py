"""Sweeps as CSV and JSON. Both name the reference, so that a figure never travels without what it was measured by."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from models.parts.degradations import TITLES
from models.robust_sam.sweep_types import BRANCH_TITLES, Point, SweepResult

COLUMNS = ("kind", "severity", "seed", "branch", "iou", "reference_kind", "reference")


def as_dict(result: SweepResult, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Plain JSON values: mode, reference, one entry a point with every seed's IoU, and ``about`` (photo, receipt)."""
    return {
        **(about or {}),
        "mode": result.mode,
        "measure": "IoU of thresholded masks",
        "reference": {"kind": result.reference.kind, "is_accuracy": result.reference.kind == "truth"}
        | {"title": result.reference.title},
        "mask_size": {"width": result.mask_size[1], "height": result.mask_size[0]},
        "model": result.model,
        "seeds": list(result.seeds),
        "clean": dict(result.clean),
        "points": [_point(point) for point in result.points],
    }


def _point(point: Point) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": point.kind,
        "title": TITLES[point.kind],
        "severity": point.severity,
        "gain": point.gain,
    }
    for branch, values in point.iou.items():
        low, high = point.span(branch)
        told[branch] = {"mean": point.mean(branch), "low": low, "high": high, "iou": list(values)}
    return told


def as_json(result: SweepResult, about: Mapping[str, Any] | None = None) -> str:
    """``as_dict`` as text."""
    return json.dumps(as_dict(result, about), indent=1, default=str)


def as_csv(result: SweepResult) -> str:
    """One row for each kind, severity, seed and branch; the reference stands in every row."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(result))
    return text.getvalue()


def _rows(result: SweepResult) -> Iterable[tuple[object, ...]]:
    said = (result.reference.kind, result.reference.title)
    for point in result.points:
        for branch, values in point.iou.items():
            for seed, value in zip(point.seeds, values, strict=True):
                yield point.kind, f"{point.severity:g}", seed, BRANCH_TITLES[branch], f"{value:.6f}", *said
