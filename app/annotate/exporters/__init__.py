"""Mask files in the field's formats, each with the receipt inside and an importer that gives the same masks back.

| format | receipt | objects that overlap | other tools read it as |
|---|---|---|---|
| PNG mask | text chunk "vitrine_receipt" | kept (hidden parts in a text chunk) | an id mask |
| RGBA cut-out | text chunk | kept (text chunk) | a picture with transparency |
| COCO JSON, run lengths or polygons | info.vitrine_receipt | kept | COCO instances |
| YOLO-seg zip | vitrine.json | kept | YOLO segmentation labels |
| Label Studio JSON | meta of the first task | kept | brush regions |
| npy | a second array behind the masks | kept | (N, H, W) bool |
| npz | array "meta" | kept | named arrays |

`FORMATS` are for the objects of one image, `datasets.DATASET_FORMATS` for many images with classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.annotate.exporters.arrays import export_npy, export_npz, import_npy, import_npz
from app.annotate.exporters.coco import export_coco, import_coco
from app.annotate.exporters.label_studio import export_label_studio, import_label_studio
from app.annotate.exporters.objects import PALETTE, AnnotatedImage, Dataset, Imported, MaskObject
from app.annotate.exporters.png import export_png_mask, export_rgba, import_png_mask, import_rgba
from app.annotate.exporters.yolo import export_yolo, import_yolo


@dataclass(frozen=True)
class Format:
    """One entry of a download menu. export(objects, image, receipt) -> bytes; read(bytes) -> Imported."""

    key: str
    title: str
    suffix: str
    export: Callable[..., bytes]
    read: Callable[[bytes], Imported]


FORMATS: dict[str, Format] = {
    entry.key: entry
    for entry in (
        Format("png", "PNG mask", "_mask.png", export_png_mask, import_png_mask),
        Format("rgba", "Cut-out (RGBA)", "_cutout.png", export_rgba, import_rgba),
        Format("coco", "COCO JSON", "_coco.json", export_coco, import_coco),
        Format(
            "coco_polygon",
            "COCO polygons",
            "_coco_polygon.json",
            partial(export_coco, segmentation="polygon"),
            import_coco,
        ),
        Format("yolo", "YOLO-seg", "_yolo.zip", export_yolo, import_yolo),
        Format("label_studio", "Label Studio", "_label_studio.json", export_label_studio, import_label_studio),
        Format("npy", "NumPy masks (npy)", "_masks.npy", export_npy, import_npy),
        Format("npz", "NumPy archive (npz)", "_masks.npz", export_npz, import_npz),
    )
}

__all__ = [
    "FORMATS",
    "PALETTE",
    "AnnotatedImage",
    "Dataset",
    "Format",
    "Imported",
    "MaskObject",
    "export_coco",
    "export_label_studio",
    "export_npy",
    "export_npz",
    "export_png_mask",
    "export_rgba",
    "export_yolo",
    "import_coco",
    "import_label_studio",
    "import_npy",
    "import_npz",
    "import_png_mask",
    "import_rgba",
    "import_yolo",
]
