"""Drawings of a sweep: the curve, the paired bars, the strip of pictures. SVG text; colours come from sweep.css.

SAM is dashed with squares, RobustSAM solid with circles, so that no reading depends on colour.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from app.stage_encode import photo_address
from models.parts.degradations import MAX_SEVERITY, TITLES
from models.robust_sam.sweep_types import BRANCH_TITLES, Branch, Look, Mask, Point, Reference

WIDTH, HEIGHT = 680, 336
LEFT, RIGHT, TOP, BOTTOM = 52, 138, 30, 44
LABEL_GAP = 15
BAR_ROW, BAR_LEFT, BAR_RIGHT, BAR_TOP, BAR_BOTTOM = 31, 136, 92, 30, 36
SMOOTHING_PX = 0.6
SMALLEST_RING_PX = 6.0
BRANCHES: tuple[Branch, ...] = ("sam", "robust")


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of ``value``."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def short(reference: Reference) -> str:
    """What stands in the plot itself."""
    if reference.kind == "truth":
        return "Measured against a true mask"
    return "Consistency only: each model against its own clean-photo mask"


def said(point: Point) -> str:
    """One point in words: "Fog at 0.5: SAM 0.91, RobustSAM 0.93, gain +0.02"."""
    parts = [f"{BRANCH_TITLES[branch]} {_value(point, branch)}" for branch in BRANCHES if branch in point.iou]
    gain = "" if point.gain is None else f", gain {point.gain:+.3f}"
    return f"{TITLES[point.kind]} at {point.severity:g}: {', '.join(parts)}{gain}"


def _value(point: Point, branch: Branch) -> str:
    low, high = point.span(branch)
    spread = f" ({low:.3f} to {high:.3f})" if len(point.seeds) > 1 else ""
    return f"{point.mean(branch):.3f}{spread}"


def curve(points: Sequence[Point], reference: Reference | None) -> str:
    """IoU against severity as an SVG; the empty axes when there is no point yet."""
    y = Axis(_floor(points), 1.0, HEIGHT - BOTTOM, TOP)
    x = Axis(0.0, MAX_SEVERITY, LEFT, WIDTH - RIGHT)
    parts = [_grid(x, y)]
    shown = [branch for branch in BRANCHES if points and branch in points[0].iou]
    parts += [_series(points, branch, x, y) for branch in shown]
    parts += _end_labels(points, shown, y)
    parts += [_hit(point, x, y) for point in points]
    note = short(reference) if reference is not None else "No curve yet"
    alt = f"IoU against severity. {note}. {'; '.join(said(point) for point in points)}"
    title = f'<text class="sw-said" x="{LEFT}" y="17">{html.escape(note)}</text>'
    return _svg(WIDTH, HEIGHT, alt, title + "".join(parts))


def _floor(points: Sequence[Point]) -> float:
    lowest = min((point.span(branch)[0] for point in points for branch in point.iou), default=0.0)
    return max(0.0, min(0.8, math.floor((lowest - 0.02) * 10) / 10))


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    step = 0.1 if y.high - y.low < 0.65 else 0.2
    ticks = [y.low + i * step for i in range(round((y.high - y.low) / step) + 1)]
    for value in (tick for tick in ticks if tick <= y.high + 1e-9):
        at = y.at(value)
        parts.append(f'<line class="sw-grid" x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="sw-tick" x="{x.start - 8}" y="{at + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    for value in np.arange(0, MAX_SEVERITY + 0.01, 0.25):
        at = x.at(float(value))
        parts.append(f'<line class="sw-axis" x1="{at:.1f}" x2="{at:.1f}" y1="{y.start}" y2="{y.start + 5}"/>')
        parts.append(f'<text class="sw-tick" x="{at:.1f}" y="{y.start + 18}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<line class="sw-axis" x1="{x.start}" x2="{x.end}" y1="{y.start}" y2="{y.start}"/>')
    middle = (x.start + x.end) / 2
    starts = f", axis starts at {y.low:.1f}" if y.low > 0 else ""
    parts.append(
        f'<text class="sw-name" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">'
        "severity (1 is the paper's strength)</text>"
        f'<text class="sw-name" transform="translate(14 {(y.start + y.end) / 2}) rotate(-90)" text-anchor="middle">'
        f"IoU{starts}</text>"
    )
    return "".join(parts)


def _series(points: Sequence[Point], branch: Branch, x: Axis, y: Axis) -> str:
    places = [(x.at(point.severity), y.at(point.mean(branch))) for point in points]
    parts = []
    if any(len(point.seeds) > 1 for point in points):
        spans = [(x.at(point.severity), *map(y.at, point.span(branch))) for point in points]
        ring = [(at, high) for at, _, high in spans] + [(at, low) for at, low, _ in reversed(spans)]
        parts.append(f'<path class="sw-band sw-{branch}" d="{_path(ring)}Z"/>')
    parts.append(f'<path class="sw-line sw-{branch}" d="{_path(places)}"/>')
    for at, value in places:
        parts.append(_marker(branch, at, value))
    return "".join(parts)


def _marker(branch: Branch, x: float, y: float) -> str:
    if branch == "sam":
        return f'<rect class="sw-dot sw-sam" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    return f'<circle class="sw-dot sw-robust" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _end_labels(points: Sequence[Point], shown: Sequence[Branch], y: Axis) -> list[str]:
    if not points:
        return []
    places = {branch: y.at(points[-1].mean(branch)) for branch in shown}
    order = sorted(shown, key=places.__getitem__)
    if len(order) == 2 and places[order[1]] - places[order[0]] < LABEL_GAP:
        middle = (places[order[0]] + places[order[1]]) / 2
        places = {order[0]: middle - LABEL_GAP / 2, order[1]: middle + LABEL_GAP / 2}
    at = WIDTH - RIGHT + 22
    return [
        f'<g class="sw-{branch}">{_marker(branch, WIDTH - RIGHT + 13, place)}'
        f'<text class="sw-label" x="{at}" y="{place + 4:.1f}">{BRANCH_TITLES[branch]} '
        f"{points[-1].mean(branch):.2f}</text></g>"
        for branch, place in places.items()
    ]


def _hit(point: Point, x: Axis, y: Axis) -> str:
    """A column that shows its values when pointed at, and sets the room's controls when clicked."""
    at, half = x.at(point.severity), (x.end - x.start) / 12
    lines = [f"severity {point.severity:g}"]
    lines += [f"{BRANCH_TITLES[branch]} {_value(point, branch)}" for branch in BRANCHES if branch in point.iou]
    lines += [] if point.gain is None else [f"gain {point.gain:+.3f}"]
    wide = 20 + 7 * max(map(len, lines))
    left = min(max(at - wide / 2, x.start), x.end - wide + 60)
    rows = "".join(
        f'<text x="{left + 10:.1f}" y="{y.end + 24 + 16 * i:.1f}">{html.escape(t)}</text>' for i, t in enumerate(lines)
    )
    tip = (
        f'<g class="sw-tip"><line x1="{at:.1f}" x2="{at:.1f}" y1="{y.end}" y2="{y.start}"/>'
        f'<rect x="{left:.1f}" y="{y.end + 8}" width="{wide:.0f}" height="{16 * len(lines) + 12}" rx="4"/>{rows}</g>'
    )
    return (
        f'<g class="sw-hit" tabindex="0" role="button" aria-label="{html.escape(said(point))}" {_sets(point)}>'
        f'<rect x="{at - half:.1f}" y="{y.end}" width="{2 * half:.1f}" height="{y.start - y.end}"/>{tip}</g>'
    )


def _sets(point: Point) -> str:
    value = {"kind": point.kind, "severity": point.severity, "seed": point.seeds[0]}
    return f'data-degrade="{html.escape(json.dumps(value))}"'


def bars(points: Sequence[Point], reference: Reference | None, severity: float, total: int) -> str:
    """Paired bars for each kind, largest gain first, as an SVG; rows that are still to come stay empty."""
    height = BAR_TOP + BAR_BOTTOM + BAR_ROW * max(total, 1)
    x = Axis(0.0, 1.0, BAR_LEFT, WIDTH - BAR_RIGHT)
    foot = height - BAR_BOTTOM
    parts = []
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1):
        at = x.at(value)
        parts.append(f'<line class="sw-grid" x1="{at:.1f}" x2="{at:.1f}" y1="{BAR_TOP - 4}" y2="{foot}"/>')
        parts.append(f'<text class="sw-tick" x="{at:.1f}" y="{foot + 15}" text-anchor="middle">{value:g}</text>')
    middle = (x.start + x.end) / 2
    parts.append(
        f'<text class="sw-name" x="{middle}" y="{height - 5}" text-anchor="middle">IoU at severity {severity:g}</text>'
    )
    parts.append(f'<text class="sw-name" x="{WIDTH - 4}" y="17" text-anchor="end">gain</text>')
    parts += [_pair(point, row, x) for row, point in enumerate(sorted(points, key=_order))]
    note = short(reference) if reference is not None else "No bars yet"
    alt = f"IoU of 15 degradations at severity {severity:g}. {note}. {'; '.join(said(point) for point in points)}"
    places: tuple[tuple[Branch, int], ...] = (("sam", 4), ("robust", 60))
    legend = "".join(
        f'<rect class="sw-bar sw-{branch}" x="{at}" y="8" width="16" height="10"/>'
        f'<text class="sw-label sw-{branch}" x="{at + 21}" y="17">{BRANCH_TITLES[branch]}</text>'
        for branch, at in places
    )
    title = f'<text class="sw-said" x="{BAR_LEFT + 46}" y="17">{html.escape(note)}</text>'
    return _svg(WIDTH, height, alt, _hatch() + legend + title + "".join(parts))


def _order(point: Point) -> float:
    return -point.gain if point.gain is not None else -point.mean("sam")


def _pair(point: Point, row: int, x: Axis) -> str:
    top = BAR_TOP + BAR_ROW * row
    parts = [f'<text class="sw-kind" x="{BAR_LEFT - 10}" y="{top + 20}" text-anchor="end">{TITLES[point.kind]}</text>']
    shown = [branch for branch in BRANCHES if branch in point.iou]
    thick = 11 if len(shown) == 2 else 18
    for index, branch in enumerate(shown):
        y, end = top + 3 + index * (thick + 1), x.at(point.mean(branch))
        low, high = map(x.at, point.span(branch))
        parts.append(
            f'<rect class="sw-bar sw-{branch}" x="{x.start}" y="{y}" width="{end - x.start:.1f}" height="{thick}"/>'
        )
        if len(point.seeds) > 1:
            parts.append(f'<path class="sw-range" d="M{low:.1f} {y + thick / 2}H{high:.1f}"/>')
        place = f'x="{max(end, high) + 5:.1f}" y="{y + thick - 1.5}"'
        parts.append(f'<text class="sw-bar-value" {place}>{point.mean(branch):.2f}</text>')
    if point.gain is not None:
        sign = "better" if point.gain > 0 else "worse"
        place = f'x="{WIDTH - 4}" y="{top + 20}" text-anchor="end"'
        parts.append(f'<text class="sw-gain" data-sign="{sign}" {place}>{point.gain:+.3f}</text>')
    return (
        f'<g class="sw-hit" tabindex="0" role="button" aria-label="{html.escape(said(point))}" {_sets(point)}>'
        f'<title>{html.escape(said(point))}</title><rect x="0" y="{top}" width="{WIDTH}" height="{BAR_ROW}"/>'
        f"{''.join(parts)}</g>"
    )


def _hatch() -> str:
    return (
        '<defs><pattern id="sw-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="sw-hatch-ground" width="5" height="5"/><rect class="sw-hatch-line" width="2.6" height="5"/>'
        "</pattern></defs>"
    )


def strip(points: Sequence[Point], reference: Reference | None, mode: str) -> str:
    """The degraded pictures with both outlines; a click on one sets the room's controls to it."""
    if not points:
        return ""
    shown_first = points if mode == "severity" else sorted(points, key=_order)
    cells = "".join(_picture(point, reference, mode) for point in shown_first)
    truth = reference is not None and reference.kind == "truth"
    keys = [("sam", "SAM"), ("robust", "RobustSAM")] + ([("truth", "true mask")] if truth else [])
    shown = [(key, text) for key, text in keys if key == "truth" or key in points[0].iou]
    legend = "".join(f'<span class="sw-key sw-key-{key}"><i></i>{text}</span>' for key, text in shown)
    hint = "<span>Click a picture to open it on the stage.</span>"
    return f'<div class="sw-legend">{legend}{hint}</div><div class="sw-strip">{cells}</div>'


def _picture(point: Point, reference: Reference | None, mode: str) -> str:
    name = f"severity {point.severity:g}" if mode == "severity" else TITLES[point.kind]
    numbers = "".join(
        f'<span class="sw-{branch}">{BRANCH_TITLES[branch]} {point.mean(branch):.2f}</span>'
        for branch in BRANCHES
        if branch in point.iou
    )
    return (
        f'<button type="button" class="sw-shot" {_sets(point)} title="{html.escape(said(point))}">'
        f"{overlay(point.look, said(point), truth=reference is not None and reference.kind == 'truth')}"
        f"<b>{name}</b><span class='sw-numbers'>{numbers}</span></button>"
    )


def overlay(look: Look, alt: str, *, truth: bool) -> str:
    """The small picture with outlines: SAM dashed, RobustSAM solid, the true mask thin."""
    height, width = look.picture.shape[:2]
    lines: dict[str, Mask] = {"truth": next(iter(look.references.values()))} if truth else {}
    lines.update((branch, look.masks[branch]) for branch in reversed(BRANCHES) if branch in look.masks)
    drawn = "".join(
        f'<path class="sw-halo" d="{d}"/><path class="sw-outline sw-{key}" d="{d}"/>'
        for key, mask in lines.items()
        if (d := outline(mask))
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(alt)}">'
        f'<image href="{photo_address(look.picture)}" width="{width}" height="{height}"/>{drawn}</svg>'
    )


def outline(mask: Mask) -> str:
    """A mask's edges as SVG path data, in its own pixels."""
    rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    smooth = [
        cv2.approxPolyDP(ring, SMOOTHING_PX, True)[:, 0] for ring in rings if cv2.contourArea(ring) >= SMALLEST_RING_PX
    ]
    return "".join(f"{_path([(float(x) + 0.5, float(y) + 0.5) for x, y in ring])}Z" for ring in smooth)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if places else ""


def _svg(width: int, height: int, alt: str, content: str) -> str:
    alt = html.escape(alt)
    return f'<svg class="sw-plot" viewBox="0 0 {width} {height}" role="group" aria-label="{alt}">{content}</svg>'
