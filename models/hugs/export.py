"""Exports static maps to what trainers read, as a folder or as a zip that is sent while it is made.

    write_zip("masks.zip", export_entries(capture, statics, ("static", "nerfstudio")))

Polarity, tested for each: static_masks 255 = used; inverted_masks 255 = ignored; colmap_masks 0 = no features;
nerfstudio and gsplat masks 0 = ignored.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from models.hugs.export_masks import (
    Entry,
    Statics,
    checked_statics,
    colmap_masks,
    inverted_masks,
    mask_digest,
    static_masks,
    target_size,
)
from models.hugs.export_overlay import overlay_bytes
from models.hugs.export_scenes import gsplat, nerfstudio
from models.parts.archives import safe_name
from models.parts.capture import Capture
from models.runtime.receipts import code_version

FORMATS: Mapping[str, str] = {
    "static": "static_masks/<name>.png, white = used (NeRF-HuGS)",
    "inverted": "inverted_masks/<name>.png, white = ignored",
    "colmap": "colmap_masks/<file>.png, black = no features (COLMAP --ImageReader.mask_path)",
    "nerfstudio": "folder with transforms.json, mask_path, images and masks at 1, 1/2 and 1/4, black = ignored",
    "gsplat": "folder with a COLMAP model, images and masks at 1, 1/2 and 1/4, black = ignored",
    "overlay": "overlay.mp4, what is ignored tinted red",
}
"""Name of each format and what it is, in one line. settings.json and README.txt are always added."""
_NEED_POSES = ("nerfstudio", "gsplat")
_WHEN = (1980, 1, 1, 0, 0, 0)
_STORED = (".png", ".mp4", ".jpg")


def export_entries(
    capture: Capture,
    statics: Statics,
    formats: Iterable[str] = ("static",),
    *,
    full_size: bool = True,
    settings: Mapping[str, Any] | None = None,
    receipt: Mapping[str, Any] | None = None,
) -> Iterator[Entry]:
    """Yields (path, content) of every file, one in memory at a time.

    statics: view name -> (H, W) bool of the view's size, True = used. full_size: static, inverted and COLMAP masks in
    the size of the photos as they were given; the training folders always hold pictures and masks of one size.
    settings, receipt: what made the maps; both go into settings.json.
    Raises BadInput for wrong maps, or when a training folder is asked for without known cameras; ValueError for an
    unknown format. Both before anything is yielded.
    """
    wanted = list(dict.fromkeys(formats))
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise ValueError(f"There is no export format {', '.join(unknown) or 'chosen'}: choose of {', '.join(FORMATS)}")
    maps = checked_statics(capture, statics)
    makers = {
        "static": lambda: static_masks(capture, maps, full_size),
        "inverted": lambda: inverted_masks(capture, maps, full_size),
        "colmap": lambda: colmap_masks(capture, maps, full_size),
        "nerfstudio": lambda: nerfstudio(capture, maps),
        "gsplat": lambda: gsplat(capture, maps),
        "overlay": lambda: iter([("overlay.mp4", overlay_bytes(capture, maps))]),
    }
    # The first file of a training folder is made at once: without cameras it fails here, not in the middle of a zip.
    begun = {name: makers[name]() for name in wanted}
    first = {name: next(begun[name]) for name in wanted if name in _NEED_POSES}
    return _all(capture, maps, begun, first, full_size, settings or {}, receipt or {})


def _all(
    capture: Capture,
    maps: Statics,
    begun: Mapping[str, Iterator[Entry]],
    first: Mapping[str, Entry],
    full_size: bool,
    settings: Mapping[str, Any],
    receipt: Mapping[str, Any],
) -> Iterator[Entry]:
    document = settings_document(capture, maps, tuple(begun), full_size, settings, receipt)
    yield "settings.json", json.dumps(document, indent=1, default=str).encode()
    yield "README.txt", readme(tuple(begun)).encode()
    for name, entries in begun.items():
        if name in first:
            yield first[name]
        yield from entries


def settings_document(
    capture: Capture,
    maps: Statics,
    formats: tuple[str, ...],
    full_size: bool,
    settings: Mapping[str, Any],
    receipt: Mapping[str, Any],
) -> dict[str, Any]:
    """What the export is of: capture, settings, and of each mask its size, share used and digest."""
    masks = {}
    for name, static in maps.items():
        width, height = target_size(capture.view(name), full_size)
        masks[name] = {
            "width": width,
            "height": height,
            "used": round(float(static.mean()), 6),
            "digest": mask_digest(static),
        }
    return {
        "method": "NeRF-HuGS",
        "code": code_version(),
        "capture": {
            "name": capture.name,
            "digest": capture.digest,
            "photos": len(capture.views),
            "placed": len(capture.posed),
            "notes": list(capture.notes),
        },
        "settings": dict(settings),
        "formats": {name: FORMATS[name] for name in formats},
        "masks": masks,
        "receipt": dict(receipt),
    }


def readme(formats: tuple[str, ...]) -> str:
    """What is in the export and how each trainer is started on it, as plain text."""
    lines = ["Masks of what stands still, made with Vitrine (NeRF-HuGS).", ""]
    lines += [f"{name}: {FORMATS[name]}" for name in formats]
    if "colmap" in formats:
        lines += ["", "COLMAP:     colmap feature_extractor --ImageReader.mask_path colmap_masks ..."]
    if "nerfstudio" in formats:
        lines += ["", "nerfstudio: ns-train nerfacto --data nerfstudio"]
        lines += ["            splatfacto divides its loss by all pixels: compare losses with that in mind"]
    if "gsplat" in formats:
        lines += ["", "gsplat:     images and sparse/0 as for examples/simple_trainer.py; multiply its loss by masks/"]
        lines += ["            pictures and masks are undistorted, cameras are pinholes"]
    return "\n".join(lines) + "\n"


def zip_chunks(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The bytes of a zip of `entries`, piece by piece; equal entries give equal bytes. Names must be relative."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(safe_name(name, "The export"), _WHEN)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
            yield pipe.taken()
    yield pipe.taken()


def write_zip(path: str | Path, entries: Iterable[Entry]) -> Path:
    """Writes `entries` as a zip; the file appears when it is whole. Returns `path`."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(zip_chunks(entries))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_folder(folder: str | Path, entries: Iterable[Entry]) -> Path:
    """Writes `entries` below `folder`, which is made when needed; returns it."""
    folder = Path(folder)
    for name, content in entries:
        path = folder / safe_name(name, "The export")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


class _Pipe:
    """A file zipfile can only append to; what was written is taken away by the reader."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._place = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        return self._place

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def close(self) -> None:
        """What was written stays until it is taken."""

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
