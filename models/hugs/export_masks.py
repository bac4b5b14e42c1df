"""Static maps as picture files. In memory True = static = use the pixel; each format says what its white means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.parts.capture import Capture, View
from models.parts.problems import BadInput

Static = npt.NDArray[np.bool_]
Statics = Mapping[str, Static]
Entry = tuple[str, bytes]


def resized_static(static: Static, width: int, height: int) -> Static:
    """`static` (H, W) as (height, width); a pixel is used only when everything it covers is.

    Larger or smaller: what is ignored stays ignored. Exact whole-number arithmetic, no filter.
    """
    rows, columns = static.shape
    if (rows, columns) == (height, width):
        return static
    ignored = np.zeros((rows + 1, columns + 1), np.int64)
    ignored[1:, 1:] = np.cumsum(np.cumsum(~static, axis=0), axis=1)
    top, bottom = _spans(rows, height)
    left, right = _spans(columns, width)
    count = (
        ignored[np.ix_(bottom, right)]
        - ignored[np.ix_(top, right)]
        - ignored[np.ix_(bottom, left)]
        + ignored[np.ix_(top, left)]
    )
    return count == 0


def _spans(given: int, wanted: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(first, one past the last) of the given pixels that each wanted pixel touches."""
    place = np.arange(wanted, dtype=np.int64)
    return place * given // wanted, -(-(place + 1) * given // wanted)


def checked_statics(capture: Capture, statics: Statics) -> dict[str, Static]:
    """The maps of the capture's own views, in their order.

    BadInput when a map is not bool or not of its view's size, when there is none, or a name is no view's.
    """
    known = {view.name: view for view in capture.views}
    strange = sorted(set(statics) - set(known))
    if strange:
        raise BadInput(strange[0], "is no photo of this capture", "Export the masks with the capture they belong to")
    if not statics:
        raise BadInput(capture.name, "has no static maps yet", "Fuse the cues first")
    for name, static in statics.items():
        height, width = known[name].size
        if static.shape != (height, width):
            shape = " x ".join(str(side) for side in reversed(static.shape))
            raise BadInput(
                name, f"has a mask of {shape} pixels, the photo has {width} x {height}", "Make the mask of that size"
            )
        if static.dtype != np.bool_:
            raise BadInput(name, f"has a mask of {static.dtype} values", "Give True where the pixel is to be used")
    return {view.name: statics[view.name] for view in capture.views if view.name in statics}


def stems(views: tuple[View, ...]) -> dict[str, str]:
    """View name -> its name without ending; with it, where two would be equal otherwise."""
    short = {view.name: PurePosixPath(view.name).with_suffix("").as_posix() for view in views}
    count: dict[str, int] = {}
    for stem in short.values():
        count[stem.casefold()] = count.get(stem.casefold(), 0) + 1
    return {name: stem if count[stem.casefold()] == 1 else name for name, stem in short.items()}


def target_size(view: View, full_size: bool) -> tuple[int, int]:
    """(width, height) of the mask of a view: the working size, or that of the photo as it was given."""
    height, width = view.original_size if full_size and view.original_size else view.size
    return width, height


def static_masks(capture: Capture, statics: Statics, full_size: bool) -> Iterator[Entry]:
    """static_masks/<name>.png, three channels, 255 = static = used: what NeRF-HuGS itself reads."""
    names = stems(capture.views)
    for name, static in checked_statics(capture, statics).items():
        mask = resized_static(static, *target_size(capture.view(name), full_size))
        yield f"static_masks/{names[name]}.png", png(np.repeat(mask[..., None], 3, axis=2))


def inverted_masks(capture: Capture, statics: Statics, full_size: bool) -> Iterator[Entry]:
    """inverted_masks/<name>.png, three channels, 255 = moves = ignored."""
    names = stems(capture.views)
    for name, static in checked_statics(capture, statics).items():
        mask = resized_static(static, *target_size(capture.view(name), full_size))
        yield f"inverted_masks/{names[name]}.png", png(np.repeat(~mask[..., None], 3, axis=2))


def colmap_masks(capture: Capture, statics: Statics, full_size: bool) -> Iterator[Entry]:
    """colmap_masks/<image file name>.png, one channel, 0 = no features are taken there (`--ImageReader.mask_path`)."""
    for name, static in checked_statics(capture, statics).items():
        mask = resized_static(static, *target_size(capture.view(name), full_size))
        yield f"colmap_masks/{name}.png", png(mask)


def png(values: npt.NDArray[np.bool_] | npt.NDArray[np.uint8]) -> bytes:
    """A PNG: bool becomes 0 and 255; (H, W) is grey, (H, W, 3) colour."""
    pixels = values.astype(np.uint8) * 255 if values.dtype == np.bool_ else values
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, "PNG", compress_level=6 if values.dtype == np.bool_ else 2
    )
    return buffer.getvalue()


def mask_digest(static: Static) -> str:
    """16 hex digits of the size and the pixels of a map."""
    seen = hashlib.sha256(repr(static.shape).encode())
    seen.update(np.packbits(static).tobytes())
    return seen.hexdigest()[:16]
