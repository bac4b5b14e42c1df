"""Any Pillow mode and any sensible array to 8-bit sRGB with a separate alpha. images.py checks the limits first."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

Bytes = npt.NDArray[np.uint8]

_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
_PLAIN_MODES = ("RGB", "L", "1", "P", "YCbCr", "HSV", "CMYK", "RGBX")


class UnknownMode(Exception):
    """A colour mode or dtype without a defined way to RGB. mode: its name."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        super().__init__(mode)


def to_rgb(image: Image.Image, notes: list[str]) -> tuple[Bytes, Bytes | None]:
    """Decodes `image` (first frame) to ((H, W, 3) uint8, alpha (H, W) uint8 or None), appending sentences to `notes`.

    Raises UnknownMode, and Pillow's own errors when the data is damaged or cut off.
    """
    if getattr(image, "is_animated", False):
        kind = "page" if image.format == "TIFF" else "picture" if image.format == "MPO" else "frame"
        notes.append(f"The file holds several {kind}s; the first one is used.")
    image.load()
    profile = image.info.get("icc_profile")
    image = _upright(image, notes)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return grey_to_rgb(_wide(image), notes), None
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        opaque = _to_srgb(rgba.convert("RGB"), profile, notes)
        return over_white(np.asarray(opaque), alpha, notes)
    if image.mode not in _PLAIN_MODES:
        raise UnknownMode(image.mode)
    return np.array(_to_srgb(image, profile, notes)), None


def array_to_rgb(value: npt.NDArray[np.generic], notes: list[str]) -> tuple[Bytes, Bytes | None]:
    """The same for an array: (H, W) or (H, W, 1 | 3 | 4) of bool, uint8, uint16 or floats from 0 to 1."""
    scaled: npt.NDArray[np.uint8]
    if value.dtype == np.bool_:
        scaled = value.astype(np.uint8) * np.uint8(255)
    elif value.dtype == np.uint8:
        scaled = np.array(value, np.uint8)
    elif value.dtype == np.uint16:
        scaled = _eight_bits(value.astype(np.float32), 65535.0)
    elif np.issubdtype(value.dtype, np.floating):
        if not np.isfinite(value).all() or value.min() < 0.0 or value.max() > 1.0:
            raise UnknownMode("values that are not all from 0 to 1")
        scaled = _eight_bits(value, 1.0)
    else:
        raise UnknownMode(f"{value.dtype} values")
    if scaled.ndim == 2:
        scaled = scaled[..., None]
    if scaled.shape[2] == 1:
        return np.repeat(scaled, 3, axis=2), None
    if scaled.shape[2] == 4:
        return over_white(scaled[..., :3], scaled[..., 3], notes)
    return scaled, None


def over_white(rgb: Bytes, alpha: Bytes, notes: list[str]) -> tuple[Bytes, Bytes | None]:
    """Lays straight-alpha `rgb` (H, W, 3) over white; a fully opaque `alpha` (H, W) comes back as None."""
    if (alpha == 255).all():
        return np.array(rgb), None
    notes.append("Transparent parts are shown on white.")
    # (rgb * a + 255 * (255 - a)) / 255, rounded, in integers: exact and half the memory of floats.
    weight = alpha.astype(np.uint16)[..., None]
    mixed = (rgb * weight + np.uint16(255) * (np.uint16(255) - weight) + np.uint16(127)) // np.uint16(255)
    return mixed.astype(np.uint8), np.array(alpha)


def grey_to_rgb(values: npt.NDArray[np.floating], notes: list[str]) -> Bytes:
    """(H, W) floats to grey RGB: 0..1 and 0..65535 keep their scale, anything else is stretched from its own range."""
    finite = np.isfinite(values)
    if not finite.all():
        notes.append("Values that are not numbers became black.")
        values = np.where(finite, values, 0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= 1.0:
        grey = _eight_bits(values, 1.0)
    elif low >= 0.0 and high <= 65535.0:
        grey = _eight_bits(values, 65535.0)
        if high < 4096.0:
            notes.append(f"The brightest of 65,535 levels is {high:.0f}: the image may look dark.")
    else:
        notes.append(f"Values from {low:.4g} to {high:.4g} were stretched to black and white.")
        grey = _eight_bits(values - low, max(high - low, 1e-12))
    return np.repeat(grey[..., None], 3, axis=2)


def _eight_bits(values: npt.NDArray[np.generic], full: float) -> Bytes:
    return np.rint(values.astype(np.float32) * np.float32(255.0 / full)).astype(np.uint8)


def _wide(image: Image.Image) -> npt.NDArray[np.floating]:
    """16-bit, 32-bit and float modes as floats; 32-bit integers need doubles to keep their order."""
    values = np.asarray(image)
    return values.astype(np.float64 if image.mode == "I" else np.float32)


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    try:
        turned = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, ArithmeticError):
        # Cameras and editors write broken EXIF blocks; the picture itself is fine.
        notes.append("The EXIF block is damaged and was ignored.")
        return image
    return turned


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """RGB in sRGB. An embedded profile is applied when it fits the mode; sRGB itself is skipped to save the time."""
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            name = ImageCms.getProfileDescription(source).strip()
            if "srgb" in name.lower() and image.mode == "RGB":
                return image
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("The colour profile does not fit the image and was ignored.")
        else:
            if converted is not None:
                notes.append(f"Colours were converted from the profile {name[:60] or 'in the file'} to sRGB.")
                return converted
    return image.convert("RGB")
