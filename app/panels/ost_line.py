"""The timeline as mark-up: curves of the leading classes, a ribbon of the winners, and the labels of its stretches."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.palette import OBJECT_COLORS
from app.wording import seconds_text

if TYPE_CHECKING:
    from models.ost.export import Annotation
    from models.ost.timeline import Timeline

WIDTH, HEIGHT, LEFT, RIBBON = 900, 190, 36, 26
THUMBS, THUMB_HEIGHT = 12, 54
DASHES = ("", "7 4", "2 3", "10 3 2 3", "1 4")


def drawn(line: Timeline, labels: Sequence[Annotation], thumbs: Sequence[tuple[float, str]] = ()) -> str:
    """Curves over seconds below ``thumbs`` (second, address), then the ribbon and the stretches as a table."""
    names = line.leading()
    colours = {name: OBJECT_COLORS[place % len(OBJECT_COLORS)] for place, name in enumerate(names)}
    said = f"{len(line.starts)} windows over {seconds_text(line.duration)}, {len(labels)} stretches"
    legend = "".join(
        f'<span><svg width="30" height="8"><line x1="0" x2="30" y1="4" y2="4" stroke="{colours[name]}" '
        f'stroke-width="3" stroke-dasharray="{DASHES[place % len(DASHES)]}"/></svg>{html.escape(name)}</span>'
        for place, name in enumerate(names)
    )
    return (
        f'<div class="pk-frame"><p class="pk-under">{said}. Click the ribbon or a row to see that moment.</p>'
        f'<div class="os-scroll">{_curves(line, names, colours, thumbs)}</div>'
        f'<div class="os-legend">{legend}</div>{_table(labels)}</div>'
    )


def _x(line: Timeline, second: float) -> float:
    return LEFT + (WIDTH - LEFT - 6) * second / max(line.duration, 1e-6)


def _pictures(thumbs: Sequence[tuple[float, str]]) -> str:
    wide = (WIDTH - LEFT - 6) / max(len(thumbs), 1) - 2
    return "".join(
        f'<g data-second="{second:.3f}"><image href="{address}" x="{LEFT + 1 + place * (wide + 2):.1f}" y="0" '
        f'width="{wide:.1f}" height="{THUMB_HEIGHT}" preserveAspectRatio="xMidYMid slice"/>'
        f"<title>{second:.1f} s</title></g>"
        for place, (second, address) in enumerate(thumbs)
    )


def _curves(line: Timeline, names: Sequence[str], colours: dict[str, str], thumbs: Sequence[tuple[float, str]]) -> str:
    def y(share: float) -> float:
        return 8 + (HEIGHT - 16) * (1 - share)

    middles = (line.starts + line.ends) / 2
    parts = []
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<line class="pk-grid" x1="{LEFT}" x2="{WIDTH}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(share) + 4:.1f}" text-anchor="end">{share:g}</text>')
    for place, name in enumerate(names):
        values = line.shares["ost"][:, line.classes.names.index(name)]
        path = " ".join(f"{_x(line, t):.1f},{y(v):.1f}" for t, v in zip(middles, values, strict=True))
        if len(values) == 1:
            path = f"{LEFT},{y(values[0]):.1f} {WIDTH - 6},{y(values[0]):.1f}"
        parts.append(
            f'<polyline fill="none" stroke="{colours[name]}" stroke-width="2.2" points="{path}" '
            f'stroke-dasharray="{DASHES[place % len(DASHES)]}"><title>{html.escape(name)}</title></polyline>'
        )
    top = HEIGHT + 4
    for one in line.segments():
        x, end = _x(line, one.start), _x(line, one.end)
        colour = colours.get(one.name, "#888888")
        parts.append(
            f'<g data-second="{one.start:.3f}"><rect x="{x:.1f}" y="{top}" width="{max(end - x - 1, 1):.1f}" '
            f'height="{RIBBON}" fill="{colour}" fill-opacity="0.45" stroke="{colour}"/>'
            f"{_said(one.name, x, end, top)}"
            f"<title>{html.escape(one.name)}: {one.start:.1f} to {one.end:.1f} s</title></g>"
        )
    for second in _ticks(line.duration):
        parts.append(
            f'<text x="{_x(line, second):.1f}" y="{top + RIBBON + 15}" text-anchor="middle">{second:g} s</text>'
        )
    above = THUMB_HEIGHT + 8 if thumbs else 0
    return (
        f'<svg class="pk-plot os-line" viewBox="0 0 {WIDTH} {above + top + RIBBON + 20}" role="img" '
        f'aria-label="Scores along the video">{_pictures(thumbs)}'
        f'<g transform="translate(0 {above})">{"".join(parts)}</g></svg>'
    )


def _said(name: str, x: float, end: float, top: float) -> str:
    """The name inside its stretch of the ribbon, where it fits."""
    if end - x < 8 * len(name) + 10:
        return ""
    return f'<text class="os-in" x="{x + 7:.1f}" y="{top + RIBBON / 2 + 4:.1f}">{html.escape(name)}</text>'


def _ticks(duration: float) -> list[float]:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if duration / s <= 9), 1800)
    return [step * place for place in range(int(duration / step) + 1)]


def _table(labels: Sequence[Annotation]) -> str:
    rows = "".join(
        f'<tr data-second="{one.start:.3f}" data-stretch="{number}" tabindex="0">'
        f"<td>{number}</td><td>{one.start:.1f}</td><td>{one.end:.1f}</td>"
        f"<td>{html.escape(one.predicted)}</td><td>{html.escape(one.label)}{' (corrected)' if one.corrected else ''}"
        "</td></tr>"
        for number, one in enumerate(labels, start=1)
    )
    head = "<tr><th>stretch</th><th>in (s)</th><th>out (s)</th><th>OST says</th><th>label</th></tr>"
    return f'<div class="os-scroll"><table class="os-table"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
