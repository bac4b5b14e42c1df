"""Mask files in the field's formats, each with the receipt inside and an importer that gives the same masks back.

| format | receipt | objects that overlap | other tools read it as |
|---|---|---|---|
| PNG mask | text chunk "vitrine_receipt" | kept (hidden parts in a text chunk) | an id mask |
| RGBA cut-out | text chunk | kept (text chunk) | a picture with transparency |
| COCO JSON | info.vitrine_receipt | kept | COCO instances |
| npy | a second array behind the masks | kept | (N, H, W) bool |
| npz | array "meta" | kept | named arrays |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.annotate.exporters.arrays import export_npy, export_npz, import_npy, import_npz
from app.annotate.exporters.coco import export_coco, import_coco
from app.annotate.exporters.objects import PALETTE, Imported, MaskObject
from app.annotate.exporters.png import export_png_mask, export_rgba, import_png_mask, import_rgba


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
        Format("npy", "NumPy masks (npy)", "_masks.npy", export_npy, import_npy),
        Format("npz", "NumPy archive (npz)", "_masks.npz", export_npz, import_npz),
    )
}

__all__ = [
    "FORMATS",
    "PALETTE",
    "Format",
    "Imported",
    "MaskObject",
    "export_coco",
    "export_npy",
    "export_npz",
    "export_png_mask",
    "export_rgba",
    "import_coco",
    "import_npy",
    "import_npz",
    "import_png_mask",
    "import_rgba",
]
