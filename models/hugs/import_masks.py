"""Reads masks made elsewhere, or exported and corrected by hand, back as static maps."""

from __future__ import annotations

from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.hugs.export_masks import Static, resized_static, stems
from models.hugs.loading_sources import Files
from models.parts.capture import Capture
from models.parts.pictures import BOMBS, DAMAGED
from models.parts.problems import BadInput

KINDS = {
    "static": "white = used (NeRF-HuGS, nerfstudio, gsplat, COLMAP)",
    "inverted": "white = ignored",
}
"""What white means in the files."""
_MAX_PIXELS = 100_000_000


def read_masks(files: Files, capture: Capture, kind: str = "static") -> dict[str, Static]:
    """View name -> (H, W) bool of the view's size, True = used, for every picture in `files` named after a view.

    A file may be named after the view, with or without its ending, plus .png. Files of the photo's original size are
    brought to the working size; nothing ignored gets used. BadInput for a mask of another size, a damaged one, none at
    all; ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    short = stems(capture.views)
    targets = {f"{stem}.png": name for name, stem in short.items()} | {
        f"{view.name}.png": view.name for view in capture.views
    }
    found: dict[str, Static] = {}
    for path in files.names():
        parts = PurePosixPath(path).parts
        name = next((targets[key] for start in range(len(parts)) if (key := "/".join(parts[start:])) in targets), None)
        if name is None or name in found:
            continue
        white = read_grey(files.read(path), path, "Save the mask as PNG") >= 128
        view = capture.view(name)
        height, width = view.size
        if white.shape not in (view.size, view.original_size):
            raise BadInput(
                path,
                f"has {white.shape[1]} x {white.shape[0]} pixels, its photo {width} x {height}",
                "Make the mask of the photo's size",
            )
        found[name] = resized_static(white if kind == "static" else ~white, width, height)
    if not found:
        raise BadInput(files.title, "holds no mask named after a photo of this capture", "Name masks <photo>.png")
    return found


def read_grey(data: bytes, name: str, remedy: str) -> npt.NDArray[np.uint8]:
    """(H, W) grey levels of the PNG in `data`. BadInput, with `remedy`, for anything else."""
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise BadInput(name, f"has {image.width} x {image.height} pixels", "Make the mask of the photo's size")
            return np.asarray(image.convert("L"))
    except BadInput:
        raise
    except (*DAMAGED, *BOMBS) as error:
        raise BadInput(name, "is no readable PNG", remedy) from error
