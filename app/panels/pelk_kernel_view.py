"""The kernel tab as mark-up: three pictures of the kernel, its table, costs, curve and embedding."""

from __future__ import annotations

import functools
import html
from io import BytesIO

import numpy as np
from PIL import Image

from app.panels import pelk_plot as plot
from app.stage_encode import address
from app.wording import count_text
from models.pelk import export_pictures as pictures
from models.pelk.designer import Design, curve
from models.pelk.designer_embedding import Identity

STOPS = 9
MOST_RINGS = 10
"""In the key: their colours come again and again."""


def drawn(design: Design, embedding: Identity) -> str:
    """The whole tab for one design."""
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in design.notes)
    told = f'<ul class="pk-notes">{notes}</ul>' if notes else ""
    return (
        f'<div class="pk-frame" data-grid="{",".join(map(str, design.grid))}">{_strip(design)}'
        f'<div class="pk-figures">{_figures(design)}</div>{told}'
        f'<div class="pk-two"><section>{_table(design)}</section><section>{_curve(design)}</section></div>'
        f'<div class="pk-two"><section>{_costs(design)}</section><section>{_embedding(embedding)}</section></div></div>'
    )


def summary(design: Design) -> str:
    """One line for the state line."""
    return (
        f"K = {design.spec.kernel}: {design.bins} x {design.bins} = {count_text(design.parameters)} weights a channel "
        f"instead of {count_text(design.dense_parameters)} ({100 * design.ratio:.1f} %)"
    )


def _strip(design: Design) -> str:
    """The grid as boxes as wide as their bins."""
    boxes = "".join(
        f'<i style="flex-grow:{size}" title="bin {index + 1}: {size} wide">{size}</i>'
        for index, size in enumerate(design.grid)
    )
    # Hundreds of bins of size 1 would be unreadable, and say nothing.
    many = " pk-many" if design.bins > 41 else ""
    name = f"Sharing grid of one axis, {design.bins} bins, sum {design.spec.kernel}"
    return (
        f'<div class="pk-grid-line"><span>{name}</span><div class="pk-strip{many}" role="img" '
        f'aria-label="{name}: {" ".join(map(str, design.grid))}">{boxes}</div></div>'
    )


def _figures(design: Design) -> str:
    largest = max(2, int(design.cell_sizes().max()))
    reach = float(np.abs(design.weights()).max())
    rings = "".join(
        f'<i style="background:rgb{pictures.RINGS[ring % len(pictures.RINGS)]}"></i>'
        for ring in range(min(design.bins // 2 + 1, MOST_RINGS))
    )
    return (
        _figure(
            "bins",
            "Cells",
            "One weight serves a whole cell; colour: bins from the centre.",
            pictures.ring_picture(design),
            f'<div class="pk-key">{rings}<span>centre to edge</span></div>',
        )
        + _figure(
            "weights",
            "Weights",
            "Drawn with the seed, as a layer starts.",
            pictures.weight_picture(design),
            bar("diverging", (f"{-reach:.3f}", "0", f"{reach:.3f}")),
        )
        + _figure(
            "sizes",
            "log2 cell size",
            "How many taps share one weight.",
            pictures.size_picture(design),
            bar("viridis", ("1 tap", "", f"{count_text(largest)} taps")),
        )
    )


def _figure(key: str, title: str, see: str, pixels: pictures.Colors, legend: str) -> str:
    alt = html.escape(f"{title}. {see}")
    return (
        f'<figure class="pk-figure" data-kernel="{key}"><figcaption>{title}</figcaption>'
        f'<img src="{pixel_address(pixels)}" alt="{alt}"><p class="pk-under">{html.escape(see)}</p>{legend}</figure>'
    )


def pixel_address(pixels: pictures.Colors) -> str:
    """(h, w, 3) uint8 -> a PNG data address."""
    data = BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=1)
    return address(data.getvalue(), "image/png")


@functools.lru_cache(maxsize=4)
def _ramp(name: str) -> str:
    table = pictures.viridis() if name == "viridis" else pictures.diverging()
    return ", ".join("#{:02x}{:02x}{:02x}".format(*table[i]) for i in np.linspace(0, 255, STOPS).astype(int))


def bar(name: str, ticks: tuple[str, str, str]) -> str:
    """A colour bar with three labels."""
    labels = "".join(f"<i>{html.escape(tick)}</i>" for tick in ticks)
    return (
        f'<div class="pk-ramp"><span style="background:linear-gradient(to right, {_ramp(name)})"></span>{labels}</div>'
    )


def _table(design: Design) -> str:
    spec = design.spec
    rows = (
        ("Cells per axis, k'", str(design.bins)),
        ("Weights per channel, shared", count_text(design.parameters)),
        ("Weights per channel, dense", count_text(design.dense_parameters)),
        ("Shared over dense", f"{100 * design.ratio:.2f} %"),
        (f"Weights of {spec.channels} channels", count_text(design.parameters * spec.channels)),
        (
            "Unshared centre",
            f"{2 * design.centre_radius + 1} x {2 * design.centre_radius + 1}"
            if design.centre_radius >= 0
            else "none: the centre cell is wider than 1",
        ),
        ("Area of the unshared centre", f"{100 * design.central_ratio:.2f} %"),
        ("Corner taps, (k' + 1)²", count_text(design.corner_taps)),
    )
    body = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table class='rs-table'><caption>Counts</caption><tbody>{body}</tbody></table>"


def _curve(design: Design) -> str:
    spec = design.spec
    found = curve(spec.centre_radius, spec.base, spec.merge_tail)
    series = (
        plot.Series("dense", "dense K²", found.dense),
        plot.Series("stripe", "stripes 10 K", found.stripe),
        plot.Series("shared", "peripheral k'²", found.peripheral),
    )
    chart = plot.log_lines(found.kernels, series, spec.kernel, design.parameters, ("K", "Weights per channel"))
    said = (
        "Bins per axis grow as log K, so the kernel has O(log² K) weights; the paper writes O(log K). The ring marks "
        "this design."
    )
    return f"<h4>Weights per channel against K</h4>{chart}<p class='pk-under'>{said}</p>"


def _costs(design: Design) -> str:
    spec = design.spec
    bars = [plot.Bar(cost.key, cost.title, float(cost.products), _short(cost.products)) for cost in design.costs]
    chart = plot.log_bars(bars, "multiply-adds", plot.powers([bar.value or 1 for bar in bars], ""))
    rows = "".join(
        f"<tr><th scope='row'>{cost.title}</th><td>{count_text(cost.products)}</td>"
        f"<td>{html.escape(cost.note)}</td></tr>"
        for cost in design.costs
    )
    head = f"<h4>Multiply-adds on {spec.height} x {spec.width} x {spec.channels}</h4>"
    table = (
        "<details class='sw-values'><summary>How they are counted</summary><table class='rs-table pk-notes-table'>"
        f"<tbody>{rows}</tbody></table></details>"
    )
    return f"{head}{chart}{table}"


def _short(count: int) -> str:
    for least, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= least:
            return f"{count / least:.3g} {sign}"
    return str(count)


def _embedding(embedding: Identity) -> str:
    said = f"<h4>Positional embedding: {embedding.form}</h4><p class='pk-said'>{html.escape(embedding.said)}</p>"
    if embedding.form == "none":
        return said
    low, high = float(embedding.term.min()), float(embedding.term.max())
    middle = (low + high) / 2
    reach = max(high - middle, 1e-4)
    picture = pictures.painted(embedding.term, middle - reach, middle + reach, pictures.viridis())
    height, width = embedding.term.shape
    what = f"What is added at each of the {width} x {height} pixels of the map"
    ticks = (f"{low:+.4f}", "", f"{high:+.4f}") if high - low > 1e-9 else ("", f"{middle:+.4f} everywhere", "")
    return (
        f'{said}<figure class="pk-figure pk-small"><img src="{pixel_address(picture)}" alt="{what}">'
        f'<p class="pk-under">{what}.</p>{bar("viridis", ticks)}</figure>'
    )
