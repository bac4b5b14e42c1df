"""Reads an image a person gave, or says in one sentence why it cannot be used.

Order of the checks: file size, kind and size in pixels from the header, and only then the decoder, strictly. What
comes out is what the person sees in a browser: EXIF orientation applied, an embedded ICC profile converted to sRGB,
transparency over white.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.guard import pixels
from app.guard.errors import BadInput, readable_bytes, shown_name
from app.guard.headers import Header, foreign_kind, jpeg_scans, sniff
from models.parts.pictures import BOMBS, DAMAGED

_KINDS = "PNG, JPEG, WebP, GIF, BMP or TIFF"


@dataclass(frozen=True)
class ImageLimits:
    """What the reader accepts."""

    max_bytes: int = 64_000_000
    """Largest file, in bytes."""
    max_pixels: int = 64_000_000
    """Largest width x height. 64 megapixels covers full-frame cameras and today's phones."""
    min_side: int = 8
    """Smallest width and height, in pixels."""
    max_side: int = 30_000
    """Largest width and height, in pixels."""
    max_scans: int = 64
    """Most passes of a progressive JPEG; photos have about 10, files made to waste time have thousands."""


DEFAULT = ImageLimits()


@dataclass(frozen=True, eq=False)
class GuardedImage:
    """An image that passed the guard.

    array: (H, W, 3) uint8 sRGB, upright, transparent parts laid over white.
    alpha: (H, W) uint8, or None when the image is opaque.
    mode: Pillow's mode of the file ("RGB", "CMYK", "I;16", ...), or the dtype of an array.
    size: (H, W) in pixels, after orientation.
    format: "PNG", "JPEG", ...; "array" for values that came from memory.
    notes: sentences a panel should show (first frame used, profile converted, ...).
    """

    array: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8] | None
    mode: str
    size: tuple[int, int]
    format: str
    notes: tuple[str, ...] = ()


def read_image(source: str | Path | bytes, *, name: str | None = None, limits: ImageLimits = DEFAULT) -> GuardedImage:
    """Reads `source`, a path or the bytes of a file.

    name: what messages call it; the bare file name by default.
    Raises BadInput for anything that is not a readable image within `limits`.
    """
    data, name = _bytes_of(source, name, limits)
    header = _checked_header(data, name, limits)
    try:
        with Image.open(BytesIO(data), formats=_pillow_formats(header.format)) as image:
            check_size(image.width, image.height, name, limits)
            notes: list[str] = []
            array, alpha = pixels.to_rgb(image, notes)
            mode, kind = image.mode, image.format or header.format
    except BadInput:
        raise
    except pixels.UnknownMode as error:
        raise BadInput(name, f"uses the colour mode {error.mode}", "Save it as RGB and try again") from error
    except Image.UnidentifiedImageError as error:
        raise BadInput(name, f"is a damaged {header.format} file", "Export or download the image again") from error
    except BOMBS as error:
        raise BadInput(name, "has far more pixels than a photo", _reduce(limits)) from error
    except MemoryError as error:
        raise BadInput(name, "does not fit into the free memory", "Scale the image down and try again") from error
    except DAMAGED as error:
        raise BadInput(name, _damage(error, header.format), "Export or download the image again") from error
    return GuardedImage(array, alpha, mode, (array.shape[0], array.shape[1]), kind, tuple(notes))


def check_array(value: Any, *, name: str = "The image", limits: ImageLimits = DEFAULT) -> GuardedImage:
    """Accepts what an image component hands over: a numpy array, a Pillow image, a path, bytes; None is refused.

    Arrays: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); bool, uint8, uint16 (0..65535) or floating (0..1).
    Raises BadInput for other shapes, dtypes, sizes outside `limits` and values that are not finite.
    """
    if value is None:
        raise BadInput(name, "is missing", "Drop an image or choose one of the examples")
    if isinstance(value, str | Path | bytes):
        return read_image(value, limits=limits)
    notes: list[str] = []
    if isinstance(value, Image.Image):
        check_size(value.width, value.height, name, limits)
        try:
            array, alpha = pixels.to_rgb(value, notes)
        except pixels.UnknownMode as error:
            raise BadInput(name, f"uses the colour mode {error.mode}", "Convert it to RGB and try again") from error
        except DAMAGED as error:
            raise BadInput(name, _damage(error, value.format or "image"), "Load the image again") from error
        mode, kind = value.mode, value.format or "array"
    elif isinstance(value, np.ndarray):
        if value.ndim not in (2, 3) or (value.ndim == 3 and value.shape[2] not in (1, 3, 4)):
            raise BadInput(name, f"has the shape {value.shape}", "Give height x width, with 1, 3 or 4 channels last")
        check_size(value.shape[1], value.shape[0], name, limits)
        try:
            array, alpha = pixels.array_to_rgb(value, notes)
        except pixels.UnknownMode as error:
            raise BadInput(name, f"holds {error.mode}", "Give uint8, uint16, bool or numbers from 0 to 1") from error
        mode, kind = str(value.dtype), "array"
    else:
        raise BadInput(name, f"is a {type(value).__name__}, not an image", "Give an image file or an array")
    return GuardedImage(array, alpha, mode, (array.shape[0], array.shape[1]), kind, tuple(notes))


def check_size(width: int, height: int, name: str, limits: ImageLimits = DEFAULT) -> None:
    """Raises BadInput unless `width` x `height` pixels lie within `limits`."""
    if min(width, height) < limits.min_side:
        raise BadInput(
            name,
            f"has {width} x {height} pixels, fewer than {limits.min_side} on a side",
            "Choose a larger image",
        )
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        megapixels = width * height / 1e6
        raise BadInput(
            name,
            f"has {width} x {height} pixels ({megapixels:.1f} megapixels)",
            _reduce(limits),
        )


def _reduce(limits: ImageLimits) -> str:
    return (
        f"The limit is {limits.max_pixels / 1e6:g} megapixels and {limits.max_side} pixels on a side: "
        "scale the image down and try again"
    )


def _bytes_of(source: str | Path | bytes, name: str | None, limits: ImageLimits) -> tuple[bytes, str]:
    """The whole file, never more than the limit, and the name for messages."""
    if isinstance(source, bytes):
        data, name = source, shown_name(name or "", "The image")
        size = len(data)
    else:
        try:
            path = Path(source)
            name = shown_name(name or path.name, "The image")
            if not path.is_file():
                raise BadInput(name, "is no longer there", "Upload the image again")
            with path.open("rb") as file:
                # The size asked for is allocated at once, so ask for what is there, not for what is allowed.
                size = os.fstat(file.fileno()).st_size
                data = file.read(min(size, limits.max_bytes) + 1)
                size = max(size, len(data))
        except (OSError, ValueError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(name or "The image", "cannot be read", "Upload the image again") from error
    if size > limits.max_bytes:
        raise BadInput(
            name,
            f"has {readable_bytes(size)}",
            f"The limit for an image is {readable_bytes(limits.max_bytes)}: save it smaller or as JPEG",
        )
    if not data:
        raise BadInput(name, "is empty", "Choose a file with an image in it")
    return data, name


def _checked_header(data: bytes, name: str, limits: ImageLimits) -> Header:
    header = sniff(data)
    if header is None:
        kind = foreign_kind(data)
        if kind:
            raise BadInput(name, f"is a {kind} file, which is not read here", f"Export it as {_KINDS}")
        raise BadInput(name, "is not an image, whatever its name says", f"Choose a {_KINDS} file")
    if header.width is not None and header.height is not None:
        check_size(header.width, header.height, name, limits)
    elif header.format not in ("TIFF", "AVIF"):
        raise BadInput(
            name, f"is a {header.format} file that ends before its size", "Export or download the image again"
        )
    if header.format == "JPEG" and jpeg_scans(data) > limits.max_scans:
        raise BadInput(name, f"is a JPEG with more than {limits.max_scans} passes", "Save it as a plain JPEG")
    return header


def _pillow_formats(kind: str) -> list[str]:
    """Only the plugin the header named may touch the bytes (a JPEG may turn out to be a multi-picture MPO)."""
    return ["JPEG", "MPO"] if kind == "JPEG" else [kind]


def _damage(error: Exception, kind: str) -> str:
    text = str(error).lower()
    if isinstance(error, EOFError) or any(
        word in text for word in ("truncated", "unexpected end", "not enough", "eof")
    ):
        return f"is a {kind} file that breaks off before its end"
    return f"is a damaged {kind} file"
