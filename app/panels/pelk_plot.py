"""Charts of the PeLK room as inline SVG; colours and dashes come from pelk.css, by class."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.wording import count_text

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 50, 118, 14, 38
ROW, BAR_LEFT, BAR_RIGHT, BAR_TOP, BAR_BOTTOM = 30, 156, 120, 8, 34


@dataclass(frozen=True)
class Series:
    """One line: its class, its name, and y for every x."""

    key: str
    title: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bar:
    """One bar. ``value`` None: no bar, ``said`` in its place. ``chosen``: a star behind its title."""

    key: str
    title: str
    value: float | None
    said: str
    chosen: bool = False


def log_lines(xs: Sequence[int], series: Sequence[Series], at: int, own: float, names: tuple[str, str]) -> str:
    """Lines over a logarithmic y axis with a rule at x = ``at``; ``own`` is the reader's own value there."""
    decades = max(1, math.ceil(math.log10(max(max(line.values) for line in series))))
    plot_right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - xs[0]) / (xs[-1] - xs[0]) * (plot_right - LEFT)

    def y(value: float) -> float:
        return foot - math.log10(max(value, 1.0)) / decades * (foot - TOP)

    parts = []
    for power in range(decades + 1):
        level = y(10**power)
        parts.append(f'<line class="pk-grid" x1="{LEFT}" x2="{plot_right}" y1="{level:.1f}" y2="{level:.1f}"/>')
        label = count_text(10**power)
        parts.append(f'<text class="pk-tick" x="{LEFT - 7}" y="{level + 4:.1f}" text-anchor="end">{label}</text>')
    for tick in (xs[0], 31, 51, 101, xs[-1]):
        parts.append(f'<text class="pk-tick" x="{x(tick):.1f}" y="{foot + 16}" text-anchor="middle">{tick}</text>')
    middle = (LEFT + plot_right) / 2
    parts.append(f'<text class="pk-name" x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{names[0]}</text>')
    parts.append(f'<line class="pk-rule" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{TOP}" y2="{foot}"/>')
    ends = _apart([y(line.values[-1]) for line in series])
    for line, label_at in zip(series, ends, strict=True):
        path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in zip(xs, line.values, strict=True))
        parts.append(f'<path class="pk-line pk-{line.key}" d="M{path}"/>')
        parts.append(
            f'<text class="pk-label pk-{line.key}" x="{plot_right + 8}" y="{label_at + 4:.1f}">{line.title}</text>'
        )
        if at in xs:
            value = line.values[list(xs).index(at)]
            parts.append(f'<circle class="pk-dot pk-{line.key}" cx="{x(at):.1f}" cy="{y(value):.1f}" r="3.5"/>')
    parts.append(
        f'<circle class="pk-own" cx="{x(at):.1f}" cy="{y(own):.1f}" r="6">'
        f"<title>this design: {count_text(int(own))}</title></circle>"
    )
    ending = ", ".join(f"{line.title} {count_text(int(line.values[-1]))}" for line in series)
    alt = f"{names[1]} against {names[0]}, logarithmic. At K = {xs[-1]}: {ending}. This design: {count_text(int(own))}."
    return _svg(WIDTH, HEIGHT, alt, "".join(parts))


def _apart(places: Sequence[float], gap: float = 15.0) -> list[float]:
    """The places moved so far that labels there do not touch."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved


def log_bars(bars: Sequence[Bar], name: str, ticks: Sequence[tuple[float, str]]) -> str:
    """Horizontal bars over a logarithmic axis with the given ticks; the first tick is its low end."""
    height = BAR_TOP + BAR_BOTTOM + ROW * len(bars)
    low, high = math.log10(ticks[0][0]), math.log10(ticks[-1][0])
    end, foot = WIDTH - BAR_RIGHT, height - BAR_BOTTOM

    def x(value: float) -> float:
        share = (math.log10(max(value, ticks[0][0])) - low) / (high - low)
        return BAR_LEFT + min(1.0, share) * (end - BAR_LEFT)

    parts = []
    for value, text in ticks:
        parts.append(f'<line class="pk-grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{BAR_TOP}" y2="{foot}"/>')
        parts.append(f'<text class="pk-tick" x="{x(value):.1f}" y="{foot + 15}" text-anchor="middle">{text}</text>')
    middle = (BAR_LEFT + end) / 2
    parts.append(f'<text class="pk-name" x="{middle:.0f}" y="{height - 3}" text-anchor="middle">{name}</text>')
    for index, bar in enumerate(bars):
        top = BAR_TOP + ROW * index
        title = f"{bar.title}{' *' if bar.chosen else ''}"
        parts.append(
            f'<text class="pk-kind" x="{BAR_LEFT - 9}" y="{top + 19}" text-anchor="end">{html.escape(title)}</text>'
        )
        if bar.value is None:
            parts.append(f'<text class="pk-none" x="{BAR_LEFT + 4}" y="{top + 19}">{html.escape(bar.said)}</text>')
            continue
        until = x(bar.value)
        parts.append(
            f'<rect class="pk-bar pk-{bar.key}" x="{BAR_LEFT}" y="{top + 5}" width="{max(2.0, until - BAR_LEFT):.1f}" '
            f'height="{ROW - 10}"/>'
            f'<text class="pk-value" x="{until + 7:.1f}" y="{top + 19}">{html.escape(bar.said)}</text>'
        )
    alt = f"{name}, logarithmic. " + "; ".join(f"{bar.title}: {bar.said}" for bar in bars)
    return _svg(WIDTH, height, alt, "".join(parts))


def powers(values: Sequence[float], unit: str) -> list[tuple[float, str]]:
    """Ticks at powers of ten around ``values``, at most six, named in thousands."""
    low = math.floor(math.log10(max(min(values), 1e-9)))
    high = max(low + 1, math.ceil(math.log10(max(values))))
    step = max(1, math.ceil((high - low) / 5))
    return [(10.0**power, f"{_power(power)}{unit}") for power in range(low, high + step, step)]


def _power(power: int) -> str:
    if -3 <= power < 3:
        return f"{10.0**power:g}"
    for least, sign in ((9, "G"), (6, "M"), (3, "k")):
        if power >= least:
            return f"{10 ** (power - least)}{sign}"
    return f"1e{power}"


def _svg(width: int, height: int, alt: str, content: str) -> str:
    view = f'viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(alt)}"'
    return f'<svg class="pk-plot" {view}>{content}</svg>'
