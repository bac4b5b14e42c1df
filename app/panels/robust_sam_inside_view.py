"""The inside view as mark-up, along the method's data flow: picture, cleaners, tokens. Captions say what to see."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from app.panels import robust_sam_inside_charts as charts
from app.panels.robust_sam_inside_charts import Chart, Colors, Scale
from app.panels.robust_sam_sweep_plot import overlay
from app.stage_encode import address
from models.robust_sam.inside_types import CLEANERS, HISTOGRAM_BINS, Cleaner, InsideView
from models.robust_sam.sweep_types import BRANCH_TITLES, Look

STOPS = 9
PLOT_WIDTH, PLOT_HEIGHT, PLOT_FOOT = 200, 96, 22
EXPLAINED = (
    "A degradation changes the statistics and the amplitude spectrum of a feature map more than its layout. Each "
    "cleaner therefore normalises the map twice, lets a selector mix the two, and scales the amplitudes while it keeps "
    "the phase."
)
TOKENS = (
    "The decoder asks the image through one token. RobustSAM runs the same transformer with a token of its own; the "
    "maps show which cells each token reads, as the mean over the heads."
)


def first() -> str:
    """What is there before the first press."""
    return (
        '<div class="in-frame"><ol class="in-steps">'
        "<li><b>Picture</b> what both models see, as degraded on the left</li>"
        "<li><b>Feature cleaners</b> spectrum before and after, which statistics are used, what comes out</li>"
        "<li><b>Output tokens</b> where SAM's and RobustSAM's mask token look</li></ol>"
        f'<p class="sw-caption">{EXPLAINED}</p></div>'
    )


def drawn(
    view: InsideView | None, cleaners: Sequence[Cleaner], photo: Colors, about: Mapping[str, Any], *, busy: bool
) -> str:
    """The view so far; ``view`` is None until everything is there. photo: (h, w, 3) uint8, small."""
    parts = [_picture(view, photo, about)]
    if view is not None and view.missing:
        parts.append(f'<p class="in-missing" role="note">{html.escape(view.missing)}</p>')
    whole = view or _unfinished(cleaners)
    if cleaners:
        rows = "".join(_cleaner(cleaner, whole) for cleaner in cleaners)
        parts.append(_step(2, "Feature cleaners", EXPLAINED, rows))
    if view is not None:
        parts.append(_step(3, "Output tokens", TOKENS, _tokens(view, photo)))
    return f'<div class="in-frame" {"aria-busy=true" if busy else ""}>{"".join(parts)}</div>'


def _unfinished(cleaners: Sequence[Cleaner]) -> InsideView:
    """Enough of a view to draw cleaners before the rest is known: the whole square is shown."""
    grid = cleaners[0].energy_before.shape[0] if cleaners else 1
    return InsideView(tuple(cleaners), {}, {}, grid, (grid, grid), "", "", 0.0)


def _step(number: int, title: str, said: str, content: str) -> str:
    return (
        f'<section class="in-step"><h4><span>{number}</span>{title}</h4><p class="sw-caption">{said}</p>{content}'
        "</section>"
    )


def _picture(view: InsideView | None, photo: Colors, about: Mapping[str, Any]) -> str:
    name = f"{about['object']} in {about['photo']}"
    seen = str(about["degradation"]) or "clean photo"
    said = f"{html.escape(name)}, {html.escape(seen)}."
    legend = ""
    if view is not None:
        legend = "".join(
            f'<span class="sw-key sw-key-{branch}"><i></i>{BRANCH_TITLES[branch]}</span>' for branch in view.masks
        )
        said += f" Model {html.escape(view.model)}."
    masks = {} if view is None else {branch: _sized(mask, photo) for branch, mask in view.masks.items()}
    look = Look(photo, masks, masks)
    shot = overlay(look, f"{name}, {seen}, with the masks of both models", truth=False)
    said += f'<span class="sw-legend">{legend}</span>'
    return _step(1, "Picture", said, f'<div class="in-photo">{shot}</div>')


def _sized(mask: Any, photo: Colors) -> Any:
    picture = Image.fromarray(mask).resize((photo.shape[1], photo.shape[0]), Image.Resampling.NEAREST)
    return np.asarray(picture, bool)


def _cleaner(cleaner: Cleaner, view: InsideView) -> str:
    title, what = CLEANERS[cleaner.name]
    height, width = cleaner.energy_before.shape
    size = f"{cleaner.channels} channels, {width} x {height} cells"
    figures = [_figure(chart) for chart in charts.cleaner_charts(cleaner, view)]
    figures.insert(
        2, _plain("Channels by share", "How many channels take how much batch statistics.", _histogram(cleaner))
    )
    figures.insert(6, _plain("Rings", "Amplitude against frequency: dashed before, solid after.", _rings(cleaner)))
    return (
        f'<article class="in-cleaner"><header><b>{title}</b><span>{size}: {what}</span>{_effect(cleaner)}</header>'
        f'<div class="in-row">{"".join(figures)}</div></article>'
    )


def _effect(cleaner: Cleaner) -> str:
    """What the cleaner achieved, in one number, where the clean photo is known."""
    if cleaner.distance is None:
        return ""
    before, after = cleaner.distance.before, cleaner.distance.after
    word = "nearer to" if after < before else "farther from"
    change = f"{abs(1 - after / before) * 100:.0f} % {word} the clean photo's" if before > 0 else "equal"
    return (
        f'<span class="in-effect" title="Relative L2 distance, after the projection the decoder reads">'
        f"distance to the clean photo's feature {before:.3f} before, {after:.3f} after cleaning: {change}</span>"
    )


def _tokens(view: InsideView, photo: Colors) -> str:
    rows = []
    for branch in view.attention:
        rows.append("".join(_figure(chart) for chart in charts.attention_charts(branch, view, photo)))
    if difference := charts.difference_charts(view):
        rows.append("".join(_figure(chart) for chart in difference))
    drawn_rows = "".join(f'<div class="in-row in-wide">{row}</div>' for row in rows)
    heads = "".join(
        f'<div class="in-row in-heads">{"".join(_figure(chart) for chart in charts.head_charts(attention, view))}</div>'
        for attention in view.attention.values()
    )
    padding = ", ".join(f"{BRANCH_TITLES[b]} {100 * a.padding:.1f} %" for b, a in view.attention.items())
    return (
        f'{drawn_rows}<p class="rs-notes">Attention of the last look that falls on the padding outside the photo: '
        f'{padding}.</p><details class="sw-values"><summary>The heads of the last look, one by one</summary>{heads}'
        "</details>"
    )


def _figure(chart: Chart) -> str:
    data = BytesIO()
    Image.fromarray(chart.pixels).save(data, "PNG")
    picture = f'<img src="{address(data.getvalue(), "image/png")}" alt="{html.escape(f"{chart.title}. {chart.see}")}">'
    return _plain(chart.title, chart.see, picture + _bar(chart.scale))


def _plain(title: str, see: str, content: str) -> str:
    said = html.escape(see)
    head = f'<figcaption title="{said}">{html.escape(title)}</figcaption>'
    return f'<figure class="in-figure">{head}{content}<p>{said}</p></figure>'


def _bar(scale: Scale) -> str:
    """A colour bar with three numbers."""
    table = charts.table(scale.name)
    stops = ", ".join("#{:02x}{:02x}{:02x}".format(*table[i]) for i in np.linspace(0, 255, STOPS).astype(int))
    ticks = "".join(f"<i>{tick}{scale.unit and f' {scale.unit}'}</i>" for tick in scale.ticks)
    return f'<div class="in-bar"><span style="background:linear-gradient(to right, {stops})"></span>{ticks}</div>'


def _histogram(cleaner: Cleaner) -> str:
    most = max(int(cleaner.histogram.max()), 1)
    wide = PLOT_WIDTH / HISTOGRAM_BINS
    bars = "".join(
        f'<rect x="{i * wide + 0.5:.1f}" y="{PLOT_HEIGHT * (1 - count / most):.1f}" width="{wide - 1:.1f}" '
        f'height="{PLOT_HEIGHT * count / most:.1f}"><title>{i / HISTOGRAM_BINS:.2f}: {count} channels</title></rect>'
        for i, count in enumerate(cleaner.histogram.tolist())
    )
    alt = f"Histogram of {cleaner.channels} channels by their share of batch statistics, at most {most} in one bin"
    return _plot(alt, f'{bars}<text x="2" y="12">at most {most}</text>', ("0", "0.5", "1"))


def _rings(cleaner: Cleaner) -> str:
    both = np.log10(np.maximum(np.stack([cleaner.radial_before, cleaner.radial_after]), 1e-8))
    low, high = float(both.min()), float(both.max())
    span, count = max(high - low, 1e-6), both.shape[1]
    lines = ""
    for key, values in zip(("before", "after"), both, strict=True):
        places = [
            f"{PLOT_WIDTH * i / max(count - 1, 1):.1f} {4 + (PLOT_HEIGHT - 8) * (1 - (value - low) / span):.1f}"
            for i, value in enumerate(values.tolist())
        ]
        lines += f'<path class="in-{key}" d="M{"L".join(places)}"/>'
    alt = f"log10 amplitude by frequency, from {low:.1f} to {high:.1f}, before and after suppression"
    text = f'<text x="{PLOT_WIDTH - 2}" y="12" text-anchor="end">log10 {low:.1f} to {high:.1f}</text>'
    return _plot(alt, lines + text, ("0", "", f"{count - 1} cycles"))


def _plot(alt: str, content: str, ticks: tuple[str, str, str]) -> str:
    foot = PLOT_HEIGHT + 14
    anchors = (("start", 0), ("middle", PLOT_WIDTH / 2), ("end", PLOT_WIDTH))
    marks = "".join(
        f'<text x="{at}" y="{foot}" text-anchor="{anchor}">{tick}</text>'
        for tick, (anchor, at) in zip(ticks, anchors, strict=True)
    )
    return (
        f'<svg class="in-plot" viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT + PLOT_FOOT}" role="img" '
        f'aria-label="{html.escape(alt)}">{content}'
        f'<line x1="0" x2="{PLOT_WIDTH}" y1="{PLOT_HEIGHT}" y2="{PLOT_HEIGHT}"/>{marks}</svg>'
    )
