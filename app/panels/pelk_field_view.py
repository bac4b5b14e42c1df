"""Receptive fields on their way to the browser (maps as small grey PNGs) and into files."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from app.panels.pelk_session import Saved
from app.stage_encode import address
from models.pelk.export_pictures import INK, PAPER, png_bytes, viridis

if TYPE_CHECKING:
    from models.pelk.explore import Depth, Network
    from models.pelk.pipeline_fields import Fields

DECADES = 4
"""The map's grey levels run over this many powers of ten below the largest value."""
_TILE, _GAP, _HEAD = 256, 16, 46


def levels(field: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W) -> grey levels: 255 at the largest value, 0 at 10^-4 of it and below; all 0 for an empty field."""
    peak = float(field.max())
    if peak <= 0:
        return np.zeros(field.shape, np.uint8)
    share = np.log10(np.maximum(field / peak, 10.0**-DECADES)) / DECADES + 1
    return np.rint(255 * share).astype(np.uint8)


def message(fields: Fields, *, busy: bool, receipt: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the browser side draws."""
    return {
        "busy": busy,
        "size": fields.size,
        "views": fields.views,
        "source": fields.source,
        "note": fields.note,
        "decades": DECADES,
        "photo": _png(fields.image),
        "networks": [_network(network) for network in fields.networks],
        "milliseconds": fields.milliseconds,
        "example": receipt is None and not busy,
    }


def _network(network: Network) -> dict[str, Any]:
    told = network.as_dict()
    for depth, values in zip(network.depths, told["depths"], strict=True):
        values["map"] = _png(levels(depth.field))
        values["dead"] = depth.dead
    return told


def _png(pixels: NDArray[np.uint8]) -> str:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=3)
    return address(data.getvalue(), "image/png")


def ramp() -> str:
    """viridis as 256 x 6 hex digits, for the browser."""
    return viridis().tobytes().hex()


def saved(fields: Fields, photo: str, receipt: dict[str, Any]) -> Saved:
    """Scores as CSV and JSON, the deepest fields as PNG."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("network", "trained", "depth", "stride", "share", "side_px", "area_ratio", "input_px", "views"))
    for network in fields.networks:
        for depth in network.depths:
            for score in depth.scores:
                table.writerow(
                    (network.title, network.trained, depth.name, depth.stride, score.share, score.side, score.area,
                     fields.size, fields.views)
                )  # fmt: skip
    about = {"photo": photo, **fields.as_dict(), "receipt": receipt}
    return Saved(
        f"pelk_field_{fields.source}_{fields.size}px",
        {
            "csv": text.getvalue().encode(),
            "json": (json.dumps(about, indent=1) + "\n").encode(),
            "png": png_bytes(sheet(fields), {"fields": json.dumps(about)}),
        },
    )


def sheet(fields: Fields) -> Image.Image:
    """The input and every network's deepest field, titled; viridis over four decades."""
    count = 1 + len(fields.networks)
    picture = Image.new("RGB", (_GAP + count * (_TILE + _GAP), _TILE + 2 * _HEAD), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((_GAP, 12), f"Input {fields.size} x {fields.size} px", INK)
    picture.paste(_tile(fields.image), (_GAP, _HEAD))
    for index, network in enumerate(fields.networks):
        left = _GAP + (index + 1) * (_TILE + _GAP)
        deepest = network.depths[-1]
        draw.text((left, 6), f"{network.title}{'' if network.trained else ', untrained'}", INK)
        draw.text((left, 22), deepest.name, INK)
        picture.paste(_tile(viridis()[levels(deepest.field)]), (left, _HEAD))
        draw.text((left, _TILE + _HEAD + 6), _scores(deepest), INK)
    draw.text((_GAP, _TILE + _HEAD + 22), f"log scale over {DECADES} decades, {fields.views} view(s)", INK)
    return picture


def _tile(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.NEAREST)


def _scores(depth: Depth) -> str:
    return ", ".join(f"{100 * s.share:.0f} %: {s.side if s.side is not None else '-'} px" for s in depth.scores)
