"""Small plots of the HuGS room as SVG: track lengths, the loss of the field. Figures can be saved as CSV."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 420, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 30


def track_histogram(lengths: npt.NDArray[np.int64], threshold: int) -> str:
    """How many features of a frame were seen in how many photos; those that speak are drawn full."""
    matched = lengths[lengths > 0]
    if len(matched) == 0:
        return "<p class='hg-under'>No feature of this photo belongs to a point of the scene.</p>"
    most = int(min(matched.max(), 30))
    counts = np.bincount(np.minimum(matched, most), minlength=most + 1)[1:]
    top = int(counts.max())
    step = (WIDTH - LEFT - RIGHT) / most
    bars = ""
    for index, count in enumerate(counts):
        height = (HEIGHT - TOP - BOTTOM) * count / top
        tone = "hg-on" if index + 1 >= threshold else "hg-off"
        bars += (
            f'<rect class="{tone}" x="{LEFT + index * step + 0.5:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
            f'width="{max(step - 1, 0.5):.1f}" height="{height:.1f}"><title>{index + 1} photos: {count}</title></rect>'
        )
    line = ""
    if 1 <= threshold <= most:
        x = LEFT + (threshold - 1) * step
        line = f'<line class="hg-line" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    ticks = "".join(
        _text(LEFT + (value - 0.5) * step, HEIGHT - BOTTOM + 13, str(value), "middle")
        for value in sorted({1, *range(5, most + 1, 5)})
    )
    axis = _text(LEFT - 5, TOP + 8, str(top), "end") + _text(LEFT - 5, HEIGHT - BOTTOM, "0", "end")
    name = _text((WIDTH + LEFT) / 2, HEIGHT - 3, "photos a feature was seen in", "middle")
    rows = [(index + 1, int(count)) for index, count in enumerate(counts)]
    label = f"Histogram of {len(matched)} track lengths; {int((lengths >= threshold).sum())} reach {threshold}"
    return _svg(bars + line + ticks + axis + name, label) + csv_link("track_lengths.csv", ("photos", "features"), rows)


def loss_curve(losses: Sequence[tuple[int, float]], steps: int) -> str:
    """The running mean of the colour loss against the step, from 0."""
    if len(losses) < 2:
        return "<p class='hg-under'>The loss is drawn while the field is trained.</p>"
    most = max(loss for _, loss in losses)
    last = max(steps, losses[-1][0])

    def x(step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - loss / most)

    line = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in losses)
    parts = f'<polyline class="hg-curve" points="{line}"/>'
    parts += _text(LEFT - 5, TOP + 8, f"{most:.2f}", "end") + _text(LEFT - 5, HEIGHT - BOTTOM, "0", "end")
    parts += _text(LEFT, HEIGHT - BOTTOM + 13, "0", "middle")
    parts += _text(WIDTH - RIGHT, HEIGHT - BOTTOM + 13, str(last), "end")
    parts += _text((WIDTH + LEFT) / 2, HEIGHT - 3, "training step", "middle")
    label = f"Loss from {losses[0][1]:.3f} to {losses[-1][1]:.3f} in {losses[-1][0]} steps"
    return _svg(parts, label) + csv_link("field_loss.csv", ("step", "loss"), list(losses))


def csv_link(name: str, head: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    """A link that saves the figures."""
    lines = [",".join(head), *(",".join(f"{value:g}" for value in row) for row in rows)]
    data = base64.b64encode("\n".join(lines).encode()).decode("ascii")
    return f'<a class="hg-csv" download="{html.escape(name)}" href="data:text/csv;base64,{data}">CSV</a>'


def _svg(content: str, label: str) -> str:
    return (
        f'<svg class="hg-plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">'
        f'<line class="hg-axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
        f"{content}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
