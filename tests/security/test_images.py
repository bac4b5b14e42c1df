"""What read_image accepts, what it makes of it, and what it refuses."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.guard import check_array, read_image
from tests.security.samples import encoded, picture, png_of


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_pixels_back(kind: str) -> None:
    array = picture()
    options = {"lossless": True} if kind == "WEBP" else {}
    got = read_image(encoded(Image.fromarray(array), kind, **options))
    assert got.format == kind
    assert got.size == (24, 40)
    assert got.alpha is None
    assert (got.array == array).all()


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_lossy_formats_are_close_to_the_original(kind: str) -> None:
    got = read_image(encoded(Image.fromarray(picture()), kind, quality=95))
    assert got.format == kind
    assert np.abs(got.array.astype(int) - picture()).mean() < 4


def test_grey_becomes_three_equal_channels() -> None:
    grey = picture(channels=1)[..., 0]
    got = read_image(encoded(Image.fromarray(grey), "PNG"))
    assert got.mode == "L"
    assert (got.array == grey[..., None]).all()


def test_one_bit_becomes_black_and_white() -> None:
    bits = picture(channels=1)[..., 0] > 127
    got = read_image(encoded(Image.fromarray(bits), "PNG"))
    assert (got.array[..., 0] == bits * 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 24 * 40).reshape(24, 40).astype(np.uint16)
    got = read_image(encoded(Image.fromarray(values), kind))
    assert got.mode.startswith("I;16")
    assert (got.array[..., 0] == np.rint(values / 257.0)).all()


def test_sixteen_bit_colour_is_scaled_not_clipped() -> None:
    rows = b"".join(b"\x00" + struct.pack(">" + "HHH" * 10, *([65535, 32896, 257] * 10)) for _ in range(9))
    got = read_image(png_of(10, 9, bits=16, colour=2, rows=rows))
    assert got.array[4, 4].tolist() == [255, 128, 1]


def test_dark_sixteen_bit_image_says_that_it_may_look_dark() -> None:
    got = read_image(encoded(Image.fromarray(np.full((9, 9), 4000, np.uint16)), "PNG"))
    assert any("look dark" in note for note in got.notes)


def test_float_tiff_keeps_zero_to_one_and_stretches_the_rest() -> None:
    unit = np.linspace(0, 1, 240, dtype=np.float32).reshape(12, 20)
    assert (read_image(encoded(Image.fromarray(unit), "TIFF")).array[..., 0] == np.rint(unit * 255)).all()
    wide = read_image(encoded(Image.fromarray(unit * 20 - 10), "TIFF"))
    assert wide.array.min() == 0
    assert wide.array.max() == 255
    assert any("stretched" in note for note in wide.notes)


def test_float_tiff_with_nan_is_read_with_a_note() -> None:
    values = np.full((9, 9), 0.5, np.float32)
    values[0, 0] = np.nan
    got = read_image(encoded(Image.fromarray(values), "TIFF"))
    assert got.array[0, 0, 0] == 0
    assert any("not numbers" in note for note in got.notes)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colours_a_viewer_shows(kind: str) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    got = read_image(encoded(red, kind))
    assert got.mode == "CMYK"
    assert np.abs(got.array.astype(int) - [255, 0, 0]).max() < 6


def test_alpha_is_returned_and_transparent_parts_lie_on_white() -> None:
    array = picture(channels=4)
    array[..., 3] = 255
    array[:8, :, 3] = 0
    array[8:10, :, 3] = 128
    got = read_image(encoded(Image.fromarray(array, "RGBA"), "PNG"))
    assert got.alpha is not None
    assert (got.alpha == array[..., 3]).all()
    assert (got.array[:8] == 255).all()
    assert (got.array[10:] == array[10:, :, :3]).all()
    assert (got.array[8:10] == np.rint((array[8:10, :, :3].astype(float) * 128 + 255 * 127) / 255)).all()


def test_opaque_alpha_is_dropped() -> None:
    assert read_image(encoded(Image.fromarray(picture()).convert("RGBA"), "PNG")).alpha is None


def test_grey_with_alpha_is_read() -> None:
    image = Image.new("LA", (12, 10), (90, 0))
    got = read_image(encoded(image, "PNG"))
    assert got.alpha is not None
    assert not got.alpha.any()
    assert (got.array == 255).all()


def test_palette_with_transparency_gives_alpha() -> None:
    image = Image.new("P", (12, 10), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 6, 10))
    got = read_image(encoded(image, "PNG", transparency=0))
    assert got.mode == "P"
    assert got.alpha is not None
    assert not got.alpha[:, :6].any()
    assert (got.alpha[:, 6:] == 255).all()
    assert got.array[5, 9].tolist() == [0, 0, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame_and_says_so(kind: str) -> None:
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "lime", "blue")]
    got = read_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert np.abs(got.array.astype(int) - [255, 0, 0]).max() < 4
    assert any("first one is used" in note for note in got.notes)


def test_multi_picture_jpeg_gives_its_first_picture() -> None:
    first, second = Image.fromarray(picture()), Image.fromarray(picture(seed=4))
    got = read_image(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert got.format == "MPO"
    assert np.abs(got.array.astype(int) - picture()).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_colours_and_alpha(orientation: int) -> None:
    array = picture(channels=4)
    array[..., 3] = np.arange(40, dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }[orientation](array)
    got = read_image(encoded(Image.fromarray(array, "RGBA"), "PNG", exif=exif.tobytes()))
    assert got.alpha is not None
    assert (got.alpha == expected[..., 3]).all()
    assert got.size == expected.shape[:2]


def test_portrait_photo_of_24_megapixels_is_read_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    got = read_image(encoded(Image.new("RGB", (6000, 4000), "teal"), "JPEG", exif=exif.tobytes()))
    assert got.size == (6000, 4000)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage"))
    assert got.size == (24, 40)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile whose first channel is green and second is red, called "swap"."""
    data = bytearray(srgb_profile().replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")))
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = data[green : green + 4], data[red : red + 4]
    return bytes(data)


def test_srgb_profile_changes_nothing() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "PNG", icc_profile=srgb_profile()))
    assert (got.array == picture()).all()
    assert got.notes == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_other_profile_is_converted_to_srgb_and_named(mode: str) -> None:
    colour = (250, 20, 10, 255)[: len(mode)]
    got = read_image(encoded(Image.new(mode, (16, 16), colour), "PNG", icc_profile=swapped_profile()))
    assert np.abs(got.array.astype(int) - [20, 250, 10]).max() <= 3
    assert any("swap" in note and "sRGB" in note for note in got.notes)


def test_profile_that_does_not_fit_is_ignored_with_a_note() -> None:
    got = read_image(encoded(Image.fromarray(picture()), "PNG", icc_profile=b"no profile at all"))
    assert (got.array == picture()).all()
    assert any("profile" in note for note in got.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_arrays_of_every_usual_type_are_accepted(dtype: type, channels: int | None) -> None:
    full = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    shape = (10, 12) if channels is None else (10, 12, channels)
    got = check_array(np.full(shape, full, dtype))
    assert got.array.shape == (10, 12, 3)
    assert (got.array == 255).all()
    assert got.alpha is None


def test_checked_array_is_a_copy() -> None:
    source = picture()
    got = check_array(source)
    got.array[:] = 0
    assert (source == picture()).all()


def test_pillow_image_is_accepted() -> None:
    assert (check_array(Image.fromarray(picture())).array == picture()).all()
