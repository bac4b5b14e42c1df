"""Pictures of the inside view: what each shows, its colours and its scale. The page and the PNG sheet draw the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from app.palette import OKABE_ITO, rgb
from models.robust_sam.inside_types import CLEANERS, Cleaner, Floats, InsideView, TokenAttention
from models.robust_sam.sweep_types import BRANCH_TITLES, Branch

Colors = npt.NDArray[np.uint8]
MapName = Literal["viridis", "diverging"]
PHOTO_SHARE = 0.35
"""How much of the grey photo shows through an attention map."""
SHEET_TILE, SHEET_GAP, SHEET_TEXT = 240, 16, 58


@dataclass(frozen=True)
class Scale:
    """Which values the colours stand for. ``unit`` follows the numbers under the colour bar."""

    name: MapName
    low: float
    high: float
    unit: str = ""

    @property
    def ticks(self) -> tuple[str, str, str]:
        """The numbers at the ends and in the middle."""
        nothing = 1e-4 * (self.high - self.low)
        values = (self.low, (self.low + self.high) / 2, self.high)
        low, middle, high = (number(0.0 if abs(value) < nothing else value) for value in values)
        return low, middle, high


@dataclass(frozen=True)
class Chart:
    """One picture: ``pixels`` (h, w, 3) uint8; ``see`` says in a few words what to look for, and serves as alt text."""

    title: str
    see: str
    pixels: Colors
    scale: Scale


@lru_cache(maxsize=2)
def table(name: MapName) -> Colors:
    """(256, 3) uint8 colours. diverging runs from blue through white to vermillion."""
    if name == "viridis":
        ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)
        return np.ascontiguousarray(ramp[:, 0, ::-1])
    ends = [rgb(OKABE_ITO["blue"]), (247, 247, 247), rgb(OKABE_ITO["vermillion"])]
    at = np.linspace(0, 2, 256)
    return np.stack([np.interp(at, (0, 1, 2), [end[c] for end in ends]) for c in range(3)], axis=1).astype(np.uint8)


def number(value: float) -> str:
    """Three significant digits without an exponent where it reads well."""
    if value == 0:
        return "0"
    return f"{value:.2g}" if abs(value) < 0.01 or abs(value) >= 1000 else f"{value:.3g}"


def painted(values: Floats, scale: Scale) -> Colors:
    """values: (h, w) -> (h, w, 3) uint8 colours."""
    span = max(scale.high - scale.low, 1e-12)
    index = np.clip(np.rint(255 * (values - scale.low) / span), 0, 255).astype(np.uint8)
    return table(scale.name)[index]


def magnitude(*values: Floats, unit: str = "") -> Scale:
    """One viridis scale that holds all ``values``; the outermost half percent is clipped."""
    joined = np.concatenate([part.ravel() for part in values])
    low, high = (float(v) for v in np.percentile(joined, (0.5, 99.5)))
    return Scale("viridis", low, high if high > low else low + 1e-6, unit)


def signed(values: Floats, unit: str = "") -> Scale:
    """A diverging scale with zero in the middle."""
    reach = max(float(np.percentile(np.abs(values), 99.5)), 1e-3)
    return Scale("diverging", -reach, reach, unit)


def cleaner_charts(cleaner: Cleaner, view: InsideView) -> list[Chart]:
    """The six pictures of one cleaner, in the order of its steps."""
    name = CLEANERS[cleaner.name][0].lower()
    spectra = magnitude(cleaner.spectrum_before, cleaner.spectrum_after)
    ratio = signed(cleaner.ratio)
    before, after = (_cropped(part, view) for part in (cleaner.energy_before, cleaner.energy_after))
    share = Scale("diverging", 0.0, 1.0)
    return [
        Chart("1 Goes in", f"Energy of the {name}: where it is strong.", painted(before, _of(before)), _of(before)),
        Chart(
            "2 Selector",
            "Share of the batch-normalised branch in each cell: orange keeps the usual statistics, blue takes this "
            "picture's own.",
            painted(cleaner.selector, share),
            share,
        ),
        Chart(
            "3 Spectrum before",
            "Amplitude of the joined features, slow changes in the middle, fine detail at the rim.",
            painted(cleaner.spectrum_before, spectra),
            spectra,
        ),
        Chart(
            "4 Spectrum after",
            "The same after the 1x1 mixing of amplitudes; the phase is untouched. Same colours as before.",
            painted(cleaner.spectrum_after, spectra),
            spectra,
        ),
        Chart(
            "After / before",
            "log2 of the ratio: orange was raised, blue was damped, white stayed.",
            painted(cleaner.ratio, ratio),
            ratio,
        ),
        Chart("5 Comes out", f"Energy of the cleaned {name}.", painted(after, _of(after)), _of(after)),
    ]


def _of(values: Floats) -> Scale:
    return magnitude(values)


def _cropped(values: Floats, view: InsideView) -> Floats:
    """(h, w) over the padded square -> the part the photo covers."""
    scale = values.shape[0] / view.grid
    rows, columns = (max(1, math.ceil(used * scale)) for used in view.used)
    return values[:rows, :columns]


def attention_scale(view: InsideView) -> Scale:
    """One scale for all attention maps, in multiples of even attention."""
    return magnitude(*(_even(attention.mean) for attention in view.attention.values()), unit="x")


def _even(weights: Floats) -> Floats:
    cells: Floats = weights * (weights.shape[-1] * weights.shape[-2])
    return cells


def attention_charts(branch: Branch, view: InsideView, photo: Colors) -> list[Chart]:
    """Mean over the heads in each layer, over the grey photo."""
    attention, scale = view.attention[branch], attention_scale(view)
    title = BRANCH_TITLES[branch]
    return [
        Chart(
            f"{title}, {layer}",
            f"Where {title}'s mask token looks in {layer}; 1 x would be even attention.",
            _over(photo, painted(_cropped(_even(weights), view), scale)),
            scale,
        )
        for layer, weights in zip(attention.layers, attention.mean, strict=True)
    ]


def difference_charts(view: InsideView) -> list[Chart]:
    """RobustSAM's attention minus plain SAM's in each layer; empty with one branch."""
    if "robust" not in view.attention:
        return []
    change = _even(view.attention["robust"].mean) - _even(view.attention["sam"].mean)
    scale = signed(change, "x")
    return [
        Chart(
            f"Difference, {layer}",
            f"Orange: RobustSAM's token looks here more than SAM's in {layer}; blue: less.",
            painted(_cropped(part, view), scale),
            scale,
        )
        for layer, part in zip(view.attention["sam"].layers, change, strict=True)
    ]


def head_charts(attention: TokenAttention, view: InsideView) -> list[Chart]:
    """The last layer's heads one by one, each in its own scale: heads differ by orders of magnitude."""
    charts = []
    for index, weights in enumerate(_even(attention.weights)[-1], start=1):
        part = _cropped(weights, view)
        scale = magnitude(part, unit="x")
        title = f"{BRANCH_TITLES[attention.branch]}, head {index}"
        charts.append(Chart(title, f"{title} of the last look.", painted(part, scale), scale))
    return charts


def _over(photo: Colors, map_: Colors) -> Colors:
    """An attention map over the grey photo, at the photo's size."""
    height, width = photo.shape[:2]
    large = cv2.resize(map_, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return ((1 - PHOTO_SHARE) * large + PHOTO_SHARE * grey).astype(np.uint8)


def all_charts(view: InsideView, photo: Colors) -> Mapping[str, list[Chart]]:
    """Every row of the sheet with its title."""
    rows = {CLEANERS[cleaner.name][0]: cleaner_charts(cleaner, view) for cleaner in view.cleaners}
    for branch in view.attention:
        rows[f"Attention of {BRANCH_TITLES[branch]}'s mask token"] = attention_charts(branch, view, photo)
    if (difference := difference_charts(view)) != []:
        rows["Attention, RobustSAM minus SAM"] = difference
    return rows


def sheet(view: InsideView, photo: Colors, title: str) -> Image.Image:
    """All pictures with titles and scales on one white page, as a PNG to keep."""
    rows = all_charts(view, photo)
    columns = max(len(charts) for charts in rows.values())
    step = SHEET_TILE + SHEET_GAP
    page = Image.new("RGB", (SHEET_GAP + columns * step, 48 + len(rows) * (step + SHEET_TEXT)), "white")
    draw = ImageDraw.Draw(page)
    draw.text((SHEET_GAP, 12), title, fill="black", font_size=17)
    for row, (name, charts) in enumerate(rows.items()):
        top = 48 + row * (step + SHEET_TEXT)
        draw.text((SHEET_GAP, top), name, fill="black", font_size=15)
        for column, chart in enumerate(charts):
            left = SHEET_GAP + column * step
            low, _, high = chart.scale.ticks
            draw.text((left, top + 20), chart.title, fill="#333333", font_size=13)
            page.paste(_tile(chart.pixels), (left, top + 40))
            told = f"{chart.scale.name} {low} to {high} {chart.scale.unit}"
            draw.text((left, top + 42 + SHEET_TILE), told, fill="#555555", font_size=11)
    return page


def _tile(pixels: Colors) -> Image.Image:
    height, width = pixels.shape[:2]
    scale = SHEET_TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
