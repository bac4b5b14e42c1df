"""How the result of everything mode is told: the message to the browser, colours, CSV, COCO JSON, label map."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from app.palette import OBJECT_COLORS, rgb
from app.stage_encode import address, display_size

if TYPE_CHECKING:
    from models.robust_sam.everything import Everything, Progress

TITLES = {"sam": "SAM", "robust": "RobustSAM"}
MAP_SIDE = 1024
"""The label map travels at most this large; areas and boxes stay those of the photo."""

COLUMNS = ("number", "model", "area_px", "share", "predicted_iou", "stability", "x", "y", "width", "height", "point_x",
           "point_y", "candidate", "crop")  # fmt: skip


def palette() -> list[str]:
    """21 colours: Okabe and Ito's seven, then each lighter, then each darker."""

    def mixed(color: str, other: int, share: float) -> str:
        return "#" + "".join(f"{round(part * (1 - share) + other * share):02X}" for part in rgb(color))

    plain = list(OBJECT_COLORS)
    return plain + [mixed(c, 255, 0.45) for c in plain] + [mixed(c, 0, 0.35) for c in plain]


def colors_of(labels: npt.NDArray[np.int32], count: int) -> list[str]:
    """A colour for each of ``count`` segments such that neighbours in the label map (h, w) differ where possible."""
    choices = palette()
    beside: list[set[int]] = [set() for _ in range(count + 1)]
    for a, b in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        edge = a != b
        for first, second in np.unique(np.stack([a[edge], b[edge]], axis=1), axis=0).tolist():
            beside[first].add(second)
            beside[second].add(first)
    chosen: list[int] = [-1]
    used = np.zeros(len(choices))
    for number in range(1, count + 1):
        taken = {chosen[other] for other in beside[number] if other < number}
        free = [index for index in range(len(choices)) if index not in taken] or list(range(len(choices)))
        best = min(free, key=lambda index: (used[index], index))
        used[best] += 1
        chosen.append(best)
    return [choices[index] for index in chosen[1:]]


def counted(count: int) -> str:
    """ "1 segment", "7 segments"."""
    return f"{count} segment{'' if count == 1 else 's'}"


def labels_address(labels: npt.NDArray[np.integer[Any]]) -> str:
    """labels: (h, w), below 65536 -> a PNG data address: number = red + 256 x green."""
    pixels = np.zeros((*labels.shape, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = labels & 255, labels >> 8
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=4)
    return address(data.getvalue(), "image/png")


def partly(progress: Progress, branch: str) -> dict[str, Any]:
    """One view of a search under way."""
    count = int(progress.labels.max(initial=0))
    return {
        "branch": branch,
        "title": TITLES[branch],
        "caption": f"{progress.done} of {progress.prompts} points, {progress.found} masks so far",
        "labels": labels_address(progress.labels),
        "colors": [palette()[i % len(palette())] for i in range(count)],
        "segments": [],
        "partial": True,
    }


def whole(found: Everything) -> dict[str, Any]:
    """One view of a finished search."""
    width, height = display_size(found.size[1], found.size[0], longest=MAP_SIDE)
    labels = found.labels((height, width))
    covered = float((labels > 0).mean()) if labels.size else 0.0
    return {
        "branch": found.branch,
        "title": TITLES[found.branch],
        "caption": f"{counted(len(found.segments))}, {100 * covered:.0f} % of the photo",
        "labels": labels_address(labels),
        "colors": colors_of(labels, len(found.segments)),
        "segments": [
            {key: row[key] for key in ("number", "area", "bbox", "predicted_iou", "stability", "point")}
            for row in found.table()
        ],
        "partial": False,
    }


def as_csv(results: Sequence[Everything]) -> bytes:
    """One row a segment of all results; areas and coordinates in pixels of the photo, share from 0 to 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in results:
        total = found.size[0] * found.size[1]
        for row in found.table():
            writer.writerow(
                [
                    row["number"],
                    TITLES[found.branch],
                    row["area"],
                    f"{row['area'] / total:.6f}",
                    row["predicted_iou"],
                    row["stability"],
                    *row["bbox"],
                    *row["point"],
                    row["candidate"],
                    " ".join(map(str, row["crop"])),
                ]
            )
    return text.getvalue().encode()


def as_coco(results: Sequence[Everything], photo: str, about: Mapping[str, Any]) -> bytes:
    """COCO instances with run-length masks; ``category_id`` 1 is SAM, 2 RobustSAM. ``about`` stands under "info"."""
    branches = list(TITLES)
    annotations: list[dict[str, Any]] = []
    for found in results:
        for row, segment in zip(found.table(), found.segments, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 1,
                    "category_id": branches.index(found.branch) + 1,
                    "iscrowd": 0,
                    "segmentation": segment.rle(),
                    "area": row["area"],
                    "bbox": row["bbox"],
                    "score": row["predicted_iou"],
                    "predicted_iou": row["predicted_iou"],
                    "stability_score": row["stability"],
                    "point_coords": [row["point"]],
                    "crop_box": row["crop"],
                }
            )
    height, width = results[0].size
    settings = asdict(results[0].config)
    record = {
        "info": {"description": "Vitrine everything mode", "settings": settings, **dict(about)},
        "licenses": [],
        "images": [{"id": 1, "file_name": photo, "width": width, "height": height}],
        "categories": [
            {"id": n + 1, "name": f"segment ({TITLES[b]})", "supercategory": "segment"} for n, b in enumerate(branches)
        ],
        "annotations": annotations,
    }
    return json.dumps(record, separators=(",", ":"), default=str).encode("ascii")


def as_png(found: Everything, about: Mapping[str, Any]) -> bytes:
    """The label map at the photo's size: 8 bits up to 255 segments, else 16; ``about`` in the text chunk "receipt"."""
    labels = found.labels()
    wide = len(found.segments) > 255
    data = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("receipt", json.dumps(dict(about), default=str))
    Image.fromarray(labels.astype(np.uint16 if wide else np.uint8)).save(data, "PNG", pnginfo=text)
    return data.getvalue()
