"""Reads the photos of a capture: upright, of one size, sharp enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from models.hugs.loading_sources import Files
from models.parts.capture import View
from models.parts.pictures import BOMBS, DAMAGED
from models.parts.problems import BadInput, readable_bytes
from models.parts.sizes import shrunk

Tick = Callable[[float, str], None]
Picture = npt.NDArray[np.uint8]
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_MAX_BYTES = 100_000_000
_MAX_PIXELS = 100_000_000
_MIN_SIDE = 32
_EXIF_ORIENTATION = 0x0112
# Variance of the Laplacian of a grey picture (0..255) with at most 640 pixels a side: photos reach 100 to 3000.
_NO_DETAIL = 4.0
_SOFT = 0.2


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo. original: (height, width) before scaling down; turned: whether EXIF orientation was applied."""

    image: Picture
    original: tuple[int, int]
    turned: bool


def read_photo(data: bytes, name: str, max_side: int, stored: Callable[[int, int], bool] | None = None) -> Photo:
    """The photo in `data`, (H, W, 3) uint8 with at most `max_side` pixels on the longer side.

    EXIF orientation is applied, unless stored(width, height) says that the picture is wanted as it is stored (a
    camera model was made from it). Transparent parts lie over white. BadInput names what cannot be used.
    """
    if len(data) > _MAX_BYTES:
        raise BadInput(name, f"has {readable_bytes(len(data))}", f"The limit is {readable_bytes(_MAX_BYTES)}")
    try:
        with Image.open(BytesIO(data), formats=list(_FORMATS)) as image:
            width, height = image.size
            if width * height > _MAX_PIXELS:
                raise BadInput(
                    name, f"has {width * height / 1e6:.0f} megapixels", f"The limit is {_MAX_PIXELS / 1e6:g}"
                )
            if min(width, height) < _MIN_SIDE:
                raise BadInput(name, f"has {width} x {height} pixels", f"Choose photos of at least {_MIN_SIDE} a side")
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            turned = orientation in range(2, 9) and not (stored is not None and stored(width, height))
            if max(width, height) > max_side:
                # JPEG can be decoded at half, quarter or eighth size; never below twice what is wanted.
                longer = max(width, height)
                image.draft(None, (2 * max_side * width // longer, 2 * max_side * height // longer))
            picture = _rgb(ImageOps.exif_transpose(image) if turned else image)
    except BadInput:
        raise
    except Image.UnidentifiedImageError as error:
        raise BadInput(name, "is not a photo that can be read", "Save it as JPEG or PNG") from error
    except BOMBS as error:
        raise BadInput(name, "has far more pixels than a photo", "Scale it down") from error
    except MemoryError as error:
        raise BadInput(name, "does not fit into the free memory", "Scale it down") from error
    except DAMAGED as error:
        raise BadInput(name, "is damaged", "Export or download it again") from error
    original = (width, height) if turned and orientation >= 5 else (height, width)
    return Photo(scaled_to(picture, max_side), original, turned)


def scaled_to(picture: Picture, max_side: int) -> Picture:
    """`picture` scaled down by area averages so that its longer side has at most `max_side` pixels."""
    size = picture.shape[0], picture.shape[1]
    height, width = shrunk(size, max_side)
    return picture if (height, width) == size else resized(picture, width, height)


def resized(picture: Picture, width: int, height: int) -> Picture:
    """`picture` as (height, width, 3), with area averages when it shrinks."""
    smaller = width < picture.shape[1]
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8
    )


def sharpness(picture: Picture) -> float:
    """Variance of the Laplacian of the grey picture at no more than 640 pixels a side; blur lowers it."""
    grey = cv2.cvtColor(scaled_to(picture, 640), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def load_photos(files: Files, names: Sequence[str], max_side: int, tick: Tick) -> tuple[tuple[View, ...], list[str]]:
    """(views, notes) of the photos `names`. Damaged ones are left out and noted; all damaged is BadInput."""
    views: list[View] = []
    notes: list[str] = []
    turned = 0
    problems: list[BadInput] = []
    for place, name in enumerate(names):
        tick(place / len(names), f"Reading photo {place + 1} of {len(names)}")
        try:
            photo = read_photo(files.read(name), name, max_side)
        except BadInput as problem:
            problems.append(problem)
            continue
        turned += photo.turned
        views.append(view_of(name, photo))
    if not views and problems:
        raise problems[0]
    if problems:
        notes.append(f"{len(problems)} of {len(names)} pictures were left out. The first: {problems[0]}")
    if turned:
        notes.append(f"{turned} photos were turned upright by their EXIF orientation.")
    return one_size(views, notes), notes


def view_of(name: str, photo: Photo) -> View:
    """The view of a photo, which remembers its size from before it was scaled down."""
    scaled = photo.image.shape[:2] != photo.original
    return View(name, photo.image, original_size=photo.original if scaled else None)


def one_size(views: Sequence[View], notes: list[str]) -> tuple[View, ...]:
    """The views in the size most of them have; what was changed goes into `notes`.

    Photos of the same shape are scaled; others (portrait among landscape) are left out, because one camera is assumed.
    BadInput when no size has three photos, nor more than half of them.
    """
    shapes = Counter(view.size for view in views)
    if len(shapes) < 2:
        return tuple(views)
    (height, width), _ = shapes.most_common(1)[0]
    fitting, others, scaled = [], [], 0
    for view in views:
        if view.size == (height, width):
            fitting.append(view)
        elif abs((view.size[1] / view.size[0]) / (width / height) - 1) < 0.01:
            fitting.append(
                replace(view, image=resized(view.image, width, height), original_size=view.original_size or view.size)
            )
            scaled += 1
        else:
            others.append(view)
    if len(fitting) < 3 or len(fitting) <= len(others):
        listed = ", ".join(f"{count} of {w} x {h}" for (h, w), count in shapes.most_common(4))
        raise BadInput(
            "The capture", f"mixes photos of different shapes ({listed})", "Choose photos of one camera and one format"
        )
    if scaled:
        notes.append(f"{scaled} photos were scaled to {width} x {height} pixels, the size of the others.")
    if others:
        named = ", ".join(view.name for view in others[:3])
        notes.append(
            f"{len(others)} photos were left out, their shape is not that of the other {len(fitting)} ({named})."
        )
    return tuple(fitting)


def check_detail(views: Sequence[View], name: str) -> list[str]:
    """Notes on soft photos. BadInput when hardly any photo shows detail: nothing could be found again in them."""
    values = np.array([sharpness(view.image) for view in views])
    middle = float(np.median(values))
    if middle < _NO_DETAIL:
        raise BadInput(
            name,
            f"is too blurry: its photos show no detail (sharpness {middle:.1f}, photos have 100 and more)",
            "Take the photos again with a steady hand and more light, or move more slowly while filming",
        )
    soft = [view.name for view, value in zip(views, values, strict=True) if value < _SOFT * middle]
    if not soft:
        return []
    named = ", ".join(soft[:5]) + (f" and {len(soft) - 5} more" if len(soft) > 5 else "")
    return [f"{len(soft)} photos are much blurrier than the others ({named}): their masks will be coarse."]


def _rgb(image: Image.Image) -> Picture:
    """(H, W, 3) uint8; 16-bit grey is brought to 8, transparency is laid over white."""
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.float64) / 257
        return np.repeat(np.clip(np.round(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        return np.array(white.convert("RGB"))
    return np.array(image.convert("RGB"))
