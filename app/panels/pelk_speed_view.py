"""The speed tab as mark-up: a bar for every form, its error, and what was not run and why."""

from __future__ import annotations

import csv
import html
import io
import json
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from app.panels import pelk_plot as plot
from app.panels.pelk_session import Saved
from models.pelk.export_pictures import INK, PAPER, png_bytes

if TYPE_CHECKING:
    from models.pelk.pipeline_timing import Timed, Timing

FILL = {"fft": (0, 114, 178), "boxes": (0, 158, 115), "taps": (230, 159, 0)}
OTHER = (213, 94, 0)
_ROW, _WIDE, _LEFT, _BAR = 34, 900, 210, 380


def first() -> str:
    """Before anything was measured and no example ships."""
    return '<div class="pk-frame"><p class="pk-said">Press the button: every form is timed within 5 s.</p></div>'


def milliseconds(value: float) -> str:
    """Three digits with a unit."""
    if value >= 1000:
        return f"{value / 1000:.3g} s"
    return f"{value:.3g} ms" if value >= 0.1 else f"{1000 * value:.3g} us"


def drawn(timing: Timing, *, busy: bool = False, where: str = "on this machine") -> str:
    """One measurement, finished or under way."""
    ran = [row.milliseconds for row in timing.rows if row.milliseconds is not None]
    bars = [plot.Bar(row.name, row.title, row.milliseconds, _said(row), row.chosen) for row in timing.rows]
    chart = plot.log_bars(bars, "milliseconds a call", plot.powers(ran or [1.0], ""))
    return (
        f'<div class="pk-frame" {"aria-busy=true" if busy else ""}>'
        f'<p class="pk-said">{html.escape(_head(timing, where))}</p><div class="pk-two">'
        f"<section><h4>Time of one call</h4>{chart}</section><section>{_table(timing)}</section></div>"
        f'<p class="pk-under">{html.escape(_foot(timing))}</p></div>'
    )


def _said(row: Timed) -> str:
    if row.milliseconds is None:
        return row.skipped or "not yet"
    return milliseconds(row.milliseconds)


def _head(timing: Timing, where: str) -> str:
    spec = timing.spec
    best = timing.fastest
    told = f"K = {spec.kernel} on {spec.height} x {spec.width} x {spec.channels}, {where}"
    if best is None or best.milliseconds is None:
        return f"{told}."
    direct = [r for r in timing.rows if r.name in ("direct", "cropped") and r.milliseconds is not None]
    if direct and best not in direct:
        slow = min(r.milliseconds or 0.0 for r in direct)
        return (
            f"{told}: {best.title} takes {milliseconds(best.milliseconds)}, {slow / best.milliseconds:.3g} times "
            "faster than torch's own convolution."
        )
    return f"{told}: {best.title} is fastest with {milliseconds(best.milliseconds)}."


def _foot(timing: Timing) -> str:
    steady = (
        "" if timing.steady else " The machine was busy: the two best times of the fastest form differ by over 30 %."
    )
    return (
        f"* chosen by the dispatcher. Best of the calls within {timing.seconds:.1f} s, float32, batch 1, kernel "
        f"prepared beforehand, {timing.threads} thread{'s' if timing.threads != 1 else ''}, {timing.device}, torch "
        f"{timing.torch_version}. Errors: largest difference to a float64 sum over all taps, over the largest value, "
        f"at {timing.checked} pixels of the first channel.{steady}"
    )


def _table(timing: Timing) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(row.title)}{' *' if row.chosen else ''}</th>{_cells(row)}</tr>"
        for row in timing.rows
    )
    head = (
        "<tr><td></td><th scope='col'>best</th><th scope='col'>median</th><th scope='col'>error</th><th>calls</th></tr>"
    )
    return f"<table class='rs-table'><caption>Figures</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _cells(row: Timed) -> str:
    if row.milliseconds is None or row.median is None or row.error is None:
        return f"<td colspan='4' class='pk-why'>{html.escape(row.skipped or 'not yet')}</td>"
    cells = (milliseconds(row.milliseconds), milliseconds(row.median), f"{row.error:.1e}", str(row.rounds))
    return "".join(f"<td>{cell}</td>" for cell in cells)


def saved(timing: Timing, receipt: dict[str, Any] | None = None) -> Saved:
    """The measurement as CSV, JSON and PNG."""
    spec = timing.spec
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("form", "best_ms", "median_ms", "relative_error", "calls", "chosen", "not_run_because"))
    for row in timing.rows:
        table.writerow((row.name, row.milliseconds, row.median, row.error, row.rounds, row.chosen, row.skipped))
    values = timing.as_dict() | {"receipt": receipt or {}}
    stem = f"pelk_speed_k{spec.kernel}_{spec.height}x{spec.width}x{spec.channels}"
    return Saved(
        stem,
        {
            "csv": text.getvalue().encode(),
            "json": (json.dumps(values, indent=1) + "\n").encode(),
            "png": png_bytes(_sheet(timing), {"timing": json.dumps(timing.as_dict())}),
        },
    )


def _sheet(timing: Timing) -> Image.Image:
    sheet = Image.new("RGB", (_WIDE, 60 + _ROW * len(timing.rows) + 30), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text(
        (16, 16), _head(timing, f"{timing.device}, {timing.threads} thread(s), torch {timing.torch_version}"), INK
    )
    ran = [row.milliseconds for row in timing.rows if row.milliseconds is not None] or [1.0]
    most = max(ran)
    for index, row in enumerate(timing.rows):
        top = 48 + index * _ROW
        draw.text((16, top + 6), f"{row.title}{' *' if row.chosen else ''}", INK)
        if row.milliseconds is None:
            draw.text((_LEFT, top + 6), row.skipped, INK)
            continue
        wide = max(2, round(_BAR * row.milliseconds / most))
        draw.rectangle((_LEFT, top, _LEFT + wide, top + 22), FILL.get(row.name, OTHER))
        draw.text((_LEFT + wide + 8, top + 6), f"{milliseconds(row.milliseconds)}, error {row.error or 0:.1e}", INK)
    draw.text((16, sheet.height - 24), "* chosen by the dispatcher; bars are linear in time", INK)
    return sheet
